package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// ratios are how many times as much the reference took, pair by pair, in order of size.
func (r result) ratios() []float64 {
	all := make([]float64, len(r.ours))
	for i := range r.ours {
		all[i] = r.reference[i] / max(r.ours[i], 1e-9)
	}
	slices.Sort(all)
	return all
}

// verdict compares the median with the target.
func (r result) verdict() string {
	ratio := median(r.ratios())
	switch {
	case r.atMost && 1/ratio <= r.target, !r.atMost && ratio >= max(r.target, 1):
		return "yes"
	case ratio >= 1:
		return "ahead, but misses it"
	default:
		return "no"
	}
}

// wanted is the target in words.
func (r result) wanted() string {
	switch {
	case r.atMost:
		return fmt.Sprintf("at most %.1f of it", r.target)
	case r.target > 0:
		return fmt.Sprintf("%.0f ×", r.target)
	default:
		return "ahead"
	}
}

// cells are the columns of a row.
func (r result) cells() []string {
	all := r.ratios()
	return []string{
		r.name, r.unit, figure(median(r.ours)), figure(median(r.reference)), figure(median(all)) + " ×",
		figure(all[0]) + " – " + figure(all[len(all)-1]), r.wanted(), r.verdict(),
	}
}

func (r result) line() string { return strings.Join(r.cells(), " | ") }

// table writes the results as Markdown.
func table(rows []result, pairs int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d × %s, %s/%s, %s. Medians of %d pairs, measured by turns; the ratio is the median of the pairs', and its spread.\n\n",
		time.Now().Format("2 January 2006"), runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH, runtime.Version(), pairs)
	b.WriteString("| what | unit | ours | reference | ratio | spread | target | met |\n|---|---|--:|--:|--:|--:|--:|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.cells(), " | "))
	}
	return b.String()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// figure writes a number with about three digits.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}

// processor is what the machine says it is.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "CPU"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "CPU"
}
