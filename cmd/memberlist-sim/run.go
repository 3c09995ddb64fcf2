package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// result is what became of one run.
type result struct {
	task
	tally  tally
	series []series
	frames []frame
}

// tasks lists the runs, in the order of the table.
func (p *plan) tasks() (list []task) {
	for _, part := range p.parts {
		for _, victims := range p.victims {
			for _, ill := range p.ill {
				for _, well := range p.well {
					for i := range p.seeds {
						list = append(list, task{seed: p.seed + uint64(i), part: part, victims: victims, ill: ill, well: well})
					}
				}
			}
		}
	}
	list[0].watched = p.html != "" || p.plots != ""
	return list
}

// runAll makes all runs, some at once, and returns what became of them in the order of the tasks.
func (p *plan) runAll(w io.Writer) ([]*result, error) {
	tasks := p.tasks()
	results, errs := make([]*result, len(tasks)), make([]error, len(tasks))
	show := newProgress(w, len(tasks))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(p.parallel, len(tasks)) {
		workers.Go(func() {
			for i := range next {
				results[i], errs[i] = p.run(tasks[i], func(now time.Duration) { show.at(i, tasks[i].seed, now) })
				show.done(i)
			}
		})
	}
	for i := range tasks {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (p *plan) run(k task, tick func(now time.Duration)) (*result, error) {
	t, err := p.start(k, tick)
	if err != nil {
		return nil, err
	}
	return t.play()
}

// progress tells now and then how far a long command has come.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	begun   time.Time
	spoke   time.Time
	runs    int
	ended   int
	running map[int]string
}

// often is how often a long command says how far it has come.
const often = 5 * time.Second

func newProgress(w io.Writer, runs int) *progress {
	now := time.Now()
	return &progress{w: w, begun: now, spoke: now, runs: runs, running: make(map[int]string)}
}

// at notes how far a run is.
func (s *progress) at(run int, seed uint64, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[run] = fmt.Sprintf("seed %d at %v", seed, now)
	if time.Since(s.spoke) < often {
		return
	}
	s.spoke = time.Now()
	fmt.Fprintf(s.w, "%v: %d of %d runs done", time.Since(s.begun).Round(time.Second), s.ended, s.runs)
	for i := range s.runs {
		if text, ok := s.running[i]; ok {
			fmt.Fprintf(s.w, ", %s", text)
		}
	}
	fmt.Fprintln(s.w)
}

// done notes that a run has ended.
func (s *progress) done(run int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, run)
	s.ended++
}
