package wordpress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/scratch-platform/scratch/connectors"
)

// row is what a wire row gave besides the record.
type row struct {
	record connectors.Record
	id     int64
	status string
}

// reader parses rows of one answer.
type reader struct {
	plan    *rowPlan
	dec     *jsontext.Decoder
	scratch []byte
	spans   [][2]int
	out     []byte
}

func (p *rowPlan) reader(body []byte) *reader {
	return &reader{
		plan: p, spans: make([][2]int, len(p.fields)), out: make([]byte, 0, len(body)),
		dec: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
}

// rows parses a list. Records share one buffer.
func (p *rowPlan) rows(body []byte) ([]row, error) {
	r := p.reader(body)
	if err := r.expect('['); err != nil {
		return nil, err
	}
	list := make([]row, 0, pageSize)
	for r.dec.PeekKind() != ']' {
		one, err := r.row()
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(list), err)
		}
		list = append(list, one)
	}
	if err := r.expect(']'); err != nil {
		return nil, err
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errForm
	}
	return list, nil
}

// one parses a single row.
func (p *rowPlan) one(body []byte) (row, error) { return p.reader(body).row() }

func (r *reader) expect(kind jsontext.Kind) error {
	token, err := r.dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != kind {
		return errForm
	}
	return nil
}

func (r *reader) row() (row, error) {
	var out row
	r.scratch = r.scratch[:0]
	clear(r.spans)
	if err := r.expect('{'); err != nil {
		return out, err
	}
	for r.dec.PeekKind() == '"' {
		name, err := r.dec.ReadValue()
		if err != nil {
			return out, err
		}
		step, known := r.plan.index[string(name)]
		switch {
		case !known:
			err = r.dec.SkipValue()
		case step.id:
			err = r.readID(&out)
		case step.state:
			err = r.readStatus(&out)
		case step.meta:
			err = r.readMeta()
		case step.raw:
			err = r.readRaw(step.field)
		default:
			err = r.readValue(step.field)
		}
		if err != nil {
			return out, fmt.Errorf("%s: %w", bytes.Trim(name, `"`), err)
		}
	}
	if err := r.expect('}'); err != nil {
		return out, err
	}
	if out.id <= 0 {
		return out, fmt.Errorf("no id: %w", errForm)
	}
	r.assemble(&out)
	return out, nil
}

func (r *reader) readID(out *row) error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	out.record.RemoteID = string(v)
	out.id, err = strconv.ParseInt(out.record.RemoteID, 10, 64)
	return err
}

func (r *reader) readStatus(out *row) error {
	v, err := r.dec.ReadValue()
	if err == nil {
		out.status = string(bytes.Trim(v, `"`))
	}
	return err
}

func (r *reader) readValue(field int) error {
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	start := len(r.scratch)
	if r.scratch, err = r.plan.fields[field].conv(r.scratch, v); err != nil {
		return err
	}
	r.spans[field] = [2]int{start, len(r.scratch)}
	return nil
}

// readRaw takes the raw member of a rich text. Where there is none (the
// account may not edit the row) the cell stays absent: rendered text is no
// stand-in.
func (r *reader) readRaw(field int) error {
	if r.dec.PeekKind() != '{' {
		return r.dec.SkipValue()
	}
	return r.members(func(name string) error {
		if name == `"raw"` {
			return r.readValue(field)
		}
		return r.dec.SkipValue()
	})
}

// readMeta reads the registered keys; PHP writes [] where there is none.
func (r *reader) readMeta() error {
	if r.dec.PeekKind() != '{' {
		return r.dec.SkipValue()
	}
	return r.members(func(name string) error {
		if field, ok := r.plan.meta[name]; ok {
			return r.readValue(field)
		}
		return r.dec.SkipValue()
	})
}

func (r *reader) members(visit func(name string) error) error {
	if err := r.expect('{'); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		name, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		if err := visit(string(name)); err != nil {
			return err
		}
	}
	return r.expect('}')
}

// assemble writes the canonical object: keys sorted, values canonical.
func (r *reader) assemble(out *row) {
	start := len(r.out)
	r.out = append(r.out, '{')
	for i, f := range r.plan.fields {
		span := r.spans[i]
		if span[1] == 0 {
			continue
		}
		if len(r.out) > start+1 {
			r.out = append(r.out, ',')
		}
		r.out = append(r.out, f.prefix...)
		r.out = append(r.out, r.scratch[span[0]:span[1]]...)
	}
	r.out = append(r.out, '}')
	out.record.Fields = r.out[start:len(r.out):len(r.out)]
	if r.plan.marker >= 0 && r.spans[r.plan.marker][1] > 0 {
		span := r.spans[r.plan.marker]
		out.record.Marker = string(bytes.Trim(r.scratch[span[0]:span[1]], `"`))
	}
	if out.status == "" {
		if i, ok := r.plan.index[`"status"`]; ok && !i.state && r.spans[i.field][1] > 0 {
			span := r.spans[i.field]
			out.status = string(bytes.Trim(r.scratch[span[0]:span[1]], `"`))
		}
	}
}
