package tenantio

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func readJSONLines(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		all := fields()
		lines := newLineReader(r)
		for {
			record := Record{Line: lines.line}
			line, err := lines.peek(0)
			switch {
			case err == io.EOF:
				return
			case errors.Is(err, errTooLong):
				record.Err = tooLong()
				err = lines.skip()
			case err == nil:
				lines.take(len(line))
				object := bytes.TrimSpace(line)
				if len(object) == 0 {
					continue
				}
				record.Err = record.parseObject(all, object)
			}
			if err != nil {
				yield(Record{}, &LineError{record.Line, err})
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

func tooLong() error { return invalid("", "the line is longer than %d bytes", MaxLineBytes) }

// parseObject fills r from a JSON object.
func (r *Record) parseObject(all []field, line []byte) error {
	var members map[string]json.RawMessage
	if !utf8.Valid(line) || json.Unmarshal(line, &members) != nil || members == nil {
		return invalid("", "must be one JSON object in UTF-8")
	}
	for i, f := range all {
		raw, given := members[f.name]
		delete(members, f.name)
		if !given || string(raw) == "null" {
			continue
		}
		text := string(raw)
		if !f.bare {
			var err error
			if text, err = unquote(f.name, raw); err != nil {
				return err
			}
		}
		if err := r.set(all, i, text); err != nil {
			return err
		}
	}
	for name := range members {
		return invalid("", "has an unknown member%s", shown(name))
	}
	return nil
}

// unquote decodes a JSON string. encoding/json would replace half a surrogate
// pair; ParseMetadata refuses it.
func unquote(name string, raw []byte) (s string, err error) {
	if bytes.Contains(raw, []byte(`\u`)) {
		if _, err := tenancy.ParseMetadata(slices.Concat([]byte(`{"":`), raw, []byte(`}`))); err != nil {
			return "", invalid(name, "must be a string without NUL and unpaired surrogates")
		}
	}
	if json.Unmarshal(raw, &s) != nil {
		return "", invalid(name, "must be a string")
	}
	return s, nil
}

// jsonLine returns t as a line. Unlike the JSON form of a tenant it holds
// members that are empty, since an absent one states nothing.
func jsonLine(columns []field, t tenancy.Tenant, names string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b) // ends each value in a line break
	encoder.SetEscapeHTML(false)
	for i, f := range columns {
		text := f.shown(t, names)
		if f.keep && text == "" {
			continue
		}
		separator := `,"`
		if i == 0 {
			separator = `{"`
		}
		b.WriteString(separator + f.name + `":`)
		if f.bare {
			b.WriteString(text)
			continue
		}
		if err := encoder.Encode(text); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}
