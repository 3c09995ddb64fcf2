package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestSection5JoinOfNobodyIsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("a")
		for _, list := range [][]string{nil, {}} {
			if n, err := m.Join(list); n != 0 || err != nil {
				t.Errorf("join of %v: %d, %v", list, n, err)
			}
		}
	})
}

func TestSection5JoinCountsAddressesReachedAndOurOwn(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		a, c := b.create("a"), b.create("c")
		m := b.create("m")
		list := []string{a.LocalNode().Address(), "c/" + c.LocalNode().Address(), m.LocalNode().Address()}
		if n, err := m.Join(list); n != 3 || err != nil {
			t.Errorf("join: %d, %v, want 3", n, err)
		}
		if got := names(m); got != "a c m" {
			t.Errorf("m sees %q", got)
		}
	})
}

func TestSection5JoinFailsInPartWithoutAnErrorAndWhollyWithAll(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		a, m := b.create("a"), b.create("m")
		gone := []string{"127.0.0.1:1", "127.0.0.1:2", "a b c:d:e"}
		if n, err := m.Join(append(gone, a.LocalNode().Address())); n != 1 || err != nil {
			t.Errorf("in part: %d, %v", n, err)
		}
		n, err := m.Join(gone)
		if n != 0 || err == nil {
			t.Fatalf("wholly: %d, %v", n, err)
		}
		for _, addr := range gone {
			if !strings.Contains(err.Error(), addr) {
				t.Errorf("the error does not name %s: %v", addr, err)
			}
		}
		var failed *JoinError
		var network *net.OpError
		if !errors.As(err, &failed) || !errors.As(err, &network) {
			t.Errorf("the error has no *JoinError around a network error: %v", err)
		}
	})
}

// named is a resolver of the system that knows one name, with some addresses.
func named(host string, ips ...string) func(context.Context, string, string) ([]netip.Addr, error) {
	return func(_ context.Context, _, asked string) ([]netip.Addr, error) {
		if asked != host {
			return nil, fmt.Errorf("no such host %q", asked)
		}
		var addrs []netip.Addr
		for _, ip := range ips {
			addrs = append(addrs, netip.MustParseAddr(ip))
		}
		return addrs, nil
	}
}

func TestSection5EveryFormOfAnAddressIsDialledAsItShouldBe(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.7":               "10.0.0.7:7946",
		"10.0.0.7:9":             "10.0.0.7:9",
		"n/10.0.0.7":             "n (10.0.0.7:7946)",
		"n/10.0.0.7:9":           "n (10.0.0.7:9)",
		"fe80::1":                "[fe80::1]:7946",
		"[fe80::1]":              "[fe80::1]:7946",
		"[fe80::1]:9":            "[fe80::1]:9",
		"n/[fe80::1]:9":          "n ([fe80::1]:9)",
		"some":                   "10.0.0.8:7946, 10.0.0.9:7946",
		"n/some:9":               "n (10.0.0.8:9), n (10.0.0.9:9)",
		"::ffff:10.0.0.7":        "10.0.0.7:7946",
		"10.0.0.7:0":             "",
		"/10.0.0.7:9":            "",
		"10.0.0.7:70000":         "",
		"other":                  "",
		"":                       "",
		"[fe80::1":               "",
		"10.0.0.7:9:9":           "",
		"n/m/10.0.0.7:9":         "",
		"10.0.0.7:-1":            "",
		strings.Repeat("x", 4e4): "",
	} {
		bubble(t, func(t *testing.T, b *lab) {
			var dialled sightings
			m := b.create("m", through(&tap{dial: func(to Address, _ time.Duration) (net.Conn, bool, error) {
				dialled.add(to.String())
				return nil, true, errors.New("nobody there")
			}}))
			m.resolver.system = named("some", "10.0.0.8", "10.0.0.9")
			if n, err := m.Join([]string{text}); n != 0 || err == nil {
				t.Errorf("%.40q: %d, %v", text, n, err)
			}
			if got := dialled.sorted(); got != want {
				t.Errorf("%.40q dialled %q, want %q", text, got, want)
			}
		})
	}
}

func TestSection5ATargetWithoutNameIsRefusedWhenNamesAreRequired(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		a := b.create("a")
		m := b.create("m", func(c *Config) { c.RequireNodeNames = true })
		addr := a.LocalNode().Address()
		if n, err := m.Join([]string{addr}); n != 0 || !errors.Is(err, ErrNameRequired) {
			t.Errorf("without: %d, %v", n, err)
		}
		if n, err := m.Join([]string{"a/" + addr}); n != 1 || err != nil {
			t.Errorf("with: %d, %v", n, err)
		}
		if err := m.SendToAddress(Address{Addr: addr}, nil); !errors.Is(err, ErrNameRequired) {
			t.Errorf("send: %v", err)
		}
		if _, err := m.Ping("", a.transport.(*MockTransport).addr); !errors.Is(err, ErrNameRequired) {
			t.Errorf("ping: %v", err)
		}
	})
}

func TestSection5AnAddressThatDoesNotAnswerNeverDelaysAnother(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		a := b.create("a")
		hangs := func(to Address, limit time.Duration) (net.Conn, bool, error) {
			if to.Addr == a.LocalNode().Address() {
				return nil, false, nil
			}
			time.Sleep(limit)
			return nil, true, context.DeadlineExceeded
		}
		m := b.create("m", through(&tap{dial: hangs}))
		var list []string
		for i := range 40 {
			list = append(list, fmt.Sprintf("10.0.0.%d:7946", i+1), b.mute(fmt.Sprint(i)))
		}
		begun := time.Now()
		joined := soon(func() error {
			n, err := m.Join(append(list, a.LocalNode().Address()))
			if n != 1 && err == nil {
				err = fmt.Errorf("joined %d", n)
			}
			return err
		})
		b.eventually(2*time.Second, "m is joined to a", func() bool { return names(m) == "a m" })
		if err := <-joined; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > m.conf.TCPTimeout+3*time.Second {
			t.Errorf("80 dead addresses took %v, one takes %v", took, m.conf.TCPTimeout)
		}
	})
}

func TestSection5JoinReturnsAtTheEndOfItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		defer close(stuck)
		h := &hooks{}
		for what, dial := range map[string]func(to Address, limit time.Duration) (net.Conn, bool, error){
			"while it dials": func(_ Address, limit time.Duration) (net.Conn, bool, error) {
				time.Sleep(limit)
				return nil, true, context.DeadlineExceeded
			},
			"while the other says nothing": nil,
			"while a delegate blocks":      nil,
		} {
			m := b.create("m", through(&tap{dial: dial}), h.all)
			h.set(func() { h.state = nil })
			if what == "while a delegate blocks" {
				h.set(func() { h.state = func(bool) []byte { <-stuck; return nil } })
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			begun := time.Now()
			n, err := m.JoinContext(ctx, []string{b.mute("q")})
			if took := time.Since(begun); n != 0 || !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
				t.Errorf("%s: %d, %v after %v", what, n, err, took)
			}
			cancel()
		}
	})
}

func TestSection5JoinReturnsAtTheEndOfItsContextWhileAnEventIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		stuck := make(chan struct{})
		defer close(stuck)
		a := b.create("a")
		m := b.create("m", func(c *Config) {
			c.Events = &hooks{join: func(n *Node) {
				if n.Name == "a" {
					<-stuck
				}
			}}
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begun := time.Now()
		n, _ := m.JoinContext(ctx, []string{a.LocalNode().Address()})
		if took := time.Since(begun); took != time.Second {
			t.Errorf("%d after %v", n, took)
		}
		if got := names(m); got != "a m" {
			t.Errorf("m sees %q", got)
		}
	})
}

func TestSection5AContextThatHasEndedJoinsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		a, m := b.create("a"), b.create("m")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if n, err := m.JoinContext(ctx, []string{a.LocalNode().Address()}); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(time.Second)
		if got := names(m); got != "m" {
			t.Errorf("m sees %q", got)
		}
	})
}

func TestSection5AJoinThatIsRefusedAddsNoMember(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{merge: func([]*Node) error { return errors.New("not you") }}
		a, m := b.create("a", h.all), b.create("m")
		n, err := m.Join([]string{a.LocalNode().Address()})
		var remote *RemoteError
		if n != 0 || !errors.As(err, &remote) || !strings.Contains(remote.Text, "not you") {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(10 * time.Second)
		if names(a) != "a" || names(m) != "m" {
			t.Errorf("a sees %q, m sees %q", names(a), names(m))
		}
	})
}

func TestSection5AJoinThatOurOwnDelegateRefusesIsTypedAndAddsNoMemberHere(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		why := errors.New("not them")
		h := &hooks{merge: func([]*Node) error { return why }}
		a, m := b.create("a"), b.create("m", h.all)
		n, err := m.Join([]string{a.LocalNode().Address()})
		var veto *VetoError
		if n != 0 || !errors.As(err, &veto) || veto.Delegate != "merge" || !errors.Is(err, why) {
			t.Errorf("%d, %v", n, err)
		}
		if names(m) != "m" {
			t.Errorf("m sees %q", names(m))
		}
	})
}

func TestSection5JoinAfterLeaveBringsTheNodeBack(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		nodes := b.cluster(3, func(c *Config) {
			if c.Name == "c" {
				h.all(c)
			}
		})
		c := nodes[2]
		if err := c.Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		left := incarnation(c, "c")
		b.eventually(5*time.Second, "c is gone", func() bool { return names(nodes[0]) == "a b" && names(nodes[1]) == "a b" })
		if got := names(c); got != "a b" {
			t.Errorf("c sees %q while it has left", got)
		}
		h.forget()
		b.join(c, nodes[0])
		if got := h.told("NotifyJoin"); got != "NotifyJoin c" {
			t.Errorf("c was told %q", got)
		}
		if inc := incarnation(c, "c"); inc <= left {
			t.Errorf("incarnation %d after one of %d left", inc, left)
		}
		if c.LocalNode().State != StateAlive {
			t.Errorf("local state %v", c.LocalNode().State)
		}
		for _, m := range nodes {
			b.eventually(5*time.Second, "all are back", func() bool { return names(m) == "a b c" })
		}
		if err := c.UpdateNode(time.Minute); err != nil {
			t.Errorf("update after coming back: %v", err)
		}
		time.Sleep(time.Minute)
		if names(nodes[0]) != "a b c" || nodes[0].GetHealthScore() != 0 {
			t.Errorf("a minute later a sees %q", names(nodes[0]))
		}
	})
}

func TestSection5ShutdownEndsTheLookupsOfAJoin(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m := b.create("m", func(c *Config) { c.DNSConfigPath = "" })
		m.resolver.system = func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		joined := soon(func() error { return second(m.Join([]string{"some.host.example"})) })
		time.Sleep(time.Minute)
		begun := time.Now()
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-joined; !errors.Is(err, ErrShutdown) {
			t.Error(err)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("Shutdown waited %v for a lookup", took)
		}
	}) // which fails if a goroutine is left
}

func TestSection5AJoinThatReachesNobodyDoesNotUndoALeave(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		nodes := b.cluster(3, func(c *Config) {
			if c.Name == "c" {
				h.all(c)
			}
		})
		c := nodes[2]
		if err := c.Leave(time.Minute); err != nil {
			t.Fatal(err)
		}
		h.forget()
		for _, nobody := range []string{"10.9.9.9:7", "a/b/c", "127.0.0.1:1"} {
			if n, err := c.Join([]string{nobody}); n != 0 || err == nil {
				t.Errorf("join of %s: %d, %v", nobody, n, err)
			}
		}
		time.Sleep(5 * time.Second)
		if got := h.told("NotifyJoin", "NotifyAlive c", "LocalState true"); got != "" {
			t.Errorf("told %q", got)
		}
		if names(nodes[0]) != "a b" || names(c) != "a b" || c.LocalNode().State != StateLeft {
			t.Errorf("a sees %q, c sees %q and itself as %v", names(nodes[0]), names(c), c.LocalNode().State)
		}
		b.join(c, nodes[0])
		// Others may repeat the claim before we look, and news are told beside the exchange.
		got := h.told("LocalState true", "NotifyAlive c", "NotifyJoin")
		if !strings.HasPrefix(got, "NotifyAlive c, ") || strings.Count(got, "LocalState true") != 1 || strings.Count(got, "NotifyJoin c") != 1 {
			t.Errorf("of a join that reaches somebody it is told %q", got)
		}
	})
}
