package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// numbered returns n messages of two bytes, all different.
func numbered(n int) (msgs [][]byte) {
	for i := range n {
		msgs = append(msgs, []byte{byte(i >> 8), byte(i)})
	}
	return msgs
}

// wantMail checks that every message came, and nothing else.
func wantMail(t *testing.T, got, want [][]byte) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortFunc(got, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d messages came, want exactly the %d that were sent", len(got), len(want))
	}
}

func TestDefectB03AnAckWithAnyNumberOfMessagesIsWhole(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", quiet, func(c *Config) { c.UDPBufferSize = 8000 })
		s := b.stranger("s")
		s.say(m, s.alive(1))
		sent := numbered(700)
		for _, body := range sent {
			m.sender.staged.put(body)
		}
		var got [][]byte
		for seq := range 4 {
			s.say(m, &wire.Ping{SeqNo: uint32(seq), Node: "m", SourceNode: "s", SourceAddr: s.at.Addr().AsSlice(), SourcePort: s.at.Port()})
			for _, msg := range b.messages(s.heard()...) {
				switch msg.Type {
				case wire.TypeUser:
					got = append(got, msg.Body)
				case wire.TypeAck, wire.TypeAlive:
				default:
					t.Errorf("a message of type %v that nobody sent", msg.Type)
				}
			}
		}
		wantMail(t, got, sent)
	})
}

func TestOldDefectF13AnyNumberOfSmallBroadcastsArrives(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		sent := numbered(3000)
		from, to := &inbox{}, &inbox{}
		m := b.create("m", func(c *Config) { c.Delegate, c.UDPBufferSize, c.HandoffQueueDepth = from, 4000, 4000 })
		z := b.create("z", func(c *Config) { c.Delegate, c.HandoffQueueDepth = to, 4000 })
		b.join(z, m)
		from.offer(sent...)
		time.Sleep(10 * time.Second)
		wantMail(t, to.messages(), sent)
	})
}

func TestDefectB04AMessageLongerThanAPartCanBeIsNotCut(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		sent := append(numbered(3), bytes.Repeat([]byte("long"), 70_000/4), bytes.Repeat([]byte("fits"), 65_000/4))
		from, to := &inbox{}, &inbox{}
		big := func(c *Config) { c.UDPBufferSize, c.EnableCompression = 200_000, false }
		m := b.create("m", big, func(c *Config) { c.Delegate = from })
		z := b.create("z", big, func(c *Config) { c.Delegate = to })
		b.join(z, m)
		from.offer(sent...)
		time.Sleep(10 * time.Second)
		wantMail(t, to.messages(), sent)
	})
}

func TestDefectB07APacketInflatesNoFurtherThanAPacketMay(t *testing.T) {
	sink := inmem(t)
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		bomb := (&wire.Compressed{Buf: lzwOf(t, 40<<20)}).Append(nil)
		if got := allocated(func() { s.sayRaw(m, bomb) }); got > 1<<20 {
			t.Errorf("a packet of %d bytes took %d bytes of memory", len(bomb), got)
		}
		if n := dropsOf(m, sink, "inflates"); n != 1 {
			t.Errorf("%d packets counted as dropped, want 1", n)
		}
		user := append([]byte{byte(wire.TypeUser)}, make([]byte, 60<<10)...)
		var c wire.Frame
		c.Compress = new(wire.Compressor)
		fair, err := c.AppendPacket(nil, nil, [][]byte{user})
		if err != nil {
			t.Fatal(err)
		}
		s.sayRaw(m, fair)
		if n := dropsOf(m, sink, "inflates"); n != 1 {
			t.Error("a packet was dropped that inflates to 60 KiB")
		}
	})
}

func TestDefectB21APacketThatWeFillNeverExceedsItsLimit(t *testing.T) {
	for _, test := range []struct {
		says  string
		tweak func(*Config)
	}{
		{"as it is by default", func(*Config) {}},
		{"with a label", func(c *Config) { c.Label = "blue" }},
		{"with a label and sealed", func(c *Config) { c.Label, c.SecretKey = "blue", keyA }},
		{"sealed as the first version did", func(c *Config) { c.SecretKey, c.ProtocolVersion = keyA, 1 }},
	} {
		t.Run(test.says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				d := &inbox{give: func(overhead, limit int) (msgs [][]byte) {
					for size := 7 + overhead; limit >= size; limit -= size {
						msgs = append(msgs, []byte("7 bytes"))
					}
					return msgs
				}}
				m := b.create("m", test.tweak, func(c *Config) {
					c.ProbeInterval, c.PushPullInterval = 0, 0
					c.Delegate, c.EnableCompression = d, false
				})
				s := b.stranger("s")
				m.learn(*s.alive(1)) // its versions say that it understands checksums
				longest := 0
				for range 50 {
					time.Sleep(m.conf.GossipInterval)
					for _, p := range s.heard() {
						longest = max(longest, len(p))
					}
				}
				if limit := m.conf.UDPBufferSize; longest > limit || longest < limit-40 {
					t.Errorf("the longest of many full packets has %d bytes, want about %d and not more", longest, limit)
				}
			})
		})
	}
}

func TestDefectB22WhatAPacketCannotCarryIsRefused(t *testing.T) {
	random := make([]byte, 100<<10)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	for _, test := range []struct {
		says string
		body []byte
		fits bool
	}{
		{"a common message", random[:100], true},
		{"one that is longer than the packets that we fill", random[:60_000], true},
		{"the longest", random[:65_506], true},
		{"one byte more", random[:65_507], false},
		{"much more", random, false},
		{"much more that compression would make short, and the receiver long again", make([]byte, 100<<10), false},
	} {
		t.Run(test.says, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				d := &inbox{}
				m, z := b.create("m", quiet), b.create("z", quiet, func(c *Config) { c.Delegate = d })
				to := z.LocalNode()
				for _, send := range []func() error{
					func() error { return m.SendToAddress(to.FullAddress(), test.body) },
					func() error {
						old := *to
						old.PMax = 4 // no checksum, which would take five bytes
						return m.SendBestEffort(&old, test.body)
					},
				} {
					if err := send(); test.fits && err != nil || !test.fits && !errors.Is(err, ErrMessageTooLarge) {
						t.Errorf("error %v", err)
					}
				}
				time.Sleep(time.Second)
				if want := map[bool]int{true: 2, false: 0}[test.fits]; len(d.messages()) != want {
					t.Errorf("%d messages came, want %d", len(d.messages()), want)
				}
			})
		})
	}
}

func TestOldDefectF14BestEffortMessagesGoToTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		b.stranger("other")
		to := &Node{Name: "other", Addr: net.IP(s.at.Addr().AsSlice()), Port: s.at.Port()}
		if err := m.SendBestEffort(to, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		got := b.messages(s.heard()...)
		if len(got) != 1 || string(got[0].Body) != "hello" {
			t.Errorf("the address got %v", got)
		}
	})
}

// udp is a socket of somebody who is no member.
func udp(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func portOf(c *net.UDPConn) uint16 { return c.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

// receive returns the next datagram.
func receive(t *testing.T, c *net.UDPConn) []byte {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func TestDefectB29InPlainTextAnswersGoToWhereTheQuestionCameFrom(t *testing.T) {
	conf := DefaultLANConfig()
	conf.Name, conf.BindAddr, conf.BindPort = "m", "127.0.0.1", 0
	conf.Slog = newLogger(&Config{LogOutput: testLog{t}})
	quiet(conf)
	m, err := Create(conf)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Shutdown()
	node := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(conf.BindPort))
	forger, victim, member := udp(t), udp(t), udp(t)
	m.learn(wire.Alive{
		Incarnation: 1, Node: "member", Addr: []byte{127, 0, 0, 1}, Port: portOf(member), Vsn: []byte{1, 5, 2, 0, 0, 0},
	})
	ask := func(seq uint32, source string, port uint16) {
		t.Helper()
		ping := wire.Ping{SeqNo: seq, Node: "m", SourceNode: source, SourceAddr: []byte{127, 0, 0, 1}, SourcePort: port}
		if _, err := forger.WriteToUDPAddrPort(ping.Append(nil), node); err != nil {
			t.Fatal(err)
		}
	}
	for seq, source := range []string{"", "stranger", "member", "m"} {
		ask(uint32(seq), source, portOf(victim))
		var ack wire.Ack
		got := receive(t, forger)
		if wire.Type(got[0]) != wire.TypeAck || ack.Decode(got[1:]) != nil || ack.SeqNo != uint32(seq) {
			t.Errorf("as %q the asker got %q, want a bare ack", source, got)
		}
	}
	if _, err := forger.WriteToUDPAddrPort([]byte("nothing before"), netip.AddrPortFrom(node.Addr(), portOf(victim))); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, victim); string(got) != "nothing before" {
		t.Errorf("the victim got %q", got)
	}
	ask(99, "member", portOf(member)) // as from behind a gateway: it is where that member is known to be
	if got := receive(t, member); len(got) == 0 {
		t.Error("the member got nothing")
	}
}

func TestOldDefectF04VersionBytesThatAreMissingDoNoHarm(t *testing.T) {
	for n := range 6 {
		t.Run(fmt.Sprintf("%d version bytes", n), func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				told, ask := &diary{}, &consent{}
				m := b.create("m", quiet, func(c *Config) { c.Events, c.Alive, c.Merge = told, ask, ask })
				s := b.stranger("s")
				short := s.alive(3)
				short.Vsn = short.Vsn[:n]
				s.say(m, short)
				aboutUs := claimOf(m, 5)
				aboutUs.Vsn = aboutUs.Vsn[:n]
				s.say(m, aboutUs)
				bad, good := s.row(3), s.row(3)
				bad.Vsn, good.Name = bad.Vsn[:n], "good"
				answer := s.converse(m, (&wire.State{Join: true, Rows: []wire.Row{good, bad}}).Append(nil))
				if text := b.errorReply(answer); !strings.Contains(text, `"s"`) {
					t.Errorf("a state with such a living member was answered %q, want an error that names it", text)
				}
				bad.State = int(StateDead)
				answer = s.converse(m, (&wire.State{Join: true, Rows: []wire.Row{good, bad}}).Append(nil))
				for _, row := range b.state(answer).Rows {
					if len(row.Vsn) != 6 || row.Name == "s" {
						t.Errorf("the node tells others of %q with versions %v", row.Name, row.Vsn)
					}
				}
				time.Sleep(time.Second)
				if got := told.String(); got != "join m, join good" {
					t.Errorf("told %q", got)
				}
			})
		})
	}
}

// consent is an Alive and a Merge delegate that reads everything and agrees.
type consent struct{}

func (*consent) NotifyAlive(n *Node) error {
	_ = n.String() + n.FullAddress().Addr
	return nil
}

func (c *consent) NotifyMerge(peers []*Node) (err error) {
	for _, n := range peers {
		err = c.NotifyAlive(n)
	}
	return err
}

func TestOldDefectF11AbsurdVersionsKeepNobodyElseOut(t *testing.T) {
	for _, vsn := range [][]byte{{0, 0, 0, 0, 0, 0}, {5, 1, 2, 0, 0, 0}, {200, 255, 201, 0, 0, 0}, {1, 5, 9, 0, 0, 0}, {1, 5, 2, 9, 1, 5}} {
		t.Run(fmt.Sprint(vsn), func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				m, s := b.create("m"), b.stranger("s")
				claim := s.alive(1)
				claim.Vsn = vsn
				s.say(m, claim)
				row := s.row(1)
				row.Vsn = vsn
				s.converse(m, (&wire.State{Rows: []wire.Row{row}}).Append(nil))
				z := b.create("z")
				b.join(z, m)
				if names(m) != "m z" || names(z) != "m z" {
					t.Errorf("m sees %q, z sees %q", names(m), names(z))
				}
			})
		})
	}
}
