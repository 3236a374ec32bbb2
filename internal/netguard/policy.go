package netguard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Policy says which addresses may be reached beyond the public internet. The zero
// value allows none. It is not changed after it was made.
type Policy struct {
	prefixes []netip.Prefix
	hosts    map[string]bool
}

// Loopback is the policy of local mode: the demo service and whatever else the
// user runs on this machine may be reached.
func Loopback() Policy {
	p, err := ParsePolicy([]string{"127.0.0.0/8", "::1/128"})
	if err != nil {
		panic("netguard: " + err.Error()) // both are constants
	}
	return p
}

// ParsePolicy reads an allow-list. An entry is a range ("10.1.0.0/16"), an address
// ("10.1.2.3") or a host name ("wiki.internal"), which is then allowed wherever it
// resolves to. All entries that cannot be read are reported at once.
func ParsePolicy(allow []string) (Policy, error) {
	p := Policy{hosts: map[string]bool{}}
	var problems []error
	for _, entry := range allow {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if prefix, err := parsePrefix(entry); err == nil {
			p.prefixes = append(p.prefixes, prefix)
		} else if name := strings.ToLower(entry); validHost(name) {
			p.hosts[name] = true
		} else {
			problems = append(problems, fmt.Errorf("%q is neither a range such as 10.1.0.0/16, nor an address, nor a host name", entry))
		}
	}
	return p, errors.Join(problems...)
}

// And allows what either policy allows.
func (p Policy) And(other Policy) Policy {
	sum := Policy{hosts: map[string]bool{}}
	sum.prefixes = append(append(sum.prefixes, p.prefixes...), other.prefixes...)
	for _, hosts := range []map[string]bool{p.hosts, other.hosts} {
		for host := range hosts {
			sum.hosts[host] = true
		}
	}
	return sum
}

func parsePrefix(entry string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		return prefix.Masked(), nil
	}
	addr, err := netip.ParseAddr(entry)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// validHost accepts names only: something made of digits and dots alone is a
// mistyped address, and would otherwise be allowed as a name.
func validHost(name string) bool {
	if len(name) > 253 || strings.Trim(name, "0123456789.") == "" {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func (p Policy) allowsHost(host string) bool {
	return p.hosts[strings.TrimSuffix(strings.ToLower(host), ".")]
}

// check answers why addr is refused, or "" when it may be reached.
func (p Policy) check(addr netip.Addr) string {
	addr = target(addr)
	for _, prefix := range p.prefixes {
		if prefix.Contains(addr) {
			return ""
		}
	}
	return notPublic(addr)
}

// CheckHost checks a host that a user entered, before anything is stored: a
// literal address at once, a name only for being "localhost". It is for an early,
// clear answer; what keeps the border is the check at dial time.
func (p Policy) CheckHost(host string) error {
	if p.allowsHost(host) {
		return nil
	}
	literal := strings.Trim(host, "[]")
	if addr, err := netip.ParseAddr(literal); err == nil {
		if why := p.check(addr); why != "" {
			return refused(host, addr, why)
		}
		return nil
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if why := p.check(loopback); why != "" {
			return refused(host, loopback, why)
		}
	}
	return nil
}

// splitHost is the host of a dial address.
func splitHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
