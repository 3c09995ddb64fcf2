package memberlist

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/seed-f61b0479/memberlist/internal/gossip"
	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// sender is the way out: a message leaves with as many rumours and as much user data as fit, inside
// the layers that the configuration asks for. It is safe for concurrent use.
type sender struct {
	conf      *Config
	transport NodeAwareTransport
	direct    directWriter // the transport again, when it is our own and takes bytes without keeping them
	outbox    *outbox      // in front of a transport that is not ours
	keyring   *Keyring
	nonces    nonces
	rumours   gossip.Source
	staged    *staged
	noise     *sampler
	metrics   *telemetry

	turns sync.Mutex // a leaf: guards turn
	turn  gossip.Turn

	parcels sync.Pool
}

// directWriter sends a packet without keeping its bytes.
type directWriter interface {
	writeTo(b []byte, to netip.AddrPort) error
}

// maxKept is how many bytes of memory for a stream are kept for the next one: enough for the state of a cluster
// of ten thousand.
const maxKept = 2 << 20

// maxPacket is the largest payload of a UDP datagram over IPv4.
const maxPacket = 65507

// rumour is a membership broadcast: one per member's name waits, a newer one replaces the older.
type rumour struct{ swim.Broadcast }

var _ NamedBroadcast = (*rumour)(nil)

func (r *rumour) Name() string               { return r.Broadcast.Name }
func (r *rumour) Message() []byte            { return r.Body }
func (r *rumour) Invalidates(Broadcast) bool { return false }

// Finished ends the wait of Leave or UpdateNode.
func (r *rumour) Finished() {
	if r.Done != nil {
		close(r.Done)
	}
}

// parcel is the memory for one packet on its way out.
type parcel struct {
	packer gossip.Packer
	press  wire.Compressor
	must   [][]byte
	turn   gossip.Turn
	buf    []byte
	nonce  wire.Nonce
}

func (s *sender) parcel() *parcel {
	p, ok := s.parcels.Get().(*parcel)
	if !ok {
		p = new(parcel)
	}
	p.must = p.must[:0]
	return p
}

// frame says what goes around a packet.
func (s *sender) frame(p *parcel, checksum bool) wire.Frame {
	f := wire.Frame{Label: s.conf.Label, Key: s.key(), SealVersion: s.sealVersion(), Checksum: checksum}
	if s.compresses() {
		f.Compress = &p.press
	}
	return f
}

// key is what is sealed with now: nil sends plain text.
func (s *sender) key() *wire.Key {
	if !s.conf.GossipVerifyOutgoing {
		return nil
	}
	return s.keyring.primary()
}

func (s *sender) sealVersion() uint8 {
	if s.conf.ProtocolVersion == 1 {
		return 0
	}
	return 1
}

func (s *sender) compresses() bool { return s.conf.EnableCompression }

// send is the way of a packet that the machine wants out.
func (s *sender) send(out *swim.Packet) {
	p := s.parcel()
	defer s.parcels.Put(p)
	p.must = append(p.must, out.Body)
	if out.Extra != nil {
		p.must = append(p.must, out.Extra)
	}
	frame := s.frame(p, out.To.Checksum)
	msgs := p.must
	if !out.Bare {
		msgs = s.pack(p, &frame, s.rumours, s.staged)
		s.staged.want(out.To)
	}
	s.ship(p, &frame, msgs, out.To.Peer)
}

// gossip sends one packet of rumours and user data to a member, and reports whether there was any.
func (s *sender) gossip(to swim.Target, user gossip.Source) bool {
	return s.fill(to, s.rumours, user)
}

// mail is gossip without rumours.
func (s *sender) mail(to swim.Target, user gossip.Source) bool { return s.fill(to, nil, user) }

// fill sends one packet of what two sources have, and reports whether they had any.
func (s *sender) fill(to swim.Target, rumours, user gossip.Source) bool {
	p := s.parcel()
	defer s.parcels.Put(p)
	frame := s.frame(p, to.Checksum)
	msgs := s.pack(p, &frame, rumours, user)
	if len(msgs) == 0 {
		return false
	}
	s.ship(p, &frame, msgs, to.Peer)
	return true
}

// pack fills a packet up to the one budget. The turn is not held while sources are asked: two
// packets at once may both miss theirs, which costs the user a packet now and then and nothing else.
func (s *sender) pack(p *parcel, frame *wire.Frame, rumours, user gossip.Source) [][]byte {
	s.turns.Lock()
	p.turn = s.turn
	s.turns.Unlock()
	msgs := p.packer.Pack(s.conf.UDPBufferSize-frame.Overhead(), p.must, rumours, user, &p.turn)
	s.turns.Lock()
	s.turn = p.turn
	s.turns.Unlock()
	return msgs
}

// userRoom is the longest message of the application that fits into a packet.
func (s *sender) userRoom(checksum bool) int {
	frame := wire.Frame{Label: s.conf.Label, Key: s.key(), SealVersion: s.sealVersion(), Checksum: checksum}
	return s.conf.UDPBufferSize - frame.Overhead() - 1
}

// longestRumour is the longest message that fits into a packet now and after the next key has been added.
func (s *sender) longestRumour() int {
	frame := wire.Frame{Label: s.conf.Label, SealVersion: s.sealVersion(), Checksum: true}
	if s.keyring != nil {
		frame.Key = new(wire.Key)
	}
	return s.conf.UDPBufferSize - frame.Overhead()
}

// ship seals a packet and gives it to the transport. An error is as good as a lost packet: whoever
// waits for an answer draws the conclusion.
func (s *sender) ship(p *parcel, frame *wire.Frame, msgs [][]byte, to swim.Peer) {
	buf, err := s.seal(p, frame, msgs)
	if err != nil {
		s.metrics.drop("packet", "cannot be framed")
		return
	}
	if err := s.write(buf, to); err != nil {
		reportUnsent(err, s.metrics, s.noise)
	}
}

// seal makes the bytes of a packet, in the parcel's memory.
func (s *sender) seal(p *parcel, frame *wire.Frame, msgs [][]byte) ([]byte, error) {
	if frame.Key != nil {
		s.nonces.next(&p.nonce)
	}
	buf, err := frame.AppendPacket(p.buf[:0], &p.nonce, msgs)
	if err != nil {
		return nil, err
	}
	p.buf = buf
	s.metrics.udpSent(len(buf))
	return buf, nil
}

// write hands bytes to the transport: to our own in place, to another as a copy that it may keep.
func (s *sender) write(buf []byte, to swim.Peer) error {
	if s.direct != nil && to.Addr.IsValid() {
		return s.direct.writeTo(buf, to.Addr)
	}
	s.outbox.put(append([]byte(nil), buf...), addressOf(to))
	return nil
}

// sendUser sends one message of the application as a packet of its own, whatever its size, and
// returns what the transport says.
func (s *sender) sendUser(to Address, checksum bool, body []byte) error {
	p := s.parcel()
	defer s.parcels.Put(p)
	frame := s.frame(p, checksum)
	msg, err := s.lone(&frame, body)
	if err != nil {
		return fmt.Errorf("send %d bytes to %s: %w", len(body), to.String(), err)
	}
	buf, err := s.seal(p, &frame, append(p.must, msg))
	if err != nil {
		return fmt.Errorf("send to %s: %w", to.String(), err)
	}
	p.buf = nil // the transport may keep it
	if _, err := s.transport.WriteToAddress(buf, to); err != nil {
		return fmt.Errorf("send to %s: %w", to.String(), err)
	}
	return nil
}

// postUser is sendUser for a message that nobody waits for.
func (s *sender) postUser(to swim.Target, body []byte) {
	p := s.parcel()
	defer s.parcels.Put(p)
	frame := s.frame(p, to.Checksum)
	msg, err := s.lone(&frame, body)
	if err != nil {
		s.metrics.drop("user data", "too large")
		return
	}
	s.ship(p, &frame, append(p.must, msg), to.Peer)
}

// lone makes the message of a packet of its own. What compression would save does not count: receivers inflate
// no further than a packet may be long.
func (s *sender) lone(frame *wire.Frame, body []byte) ([]byte, error) {
	if most := s.largest(); frame.Overhead()+1+len(body) > most {
		return nil, fmt.Errorf("%w: a packet carries %d", ErrMessageTooLarge, most)
	}
	return append(append(make([]byte, 0, len(body)+1), byte(wire.TypeUser)), body...), nil
}

// largest is the longest packet that is sent. Our own transport is UDP; what another carries it knows itself,
// but its receivers take what a UDP datagram holds, or more if Config.UDPBufferSize says so.
func (s *sender) largest() int {
	if s.direct != nil {
		return maxPacket
	}
	return max(maxPacket, s.conf.UDPBufferSize)
}

// writeStream writes one message to a stream, behind the label if this side dialled.
func (s *sender) writeStream(conn net.Conn, label string, msg []byte, dialled bool) error {
	p := s.parcel()
	defer s.parcels.Put(p)
	frame := s.frame(p, false)
	frame.Label = label
	buf := p.buf[:0]
	var err error
	if dialled {
		if buf, err = wire.AppendLabel(buf, label); err != nil {
			return err
		}
	}
	s.nonces.next(&p.nonce)
	if buf, err = frame.AppendStream(buf, &p.nonce, msg); err != nil {
		return err
	}
	if cap(buf) <= maxKept {
		p.buf = buf
	}
	n, err := conn.Write(buf)
	s.metrics.tcpSent(n)
	return err
}

// addressOf spells a peer as transports want it.
func addressOf(p swim.Peer) Address {
	if !p.Addr.IsValid() {
		return Address{Addr: p.Opaque, Name: p.Name}
	}
	return Address{Addr: netip.AddrPortFrom(p.Addr.Addr().Unmap(), p.Addr.Port()).String(), Name: p.Name}
}
