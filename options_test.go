package memberlist

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestBetter62MembersAreSnapshotsInASliceOfTheCallersOwn(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(3)
		first, again := nodes[0].Members(), nodes[0].Members()
		old := node(nodes[0], "b")
		first[0] = nil
		slices.SortFunc(again, func(x, y *Node) int { return strings.Compare(y.Name, x.Name) })
		if got := names(nodes[0]); got != "a b c" {
			t.Errorf("after a caller has cut and sorted his, a sees %q", got)
		}
		if err := nodes[1].UpdateMeta(context.Background(), []byte("new")); err != nil {
			t.Fatal(err)
		}
		b.eventually(5*time.Second, "the new metadata", func() bool { return string(node(nodes[0], "b").Meta) == "new" })
		if len(old.Meta) != 0 {
			t.Errorf("a snapshot changed: metadata %q", old.Meta)
		}
		if one, same := node(nodes[0], "c"), node(nodes[0], "c"); one != same {
			t.Error("a node that did not change is made anew for each call")
		}
		mine := []byte("mine")
		if err := nodes[2].UpdateMeta(context.Background(), mine); err != nil {
			t.Fatal(err)
		}
		copy(mine, "your")
		if got := string(nodes[2].LocalNode().Meta); got != "mine" {
			t.Errorf("the caller's bytes were kept: %q", got)
		}
	})
}

// accuse has m suspect a member that it can reach no more.
func accuse(m *Memberlist, name string) {
	inc := incarnation(m, name)
	m.cluster.step(func(c *swim.Machine, now time.Time) {
		c.Suspect(now, &wire.Suspect{Incarnation: inc, Node: name, From: m.conf.Name})
	})
}

func TestBetter62ASuspectIsShownAsAliveUnlessAskedFor(t *testing.T) {
	for _, report := range []bool{false, true} {
		bubble(t, func(t *testing.T, b *lab) {
			var joined, left atomic.Int32
			nodes := b.cluster(4, func(c *Config) {
				c.ReportSuspects = report
				c.Events = &hooks{
					join:  func(n *Node) { joined.Store(int32(n.State)) },
					leave: func(n *Node) { left.Store(int32(n.State)) },
				}
			})
			want := map[bool]NodeStateType{false: StateAlive, true: StateSuspect}[report]
			accuse(nodes[0], "b")
			if got := node(nodes[0], "b").State; got != want || nodes[0].NumMembers() != 4 {
				t.Errorf("report %v: shown as %v, %d members", report, got, nodes[0].NumMembers())
			}
			if NodeStateType(joined.Load()) != StateAlive {
				t.Errorf("joined as %v", NodeStateType(joined.Load()))
			}
			nodes[1].Shutdown()
			time.Sleep(time.Minute)
			if state := NodeStateType(left.Load()); state != StateDead || nodes[0].NumMembers() != 3 {
				t.Errorf("left as %v, %d members", state, nodes[0].NumMembers())
			}
		})
	}
}

func TestBetter69ForceRemoveTellsTheClusterAndALivingMemberRefutes(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		nodes := b.cluster(4, func(c *Config) {
			if c.Name == "a" {
				c.Events = h
			}
		})
		for _, name := range []string{"a", "nobody", ""} {
			if err := nodes[0].ForceRemove(name); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
				t.Errorf("%q: %v", name, err)
			}
		}
		nodes[3].Shutdown()
		h.forget()
		if err := nodes[0].ForceRemove("d"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it may be called in NotifyLeave, so it does not wait for that
		if got := h.told(); got != "NotifyLeave d left" {
			t.Errorf("told %q", got)
		}
		for _, m := range nodes[:3] {
			b.eventually(3*time.Second, "d is gone", func() bool { return names(m) == "a b c" })
		}
		if gone := nodes[1].Departed(); len(gone) != 1 || gone[0].Node.Name != "d" || gone[0].Node.State != StateLeft {
			t.Errorf("departed %v", gone)
		}
		h.forget()
		if err := nodes[0].ForceRemove("c"); err != nil {
			t.Fatal(err)
		}
		b.eventually(5*time.Second, "c is back", func() bool { return names(nodes[0]) == "a b c" && names(nodes[2]) == "a b c" })
		if got := h.told("Notify"); got != "NotifyLeave c left, NotifyJoin c" {
			t.Errorf("told %q", got)
		}
	})
}

func TestBetter69DepartedNamesWhoHasGoneAndSinceWhen(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(4)
		begun := time.Now()
		nodes[2].Shutdown()
		if err := nodes[3].Leave(0); err != nil {
			t.Fatal(err)
		}
		nodes[3].Shutdown()
		b.eventually(time.Minute, "c is dead", func() bool { return names(nodes[0]) == "a b" })
		var got []string
		for _, d := range nodes[0].Departed() {
			got = append(got, d.Node.Name+" "+d.Node.State.String())
			if d.Since.Before(begun) || d.Since.After(time.Now()) {
				t.Errorf("%s since %v", d.Node.Name, d.Since.Sub(begun))
			}
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != "c dead, d left" {
			t.Errorf("departed %q", text)
		}
		time.Sleep(31 * time.Second) // GossipToTheDeadTime
		if left := nodes[0].Departed(); len(left) != 0 {
			t.Errorf("still known: %v", left)
		}
	})
}

func TestBetter69MetaNeedsNoDelegateAndOneWithDelegateIsNotAsked(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{meta: func() []byte { return []byte("delegate's") }}
		meta := []byte("config's")
		a := b.create("a", func(c *Config) { c.Meta = meta; h.all(c) })
		copy(meta, "XXXXXXXX")
		if got := string(a.LocalNode().Meta); got != "config's" || h.told("NodeMeta") != "" {
			t.Errorf("metadata %q, asked %q", got, h.told("NodeMeta"))
		}
		if err := a.UpdateNode(0); err != nil || string(a.LocalNode().Meta) != "config's" {
			t.Errorf("%v, metadata %q", err, a.LocalNode().Meta)
		}
		z := b.create("z", h.all)
		if err := z.UpdateMeta(context.Background(), nil); err != nil || len(z.LocalNode().Meta) != 0 {
			t.Errorf("%v, metadata %q", err, z.LocalNode().Meta)
		}
		h.forget()
		if err := z.UpdateNode(0); err != nil || len(z.LocalNode().Meta) != 0 || h.told("NodeMeta") != "" {
			t.Errorf("%v, metadata %q, asked %q", err, z.LocalNode().Meta, h.told("NodeMeta"))
		}
	})
}

func TestBetter69ProbeByStreamWorksWhereNoDatagramPasses(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(3, func(c *Config) {
			c.ProbeByStream, c.PushPullInterval = true, 5*time.Second
			through(&tap{write: func([]byte, Address) error { return net.ErrClosed }})(c)
		})
		time.Sleep(2 * time.Minute)
		for _, m := range nodes {
			if names(m) != "a b c" || m.GetHealthScore() != 0 {
				t.Errorf("%s sees %q with health %d", m.LocalNode().Name, names(m), m.GetHealthScore())
			}
		}
		nodes[2].Shutdown()
		b.eventually(2*time.Minute, "c is gone", func() bool { return names(nodes[0]) == "a b" })
	})
}

func TestBetter69NoSettingLeavesAProbeByStreamWithoutAnAnswer(t *testing.T) {
	for what, disable := range map[string]func(*Config){
		"for all":     func(c *Config) { c.DisableTcpPings = true },
		"for another": func(c *Config) { c.DisableTcpPingsForNode = func(string) bool { return true } },
	} {
		bubble(t, func(t *testing.T, b *lab) {
			nodes := b.cluster(2, disable, func(c *Config) { c.ProbeByStream = true })
			if err := nodes[0].conf.Validate(); err == nil || !strings.Contains(err.Error(), "ProbeByStream") {
				t.Errorf("%s: Validate says %v", what, err)
			}
			undisturbed(b, &logbook{}, nodes)
			if got := names(nodes[0]); got != "a b" {
				t.Errorf("%s: a sees %q", what, got)
			}
			nodes[1].Shutdown()
			b.eventually(2*time.Minute, "b is gone", func() bool { return names(nodes[0]) == "a" })
		})
	}
}

func TestSection2ADisabledPingByStreamIsNotTried(t *testing.T) {
	for what, tc := range map[string]struct {
		tweak func(*Config)
		want  bool
	}{
		"by default":          {func(*Config) {}, true},
		"for all":             {func(c *Config) { c.DisableTcpPings = true }, false},
		"for this node":       {func(c *Config) { c.DisableTcpPingsForNode = func(n string) bool { return n == "b" } }, false},
		"for some other node": {func(c *Config) { c.DisableTcpPingsForNode = func(n string) bool { return n == "x" } }, true},
	} {
		bubble(t, func(t *testing.T, b *lab) {
			log := &logbook{}
			nodes := b.cluster(2, func(c *Config) {
				if c.PushPullInterval = 0; c.Name == "a" {
					log.into(c)
				}
				through(&tap{write: func([]byte, Address) error { return net.ErrClosed }})(c)
				tc.tweak(c)
			})
			time.Sleep(time.Minute)
			lives := names(nodes[0]) == "a b"
			if lives != tc.want {
				t.Errorf("%s: b lives: %v", what, lives)
			}
			if warned := len(log.of("a member answers by stream but not by packet: is UDP blocked?")) > 0; warned != tc.want {
				t.Errorf("%s: warned of UDP: %v", what, warned)
			}
		})
	}
}

// twins makes a cluster and a newcomer that claims the name of its last member from another address.
func twins(t *testing.T, b *lab, h *hooks, tweak func(*Config)) (nodes []*Memberlist, newcomer *Memberlist) {
	t.Helper()
	nodes = b.cluster(3, tweak, func(c *Config) {
		if c.Name == "a" {
			h.all(c)
		}
	})
	h.forget()
	return nodes, b.create("c", tweak)
}

func TestBetter66ALivingHolderKeepsItsName(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		var other string
		h.set(func() { h.conflict = func(existing, o *Node) { other = existing.Address() + " " + o.Address() } })
		nodes, newcomer := twins(t, b, h, func(c *Config) { c.ReclaimUnreachable, c.DeadNodeReclaimTime = true, time.Second })
		newcomer.Join([]string{nodes[0].LocalNode().Address()})
		time.Sleep(30 * time.Second)
		if got := node(nodes[0], "c").Address(); got != nodes[2].LocalNode().Address() {
			t.Errorf("the name went to %s", got)
		}
		if want := nodes[2].LocalNode().Address() + " " + newcomer.LocalNode().Address(); other != want {
			t.Errorf("conflict told as %q, want %q", other, want)
		}
		if got := h.told("NotifyLeave", "NotifyJoin"); got != "" {
			t.Errorf("told %q", got)
		}
	})
}

func TestBetter66AnUnreachableHolderLosesItsNameToANewcomer(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		nodes, newcomer := twins(t, b, h, func(c *Config) { c.ReclaimUnreachable = true })
		nodes[2].Shutdown()
		b.eventually(10*time.Second, "c is suspect", func() bool { return believed(nodes[0], "c") == swim.Suspect })
		b.join(newcomer, nodes[0])
		b.eventually(20*time.Second, "the newcomer has the name", func() bool {
			n := node(nodes[0], "c")
			return n != nil && n.Address() == newcomer.LocalNode().Address()
		})
		if got := h.told("NotifyLeave", "NotifyJoin"); got != "NotifyLeave c dead, NotifyJoin c" {
			t.Errorf("told %q", got)
		}
	})
}

func TestBetter66ADeadHolderLosesItsNameAfterDeadNodeReclaimTime(t *testing.T) {
	for _, reclaim := range []time.Duration{0, 5 * time.Second} {
		bubble(t, func(t *testing.T, b *lab) {
			h := &hooks{}
			nodes, newcomer := twins(t, b, h, func(c *Config) { c.DeadNodeReclaimTime, c.GossipToTheDeadTime = reclaim, time.Hour })
			nodes[2].Shutdown()
			b.eventually(time.Minute, "c is dead", func() bool { return believed(nodes[0], "c") == swim.Dead })
			newcomer.Join([]string{nodes[0].LocalNode().Address()})
			if names(nodes[0]) != "a b" {
				t.Error("the name was free at once")
			}
			time.Sleep(time.Minute)
			newcomer.Join([]string{nodes[0].LocalNode().Address()})
			synctest.Wait()
			if got, want := names(nodes[0]) == "a b c", reclaim > 0; got != want {
				t.Errorf("after a minute with a time of %v: reclaimed %v", reclaim, got)
			}
		})
	}
}

// believed is what m believes about a member.
func believed(m *Memberlist, name string) (s swim.State) {
	m.cluster.view(func(c *swim.Machine) {
		row, _ := c.Lookup(name)
		s = row.State
	})
	return s
}

func TestSection11AnAddressOutsideOfTheAllowedNetworksIsNoMember(t *testing.T) {
	only, err := ParseCIDRs([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	vsn := DefaultLANConfig().BuildVsnArray()
	inside := wire.Alive{Incarnation: 1, Node: "in", Addr: []byte{127, 0, 0, 9}, Port: 1, Vsn: vsn}
	outside := wire.Alive{Incarnation: 1, Node: "out", Addr: []byte{10, 0, 0, 9}, Port: 1, Vsn: vsn}
	for name, tc := range map[string]struct {
		nets []net.IPNet
		from string
		want string
	}{
		"all by default":                      {nil, "10.0.0.1:1", "in m out"},
		"all by an empty list":                {[]net.IPNet{}, "10.0.0.1:1", "in m out"},
		"the address inside is checked":       {only, "127.0.0.1:1", "in m"},
		"the source of the packet is checked": {only, "10.0.0.1:1", "m"},
	} {
		for _, asks := range []bool{false, true} {
			t.Run(fmt.Sprint(name, asks), func(t *testing.T) {
				bubble(t, func(t *testing.T, b *lab) {
					m := b.create("m", func(c *Config) {
						c.CIDRsAllowed = tc.nets
						if asks {
							c.Alive = &hooks{}
						}
					})
					tell(t, m, tc.from, inside.Append(nil), outside.Append(nil))
					if got := names(m); got != tc.want {
						t.Errorf("members %q, want %q", got, tc.want)
					}
				})
			})
		}
	}
}

// tell hands a packet to a node as if it had come from an address.
func tell(t *testing.T, m *Memberlist, from string, msgs ...[]byte) {
	t.Helper()
	frame := wire.Frame{}
	buf, err := frame.AppendPacket(nil, nil, msgs)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	go func() { theirs.Write(buf); theirs.Close() }()
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from))
	if err := m.transport.(*MockTransport).IngestPacket(ours, addr, time.Now(), true); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestSection11RowsOfAnExchangeOutsideOfTheAllowedNetworksAreLeftOut(t *testing.T) {
	only, err := ParseCIDRs([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, func(t *testing.T, b *lab) {
		a := b.create("a", unsent)
		tell(t, a, "10.0.0.1:1", (&wire.Alive{Incarnation: 1, Node: "out", Addr: []byte{10, 0, 0, 9}, Port: 1, Vsn: a.conf.BuildVsnArray()}).Append(nil))
		z := b.create("z", unsent, func(c *Config) { c.CIDRsAllowed = only })
		b.join(z, a)
		if names(a) != "a out z" || names(z) != "a z" {
			t.Errorf("a sees %q, z sees %q", names(a), names(z))
		}
	})
}

func TestSection11TheAliveDelegateMayRefuseOthersAndClaimsAboutOurselves(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		m := b.create("m", h.all, func(c *Config) { c.Meta = []byte("mine") })
		h.set(func() {
			h.alive = func(n *Node) error {
				if n.Name == "bad" || string(n.Meta) == "forged" {
					return fmt.Errorf("no %s", n.Name)
				}
				return nil
			}
		})
		vsn := m.conf.BuildVsnArray()
		claim := func(inc uint32, name, meta string) []byte {
			self := m.LocalNode()
			a := wire.Alive{Incarnation: inc, Node: name, Addr: self.Addr, Port: self.Port, Meta: []byte(meta), Vsn: vsn}
			return a.Append(nil)
		}
		tell(t, m, "127.0.0.9:1", claim(1, "bad", ""), claim(1, "good", ""), claim(9, "m", "forged"))
		if got := names(m); got != "good m" {
			t.Errorf("members %q", got)
		}
		if inc := incarnation(m, "m"); inc != 1 {
			t.Errorf("a vetoed claim about ourselves was refuted: incarnation %d", inc)
		}
		tell(t, m, "127.0.0.9:1", claim(9, "m", "other"))
		if inc := incarnation(m, "m"); inc != 10 || !bytes.Equal(m.LocalNode().Meta, []byte("mine")) {
			t.Errorf("incarnation %d, metadata %q after a claim that passed", inc, m.LocalNode().Meta)
		}
	})
}
