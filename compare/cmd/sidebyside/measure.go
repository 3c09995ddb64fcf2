package main

import (
	"runtime"
	"syscall"
	"time"

	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// An experiment measures some quantities of one kind at a time. In all of them less is better.
type experiment struct {
	name       string
	quantities []quantity
	run        func(kind bed.Kind) ([]float64, error)
}

// quantity is one row of the table.
type quantity struct {
	name   string
	unit   string
	target float64 // by how much ours has to be better; 0: better at all
	atMost bool    // target is how much of the reference's ours may take instead
}

// result is a quantity as it was measured, pair by pair.
type result struct {
	quantity
	ours, reference []float64
}

// measure runs an experiment for both kinds by turns. Which begins changes from pair to pair.
func (e experiment) measure(pairs int) ([]result, error) {
	results := make([]result, len(e.quantities))
	for i, q := range e.quantities {
		q.name = e.name + q.name
		results[i].quantity = q
	}
	for pair := range pairs {
		kinds := []bed.Kind{bed.Ours, bed.Reference}
		if pair%2 == 1 {
			kinds = []bed.Kind{bed.Reference, bed.Ours}
		}
		for _, kind := range kinds {
			runtime.GC()
			values, err := e.run(kind)
			if err != nil {
				return nil, err
			}
			for i, v := range values {
				if kind == bed.Ours {
					results[i].ours = append(results[i].ours, v)
				} else {
					results[i].reference = append(results[i].reference, v)
				}
			}
		}
	}
	return results, nil
}

// cpu is the time that all threads of this process have worked so far.
func cpu() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err) // it cannot fail with these arguments
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// allocated are the bytes that were ever allocated.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// spent is the CPU time of f, the garbage collector's included.
func spent(f func() error) (time.Duration, error) {
	runtime.GC()
	before := cpu()
	err := f()
	return cpu() - before, err
}

// nsPerOp is how long f takes, which does something n times, for each of them: the best of many short runs, because
// whatever else the machine does can only make it longer.
func nsPerOp(f func(n int)) float64 {
	took := func(n int) time.Duration {
		began := time.Now()
		f(n)
		return time.Since(began)
	}
	n := 100
	for took(n) < 2*time.Millisecond {
		n *= 2
	}
	best := took(n)
	for range 30 {
		best = min(best, took(n))
	}
	return float64(best.Nanoseconds()) / float64(n)
}
