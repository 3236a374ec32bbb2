package postgres_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors/conformance"
)

// rowsBeforeCut is where a connection breaks in the middle of reading.
const rowsBeforeCut = 1500

// proxy stands before a real server and breaks connections where it is told to.
type proxy struct {
	target   string
	listener net.Listener
	secure   *tls.Config // it speaks TLS where a client asks for it

	mu     sync.Mutex
	fault  conformance.Fault
	refuse *pgproto3.ErrorResponse // the next sign-in is answered with it
	mangle func([]byte) []byte     // what the server says becomes this, once signed in
	pairs  map[*pair]bool
	hung   chan struct{} // a request is held
	work   sync.WaitGroup
}

// pair is one connection: the client's side and the server's.
type pair struct {
	p              *proxy
	client, server net.Conn
	lose           chan struct{} // closed: what the server says from now is not passed on
	rows           int
	ready          bool // signed in
}

func newProxy(t testing.TB, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{target: target, listener: listener, pairs: map[*pair]bool{}, hung: make(chan struct{}, 1)}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		p.work.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serve(client) })
	}
}

// cut breaks every connection that is open.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for one := range p.pairs {
		_ = one.client.Close()
		_ = one.server.Close()
	}
}

// arm sets the next fault. Those of the sign-in need a new connection.
func (p *proxy) arm(fault conformance.Fault, refuse *pgproto3.ErrorResponse) {
	if refuse != nil {
		p.cut()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.refuse = fault, refuse
	select {
	case <-p.hung: // of an earlier fault
	default:
	}
}

// strikes takes the fault, once, where it is that one.
func (p *proxy) strikes(fault conformance.Fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != fault {
		return false
	}
	p.fault = ""
	return true
}

func (p *proxy) refusal() *pgproto3.ErrorResponse {
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := p.refuse
	p.refuse = nil
	return refuse
}

const (
	cancelRequest = 80877102
	sslRequest    = 80877103
)

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	first := make([]byte, 8)
	if _, err := io.ReadFull(client, first); err != nil {
		return
	}
	if binary.BigEndian.Uint32(first[4:]) == sslRequest {
		if p.secure == nil {
			_, _ = client.Write([]byte("N"))
			return
		}
		_, _ = client.Write([]byte("S"))
		client = tls.Server(client, p.secure)
		if _, err := io.ReadFull(client, first); err != nil {
			return
		}
	}
	rest := make([]byte, binary.BigEndian.Uint32(first)-8)
	if _, err := io.ReadFull(client, rest); err != nil {
		return
	}
	if binary.BigEndian.Uint32(first[4:]) != cancelRequest {
		if refuse := p.refusal(); refuse != nil {
			answer, _ := refuse.Encode(nil)
			_, _ = client.Write(answer)
			return
		}
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Write(append(first, rest...)); err != nil {
		return
	}
	one := &pair{p: p, client: client, server: server, lose: make(chan struct{})}
	p.mu.Lock()
	p.pairs[one] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.pairs, one)
		p.mu.Unlock()
	}()
	p.work.Go(func() { one.downstream() })
	one.upstream()
}

// message reads one message of the protocol: a type, a length, a body.
func message(from io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	whole := make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
	copy(whole, head)
	_, err := io.ReadFull(from, whole[5:])
	return whole, err
}

// upstream passes on what the client says, until a fault fits.
func (c *pair) upstream() {
	defer func() { _ = c.client.Close() }()
	defer func() { _ = c.server.Close() }()
	for {
		m, err := message(c.client)
		if err != nil {
			return
		}
		commit := m[0] == 'Q' && bytes.HasPrefix(m[5:], []byte("COMMIT"))
		stream := m[0] == 'P' && bytes.Contains(m, []byte(" ORDER BY t."))
		switch {
		case commit && c.p.strikes(conformance.FaultNothing):
			return
		case commit && c.p.strikes(conformance.FaultLost):
			close(c.lose)
		case (commit || stream) && c.p.strikes(conformance.FaultHang):
			select {
			case c.p.hung <- struct{}{}:
			default:
			}
			_, _ = io.Copy(io.Discard, c.client) // until the client gives up
			return
		}
		if _, err := c.server.Write(m); err != nil {
			return
		}
	}
}

// downstream passes on what the server says, until a fault fits.
func (c *pair) downstream() {
	defer func() { _ = c.client.Close() }()
	for {
		m, err := message(c.server)
		if err != nil {
			return
		}
		select {
		case <-c.lose:
			if m[0] != 'Z' { // the COMMIT is done when the server is ready again
				continue
			}
			return
		default:
		}
		if m[0] == 'D' {
			if c.rows++; c.rows > rowsBeforeCut && c.p.strikes(conformance.FaultSecondPage) {
				return
			}
		}
		if c.ready = c.ready || m[0] == 'Z'; c.ready {
			m = c.p.mangled(m)
		}
		if _, err := c.client.Write(m); err != nil {
			return
		}
	}
}

func (p *proxy) mangled(m []byte) []byte {
	p.mu.Lock()
	mangle := p.mangle
	p.mu.Unlock()
	if mangle == nil {
		return m
	}
	return mangle(m)
}

func (p *proxy) lie(mangle func([]byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mangle = mangle
}

// port of a listening address.
func port(address string) string {
	_, after, _ := strings.Cut(address, ":")
	return after
}
