package swim

import (
	"testing"
	"time"
)

func TestATimeThatCannotBeTrueCountsAsNow(t *testing.T) {
	c := clock{now: 100}
	for _, test := range []struct {
		began, heard instant
		want         time.Duration
	}{{40, 70, 30}, {40, 40, 0}, {40, 39, 60}} {
		if got := c.between(test.began, test.heard); got != test.want {
			t.Errorf("between %d and %d: %v, want %v", test.began, test.heard, got, test.want)
		}
	}
}
