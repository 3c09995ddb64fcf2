package main

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// unit is what the samples of a series are.
type unit string

const (
	seconds        unit = "seconds"
	bytesPerSecond unit = "bytes per second"
)

// series is many samples of one thing.
type series struct {
	name    string
	unit    unit
	samples []float64
	never   int // how many never came to be
}

// add adds a sample that is a time.
func (s *series) add(d time.Duration) { s.samples = append(s.samples, d.Seconds()) }

// addIf adds a sample, or notes that there is none.
func (s *series) addIf(ok bool, d time.Duration) {
	if ok {
		s.add(d)
	} else {
		s.never++
	}
}

// quantile returns the sample below or at which the share q of all is; the samples are sorted.
func (s *series) quantile(q float64) float64 {
	if len(s.samples) == 0 {
		return math.NaN()
	}
	i := int(math.Ceil(q*float64(len(s.samples)))) - 1
	return s.samples[max(0, i)]
}

// mean returns the mean of the samples.
func (s *series) mean() float64 {
	sum := 0.0
	for _, x := range s.samples {
		sum += x
	}
	return sum / float64(len(s.samples))
}

// pool puts the series of several runs together, in the order of the first, each sorted.
func pool(results []*result) []*series {
	var list []*series
	for _, r := range results {
		for i := range r.series {
			x := &r.series[i]
			at := slices.IndexFunc(list, func(s *series) bool { return s.name == x.name })
			if at < 0 {
				list = append(list, &series{name: x.name, unit: x.unit})
				at = len(list) - 1
			}
			list[at].samples = append(list[at].samples, x.samples...)
			list[at].never += x.never
		}
	}
	for _, s := range list {
		slices.Sort(s.samples)
	}
	return list
}

// figure writes a number as people read it: three digits that matter, or all of a large one.
func figure(x float64) string {
	switch {
	case math.IsNaN(x):
		return "-"
	case x != 0 && math.Abs(x) < 100 && x != math.Trunc(x):
		return strconv.FormatFloat(x, 'g', 3, 64)
	default:
		return strconv.FormatFloat(math.Round(x), 'f', -1, 64)
	}
}
