package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// journalLine is one change of the site's database.
type journalLine struct {
	Op   string          `json:"op"` // put, delete
	Kind string          `json:"kind"`
	ID   int64           `json:"id,omitempty"`
	Row  json.RawMessage `json:"row,omitempty"`
}

// openJournal replays what an earlier process changed, then appends.
func (s *Server) openJournal(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the fake site's journal: %w", err)
	}
	dec := json.NewDecoder(f)
	for {
		at := dec.InputOffset()
		var line journalLine
		err := dec.Decode(&line)
		if err == nil {
			err = s.replay(line)
		}
		if err == nil {
			continue
		}
		// A line that a killed process left half-written was never answered.
		var syntax *json.SyntaxError
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) {
			err = errors.Join(f.Truncate(at), seekEnd(f))
			if _, werr := f.WriteString("\n"); err == nil {
				err = werr
			}
		}
		if err != nil {
			_ = f.Close()
			return fmt.Errorf("read the fake site's journal %s: %w", path, err)
		}
		s.journal = f
		return nil
	}
}

func seekEnd(f *os.File) error {
	_, err := f.Seek(0, io.SeekEnd)
	return err
}

func (s *Server) replay(line journalLine) error {
	switch {
	case line.Op == "delete" && line.Kind == "post":
		s.removePost(line.ID)
		s.nextPost = max(s.nextPost, line.ID+1)
	case line.Op == "delete" && line.Kind == "term":
		s.removeTerm(line.ID)
		s.nextTerm = max(s.nextTerm, line.ID+1)
	case line.Kind == "post":
		p := &Post{}
		if err := json.Unmarshal(line.Row, p); err != nil {
			return err
		}
		s.putPost(p.clone())
	case line.Kind == "term":
		t := &Term{}
		if err := json.Unmarshal(line.Row, t); err != nil {
			return err
		}
		s.putTerm(t)
	default:
		return fmt.Errorf("journal line of kind %q is unknown", line.Kind)
	}
	return nil
}

func (s *Server) journalPut(kind string, row any) {
	s.writeJournal(journalLine{Op: "put", Kind: kind, Row: mustJSON(row)})
}

func (s *Server) journalDelete(kind string, id int64) {
	s.writeJournal(journalLine{Op: "delete", Kind: kind, ID: id})
}

// writeJournal is called with the lock held, before the change is answered.
func (s *Server) writeJournal(line journalLine) {
	if s.journal == nil {
		return
	}
	if _, err := s.journal.Write(append(mustJSON(line), '\n')); err != nil {
		panic("fake wordpress: the journal cannot be written: " + err.Error())
	}
}
