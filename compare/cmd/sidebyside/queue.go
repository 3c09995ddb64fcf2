package main

import (
	"fmt"

	"github.com/seed-f61b0479/memberlist/compare/bed"
	"github.com/seed-f61b0479/memberlist/compare/side/ours"
	"github.com/seed-f61b0479/memberlist/compare/side/reference"
)

// queues are the experiments with TransmitLimitedQueue alone.
func queues() (all []experiment) {
	for _, size := range []int{100, 10000, 100000} {
		all = append(all, experiment{
			name:       fmt.Sprintf("queue of %d broadcasts", size),
			quantities: []quantity{{name: ": put one in", unit: "µs CPU"}, {name: ": take one out", unit: "µs CPU"}},
			run:        func(kind bed.Kind) ([]float64, error) { return fillAndEmpty(kind, size) },
		})
	}
	return all
}

// fillAndEmpty puts named messages of various lengths in, and takes packets full of them out until none is left.
func fillAndEmpty(kind bed.Kind, size int) ([]float64, error) {
	create := reference.NewQueue
	if kind == bed.Ours {
		create = ours.NewQueue
	}
	names, msgs := make([]string, size), make([][]byte, size)
	for i := range size {
		names[i], msgs[i] = nameOf(i), make([]byte, 60+i*7%80)
	}
	times := max(1, 10000/size)
	queues := make([]bed.Queue, times)
	for i := range queues {
		queues[i] = create()
	}
	in, err := spent(func() error {
		for _, q := range queues {
			for i := range size {
				q.Add(names[i], msgs[i])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out, err := spent(func() error {
		for _, q := range queues {
			left := size
			for left > 0 {
				n := q.Take(2, 1400)
				if n == 0 {
					return fmt.Errorf("%d messages are stuck", left)
				}
				left -= n
			}
		}
		return nil
	})
	each := 1e6 / float64(size*times)
	return []float64{in.Seconds() * each, out.Seconds() * each}, err
}
