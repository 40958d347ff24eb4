package tenantio

import (
	"bytes"
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
		lines := newLineReader(r)
		var places []int
		width := -1 // until the header is read
		for {
			line, row, err := readRow(lines)
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

// readRow returns the next record that is not an empty line, and the line where
// it begins. encoding/csv cannot do it: it turns CRLF inside a quoted cell into
// LF, and has no bound. Of a record that is malformed only the first line is
// given up, with ErrInvalid.
func readRow(lines *lineReader) (line int, row []string, err error) {
	for end, quotes := 0, 0; ; {
		line = lines.line
		next, err := lines.end(end)
		switch {
		case errors.Is(err, errTooLong) && end == 0:
			return line, nil, giveUp(lines, tooLong())
		case end > 0 && (err == io.EOF || errors.Is(err, errTooLong)):
			return line, nil, giveUp(lines, invalid("", "a double quote has no counterpart within %d bytes", MaxLineBytes))
		case err != nil:
			return line, nil, err
		}
		quotes += bytes.Count(lines.buf[end:next], []byte{'"'})
		end = next
		if quotes%2 != 0 {
			continue // inside a quoted cell
		}
		text := trimBreak(lines.buf[:end])
		if len(text) == 0 {
			lines.take(end)
			end, quotes = 0, 0
			continue
		}
		row, ok := splitRow(text)
		if !ok {
			return line, nil, giveUp(lines, invalid("", "double quotes must enclose a whole cell, and be doubled inside it"))
		}
		lines.take(end)
		return line, row, nil
	}
}

// giveUp skips the first line and returns why.
func giveUp(lines *lineReader, why error) error {
	if err := lines.skip(); err != nil {
		return err
	}
	return why
}

// splitRow returns the cells of a record, or false if it is malformed.
func splitRow(text []byte) (cells []string, ok bool) {
	for {
		var cell []byte
		if quoted, found := bytes.CutPrefix(text, []byte{'"'}); found {
			for {
				i := bytes.IndexByte(quoted, '"')
				if i < 0 {
					return nil, false
				}
				cell = append(cell, quoted[:i]...)
				quoted = quoted[i+1:]
				if len(quoted) == 0 || quoted[0] != '"' {
					break
				}
				cell, quoted = append(cell, '"'), quoted[1:]
			}
			text = quoted
		} else {
			end := bytes.IndexByte(text, ',')
			if end < 0 {
				end = len(text)
			}
			cell, text = text[:end], text[end:]
			if bytes.IndexByte(cell, '"') >= 0 {
				return nil, false
			}
		}
		cells = append(cells, string(cell))
		if len(text) == 0 {
			return cells, true
		}
		if text[0] != ',' {
			return nil, false
		}
		text = text[1:]
	}
}

// csvLine returns a record with its line break.
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
