package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// letterbox keeps what NotifyMsg brings.
type letterbox struct {
	mu  sync.Mutex
	all [][]byte
}

func (i *letterbox) add(b []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all = append(i.all, b)
}

// take returns what has come since the last take.
func (i *letterbox) take() [][]byte {
	synctest.Wait()
	i.mu.Lock()
	defer i.mu.Unlock()
	all := i.all
	i.all = nil
	return all
}

// receives makes a node put its messages into an letterbox.
func (i *letterbox) receives(c *Config) { c.Delegate = &hooks{msg: i.add} }

// envelopes are the layers that a configuration may put around a packet, and what they take at most.
var envelopes = map[string]struct {
	tweak func(*Config)
	takes int
}{
	"plain":        {func(*Config) {}, 0},
	"label":        {func(c *Config) { c.Label = "blue" }, 6},
	"long label":   {func(c *Config) { c.Label = strings.Repeat("x", 255) }, 257},
	"key":          {func(c *Config) { c.SecretKey = bytes.Repeat([]byte{1}, 16) }, 29},
	"key, old":     {func(c *Config) { c.SecretKey = bytes.Repeat([]byte{1}, 16); elder(c) }, 45},
	"checksum":     {func(c *Config) { c.ProtocolVersion = 5 }, 5},
	"everything":   {func(c *Config) { c.Label, c.SecretKey, c.ProtocolVersion = "blue", bytes.Repeat([]byte{1}, 32), 5 }, 40},
	"uncompressed": {func(c *Config) { c.EnableCompression = false }, 0},
}

// elder makes a node speak protocol version 1, in which all nodes have one port, and moves it there.
func elder(c *Config) {
	c.ProtocolVersion = 1
	tr, ok := c.Transport.(*MockTransport)
	if !ok {
		tr = c.Transport.(*tap).MockTransport
	}
	tr.node.Shutdown()
	tr.at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(tr.at.Port() >> 8), byte(tr.at.Port())}), uint16(c.BindPort))
	tr.addr.addr = tr.at.String()
	tr.node = tr.net.net.Attach(tr.addr.name, tr.addr, tr.take)
}

func TestSection5SendBestEffortCarriesWhatTheTransportDoes(t *testing.T) {
	for name, env := range envelopes {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				var in letterbox
				a := b.create("a", env.tweak, in.receives)
				z := b.create("z", env.tweak)
				to := a.LocalNode() // it understands the checksum
				takes := env.takes
				if !strings.Contains("checksum everything", name) {
					takes += 5
				}
				most := maxPacket - takes - 1
				for what, msg := range map[string][]byte{
					"nothing": {}, "a byte": {7}, "1400": noise(1400), "noise": noise(most), "zeros": make([]byte, most),
				} {
					if err := z.SendBestEffort(to, msg); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					if got := in.take(); len(got) != 1 || !bytes.Equal(got[0], msg) {
						t.Errorf("%s: %d messages came", what, len(got))
					}
				}
				for what, msg := range map[string][]byte{"noise": noise(most + 1), "zeros": make([]byte, most+1), "100 KB": make([]byte, 1e5)} {
					if err := z.SendBestEffort(to, msg); !errors.Is(err, ErrMessageTooLarge) {
						t.Errorf("too much %s: %v", what, err)
					}
				}
			})
		})
	}
}

func TestSection5ATransportOfItsOwnCarriesWhatUDPBufferSizeSays(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var in letterbox
		large := func(c *Config) { c.UDPBufferSize = 200 << 10 }
		a, z := b.create("a", large, in.receives), b.create("z", large)
		most := 200<<10 - 5 - 1 // a checksum and a type byte
		for what, msg := range map[string][]byte{"noise": noise(most), "zeros": make([]byte, most)} {
			if err := z.SendBestEffort(a.LocalNode(), msg); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if got := in.take(); len(got) != 1 || !bytes.Equal(got[0], msg) {
				t.Errorf("%s: %d messages came", what, len(got))
			}
		}
		if err := z.SendBestEffort(a.LocalNode(), make([]byte, most+1)); !errors.Is(err, ErrMessageTooLarge) {
			t.Errorf("too much: %v", err)
		}
		own := &sender{conf: a.conf, direct: new(NetTransport)}
		if got := own.largest(); got != maxPacket {
			t.Errorf("our own transport is given packets of %d bytes", got)
		}
	})
}

func TestSection5SendBestEffortReturnsTheTransportsErrorAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		why := errors.New("no buffer space")
		m := b.create("m", through(&tap{write: func([]byte, Address) error { return why }}))
		to := nodeAt(b.mute("q"), "q")
		for what, err := range map[string]error{
			"SendBestEffort": m.SendBestEffort(to, nil),
			"SendToAddress":  m.SendToAddress(to.FullAddress(), nil),
			"SendTo":         m.SendTo(&MockAddress{addr: to.Address()}, nil),
			"SendToUDP":      m.SendToUDP(to, nil),
		} {
			if !errors.Is(err, why) || !strings.Contains(err.Error(), to.Address()) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestSection5EveryWayOfSendingArrives(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var in letterbox
		a, z := b.create("a", in.receives), b.create("z")
		to := a.LocalNode()
		for _, send := range []func([]byte) error{
			func(m []byte) error { return z.SendBestEffort(to, m) },
			func(m []byte) error { return z.SendReliable(to, m) },
			func(m []byte) error { return z.SendToUDP(to, m) },
			func(m []byte) error { return z.SendToTCP(to, m) },
			func(m []byte) error { return z.SendTo(&MockAddress{addr: to.Address()}, m) },
			func(m []byte) error { return z.SendToAddress(to.FullAddress(), m) },
			func(m []byte) error { return z.SendToAddress(Address{Addr: to.Address()}, m) },
			func(m []byte) error { return a.SendReliable(to, m) }, // to ourselves
		} {
			for _, msg := range [][]byte{nil, []byte("hello")} {
				if err := send(msg); err != nil {
					t.Error(err)
				}
				if got := in.take(); len(got) != 1 || !bytes.Equal(got[0], msg) {
					t.Errorf("%q arrived for %q", got, msg)
				}
			}
		}
		if names(a) != "a" || names(z) != "z" {
			t.Error("messages made members")
		}
	})
}

func TestSection5SendReliableCarries20MiBAndNoMore(t *testing.T) {
	for _, name := range []string{"plain", "everything", "key, old"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				var in letterbox
				a, z := b.create("a", envelopes[name].tweak, in.receives), b.create("z", envelopes[name].tweak)
				to := a.LocalNode()
				if err := z.SendReliable(to, make([]byte, 20<<20+1)); !errors.Is(err, ErrMessageTooLarge) {
					t.Errorf("over 20 MiB: %v", err)
				}
				for what, msg := range map[string][]byte{"zeros": make([]byte, 20<<20), "noise": noise(20 << 20)} {
					err := z.SendReliable(to, msg)
					got := in.take()
					if err == nil && (len(got) != 1 || !bytes.Equal(got[0], msg)) {
						t.Errorf("%s: sent without error, and %d messages came", what, len(got))
					}
					if err != nil && (!errors.Is(err, ErrMessageTooLarge) || name == "plain") {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		})
	}
}

func TestSection2UserPing(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		a, m := b.create("a"), b.create("m", func(c *Config) { c.ProbeTimeout = 300 * time.Millisecond })
		addr := &MockAddress{addr: a.LocalNode().Address()}
		if rtt, err := m.Ping("a", addr); rtt != 0 || err != nil {
			t.Errorf("%v, %v", rtt, err)
		}
		if _, err := m.Ping("", addr); err != nil {
			t.Errorf("a ping for whoever is there: %v", err)
		}
		for what, to := range map[string]net.Addr{"a": &MockAddress{addr: b.mute("q")}, "other": addr} {
			begun := time.Now()
			_, err := m.Ping(what, to)
			var silent NoPingResponseError
			if !errors.As(err, &silent) || !strings.Contains(err.Error(), what) || time.Since(begun) != 300*time.Millisecond {
				t.Errorf("%s: %v after %v", what, err, time.Since(begun))
			}
		}
		if m.GetHealthScore() != 0 {
			t.Errorf("a ping changed the health to %d", m.GetHealthScore())
		}
	})
}

func TestSection5NotifyMsgComesAfterTheNewsOfItsPacket(t *testing.T) {
	for name, tweak := range map[string]func(*Config){
		"alone":                  func(c *Config) { c.Alive = nil },
		"with an Alive delegate": func(*Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				h := &hooks{
					alive: func(*Node) error { time.Sleep(time.Second); return nil },
					join:  func(*Node) { time.Sleep(time.Second) },
				}
				m := b.create("m", h.all, tweak)
				h.forget()
				alive := wire.Alive{Incarnation: 1, Node: "new", Addr: []byte{10, 0, 0, 1}, Port: 1, Vsn: m.conf.BuildVsnArray()}
				frame := wire.Frame{}
				buf, err := frame.AppendPacket(nil, nil, [][]byte{append([]byte{8}, "hello"...), alive.Append(nil)})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.net.NewTransport("other").WriteTo(buf, m.LocalNode().Address()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				if got := h.told("NotifyJoin", "NotifyMsg"); got != "NotifyJoin new, NotifyMsg hello" {
					t.Errorf("told %q", got)
				}
			})
		})
	}
}

func TestSection3NoDatagramExceedsTheBudget(t *testing.T) {
	for name, env := range envelopes {
		for _, limit := range []int{0, 1024, 4000, 70000} {
			t.Run(fmt.Sprint(name, " ", limit), func(t *testing.T) {
				bubble(t, func(t *testing.T, b *lab) { crowd(t, b, env.tweak, limit) })
			})
		}
	}
}

// crowd has twelve nodes gossip many small messages of the user besides rumours.
func crowd(t *testing.T, b *lab, tweak func(*Config), limit int) {
	out := &sizes{}
	chance := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex // of chance and queue
	queue := TransmitLimitedQueue{NumNodes: func() int { return 12 }, RetransmitMult: 3}
	said := 0
	nodes := b.cluster(12, tweak, func(c *Config) {
		through(&tap{write: out.see})(c)
		c.UDPBufferSize, c.Meta, c.EnableCompression = limit, noise(200), false
		if c.Name == "a" {
			c.Delegate = &hooks{broadcasts: func(overhead, limit int) [][]byte { return queue.GetBroadcasts(overhead, limit) }}
		}
	})
	out.reset()
	for range 50 {
		mu.Lock()
		for range 100 {
			said++
			queue.QueueBroadcast(&uniqueMessage{noise(1 + chance.IntN(9))})
		}
		mu.Unlock()
		time.Sleep(200 * time.Millisecond)
	}
	most := limit
	if most == 0 {
		most = 1400
	}
	longest := out.longest()
	if longest > min(most, maxPacket) {
		t.Errorf("a datagram of %d bytes", longest)
	}
	if said > 0 && most < 3000 && longest < most*9/10 {
		t.Errorf("the longest datagram has %d bytes of %d: packets are not filled", longest, most)
	}
	for _, m := range nodes {
		if m.NumMembers() != 12 {
			t.Errorf("%s sees %q", m.LocalNode().Name, names(m))
		}
	}
}

// uniqueMessage is a broadcast that replaces nothing.
type uniqueMessage struct{ body []byte }

func (m *uniqueMessage) Invalidates(Broadcast) bool { return false }
func (m *uniqueMessage) Message() []byte            { return m.body }
func (m *uniqueMessage) Finished()                  {}
func (m *uniqueMessage) UniqueBroadcast()           {}

func TestBetter64WhatGetBroadcastsReturnsBeyondItsLimitLeavesToo(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var in letterbox
		out := &sizes{}
		said := make(map[string]bool)
		var once sync.Once
		h := &hooks{broadcasts: func(int, int) (list [][]byte) {
			once.Do(func() {
				for i := range 300 {
					list = append(list, append(fmt.Append(nil, i, " "), noise(50)...))
				}
				list = append(list, noise(1300), noise(5000)) // one as long as a packet, one longer
				for _, msg := range list {
					said[string(msg)] = true
				}
			})
			return list
		}}
		a := b.create("a", through(&tap{write: out.see}))
		z := b.create("z", in.receives)
		m := b.create("m", through(&tap{write: out.see}), h.all)
		_ = a
		b.join(z, m)
		time.Sleep(10 * time.Second)
		for _, msg := range in.take() {
			delete(said, string(msg))
		}
		if len(said) > 0 {
			t.Errorf("%d of 302 messages never left", len(said))
		}
		if n := out.longest(); n > 5100 {
			t.Errorf("a datagram of %d bytes", n)
		}
	})
}

func TestBetter64UserDataIsNotStarvedByRumours(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var in letterbox
		sent := 0
		h := &hooks{broadcasts: func(overhead, limit int) [][]byte {
			if limit < 500 {
				return nil
			}
			sent++
			return [][]byte{noise(limit - overhead)}
		}}
		m := b.create("m", h.all)
		z := b.create("z", in.receives)
		b.join(z, m)
		in.take()
		for range 100 { // more rumours than packets can take
			for i := range 100 {
				m.cluster.rumours.QueueBroadcast(&rumour{swim.Broadcast{Name: fmt.Sprint(i), Body: suspicion(fmt.Sprint("nobody", i))}})
			}
			time.Sleep(200 * time.Millisecond)
		}
		long := 0
		for _, msg := range in.take() {
			if len(msg) > 1300 {
				long++
			}
		}
		if long < 20 {
			t.Errorf("%d packets of the user in 100 ticks, one in four is his", long)
		}
	})
}

// suspicion is a membership message about somebody whom nobody knows.
func suspicion(name string) []byte {
	s := wire.Suspect{Incarnation: 1, Node: name, From: strings.Repeat("y", 100)}
	return s.Append(nil)
}

func TestBetter65NothingGivenIsAnErrorAndNoPanic(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("a")
		_, created := Create(nil)
		_, pinged := m.Ping("b", nil)
		for call, err := range map[string]error{
			"Create":         created,
			"Ping":           pinged,
			"SendTo":         m.SendTo(nil, []byte("x")),
			"SendBestEffort": m.SendBestEffort(nil, []byte("x")),
			"SendReliable":   m.SendReliable(nil, []byte("x")),
			"SendToTCP":      m.SendToTCP(nil, []byte("x")),
			"SendToUDP":      m.SendToUDP(nil, []byte("x")),
		} {
			if err == nil {
				t.Errorf("%s of nothing succeeded", call)
			}
		}
	})
}
