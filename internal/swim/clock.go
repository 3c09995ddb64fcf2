package swim

import (
	"math"
	"math/bits"
	"time"
)

// instant is a point in time as nanoseconds since the machine's epoch. It takes a third of
// the memory of a time.Time, and differences are those of the monotonic clock.
type instant int64

// never is a time that does not come: where sums saturate.
const never = instant(math.MaxInt64)

// after returns the instant that lies d later; it saturates instead of wrapping.
func (i instant) after(d time.Duration) instant {
	if d > 0 && i > never-instant(d) {
		return never
	}
	return i + instant(d)
}

// clock is the time of a machine: that of its latest input, never going back.
// A caller reads its clock before it takes its lock, so inputs may come with times that are
// slightly out of order.
type clock struct {
	epoch time.Time
	now   instant
}

// observe moves the clock to t unless it is later already.
func (c *clock) observe(t time.Time) {
	if c.epoch.IsZero() {
		c.epoch = t
	}
	c.now = max(c.now, instant(t.Sub(c.epoch)))
}

// past returns the instant of a time that is not later than now.
func (c *clock) past(t time.Time) instant { return min(c.now, instant(t.Sub(c.epoch))) }

// between returns how long after began something was heard. A time that cannot be true, because the clock of
// whoever took it is coarse or was set back, counts as now.
func (c *clock) between(began, heard instant) time.Duration {
	if heard < began {
		heard = c.now
	}
	return time.Duration(heard - began)
}

// time returns the caller's spelling of an instant.
func (c *clock) time(i instant) time.Time { return c.epoch.Add(time.Duration(i)) }

// since returns how long ago i was.
func (c *clock) since(i instant) time.Duration { return time.Duration(c.now - i) }

// multiply returns d*num/den for den > 0, saturating where the product leaves the range.
func multiply(d time.Duration, num, den int) time.Duration {
	if d <= 0 || num <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(d), uint64(num))
	if hi >= uint64(den) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	return time.Duration(min(q, math.MaxInt64))
}
