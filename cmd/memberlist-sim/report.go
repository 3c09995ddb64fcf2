package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// report is what all runs have come to.
type report struct {
	plan    *plan
	results []*result
	tables  []table
	pools   [][]*series // one for each variant
}

// table is lines of cells below a head.
type table struct {
	title string
	head  []string
	rows  [][]string
}

func newReport(p *plan, results []*result) *report {
	r := &report{plan: p, results: results}
	for i := range p.parts {
		part := &p.parts[i]
		var own []*result
		for _, x := range results {
			if x.part.name == part.name {
				own = append(own, x)
			}
		}
		pooled := pool(own)
		r.pools = append(r.pools, pooled)
		suffix := ""
		if len(p.parts) > 1 {
			suffix = ", " + part.title
		}
		r.tables = append(r.tables, timesTable(pooled, suffix), r.countsTable(own, suffix))
	}
	if p.scenario.name == "lifeguard" {
		r.tables = append(r.tables, r.lifeguardTable())
	}
	return r
}

// timesTable shows how the samples of each series are distributed.
func timesTable(pooled []*series, suffix string) table {
	t := table{title: "all runs together" + suffix, head: []string{"", "unit", "samples", "mean", "p50", "p99", "max", "never"}}
	for _, s := range pooled {
		t.rows = append(t.rows, []string{s.name, string(s.unit), fmt.Sprint(len(s.samples)), figure(s.mean()), figure(s.quantile(0.5)),
			figure(s.quantile(0.99)), figure(s.quantile(1)), fmt.Sprint(s.never)})
	}
	return t
}

// countsTable shows what was counted in each run.
func (r *report) countsTable(own []*result, suffix string) table {
	t := table{title: "each run" + suffix, head: []string{"", "mean", "least", "most"}}
	each := float64(r.plan.nodes) * r.plan.span.Seconds()
	row := func(name string, per float64, of func(x *tally) int) {
		sum, least, most := 0.0, math.Inf(1), math.Inf(-1)
		for _, x := range own {
			v := float64(of(&x.tally)) / per
			sum, least, most = sum+v, min(least, v), max(most, v)
		}
		t.rows = append(t.rows, []string{name, figure(sum / float64(len(own))), figure(least), figure(most)})
	}
	row("false positives", 1, func(x *tally) int { return x.FalseAlarms })
	row("  by healthy members", 1, func(x *tally) int { return x.FalseHealthy })
	row("running members with faults declared dead", 1, func(x *tally) int { return x.SickDead })
	row("suspicions", 1, func(x *tally) int { return x.Suspicions })
	row("refutations", 1, func(x *tally) int { return x.Refutations })
	row("view changes per node", float64(r.plan.nodes), func(x *tally) int { return x.Changes })
	row("different view sizes", 1, func(x *tally) int { return x.Sizes })
	row("packets sent per node and second", each, func(x *tally) int { return x.Packets })
	row("messages received in packets per node and second", each, func(x *tally) int { return x.Messages })
	row("bytes in packets per node and second", each, func(x *tally) int { return x.Bytes })
	row("streams per node and second", each, func(x *tally) int { return x.Streams })
	row("bytes in streams per node and second", each, func(x *tally) int { return x.StreamBytes })
	row("views not as things are, in the end", 1, func(x *tally) int { return x.Apart })
	return t
}

// lifeguardTable shows the parts of Lifeguard side by side, as its paper does: sums over all runs.
func (r *report) lifeguardTable() table {
	t := table{title: "the parts of Lifeguard, all runs added", head: []string{"", "FP", "% of SWIM", "FP-", "% of SWIM",
		"paused dead", "of them early", "packets", "MB", "first p50", "p99", "p99.9", "full p50", "p99", "p99.9"}}
	var swim tally
	for i := range r.plan.parts {
		part := &r.plan.parts[i]
		var sum tally
		for _, x := range r.results {
			if x.part.name == part.name {
				sum.add(&x.tally)
			}
		}
		if part.parts == 0 {
			swim = sum
		}
		row := []string{part.title, fmt.Sprint(sum.FalseAlarms), percent(sum.FalseAlarms, swim.FalseAlarms),
			fmt.Sprint(sum.FalseHealthy), percent(sum.FalseHealthy, swim.FalseHealthy),
			fmt.Sprint(sum.SickDead), fmt.Sprint(sum.SickEarly), fmt.Sprint(sum.Packets), figure(float64(sum.Bytes) / 1e6)}
		for _, name := range []string{firstDeath, fullDeath} {
			at := slices.IndexFunc(r.pools[i], func(s *series) bool { return s.name == name })
			for _, q := range []float64{0.5, 0.99, 0.999} {
				row = append(row, figure(r.pools[i][at].quantile(q)))
			}
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func (t *tally) add(x *tally) {
	t.FalseAlarms += x.FalseAlarms
	t.FalseHealthy += x.FalseHealthy
	t.SickDead += x.SickDead
	t.SickEarly += x.SickEarly
	t.Packets += x.Packets
	t.Bytes += x.Bytes
}

// percent returns how many percent of another number one is.
func percent(x, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g", 100*float64(x)/float64(of))
}

// title says in one line what was run.
func (r *report) title() string {
	p := r.plan
	runs := fmt.Sprintf("seed %d", p.seed)
	if p.seeds > 1 {
		runs = fmt.Sprintf("seeds %d to %d", p.seed, p.seed+uint64(p.seeds)-1)
	}
	return fmt.Sprintf("%s: %d nodes, %s, %s, %v", p.scenario.name, p.nodes, p.profile, runs, p.span)
}

// write prints the tables.
func (r *report) write(out io.Writer) error {
	fmt.Fprintln(out, r.title())
	for i := range r.tables {
		t := &r.tables[i]
		w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(out)
		width := len(t.title)
		for _, row := range t.rows {
			width = max(width, len(row[0]))
		}
		line(w, width, append([]string{t.title}, t.head[1:]...))
		for _, row := range t.rows {
			line(w, width, row)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// line prints one row: the name to the left, the figures to the right.
func line(w io.Writer, width int, cells []string) {
	fmt.Fprintf(w, "%-*s\t", width, cells[0])
	for _, c := range cells[1:] {
		fmt.Fprintf(w, "%s\t", c)
	}
	fmt.Fprintln(w)
}
