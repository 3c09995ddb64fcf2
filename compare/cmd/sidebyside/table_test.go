package main

import (
	"strings"
	"testing"
)

func TestARowTellsTheMedianAndTheSpreadOfThePairs(t *testing.T) {
	for _, c := range []struct {
		name string
		r    result
		want string
	}{
		{"a target that is met", result{quantity{"q", "µs", 4, false}, []float64{1, 2, 4}, []float64{10, 10, 10}},
			"q | µs | 2.00 | 10.0 | 5.00 × | 2.50 – 10.0 | 4 × | yes"},
		{"one that is missed", result{quantity{"q", "µs", 8, false}, []float64{2, 2}, []float64{10, 6}},
			"q | µs | 2.00 | 8.00 | 4.00 × | 3.00 – 5.00 | 8 × | ahead, but misses it"},
		{"behind", result{quantity{"q", "µs", 0, false}, []float64{200}, []float64{100}},
			"q | µs | 200 | 100 | 0.5 × | 0.5 – 0.5 | ahead | no"},
		{"a little more is allowed", result{quantity{"q", "KB", 1.1, true}, []float64{105}, []float64{100}},
			"q | KB | 105 | 100 | 0.952 × | 0.952 – 0.952 | at most 1.1 of it | yes"},
		{"too much more is not", result{quantity{"q", "KB", 1.1, true}, []float64{120}, []float64{100}},
			"q | KB | 120 | 100 | 0.833 × | 0.833 – 0.833 | at most 1.1 of it | no"},
	} {
		if got := c.r.line(); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
		if doc := table([]result{c.r}, 5); !strings.Contains(doc, "| "+c.want+" |\n") || !strings.Contains(doc, "5 pairs") {
			t.Errorf("%s: the row is not in the table:\n%s", c.name, doc)
		}
	}
}

func TestTheCodecsWriteTheSame(t *testing.T) {
	for _, m := range messages() {
		theirs, err := m.encode()
		if err != nil || string(theirs) != string(m.ours(nil)) {
			t.Errorf("%s: %x is not %x, %v", m.name, theirs, m.ours(nil), err)
		}
	}
}
