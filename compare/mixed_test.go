package compare

import (
	"os"
	"sync"
	"testing"
	"time"
)

// process makes addresses of this process differ from those of others.
func process() int { return os.Getpid() }

// pause is between two looks at something.
func pause() { time.Sleep(10 * time.Millisecond) }

// withoutRaceDetector skips a test that runs nodes of the reference where the race detector would find their faults:
// the reference changes members while its application reads them.
func withoutRaceDetector(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("the reference has data races of its own: run this without -race")
	}
}

// atOnce is how many cells run at the same time. They wait most of the time, but a machine that is out of breath
// makes nodes doubt each other.
const atOnce = 4

// TestMixedClusters runs the short selection of the matrix, or with COMPARE=all the whole.
func TestMixedClusters(t *testing.T) {
	withoutRaceDetector(t)
	all, cells := matrix()
	if os.Getenv("COMPARE") == "all" {
		cells = all
	}
	var workers sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				t.Run(cells[i].String(), func(t *testing.T) { cells[i].run(t, i) })
			}
		})
	}
	for i := range cells {
		next <- i
	}
	close(next)
	workers.Wait()
}
