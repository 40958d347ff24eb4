package tenantio

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// MapCSV yields the records of a CSV of another layout, with a header line. For
// each of its records it calls mapping with the values of columns, in that
// order; other columns are ignored. An error of mapping makes it a bad line.
// The texts are those of the file: no apostrophe is taken off. An error, the
// second value, ends the sequence: r failed, or the header lacks a column.
func MapCSV(
	r io.Reader, columns []string, mapping func(values []string) (tenancy.Tenant, error),
) iter.Seq2[Record, error] {
	return eachRow(r,
		func(header []string) ([]int, error) {
			places := make([]int, len(columns))
			for i, c := range columns {
				if places[i] = slices.Index(header, c); places[i] < 0 {
					return nil, invalid("", "the CSV header has no column %.40q", c)
				}
			}
			return places, nil
		},
		func(record *Record, places []int, row []string) error {
			values := make([]string, len(places))
			for i, place := range places {
				values[i] = row[place]
			}
			var err error
			record.Tenant, err = mapping(values)
			return err
		})
}

func readCSV(r io.Reader) iter.Seq2[Record, error] {
	all := fields()
	return eachRow(r,
		func(header []string) ([]int, error) {
			places := make([]int, len(header)) // of each column, in all
			for i, name := range header {
				places[i] = slices.IndexFunc(all, func(f field) bool { return f.name == name })
				if places[i] < 0 {
					return nil, invalid("", "the CSV header has an unknown column: number %d%s", i+1, shown(name))
				}
				if slices.Contains(places[:i], places[i]) {
					return nil, invalid(name, "the CSV header has the column twice")
				}
			}
			for _, required := range []string{"identifier", "name"} {
				if !slices.Contains(header, required) {
					return nil, invalid(required, "the CSV header lacks the column")
				}
			}
			return places, nil
		},
		func(record *Record, places []int, row []string) error {
			for i, text := range row {
				if err := record.set(all, places[i], unescapeCell(text)); err != nil {
					return err
				}
			}
			return nil
		})
}

// eachRow yields one Record for each row of a CSV after its header, which
// prepare looks at; fill makes a tenant of a row as long as the header.
func eachRow(
	r io.Reader,
	prepare func(header []string) ([]int, error),
	fill func(record *Record, places []int, row []string) error,
) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		rows := newRowReader(r)
		var places []int
		width := -1 // until the header is read
		for {
			line, row, err := rows.next()
			record := Record{Line: line}
			if err == io.EOF {
				return
			}
			switch {
			case err == nil && width < 0:
				width = len(row)
				if places, err = prepare(row); err == nil {
					continue
				}
			case err == nil && len(row) != width:
				record.Err = invalid("", "has %d columns, the header %d", len(row), width)
			case err == nil:
				record.Err = fill(&record, places, row)
			case errors.Is(err, tenancy.ErrInvalid) && width >= 0:
				record.Err, err = err, nil
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

// rowReader splits a stream into the records of a CSV. It finds where a record
// ends, so that one that is malformed costs one line and none takes more than
// MaxLineBytes; encoding/csv splits it into cells.
type rowReader struct {
	lines  *lineReader
	record bytes.Buffer // what cells reads
	cells  *csv.Reader
}

func newRowReader(r io.Reader) *rowReader {
	rows := &rowReader{lines: newLineReader(r)}
	rows.reset()
	return rows
}

// reset begins anew after a malformed record, of which a rest may be unread.
func (r *rowReader) reset() {
	r.record.Reset()
	r.cells = csv.NewReader(&r.record)
	r.cells.FieldsPerRecord = -1
	r.cells.ReuseRecord = true
}

// next returns the next record that is not an empty line, valid until the next
// call, and the line where it begins. Of a record that is malformed only the
// first line is given up, with ErrInvalid.
func (r *rowReader) next() (line int, row []string, err error) {
	for size, quotes := 0, 0; ; {
		line = r.lines.line
		text, err := r.lines.peek(size)
		switch {
		case errors.Is(err, errTooLong) && size == 0:
			return line, nil, r.giveUp(tooLong())
		case size > 0 && (err == io.EOF || errors.Is(err, errTooLong)):
			return line, nil, r.giveUp(invalid("", "a double quote has no counterpart within %d bytes", MaxLineBytes))
		case err != nil:
			return line, nil, err
		}
		quotes += bytes.Count(text[size:], []byte{'"'})
		size = len(text)
		if quotes%2 != 0 {
			continue // inside a quoted cell
		}
		if text = trimBreak(text); len(text) == 0 {
			r.lines.take(size)
			size = 0
			continue
		}
		row, err := r.split(text)
		if err != nil {
			return line, nil, r.giveUp(invalid("", "double quotes must enclose a whole cell, and be doubled inside it"))
		}
		r.lines.take(size)
		return line, row, nil
	}
}

// split returns the cells of a record. encoding/csv takes CRLF inside a cell for
// LF: of two CR it drops one.
func (r *rowReader) split(text []byte) ([]string, error) {
	r.record.Write(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\r\r\n")))
	if bytes.HasSuffix(text, []byte{'\r'}) {
		r.record.WriteByte('\r')
	}
	r.record.WriteByte('\n')
	row, err := r.cells.Read()
	if err != nil {
		r.reset()
	}
	return row, err
}

// giveUp skips the first line and returns why.
func (r *rowReader) giveUp(why error) error {
	if err := r.lines.skip(); err != nil {
		return err
	}
	return why
}

// csvLine returns a record with its line break. It quotes more than the writer of
// encoding/csv: what sheets with other separators split at, and white space at
// the end of a cell. And that writer with CRLF changes the line breaks in cells.
func csvLine(cells []string) []byte {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		cell = escapeCell(cell)
		if strings.ContainsAny(cell, ",;|\t\"\r\n") || strings.TrimSpace(cell) != cell {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		b.WriteString(cell)
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}
