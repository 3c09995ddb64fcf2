package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

func TestSection4BothSidesCallBackInOneOrder(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var sides [2]*hooks
		var nodes [2]*Memberlist
		for i, name := range []string{"a", "b"} {
			h := &hooks{state: func(bool) []byte { return []byte("state of " + name) }}
			sides[i] = h
			nodes[i] = b.create(name, unsent, h.all)
			h.forget()
		}
		b.join(nodes[1], nodes[0])
		synctest.Wait()
		for i, other := range []string{"b", "a"} {
			want := "LocalState true, NotifyMerge " + other + ", NotifyAlive " + other + ", NotifyJoin " + other +
				", MergeRemoteState state of " + other + " true"
			if got := sides[i].told(); got != want {
				t.Errorf("the one that meets %s:\ngot  %s\nwant %s", other, got, want)
			}
		}
	})
}

func TestSection4LeaveAndUpdateAreToldBeforeTheRemoteState(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		a := b.create("a", unsent, h.all)
		z := b.create("z", unsent, func(c *Config) { c.Delegate = &hooks{state: func(bool) []byte { return []byte("s") }} })
		y, x := b.create("y", unsent), b.create("x", unsent)
		for _, m := range []*Memberlist{z, y, x} {
			b.join(m, a)
		}
		b.join(y, z)
		b.join(x, z)
		go x.Leave(0)
		go y.UpdateMeta(t.Context(), []byte("new"))
		synctest.Wait()
		b.join(x, z) // z learns only now, and of x that it came back
		go x.Leave(0)
		b.join(y, z)
		synctest.Wait()
		h.forget()
		b.join(z, a)
		synctest.Wait()
		got := h.told("Notify", "MergeRemoteState", "LocalState")
		if !strings.HasPrefix(got, "LocalState true, NotifyMerge ") || !strings.HasSuffix(got, ", MergeRemoteState s true") ||
			!strings.Contains(got, "NotifyUpdate y") {
			t.Errorf("told %q", got)
		}
		if strings.LastIndex(got, "NotifyAlive") > strings.Index(got, "NotifyUpdate") {
			t.Errorf("news before the last question: %q", got)
		}
	})
}

func TestSection4ThePeriodicExchangeSaysItIsNoJoin(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var sides [2]*hooks
		b.cluster(2, func(c *Config) {
			h := &hooks{state: func(bool) []byte { return []byte("s") }}
			sides[c.Name[0]-'a'] = h
			h.all(c)
		})
		for _, h := range sides {
			h.forget()
		}
		time.Sleep(2 * time.Minute)
		for i, h := range sides {
			got := h.told("LocalState", "NotifyMerge", "MergeRemoteState")
			if strings.Contains(got, "true") || strings.Contains(got, "NotifyMerge") || strings.Count(got, "MergeRemoteState s false") < 4 {
				t.Errorf("side %d was told %q", i, got)
			}
		}
	})
}

func TestSection4AnEmptyStateIsNotMerged(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		a, z := b.create("a", h.all), b.create("z")
		b.join(z, a)
		synctest.Wait()
		if got := h.told("MergeRemoteState"); got != "" {
			t.Errorf("told %q", got)
		}
	})
}

func TestSection4TheAnswererRefusesBeforeItSendsItsState(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{merge: func([]*Node) error { return errors.New("no") }, state: func(bool) []byte { return []byte("s") }}
		theirs := &hooks{state: func(bool) []byte { return []byte("t") }}
		a, z := b.create("a", h.all), b.create("z", theirs.all)
		if n, err := z.Join([]string{a.LocalNode().Address()}); n != 0 || err == nil {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(time.Second)
		if got := theirs.told("MergeRemoteState", "NotifyMerge"); got != "" {
			t.Errorf("the refused was told %q", got)
		}
		if got := h.told("MergeRemoteState", "NotifyJoin z"); got != "" {
			t.Errorf("the refusing was told %q", got)
		}
	})
}

func TestSection4AtMost127ExchangesAreAnsweredAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		h := &hooks{merge: func([]*Node) error { <-stuck; return nil }}
		a := b.create("a", h.all)
		m := b.create("m", func(c *Config) { c.PushPullInterval = 0 })
		list := make([]string, maxExchanges)
		for i := range list {
			list[i] = a.LocalNode().Address()
		}
		joined := soon(func() int { n, _ := m.Join(list); return n })
		time.Sleep(5 * time.Second) // each waits in Merge by now
		begun := time.Now()
		_, err := m.Join([]string{a.LocalNode().Address()})
		var busy *RemoteError
		if !errors.As(err, &busy) || !strings.Contains(busy.Text, "busy") || time.Since(begun) != 0 {
			t.Errorf("the 128th: %v after %v", err, time.Since(begun))
		}
		close(stuck)
		if n := <-joined; n != maxExchanges {
			t.Errorf("%d of 127 were answered", n)
		}
		if n, err := m.Join(list[:1]); n != 1 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	})
}

func TestSection4ASlotIsFreeBeforeTheNewsAreAwaited(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		defer close(stuck)
		h := &hooks{}
		a := b.create("a", h.all)
		h.set(func() { h.join = func(*Node) { <-stuck } })
		h.set(func() { h.mergeState = func([]byte, bool) { <-stuck } })
		m := b.create("m", func(c *Config) {
			c.PushPullInterval = 0
			c.Delegate = &hooks{state: func(bool) []byte { return []byte("s") }}
		})
		for i := range 2 * maxServed {
			if n, err := m.Join([]string{a.LocalNode().Address()}); n != 1 || err != nil {
				t.Fatalf("join %d while the news wait: %d, %v", i, n, err)
			}
		}
	})
}

func TestSection4ARefusedVersionNamesTheMember(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		a := b.create("a", func(c *Config) {
			c.DelegateProtocolMin, c.DelegateProtocolVersion, c.DelegateProtocolMax = 2, 2, 3
		})
		z := b.create("z", func(c *Config) {
			c.DelegateProtocolMin, c.DelegateProtocolVersion, c.DelegateProtocolMax = 1, 1, 3
		})
		_, err := z.Join([]string{a.LocalNode().Address()})
		var remote *RemoteError
		if !errors.As(err, &remote) || !strings.Contains(remote.Text, `"z"`) {
			t.Errorf("join: %v", err)
		}
		if names(a) != "a" || names(z) != "z" {
			t.Errorf("a sees %q, z sees %q", names(a), names(z))
		}
	})
}

func TestSection4VersionsThatMakeNoSenseAreRefusedWithTheReason(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		row := s.row(1)
		row.Vsn = row.Vsn[:2]
		err := m.streams.examine(t.Context(), &wire.State{Rows: []wire.Row{row}}, false)
		var version *VersionError
		if !errors.As(err, &version) || version.Name != "s" || version.Err == nil || !errors.Is(err, version.Err) {
			t.Fatalf("got %#v", err)
		}
		if text := err.Error(); !strings.Contains(text, "fewer than six version bytes") || strings.Contains(text, "speaks") {
			t.Errorf("it says %q", text)
		}
	})
}

func TestSection4AConversationThatStallsEndsAfterTCPTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", func(c *Config) { c.TCPTimeout = 2 * time.Second })
		for what, call := range map[string]func() error{
			"a join":             func() error { return second(m.Join([]string{b.mute("q")})) },
			"a reliable message": func() error { return m.SendReliable(nodeAt(b.mute("q"), "q"), noise(1<<20)) },
		} {
			begun := time.Now()
			err := call()
			var network net.Error
			if !errors.As(err, &network) || !network.Timeout() || time.Since(begun) != 2*time.Second {
				t.Errorf("%s: %v after %v", what, err, time.Since(begun))
			}
		}
	})
}

func TestSection4AMergeThatIsCutShortTakesNothingOverAndFails(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		m := b.create("m", h.all, func(c *Config) { c.PushPullInterval = 0 })
		ctx, cancel := context.WithCancel(t.Context())
		why := errors.New("not welcome")
		h.alive = func(n *Node) error {
			if n.Name == "y" {
				return why
			}
			if n.Name == "x" {
				cancel()
				return context.Canceled
			}
			return nil
		}
		theirs := func(names ...string) *wire.State {
			rows := make([]wire.Row, 0, len(names))
			for _, name := range names {
				rows = append(rows, b.stranger(name).row(1))
			}
			return &wire.State{Rows: rows}
		}
		if err := m.streams.mergeMembers(ctx, theirs("w", "x", "v"), true); !errors.Is(err, context.Canceled) {
			t.Errorf("a merge cut short ended with %v", err)
		}
		if got := names(m); got != "m" {
			t.Errorf("m sees %q", got)
		}
		if err := m.streams.mergeMembers(t.Context(), theirs("w", "y", "v"), true); err != nil {
			t.Errorf("a merge with a member that is refused ended with %v", err)
		}
		if got := names(m); got != "m v w" {
			t.Errorf("m sees %q", got)
		}
	})
}

func TestBetter63ALargeStateIsMergedInPortions(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", quiet)
		var most, all int
		m.cluster.view(func(*swim.Machine) {
			act := m.cluster.act
			m.cluster.act = func(out *swim.Output) {
				most, all = max(most, len(out.News)), all+len(out.News)
				act(out)
			}
		})
		row := b.stranger("s").row(1)
		rows := make([]wire.Row, 2*mergedAtOnce+1)
		for i := range rows {
			rows[i] = row
			rows[i].Name = fmt.Sprint("n", i)
		}
		if err := m.streams.mergeMembers(t.Context(), &wire.State{Rows: rows}, false); err != nil {
			t.Fatal(err)
		}
		if most != mergedAtOnce || all != len(rows) || m.NumMembers() != len(rows)+1 {
			t.Errorf("%d news in one step, %d in all, %d members", most, all, m.NumMembers())
		}
	})
}

func TestSection4AMemberThatIsTooBusyIsReplacedByAnother(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		book, told := &logbook{level: slog.LevelWarn}, &hooks{}
		nodes := b.cluster(3, func(c *Config) {
			c.PushPullInterval = 0
			switch c.Name {
			case "b":
				c.Delegate = &hooks{state: func(bool) []byte { return []byte("state of b") }}
			case "c":
				c.Delegate = told
				book.into(c)
			}
		})
		busy, other := nodes[0], nodes[1]
		for range maxExchanges {
			busy.streams.answers <- struct{}{}
		}
		told.forget()
		nodes[2].streams.sync(swim.Peer{Name: "a", Addr: busy.self().Addr})
		time.Sleep(time.Second)
		if got := told.told("MergeRemoteState"); got != "MergeRemoteState state of b false" {
			t.Errorf("told %q", got)
		}
		if n := len(book.of("state exchange failed")); n != 0 {
			t.Errorf("%d failures logged", n)
		}
		for range maxExchanges {
			other.streams.answers <- struct{}{}
		}
		nodes[2].streams.sync(swim.Peer{Name: "a", Addr: busy.self().Addr})
		time.Sleep(time.Second)
		if failed := book.of("state exchange failed"); len(failed) != 1 || attr(failed[0], "member") != "b" {
			t.Errorf("both too busy: logged %v", failed)
		}
	})
}

func TestWhatAnExchangeToldIsNotOverwrittenByTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		var told, states []string
		var kept [][]byte
		var peers []*Node
		h := &hooks{
			mergeState: func(state []byte, _ bool) { kept, states = append(kept, state), append(states, string(state)) },
			merge: func(nodes []*Node) error {
				for _, n := range nodes {
					peers, told = append(peers, n), append(told, n.Name+string(n.Meta))
				}
				return nil
			},
		}
		a := b.create("a", unsent, h.all)
		for i := range 4 {
			name := strings.Repeat(string(rune('b'+i)), 10)
			m := b.create(name, unsent, func(c *Config) {
				c.Delegate = &hooks{
					meta:  func() []byte { return []byte("meta of " + name) },
					state: func(bool) []byte { return []byte("state of " + name) },
				}
			})
			b.join(m, a)
			synctest.Wait()
		}
		for i, state := range kept {
			if string(state) != states[i] {
				t.Errorf("%q has become %q", states[i], state)
			}
		}
		for i, n := range peers {
			if n.Name+string(n.Meta) != told[i] {
				t.Errorf("%q has become %q", told[i], n.Name+string(n.Meta))
			}
		}
		if len(kept) != 4 || len(peers) < 4 || len(a.Members()) != 5 {
			t.Errorf("%d states, %d peers, %d members", len(kept), len(peers), len(a.Members()))
		}
	})
}
