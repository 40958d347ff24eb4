package main

import (
	"bytes"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	plotWidth  = 16 * vg.Centimeter
	plotHeight = 9 * vg.Centimeter
	margin     = vg.Length(6) // points
)

// palette can be told apart by the colour-blind (Okabe and Ito), and on paper by the
// glyphs.
func palette() []color.Color {
	return []color.Color{
		color.RGBA{R: 0, G: 114, B: 178, A: 255},
		color.RGBA{R: 213, G: 94, B: 0, A: 255},
		color.RGBA{R: 0, G: 158, B: 115, A: 255},
		color.RGBA{R: 204, G: 121, B: 167, A: 255},
	}
}

func glyphs() []draw.GlyphDrawer {
	return []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}}
}

// drawn returns a figure as SVG.
func drawn(f figure, title string, lines []line) ([]byte, error) {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = f.x, f.unit.axis()
	p.Legend.Top, p.Legend.Left = true, true
	setFonts(p)
	names := namesOf(lines)
	xs, ys := newSpan(), newSpan()
	for i, l := range lines {
		var values, besides plotter.XYs
		for _, v := range l.points {
			xs.add(v.X)
			ys.add(v.Value)
			values = append(values, plotter.XY{X: v.X, Y: v.Value})
			if f.beside != "" {
				ys.add(v.Baseline)
				besides = append(besides, plotter.XY{X: v.X, Y: v.Baseline})
			}
		}
		if err := addLine(p, names[i], i, values, false); err != nil {
			return nil, err
		}
		if besides != nil {
			if err := addLine(p, "", i, besides, true); err != nil {
				return nil, err
			}
		}
	}
	if f.beside != "" {
		dashed, err := plotter.NewLine(plotter.XYs{{}})
		if err != nil {
			return nil, err
		}
		dashed.Color, dashed.Dashes = color.Gray{Y: 96}, dashes()
		p.Legend.Add(f.beside, dashed)
	}
	p.Legend.Padding = vg.Points(2)
	xs.set(&p.X, f.logX, countLabel)
	ys.set(&p.Y, f.logY, f.unit.format)
	// Room for the legend above the lines.
	if f.logY {
		p.Y.Max *= math.Pow(p.Y.Max/p.Y.Min, 0.12*float64(len(lines)+1))
	} else {
		p.Y.Max *= 1 + 0.12*float64(len(lines)+1)
	}
	canvas := vgsvg.New(plotWidth, plotHeight)
	all := draw.New(canvas)
	// White, to be readable on a dark page, too.
	all.FillPolygon(color.White, all.ClipPolygonXY([]vg.Point{
		all.Min, {X: all.Max.X, Y: all.Min.Y}, all.Max, {X: all.Min.X, Y: all.Max.Y},
	}))
	p.Draw(draw.Crop(all, margin, -3*margin, margin, -margin)) // the last label of x reaches beyond the axis
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	// Liberation Sans is not everywhere; these have the same widths.
	return bytes.ReplaceAll(out.Bytes(), []byte("Liberation Sans"), []byte("Liberation Sans,Arimo,Arial,Helvetica,sans-serif")), nil
}

func setFonts(p *plot.Plot) {
	sans := func(size vg.Length) font.Font { return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size} }
	p.Title.TextStyle.Font = sans(12)
	p.Legend.TextStyle.Font = sans(9)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = sans(10), sans(9)
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 224}, color.Gray{Y: 224}
	p.Add(grid)
}

func dashes() []vg.Length { return []vg.Length{vg.Points(4), vg.Points(3)} }

// addLine adds the ith line, or its baseline, which is not in the legend.
func addLine(p *plot.Plot, name string, i int, values plotter.XYs, baseline bool) error {
	l, s, err := plotter.NewLinePoints(values)
	if err != nil {
		return err
	}
	c := palette()[i%len(palette())]
	l.Color, s.Color, s.Shape, s.Radius = c, c, glyphs()[i%len(glyphs())], vg.Points(2.5)
	l.Width = vg.Points(1.5)
	if baseline {
		l.Width, l.Dashes = vg.Points(1), dashes()
		p.Add(l)
		return nil
	}
	p.Add(l, s)
	p.Legend.Add(name, l, s)
	return nil
}

// span is what an axis must show.
type span struct{ min, max float64 }

func newSpan() *span { return &span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(v float64) { s.min, s.max = min(s.min, v), max(s.max, v) }

// set lets a linear axis begin at 0, and a logarithmic one at what is shown first.
func (s *span) set(a *plot.Axis, log bool, label func(float64) string) {
	a.Min, a.Max = 0, s.max
	highest := s.max // what is above is room for the legend
	if !log {
		a.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick {
			return labelled(plot.DefaultTicks{}.Ticks(low, min(high, highest)), label)
		})
		return
	}
	a.Min, a.Scale = s.min, plot.LogScale{}
	if a.Max <= a.Min {
		a.Min, a.Max = a.Min/2, a.Max*2
	}
	if a.Max/a.Min < 10 { // so that a little growth looks like little
		a.Min, a.Max = a.Min/2, a.Max*2
	}
	a.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick {
		return labelled(plot.LogTicks{Prec: -1}.Ticks(low, high), label)
	})
}

// labelled gives the major ticks other labels.
func labelled(ticks []plot.Tick, label func(float64) string) []plot.Tick {
	for i, t := range ticks {
		if !t.IsMinor() {
			ticks[i].Label = label(t.Value)
		}
	}
	return ticks
}

// countLabel writes 100000 as 100k.
func countLabel(v float64) string {
	short := func(v float64, suffix string) string { return strconv.FormatFloat(v, 'f', -1, 64) + suffix }
	switch {
	case v >= 1e6:
		return short(v/1e6, "M")
	case v >= 1e3:
		return short(v/1e3, "k")
	}
	return short(v, "")
}
