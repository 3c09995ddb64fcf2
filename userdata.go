package memberlist

import (
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/gossip"
	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// userdata is the lane of the application's own broadcasts. On every gossip tick it asks GetBroadcasts for
// each packet and sends it, and whenever a packet has left nothing staged for the next one it asks for that.
// When it is still busy with an earlier question the protocol lane sends its packets without: a delegate
// that blocks delays user data only.
type userdata struct {
	delegate Delegate
	sender   *sender
	calls    *running
	metrics  *telemetry
	ticks    chan []swim.Target // taken only while the lane is idle

	gave bool     // GetBroadcasts returned something on this tick
	rest [][]byte // what it returned beyond its limit
}

const (
	// userOverhead is what a user message costs in a packet besides its own bytes: its length in the
	// compound, and its type byte.
	userOverhead = 3
	// besideStage is what staged messages leave free in a packet for the one that the packet is for: a ping
	// with names of the usual length.
	besideStage = 200
)

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
		case to := <-u.sender.staged.wanted:
			u.refill(to)
		case <-u.calls.closing:
			return
		}
	}
}

// tick sends one packet to each target, and if the application had something to say has it say more for what
// leaves before the next tick.
func (u *userdata) tick(targets []swim.Target) {
	u.gave = false
	for _, to := range targets {
		u.sender.gossip(to, u)
		u.sendRest(to)
	}
	if u.gave {
		u.refill(targets[0])
	}
}

// refill stages what fits into one packet beside a message of the protocol, unless there is some. to gets
// what the application returns beyond that.
func (u *userdata) refill(to swim.Target) {
	if u.sender.staged.Waiting() {
		return
	}
	whole := u.sender.userRoom(true)
	room := gossip.PacketRoom(max(whole/2, whole-besideStage))
	for _, body := range u.ask(&room) {
		u.sender.staged.put(body)
	}
	u.sendRest(to)
}

// Waiting implements gossip.Source. Only asking tells whether the application has anything.
func (u *userdata) Waiting() bool { return true }

// Take implements gossip.Source: the application is offered the whole packet, as its longest messages fit
// nowhere else, and what was staged gets what is left.
func (u *userdata) Take(dst [][]byte, room *gossip.Room) [][]byte {
	dst = append(dst, u.ask(room)...)
	return u.sender.staged.Take(dst, room)
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
	var rest gossip.Stage
	for _, body := range u.rest {
		if len(body) <= u.sender.userRoom(to.Checksum) {
			rest.Put(body)
		} else {
			u.sender.postUser(to, body)
		}
	}
	u.rest = nil
	for rest.Waiting() {
		if !u.sender.mail(to, &rest) { // a key has been added meanwhile, which takes its share of the room
			u.metrics.drop("user data", "too large")
			return
		}
	}
}

// staged is the packet's worth of user data that waits for any packet that leaves.
type staged struct {
	wanted chan swim.Target // one slot: a packet to there has left nothing staged; nil where nobody can be asked

	mu    sync.Mutex // a leaf
	stage gossip.Stage
}

func newStaged(conf *Config) *staged {
	if conf.Delegate == nil {
		return new(staged)
	}
	return &staged{wanted: make(chan swim.Target, 1)}
}

// want asks for more when nothing is staged. It never waits.
func (s *staged) want(to swim.Target) {
	if s.wanted == nil || s.Waiting() {
		return
	}
	select {
	case s.wanted <- to:
	default:
	}
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
