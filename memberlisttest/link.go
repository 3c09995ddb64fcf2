package memberlisttest

import (
	"time"

	"github.com/seed-f61b0479/memberlist/internal/memnet"
)

// Conditions are what a link does to what crosses it. The zero value does nothing. Shares are from 0, none, to
// 1, all.
type Conditions struct {
	// Latency is how long everything takes. A stream takes it once each way to be opened.
	Latency time.Duration

	// Jitter is the most that it may take besides; how much is drawn anew each time. Datagrams
	// then overtake each other; streams stay in order.
	Jitter time.Duration

	// Loss is the share of the datagrams that do not arrive. Streams repeat what is lost, so it does nothing to
	// them.
	Loss float64

	// Duplicate is the share of the datagrams that arrive twice.
	Duplicate float64

	// Refuse is the share of the streams that fail to be opened over this link.
	Refuse float64

	// BreakAfter is how many bytes of a stream cross the link before it breaks, the stream: the
	// reader gets that many and then an error. 0 is no limit.
	BreakAfter int

	// Cut lets nothing pass, in this direction, until it is set to false. See Network.Partition for
	// what becomes of it. A stream cannot be opened when either direction is cut.
	Cut bool
}

// Link is one direction between two nodes of a Network.
type Link struct {
	network  *Network
	from, to string
}

// Set changes the conditions of the link, all of them. It overwrites what SetAll has set.
func (l Link) Set(c Conditions) { l.network.net.Set(l.from, l.to, memnet.Conditions(c)) }

// Conditions returns what is set.
func (l Link) Conditions() Conditions { return Conditions(l.network.net.Conditions(l.from, l.to)) }
