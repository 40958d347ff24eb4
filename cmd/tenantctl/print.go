package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The forms of -o.
const (
	formTable = "table"
	formJSON  = "json"
	formLines = "jsonl"
	formName  = "name"
)

var forms = []string{formTable, formJSON, formLines, formName}

// view says how records of one type are printed.
type view[T any] struct {
	columns []column[T]
	name    func(T) string // for -o name
	json    func(T) any    // for -o json and jsonl; nil for the record itself
}

// column is one of a table.
type column[T any] struct {
	head  string
	cell  func(T) string
	width int  // at least, for tables that are printed row by row
	wide  bool // only of a single record
}

// printAll prints records as they come. In a table, an error comes after the rows before it.
func printAll[T any](a *app, v view[T], records iter.Seq2[T, error]) error {
	switch a.form {
	case formTable:
		return printTable(a, v, records, tableBatch)
	case formJSON:
		return printArray(a, v, records)
	}
	for one, err := range records {
		if err != nil {
			return err
		}
		if err := printLine(a, v, one); err != nil {
			return err
		}
	}
	return nil
}

// printEach is printAll for records that come slowly: each is printed when it comes.
func printEach[T any](a *app, v view[T], records iter.Seq2[T, error]) error {
	if a.form == formTable {
		return printTable(a, v, records, 1)
	}
	if a.form == formJSON { // an array that never ends helps nobody
		a.form = formLines
	}
	return printAll(a, v, records)
}

// printOne prints one record: in a table, with all columns, one below the other.
func printOne[T any](a *app, v view[T], one T) error {
	switch a.form {
	case formTable:
		width := 0
		for _, c := range v.columns {
			width = max(width, len(c.head))
		}
		for _, c := range v.columns {
			if text := printable(c.cell(one)); text != "" {
				if _, err := fmt.Fprintf(a.out, "%-*s  %s\n", width, c.head, text); err != nil {
					return err
				}
			}
		}
		return nil
	case formJSON:
		data, err := json.MarshalIndent(v.value(one), "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s\n", data)
		return err
	}
	return printLine(a, v, one)
}

// printSome prints one record by itself, and others as printAll does.
func printSome[T any](a *app, v view[T], records []T) error {
	if len(records) == 1 {
		return printOne(a, v, records[0])
	}
	return printAll(a, v, sequence(records))
}

// sequence returns records in the form of printAll.
func sequence[T any](records []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range records {
			if !yield(one, nil) {
				return
			}
		}
	}
}

func (v view[T]) value(one T) any {
	if v.json == nil {
		return one
	}
	return v.json(one)
}

func printLine[T any](a *app, v view[T], one T) error {
	if a.form == formName {
		_, err := fmt.Fprintln(a.out, printable(v.name(one)))
		return err
	}
	data, err := json.Marshal(v.value(one))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", data)
	return err
}

// printArray prints a JSON array, which is whole even after an error.
func printArray[T any](a *app, v view[T], records iter.Seq2[T, error]) (err error) {
	before := "["
	defer func() {
		end := "\n]\n"
		if before == "[" {
			end = "[]\n"
		}
		_, failed := io.WriteString(a.out, end)
		err = errors.Join(err, failed)
	}()
	for one, err := range records {
		if err != nil {
			return err
		}
		data, err := json.MarshalIndent(v.value(one), "  ", "  ")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.out, "%s\n  %s", before, data); err != nil {
			return err
		}
		before = ","
	}
	return nil
}

// tableBatch is after how many rows a table is printed.
const tableBatch = 1000

func printTable[T any](a *app, v view[T], records iter.Seq2[T, error], batch int) error {
	columns := slices.DeleteFunc(slices.Clone(v.columns), func(c column[T]) bool { return c.wide })
	head, widths := make([]string, len(columns)), make([]int, len(columns))
	for i, c := range columns {
		head[i], widths[i] = c.head, c.width
	}
	rows := [][]string{head}
	flush := func() error {
		for _, row := range rows {
			for i, cell := range row {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
		var b strings.Builder
		for _, row := range rows {
			line := ""
			for i, cell := range row {
				line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		rows = rows[:0]
		_, err := io.WriteString(a.out, b.String())
		return err
	}
	for one, err := range records {
		if err != nil {
			return errors.Join(flush(), err)
		}
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = printable(c.cell(one))
		}
		if rows = append(rows, row); len(rows) > batch || batch == 1 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// printable replaces what could move the cursor of a terminal, or turn the direction of its
// text: names of tenants may hold anything.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// shortTime is a time for tables.
func shortTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
