package memberlist

import (
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/gossip"
	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// userdata is the lane of the application's own broadcasts. On every gossip tick it asks
// GetBroadcasts for each packet and sends it. When it is still busy with an earlier question the
// protocol lane sends the tick's packets without it: a delegate that blocks delays user data only.
type userdata struct {
	delegate Delegate
	sender   *sender
	calls    *running
	metrics  *telemetry
	ticks    chan []swim.Target // taken only while the lane is idle

	gave bool     // GetBroadcasts returned something on this tick
	rest [][]byte // what it returned beyond its limit
}

// userOverhead is what a user message costs in a packet besides its own bytes: its length in the
// compound, and its type byte.
const userOverhead = 3

func newUserdata(d Delegate, s *sender, calls *running, t *telemetry) *userdata {
	return &userdata{delegate: d, sender: s, calls: calls, metrics: t, ticks: make(chan []swim.Target)}
}

// offer hands a tick to the lane if it is idle.
func (u *userdata) offer(targets []swim.Target) bool {
	if u == nil {
		return false
	}
	select {
	case u.ticks <- append([]swim.Target(nil), targets...):
		return true
	default:
		return false
	}
}

func (u *userdata) run() {
	for {
		select {
		case targets := <-u.ticks:
			u.tick(targets)
		case <-u.calls.closing:
			return
		}
	}
}

// tick sends one packet to each target, and stages another packet's worth for what leaves before
// the next tick if the application had something to say.
func (u *userdata) tick(targets []swim.Target) {
	u.gave = false
	for _, to := range targets {
		u.sender.gossip(to, u)
		u.sendRest(to)
	}
	if !u.gave {
		return
	}
	room := gossip.PacketRoom(u.sender.userRoom(true) / 2)
	for _, body := range u.ask(&room) {
		u.sender.staged.put(body)
	}
	if len(targets) > 0 {
		u.sendRest(targets[0])
	}
}

// Waiting implements gossip.Source. Only asking tells whether the application has anything.
func (u *userdata) Waiting() bool { return true }

// Take implements gossip.Source: what was staged goes first, then what the application has now.
func (u *userdata) Take(dst [][]byte, room *gossip.Room) [][]byte {
	dst = u.sender.staged.Take(dst, room)
	return append(dst, u.ask(room)...)
}

// ask takes what fits from the application, and keeps the rest for packets of its own.
func (u *userdata) ask(room *gossip.Room) (fit [][]byte) {
	limit := room.Longest() + userOverhead
	if limit <= userOverhead {
		return nil
	}
	var all [][]byte
	u.calls.do(func() { all = u.delegate.GetBroadcasts(userOverhead, limit) })
	u.gave = u.gave || len(all) > 0
	for _, body := range all {
		if len(u.rest) == 0 && len(body) <= room.Longest() {
			room.Add(len(body))
			fit = append(fit, body)
		} else {
			u.rest = append(u.rest, body)
		}
	}
	return fit
}

// sendRest sends what the application returned beyond the limit that it was given: the bytes count
// as sent in its eyes, so they must leave. One that is longer than a packet should be goes alone.
func (u *userdata) sendRest(to swim.Target) {
	for _, body := range u.rest {
		if len(body) <= u.sender.userRoom(to.Checksum) {
			u.sender.staged.put(body)
		} else if err := u.sender.sendUser(addressOf(to.Peer), to.Checksum, body); err != nil {
			u.metrics.drop("user data", "too large")
		}
	}
	for u.rest = nil; u.sender.staged.Waiting(); {
		u.sender.gossip(to, u.sender.staged)
	}
}

// staged is the packet's worth of user data that waits for any packet that leaves.
type staged struct {
	mu    sync.Mutex // a leaf
	stage gossip.Stage
}

func (s *staged) put(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage.Put(body)
}

// Waiting implements gossip.Source.
func (s *staged) Waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stage.Waiting()
}

// Take implements gossip.Source.
func (s *staged) Take(dst [][]byte, room *gossip.Room) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stage.Take(dst, room)
}
