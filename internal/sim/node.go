package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/gossip"
	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Node is one life of a process: from its start until it leaves, crashes or is stopped. A process
// that is started again is another Node, though it may have the same name and address.
type Node struct {
	Name string

	sim     *Sim
	index   int // in Sim.nodes
	host    int
	machine *swim.Machine
	rumours outgoing
	mail    outgoing
	heard   map[string]struct{} // user messages seen before
	turn    gossip.Turn
	alarm   alarm
	syncing bool // a state exchange of ours is under way
	gone    bool
	stalls  stalls
	traffic Traffic
	life    life // what the judge remembers
}

// Traffic counts what a node has sent and received.
type Traffic struct {
	PacketsOut, PacketsIn int
	BytesOut, BytesIn     int
	Messages              int // in packets received
	Streams               int // begun
	StreamBytes           int // of state sent by stream
}

// Machine returns the node's view of the cluster, to be read only; nil once the process has ended.
func (n *Node) Machine() *swim.Machine { return n.machine }

// Traffic returns what the node has sent and received.
func (n *Node) Traffic() Traffic { return n.traffic }

// Gone says whether the process has ended.
func (n *Node) Gone() bool { return n.gone }

// Queued returns how many membership rumours and user messages wait to be told.
func (n *Node) Queued() (rumours, mail int) { return n.rumours.queue.Len(), n.mail.queue.Len() }

// String returns the name and, from the second life on, which one it is.
func (n *Node) String() string { return fmt.Sprintf("%s#%d", n.Name, n.index) }

// Start begins the life of a process under a name, at an address of its own.
func (s *Sim) Start(name string, meta []byte) *Node {
	return s.startAt(s.newHost(), name, meta)
}

func (s *Sim) startAt(place int, name string, meta []byte) *Node {
	n := &Node{Name: name, sim: s, index: len(s.nodes), host: place}
	n.alarm.node = n
	n.rumours.node, n.mail.node = n, n
	h := s.hosts[place]
	h.node, h.refuses = n, false
	s.nodes = append(s.nodes, n)
	p := s.opt.Settings.Params
	dice := rand.New(rand.NewPCG(s.opt.Seed, uint64(n.index)+1))
	p.Name, p.Intern, p.FirstSeq = name, s.idents.intern, dice.Uint32()
	if s.tamper != nil && s.tamper.params != nil {
		s.tamper.params(n, &p)
	}
	n.machine = swim.New(p, dice)
	if s.judge != nil {
		n.life = newLife(s.now)
	}
	n.trace("starts at %v", h.addr)
	n.machine.Start(s.time(), swim.Identity{Name: name, Addr: h.addr, Meta: meta, Versions: s.opt.Settings.Versions})
	n.act()
	return n
}

// act carries out what the latest inputs asked for, in the order of the shell: rumours are queued
// and the alarm is set before anything leaves.
func (n *Node) act() {
	s := n.sim
	out := &s.gear.out
	n.machine.Take(out)
	n.rumours.issued += uint32(len(out.Broadcasts))
	if s.tamper != nil && s.tamper.output != nil {
		s.tamper.output(n, out)
	}
	for i := range out.Broadcasts {
		n.rumours.add(out.Broadcasts[i].Name, out.Broadcasts[i].Body)
	}
	n.machine.SetPending(s.time(), n.rumours.Waiting() || n.mail.Waiting())
	n.alarm.set()
	n.tell(out)
	if s.judge != nil {
		s.judge.step(n, out)
	}
	for i := range out.Packets {
		n.send(&out.Packets[i])
	}
	for i := range out.Gossip {
		n.gossip(&out.Gossip[i])
	}
	for i := range out.Knocks {
		n.knock(&out.Knocks[i])
	}
	for i := range out.Syncs {
		n.sync(&out.Syncs[i])
	}
}

// tell passes news on to whoever listens.
func (n *Node) tell(out *swim.Output) {
	if n.sim.opt.Hear == nil && n.sim.opt.Trace == nil {
		return
	}
	for i := range out.News {
		n.traceNews(&out.News[i])
		if n.sim.opt.Hear != nil {
			n.sim.opt.Hear(n, &out.News[i])
		}
	}
}

// alarm wakes a node when its machine wants it. Like a timer of the runtime it rings too early
// rather than being moved for every change of mind.
type alarm struct {
	node  *Node
	rings time.Duration
	isSet bool
}

// set has the alarm ring at the machine's deadline, unless it rings before.
func (a *alarm) set() {
	at, ok := a.node.machine.Deadline()
	if !ok || a.isSet && since(at) >= a.rings {
		return
	}
	a.ringAt(since(at))
}

func (a *alarm) ringAt(at time.Duration) {
	s := a.node.sim
	a.rings, a.isSet = max(at, s.now), true
	s.agenda.add(a.rings, a)
}

// happen rings. An alarm that was set to ring earlier afterwards is not heard any more.
func (a *alarm) happen(s *Sim) {
	n := a.node
	if !a.isSet || a.rings != s.now || n.gone || n.stalls.frozen {
		return
	}
	a.isSet = false
	s.note(uint64(s.now))
	s.note(uint64(n.index))
	n.life.ticking = true
	n.machine.Tick(s.time())
	n.act()
	n.life.ticking = false
}

// send packs what the machine wants sent, with as many rumours as fit.
func (n *Node) send(p *swim.Packet) {
	g := &n.sim.gear
	g.must = append(g.must[:0], p.Body)
	if p.Extra != nil {
		g.must = append(g.must, p.Extra)
	}
	if p.Bare {
		n.put(&p.To, g.must)
		return
	}
	n.put(&p.To, n.pack(g.must, p.To.Checksum))
}

// gossip sends one packet of rumours, if there are any.
func (n *Node) gossip(to *swim.Target) {
	if msgs := n.pack(nil, to.Checksum); len(msgs) > 0 {
		n.put(to, msgs)
	}
}

// pack fills a packet up to the budget.
func (n *Node) pack(must [][]byte, checksum bool) [][]byte {
	s := n.sim
	frame := s.opt.Settings.frame(&s.gear, checksum)
	budget := s.opt.Settings.PacketSize - frame.Overhead()
	if s.tamper != nil {
		budget += s.tamper.budget
	}
	return s.gear.packer.Pack(budget, must, &n.rumours, &n.mail, &n.turn)
}

// put frames a packet and gives it to the network.
func (n *Node) put(to *swim.Target, msgs [][]byte) {
	s := n.sim
	frame := s.opt.Settings.frame(&s.gear, to.Checksum)
	var nonce wire.Nonce
	if frame.Key != nil {
		nonce = s.gear.nonce()
	}
	p := s.newPacket()
	var err error
	if p.buf, err = frame.AppendPacket(p.buf[:0], &nonce, msgs); err != nil {
		s.violate(n, "", lawFrames, "%v", err)
		return
	}
	n.traffic.PacketsOut++
	n.traffic.BytesOut += len(p.buf)
	n.tracePacket("→", s.hostAt(to.Addr), msgs)
	if s.judge != nil {
		s.judge.sent(n, p.buf)
	}
	p.from, p.to = n.host, s.hostAt(to.Addr)
	n.depart(p)
}

// nonce returns one that was never returned before.
func (g *gear) nonce() (x wire.Nonce) {
	g.nonces++
	for i := range 8 {
		x[i] = byte(g.nonces >> (8 * i))
	}
	return x
}

// outgoing is a queue of what a node tells: rumours, or its users' messages.
type outgoing struct {
	node   *Node
	queue  gossip.Queue[uint32]
	issued uint32 // how many were to be queued
	added  uint32 // how many were queued; the owner of each is its number
	ended  uint32
	peak   int      // how many waited at once since the queue was new
	over   []uint64 // one bit for each that has ended; kept for the judge only
}

// add queues one message.
func (o *outgoing) add(name string, body []byte) {
	g := &o.node.sim.gear
	g.ended = o.queue.Add(gossip.Message[uint32]{Name: name, Body: body, Owner: o.added}, g.ended[:0])
	o.added++
	o.peak = max(o.peak, o.queue.Len())
	o.settle(g.ended)
}

// manyQueued is how many messages leave a queue behind that takes more memory, empty, than it is
// worth keeping. After a join every node has had all names in its queue.
const manyQueued = 64

// Waiting implements gossip.Source.
func (o *outgoing) Waiting() bool { return o.queue.Len() > 0 }

// Take implements gossip.Source.
func (o *outgoing) Take(dst [][]byte, room *gossip.Room) [][]byte {
	s := o.node.sim
	limit := gossip.TransmitLimit(s.opt.Settings.RetransmitMult, o.node.machine.Len())
	dst, s.gear.ended = o.queue.Take(dst, s.gear.ended[:0], room, limit)
	o.settle(s.gear.ended)
	return dst
}

// settle notes which messages have ended.
func (o *outgoing) settle(ended []uint32) {
	o.ended += uint32(len(ended))
	if o.peak > manyQueued && o.queue.Len() == 0 {
		o.queue, o.peak = gossip.Queue[uint32]{}, 0
	}
	if j := o.node.sim.judge; j != nil && len(ended) > 0 {
		j.ended(o, ended)
	}
}
