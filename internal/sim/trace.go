package sim

import (
	"fmt"
	"strings"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// trace writes a line about the node, if anybody reads it.
func (n *Node) trace(format string, args ...any) {
	if n.sim.opt.Trace == nil || !n.sim.watched(n) {
		return
	}
	n.sim.opt.Trace(fmt.Sprintf("%12.6fs  %v %s", n.sim.now.Seconds(), n, fmt.Sprintf(format, args...)))
}

func (s *Sim) watched(n *Node) bool { return s.opt.Watch == nil || s.opt.Watch(n.Name) }

// tracePacket writes what a packet says that the node sends.
func (n *Node) tracePacket(arrow string, place int, msgs [][]byte) {
	if n.sim.opt.Trace == nil || !n.sim.watched(n) {
		return
	}
	words := make([]string, len(msgs))
	for i, m := range msgs {
		words[i] = spell(wire.Type(m[0]), m[1:])
	}
	n.trace("%s %s: %s", arrow, n.sim.nameAt(place), strings.Join(words, ", "))
}

// traceMessages writes what a packet says that the node reads.
func (n *Node) traceMessages(place int, msgs []wire.Message) {
	if n.sim.opt.Trace == nil || !n.sim.watched(n) {
		return
	}
	words := make([]string, len(msgs))
	for i, m := range msgs {
		words[i] = spell(m.Type, m.Body)
	}
	n.trace("← %s: %s", n.sim.nameAt(place), strings.Join(words, ", "))
}

// nameAt says who is at a place.
func (s *Sim) nameAt(place int) string {
	if place < 0 {
		return "nowhere"
	}
	if n := s.hosts[place].node; n != nil {
		return n.String()
	}
	return s.hosts[place].addr.String()
}

// traceNews writes what the node tells its user.
func (n *Node) traceNews(x *swim.News) {
	if n.sim.opt.Trace == nil || !n.sim.watched(n) {
		return
	}
	text := fmt.Sprintf("! %v %s %d %v", x.Kind, x.Member.Name, x.Member.Incarnation, x.Member.State)
	if x.From != "" {
		text += " from " + x.From
	}
	n.trace("%s", text)
}

// spell says in words what a message says.
func spell(t wire.Type, body []byte) string {
	var err error
	var text string
	switch t {
	case wire.TypePing:
		var m wire.Ping
		err = m.Decode(body)
		text = fmt.Sprintf("ping %d %s", m.SeqNo, m.Node)
	case wire.TypeIndirectPing:
		var m wire.IndirectPing
		err = m.Decode(body)
		text = fmt.Sprintf("ping-req %d %s", m.SeqNo, m.Node)
	case wire.TypeAck:
		var m wire.Ack
		err = m.Decode(body)
		text = fmt.Sprintf("ack %d", m.SeqNo)
	case wire.TypeNack:
		var m wire.Nack
		err = m.Decode(body)
		text = fmt.Sprintf("nack %d", m.SeqNo)
	case wire.TypeAlive:
		var m wire.Alive
		err = m.Decode(body)
		text = fmt.Sprintf("alive %s %d %v", m.Node, m.Incarnation, m.Addr)
	case wire.TypeSuspect:
		var m wire.Suspect
		err = m.Decode(body)
		text = fmt.Sprintf("suspect %s %d (from %s)", m.Node, m.Incarnation, m.From)
	case wire.TypeDead:
		var m wire.Dead
		err = m.Decode(body)
		text = fmt.Sprintf("dead %s %d (from %s)", m.Node, m.Incarnation, m.From)
	default:
		text = fmt.Sprintf("%v of %d bytes", t, len(body))
	}
	if err != nil {
		return fmt.Sprintf("%v that cannot be read", t)
	}
	return text
}
