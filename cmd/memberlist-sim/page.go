package main

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"strings"
)

//go:embed page.html
var pageText string

// page is what the template shows.
type page struct {
	Title   string
	Command string
	Notes   []string
	Tables  []pageTable
	Plots   []template.HTML
	Data    data
}

type pageTable struct {
	Title string
	Head  []string
	Rows  [][]string
}

// data is what the plots show, for whoever wants to draw them otherwise.
type data struct {
	Series []dataSeries
	Frames []frame
}

type dataSeries struct {
	Name, Part, Unit string
	Quantiles        []float64 // at 0, 1/200, 2/200 … 1
	Samples, Never   int
}

// draw writes the page and the plots that were asked for.
func (r *report) draw() error {
	plots := r.allPlots()
	var errs []error
	if dir := r.plan.plots; dir != "" {
		errs = append(errs, os.MkdirAll(dir, 0o755))
		for i := range plots {
			file := filepath.Join(dir, r.plan.scenario.name+"-"+plots[i].name+".svg")
			errs = append(errs, os.WriteFile(file, []byte(plots[i].svg()+"\n"), 0o644))
		}
	}
	if r.plan.html != "" {
		errs = append(errs, r.writePage(plots))
	}
	return errors.Join(errs...)
}

func (r *report) writePage(plots []plot) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	p := page{Title: r.title(), Command: "memberlist-sim " + strings.Join(r.plan.args, " "), Data: r.data()}
	for i := range r.tables {
		p.Tables = append(p.Tables, pageTable{r.tables[i].title, r.tables[i].head[1:], r.tables[i].rows})
	}
	for i := range plots {
		p.Plots = append(p.Plots, template.HTML(plots[i].svg()))
	}
	if len(r.results) > 1 {
		p.Notes = append(p.Notes, fmt.Sprintf("View sizes and bytes over time are those of the first of %d runs, the distributions of all.", len(r.results)))
	}
	f, err := os.Create(r.plan.html)
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(f, p), f.Close())
}

// allPlots returns what there is to be seen.
func (r *report) allPlots() []plot {
	frames := r.results[0].frames
	if len(frames) == 0 {
		return nil
	}
	list := []plot{r.views(frames)}
	list = append(list, r.distributions()...)
	mean, most := curve{name: "mean of all nodes"}, curve{name: "the node that sent most"}
	for i := range frames {
		mean.points = append(mean.points, [2]float64{frames[i].At, frames[i].Mean})
		most.points = append(most.points, [2]float64{frames[i].At, frames[i].Most})
	}
	return append(list, plot{name: "bytes", title: "Bytes sent, " + r.title(), x: "seconds", y: "bytes per second", curves: []curve{mean, most}})
}

// views plots the size of every node's view.
func (r *report) views(frames []frame) plot {
	width := r.plan.span.Seconds() / float64(len(frames))
	well, sick := cloud{name: "nodes", width: width, heavy: true}, cloud{name: "nodes with faults", width: width}
	class := classOf(frames)
	for i := range frames {
		f := &frames[i]
		well.see(f.At-width, f.Sizes, class)
		sick.see(f.At-width, f.Sick, class)
	}
	p := plot{name: "views", title: "Size of every node's view, " + r.title(), x: "seconds", y: "members", clouds: []cloud{well}}
	if len(sick.strokes) > 0 {
		p.clouds = append(p.clouds, sick)
	}
	return p
}

// lines is how many different sizes a plot tells apart.
const lines = 100

// classOf returns how many neighbouring sizes become one stroke: the plot of a large bootstrap would take megabytes.
func classOf(frames []frame) int {
	least, most := math.MaxInt, 0
	for i := range frames {
		for _, sizes := range [][][2]int{frames[i].Sizes, frames[i].Sick} {
			for _, s := range sizes {
				least, most = min(least, s[0]), max(most, s[0])
			}
		}
	}
	return max(1, (most-least)/lines)
}

// see adds the view sizes of one frame.
func (c *cloud) see(at float64, sizes [][2]int, class int) {
	all := 0
	for _, s := range sizes {
		all += s[1]
	}
	from := len(c.strokes)
	for _, s := range sizes {
		size, share := float64(s[0]/class*class), float64(s[1])/float64(all)
		if last := len(c.strokes) - 1; last >= from && c.strokes[last].y == size {
			c.strokes[last].share += share
		} else {
			c.strokes = append(c.strokes, stroke{at, size, share})
		}
	}
}

// distributions plots how long things took: one plot for each variant.
func (r *report) distributions() (list []plot) {
	for i, pooled := range r.pools {
		p := plot{name: "times", title: "How long it took, " + r.title(), x: "seconds", y: "share"}
		if len(r.pools) > 1 {
			p.name += "-" + r.plan.parts[i].name
			p.title += ", " + r.plan.parts[i].title
		}
		for _, s := range pooled {
			if s.unit != seconds || len(s.samples) < 2 {
				continue
			}
			c := curve{name: s.name}
			for q, v := range s.quantiles() {
				c.points = append(c.points, [2]float64{v, float64(q) / quantiles * s.share()})
			}
			p.curves = append(p.curves, c)
		}
		if len(p.curves) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// quantiles is how many steps a distribution is drawn in.
const quantiles = 200

// quantiles returns the samples at 0, 1/200, 2/200 and so on to 1.
func (s *series) quantiles() (list []float64) {
	for i := range quantiles + 1 {
		list = append(list, s.quantile(float64(i)/quantiles))
	}
	return list
}

// share returns how many of those who waited have a sample.
func (s *series) share() float64 {
	return float64(len(s.samples)) / float64(len(s.samples)+s.never)
}

func (r *report) data() data {
	d := data{Frames: r.results[0].frames}
	for i, pooled := range r.pools {
		for _, s := range pooled {
			x := dataSeries{Name: s.name, Part: r.plan.parts[i].title, Unit: string(s.unit), Samples: len(s.samples), Never: s.never}
			if len(s.samples) > 0 {
				x.Quantiles = s.quantiles()
			}
			d.Series = append(d.Series, x)
		}
	}
	return d
}
