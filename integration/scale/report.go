package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// page is docs/benchmarks.md without its figures.
//
//go:embed benchmarks.md.tmpl
var page string

const (
	pageName = "docs/benchmarks.md"
	plotsDir = "docs/images/benchmarks"
)

// render writes the page and its plots, and removes plots that it has no more.
func render(root string, r results) error {
	files, err := rendered(r)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(root, plotsDir)); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// stale returns the files of the page that are not what the results give.
func stale(root string, r results) (names []string, err error) {
	files, err := rendered(r)
	if err != nil {
		return nil, err
	}
	there, err := filepath.Glob(filepath.Join(root, plotsDir, "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range there {
		if name := plotsDir + "/" + filepath.Base(path); files[name] == nil {
			names = append(names, name)
		}
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if !bytes.Equal(got, want) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// rendered returns the files by their names.
func rendered(r results) (map[string][]byte, error) {
	files := make(map[string][]byte)
	plots := func(name string) (string, error) {
		f, err := figureOf(name)
		if err != nil {
			return "", err
		}
		return r.plots(f, files)
	}
	t, err := template.New(pageName).Funcs(template.FuncMap{
		"plot": plots, "table": r.table, "growth": r.growth, "worst": r.worst, "rows": r.rows,
	}).Parse(page)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, r); err != nil {
		return nil, err
	}
	files[pageName] = out.Bytes()
	return files, nil
}

// notMeasured stands where there are no results.
const notMeasured = "Not measured."

// plots draws f into files, and returns the Markdown that shows it.
func (r *results) plots(f figure, files map[string][]byte) (string, error) {
	all := r.lines(f)
	if len(all) == 0 {
		return notMeasured, nil
	}
	var links []string
	add := func(name, title string, lines []line) error {
		data, err := drawn(f, title, lines)
		if err != nil {
			return fmt.Errorf("plot %s: %w", name, err)
		}
		path := plotsDir + "/" + name + ".svg"
		files[path] = data
		links = append(links, fmt.Sprintf("![%s](%s)", title, strings.TrimPrefix(path, "docs/")))
		return nil
	}
	if !f.split {
		err := add(f.name, r.title(f), all)
		return strings.Join(links, "\n"), err
	}
	for _, k := range []kind{sqlite, postgres} {
		lines := slices.DeleteFunc(slices.Clone(all), func(l line) bool { return l.database != k })
		if len(lines) == 0 {
			continue
		}
		if err := add(f.name+"-"+string(k), k.String()+": "+strings.ToLower(f.title[:1])+f.title[1:], lines); err != nil {
			return "", err
		}
	}
	return strings.Join(links, "\n"), nil
}

// title says of how large a store a plot is, where its axis does not.
func (r *results) title(f figure) string {
	if f.ofLargest {
		return f.title + ", of " + grouped(r.largest(f.name))
	}
	return f.title
}

// table returns a figure as a table: a row for each x, a column for each series, each
// cell with the ratio to the baseline if there is one.
func (r *results) table(name string) (string, error) {
	f, err := figureOf(name)
	if err != nil {
		return "", err
	}
	lines := r.lines(f)
	if len(lines) == 0 {
		return notMeasured, nil
	}
	names := namesOf(lines)
	var xs []float64
	head := "| " + f.x + " |"
	for i, l := range lines {
		head += " " + names[i] + " |"
		for _, p := range l.points {
			xs = append(xs, p.X)
		}
	}
	slices.Sort(xs)
	var out strings.Builder
	out.WriteString(head + "\n|" + strings.Repeat("---:|", len(lines)+1))
	for _, x := range slices.Compact(xs) {
		out.WriteString("\n| " + grouped(int(x)) + " |")
		for _, l := range lines {
			out.WriteString(" " + l.cell(f, x) + " |")
		}
	}
	return out.String(), nil
}

func (l line) cell(f figure, x float64) string {
	i := slices.IndexFunc(l.points, func(p point) bool { return p.X == x })
	if i < 0 {
		return ""
	}
	p := l.points[i]
	cell := f.unit.format(p.Value)
	if p.Ratio != 0 {
		cell += ", " + times(p.Ratio)
	}
	return cell
}

// times writes a ratio. Small ones are written as what they save.
func times(ratio float64) string {
	if ratio < 0.1 {
		return "1/" + strconv.FormatFloat(1/ratio, 'f', 0, 64)
	}
	if ratio >= 100 {
		return grouped(int(ratio+0.5)) + " ×"
	}
	return strconv.FormatFloat(ratio, 'g', 3, 64) + " ×"
}

// growth returns two cells of a table: how many times more a series costs at the last x
// than at the first, in SQLite and in PostgreSQL.
func (r *results) growth(name, series string) (string, error) {
	f, err := figureOf(name)
	if err != nil {
		return "", err
	}
	cells := map[kind]string{sqlite: "–", postgres: "–"}
	for _, l := range r.lines(f) {
		if l.series == series {
			cells[l.database] = times(l.points[len(l.points)-1].Value / l.points[0].Value)
		}
	}
	return cells[sqlite] + " | " + cells[postgres], nil
}

// worst returns the largest ratio of a series to its baseline.
func (r *results) worst(name, series string) (string, error) {
	f, err := figureOf(name)
	if err != nil {
		return "", err
	}
	most := 0.0
	for _, l := range r.lines(f) {
		for _, p := range l.points {
			if l.series == series {
				most = max(most, p.Ratio)
			}
		}
	}
	if most == 0 {
		return notMeasured, nil
	}
	return times(most), nil
}

// rows returns the sizes of the stores that were measured.
func (r *results) rows() string {
	var sizes []int
	for _, x := range r.Results {
		sizes = append(sizes, x.Rows)
	}
	slices.Sort(sizes)
	var out []string
	for _, n := range slices.Compact(sizes) {
		out = append(out, grouped(n))
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}
