package main

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// plot is a drawing of curves and clouds between two axes.
type plot struct {
	name   string // of its file
	title  string
	x, y   string // what the axes show
	curves []curve
	clouds []cloud
}

// curve is points with a line through them.
type curve struct {
	name   string
	points [][2]float64
}

// cloud is many short strokes, the darker the more of all they stand for.
type cloud struct {
	name    string
	width   float64 // of a stroke, on the x axis
	heavy   bool    // drawn below a thin one, both can be seen
	strokes []stroke
}

type stroke struct {
	x, y  float64
	share float64
}

// The size of a plot, and the room around what is drawn.
const (
	plotWidth, plotHeight = 760, 340
	left, right           = 70, 14
	top, bottom           = 54, 46
)

// The colours are told apart by people who see fewer of them, too (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"}

// shades are the opacities of a cloud's strokes: up to each share of all, one.
var shades = []struct{ upTo, opacity float64 }{{0.003, 0.25}, {0.03, 0.4}, {0.2, 0.6}, {1.01, 1}}

// axis maps values to places.
type axis struct {
	least, most float64
	from, to    float64 // places
}

func (a *axis) at(v float64) float64 { return a.from + (v-a.least)/(a.most-a.least)*(a.to-a.from) }

// see widens the axis so that a value has a place.
func (a *axis) see(v float64) { a.least, a.most = min(a.least, v), max(a.most, v) }

// round widens the axis to whole ticks, and returns the distance between these.
func (a *axis) round() float64 {
	if a.most <= a.least {
		a.most = a.least + 1
	}
	raw := (a.most - a.least) / 6
	tick := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, f := range []float64{1, 2, 5, 10} {
		if tick*f >= raw {
			tick *= f
			break
		}
	}
	a.least, a.most = math.Floor(a.least/tick)*tick, math.Ceil(a.most/tick)*tick
	return tick
}

// svg draws the plot.
func (p *plot) svg() string {
	x := axis{least: 0, most: 0, from: left, to: plotWidth - right}
	y := axis{least: math.Inf(1), most: math.Inf(-1), from: plotHeight - bottom, to: top}
	for _, c := range p.curves {
		for _, at := range c.points {
			x.see(at[0])
			y.see(at[1])
		}
	}
	for _, c := range p.clouds {
		for _, s := range c.strokes {
			x.see(s.x)
			y.see(s.y)
		}
	}
	if len(p.curves) > 0 || math.IsInf(y.least, 0) {
		y.see(0)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, plotWidth, plotHeight)
	fmt.Fprintf(&b, `<title>%s</title><rect width="100%%" height="100%%" fill="#fff"/>`, html.EscapeString(p.title))
	fmt.Fprintf(&b, `<text x="%d" y="18" font-size="14" font-weight="bold">%s</text>`, left, html.EscapeString(p.title))
	p.grid(&b, &x, &y)
	colour := 0
	legend := func(name string) string {
		c := colours[colour%len(colours)]
		column, row := colour%3, colour/3
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`, left+column*226, 34+row*13, c, html.EscapeString(name))
		colour++
		return c
	}
	for i := range p.clouds {
		p.clouds[i].draw(&b, &x, &y, legend(p.clouds[i].name))
	}
	for i := range p.curves {
		p.curves[i].draw(&b, &x, &y, legend(p.curves[i].name))
	}
	b.WriteString("</svg>")
	return b.String()
}

// grid draws the axes.
func (p *plot) grid(b *strings.Builder, x, y *axis) {
	step := x.round()
	for v := x.least; v <= x.most+step/2; v += step {
		fmt.Fprintf(b, `<path d="M%s %d V%d" stroke="#ddd"/><text x="%s" y="%d" text-anchor="middle">%s</text>`,
			place(x.at(v)), top, plotHeight-bottom, place(x.at(v)), plotHeight-bottom+16, tickText(v))
	}
	step = y.round()
	for v := y.least; v <= y.most+step/2; v += step {
		fmt.Fprintf(b, `<path d="M%d %s H%d" stroke="#ddd"/><text x="%d" y="%s" text-anchor="end">%s</text>`,
			left, place(y.at(v)), plotWidth-right, left-6, place(y.at(v)+4), tickText(v))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, (left+plotWidth-right)/2, plotHeight-10, html.EscapeString(p.x))
	middle := (top + plotHeight - bottom) / 2
	fmt.Fprintf(b, `<text x="14" y="%d" text-anchor="middle" transform="rotate(-90 14 %d)">%s</text>`, middle, middle, html.EscapeString(p.y))
}

func (c *curve) draw(b *strings.Builder, x, y *axis, colour string) {
	b.WriteString(`<path d="`)
	command := byte('M')
	for _, at := range c.points {
		fmt.Fprintf(b, "%c%s %s", command, place(x.at(at[0])), place(y.at(at[1])))
		command = 'L'
	}
	fmt.Fprintf(b, `" fill="none" stroke="%s" stroke-width="1.5"/>`, colour)
}

// draw makes one path of each shade, in which strokes that touch are one.
func (c *cloud) draw(b *strings.Builder, x, y *axis, colour string) {
	slices.SortFunc(c.strokes, func(a, b stroke) int { return cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x)) })
	from, pen := 0.0, 1.5
	if c.heavy {
		pen = 5
	}
	for _, shade := range shades {
		var path strings.Builder
		begin, end := stroke{y: math.NaN()}, 0.0
		finish := func() {
			if !math.IsNaN(begin.y) {
				fmt.Fprintf(&path, "M%s %sH%s", place(x.at(begin.x)), place(y.at(begin.y)), place(x.at(end)))
			}
		}
		for _, s := range c.strokes {
			if s.share <= from || s.share > shade.upTo {
				continue
			}
			if s.y != begin.y || s.x > end+c.width/2 {
				finish()
				begin = s
			}
			end = s.x + c.width
		}
		finish()
		from = shade.upTo
		if path.Len() > 0 {
			fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="%v" opacity="%v"/>`, path.String(), colour, pen, shade.opacity)
		}
	}
}

// place writes a coordinate to a tenth of a pixel.
func place(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// tickText writes the value at a tick.
func tickText(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
