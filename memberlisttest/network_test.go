package memberlisttest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-f61b0479/memberlist"
	"github.com/seed-f61b0479/memberlist/memberlisttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNotesAgreeAfterAPartition(t *testing.T) { testNotesAgreeAfterAPartition(t) }

// rig is a network with three nodes, in a bubble.
type rig struct {
	*memberlisttest.Network
	t  *testing.T
	at map[string]*memberlisttest.Transport
}

func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{memberlisttest.NewNetwork(t, memberlisttest.WithSeed(1)), t, make(map[string]*memberlisttest.Transport)}
		for _, name := range []string{"a", "b", "c"} {
			r.at[name] = r.Transport(name)
		}
		f(t, r)
	})
}

// write sends a datagram.
func (r *rig) write(from, to, text string) {
	r.t.Helper()
	if _, err := r.at[from].WriteTo([]byte(text), r.Addr(to)); err != nil {
		r.t.Errorf("write from %s to %s: %v", from, to, err)
	}
}

// inbox returns what has arrived at a node, in order.
func (r *rig) inbox(name string) string {
	synctest.Wait()
	var got []string
	for len(r.at[name].PacketCh()) > 0 {
		got = append(got, string((<-r.at[name].PacketCh()).Buf))
	}
	return strings.Join(got, " ")
}

func (r *rig) expect(name, want string) {
	r.t.Helper()
	if got := r.inbox(name); got != want {
		r.t.Errorf("%s has got %q, want %q", name, got, want)
	}
}

// stream opens one and returns both ends, which are closed with the test.
func (r *rig) stream(from, to string) (dialled, accepted net.Conn) {
	r.t.Helper()
	dialled, err := r.at[from].DialTimeout(r.Addr(to), time.Minute)
	if err != nil {
		r.t.Fatalf("dial from %s to %s: %v", from, to, err)
	}
	accepted = <-r.at[to].StreamCh()
	r.t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled, accepted
}

// passes returns the ways that are open, such as "ab ba".
func (r *rig) passes() string {
	var open []string
	for _, from := range []string{"a", "b", "c"} {
		for _, to := range []string{"a", "b", "c"} {
			r.write(from, to, "x")
			if r.inbox(to) != "" && from != to {
				open = append(open, from+to)
			}
		}
	}
	return strings.Join(open, " ")
}

func TestEverythingTakesTheLatencyOfItsLink(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Link("a", "b").Set(memberlisttest.Conditions{Latency: 30 * time.Millisecond})
		start := time.Now()
		took := func(what string, want time.Duration) {
			t.Helper()
			if got := time.Since(start); got != want {
				t.Errorf("%s after %v, want %v", what, got, want)
			}
			start = time.Now()
		}
		r.write("a", "b", "slow")
		p := <-r.at["b"].PacketCh()
		took("a datagram arrives", 30*time.Millisecond)
		if !p.Timestamp.Equal(start) || p.From.String() != r.Addr("a") {
			t.Errorf("it came at %v from %v", p.Timestamp, p.From)
		}
		r.write("b", "a", "fast")
		<-r.at["a"].PacketCh()
		took("the answer arrives", 0)
		dialled, accepted := r.stream("a", "b")
		took("a stream is open", 30*time.Millisecond)
		fmt.Fprint(dialled, "hello")
		dialled.Close()
		if b, err := io.ReadAll(accepted); string(b) != "hello" || err != nil {
			t.Errorf("read %q: %v", b, err)
		}
		took("a stream is read", 30*time.Millisecond)
	})
}

func TestJitterLetsDatagramsOvertakeAndKeepsStreamsInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.SetAll(memberlisttest.Conditions{Latency: 10 * time.Millisecond, Jitter: 10 * time.Millisecond})
		dialled, accepted := r.stream("a", "b")
		start := time.Now()
		var sent []string
		for i := range 50 {
			sent = append(sent, fmt.Sprint(i))
			r.write("a", "b", fmt.Sprint(i))
			fmt.Fprintf(dialled, "%d ", i)
		}
		dialled.Close()
		time.Sleep(10*time.Millisecond - 1)
		r.expect("b", "")
		time.Sleep(10*time.Millisecond + 1)
		got := strings.Fields(r.inbox("b"))
		if len(got) != 50 || strings.Join(got, " ") == strings.Join(sent, " ") {
			t.Errorf("arrived in the order %v", got)
		}
		b, err := io.ReadAll(accepted)
		if strings.Join(strings.Fields(string(b)), " ") != strings.Join(sent, " ") || err != nil {
			t.Errorf("the stream says %q: %v", b, err)
		}
		if took := time.Since(start); took > 20*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestTheSeedDecidesWhatIsLostAndRepeated(t *testing.T) {
	run := func(seed uint64, disturb bool) (got string) {
		synctest.Test(t, func(t *testing.T) {
			r := &rig{memberlisttest.NewNetwork(t, memberlisttest.WithSeed(seed)), t, make(map[string]*memberlisttest.Transport)}
			for _, name := range []string{"a", "b", "c"} {
				r.at[name] = r.Transport(name)
			}
			r.SetAll(memberlisttest.Conditions{Loss: 0.3, Duplicate: 0.2})
			for i := range 500 {
				r.write("a", "b", fmt.Sprint(i))
				if disturb {
					r.write("c", "a", "x")
				}
			}
			got = r.inbox("b")
		})
		return got
	}
	first := run(7, false)
	if again := run(7, true); again != first {
		t.Error("one seed, two outcomes")
	}
	if other := run(8, false); other == first {
		t.Error("two seeds, one outcome")
	}
	distinct := map[string]bool{}
	all := strings.Fields(first)
	for _, text := range all {
		distinct[text] = true
	}
	if n := len(distinct); n < 300 || n > 400 {
		t.Errorf("%d of 500 arrived, want about 350", n)
	}
	if n := len(all) - len(distinct); n < 40 || n > 100 {
		t.Errorf("%d of %d arrived twice, want about 70", n, len(distinct))
	}
}

func TestPartitionsHaveAnyShape(t *testing.T) {
	type groups = [][]string
	for _, c := range []struct {
		says string
		groups
		open string
	}{
		{"two sides", groups{{"a", "b"}, {"c"}}, "ab ba"},
		{"one cut off", groups{{"b"}}, "ac ca"},
		{"a bridge between two that do not meet", groups{{"a", "b"}, {"b", "c"}}, "ab ba bc cb"},
		{"all alone", groups{{"a"}, {"b"}, {"c"}}, ""},
		{"none", nil, "ab ac ba bc ca cb"},
		{"a group of nobody", groups{{}}, "ab ac ba bc ca cb"},
	} {
		bubble(t, func(t *testing.T, r *rig) {
			r.Partition([]string{"a"}, []string{"b"}, []string{"c"}) // replaced
			r.Partition(c.groups...)
			if got := r.passes(); got != c.open {
				t.Errorf("%s: open is %q, want %q", c.says, got, c.open)
			}
			r.Heal()
			if got := r.passes(); got != "ab ac ba bc ca cb" {
				t.Errorf("%s, healed: open is %q", c.says, got)
			}
		})
	}
}

func TestACutIsOneWayForDatagramsAndBothForDialling(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Link("a", "b").Set(memberlisttest.Conditions{Cut: true})
		if got := r.passes(); got != "ac ba bc ca cb" {
			t.Errorf("open is %q", got)
		}
		for _, way := range []string{"ab", "ba"} {
			start := time.Now()
			_, err := r.at[way[:1]].DialTimeout(r.Addr(way[1:]), time.Second)
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("dial %s: %v after %v", way, err, time.Since(start))
			}
		}
		time.AfterFunc(time.Second, func() { r.Link("a", "b").Set(memberlisttest.Conditions{}) })
		start := time.Now()
		r.stream("a", "b")
		if took := time.Since(start); took != time.Second {
			t.Errorf("dialled after %v, want when the cut ends", took)
		}
	})
}

func TestAStreamWaitsForTheEndOfAPartition(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.SetAll(memberlisttest.Conditions{Latency: time.Millisecond})
		dialled, accepted := r.stream("a", "b")
		fmt.Fprint(dialled, "left ")
		r.Partition([]string{"a"})
		fmt.Fprint(dialled, "held")
		dialled.Close()
		buf := make([]byte, 100)
		if n, err := accepted.Read(buf); string(buf[:n]) != "left " || err != nil {
			t.Errorf("what had left: %q, %v", buf[:n], err)
		}
		accepted.SetReadDeadline(time.Now().Add(time.Second))
		if n, err := accepted.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("across a partition: %q, %v", buf[:n], err)
		}
		accepted.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Minute, r.Heal)
		start := time.Now()
		if b, err := io.ReadAll(accepted); string(b) != "held" || err != nil {
			t.Errorf("after it: %q, %v", b, err)
		}
		if took := time.Since(start); took != time.Minute+time.Millisecond {
			t.Errorf("after it: took %v", took)
		}
	})
}

func TestAPauseKeepsEverythingBack(t *testing.T) {
	for _, paused := range []string{"a", "b"} {
		bubble(t, func(t *testing.T, r *rig) {
			dialled, accepted := r.stream("a", "b")
			r.Pause(paused)
			for _, text := range []string{"1", "2", "3"} {
				r.write("a", "b", text)
				r.write("b", "a", text)
			}
			fmt.Fprint(dialled, "there")
			fmt.Fprint(accepted, "back")
			for _, end := range []net.Conn{dialled, accepted} {
				end.SetReadDeadline(time.Now().Add(time.Minute))
				if _, err := end.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("reading during the pause of %s: %v", paused, err)
				}
				end.SetReadDeadline(time.Time{})
			}
			if _, err := r.at["a"].DialTimeout(r.Addr("b"), time.Minute); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("dialling during the pause of %s: %v", paused, err)
			}
			r.expect("a", "")
			r.expect("b", "")
			r.Resume(paused)
			r.expect("a", "1 2 3")
			r.expect("b", "1 2 3")
			for end, want := range map[net.Conn]string{dialled: "back", accepted: "there"} {
				buf := make([]byte, 10)
				if n, err := end.Read(buf); string(buf[:n]) != want || err != nil {
					t.Errorf("after the pause of %s: %q, %v", paused, buf[:n], err)
				}
			}
		})
	}
}

func TestWhatAPauseKeepsIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, paused := range []string{"a", "b"} {
			r.Pause(paused)
			for range 5000 {
				r.write("a", "b", "x")
			}
			r.Resume(paused)
			if n := len(strings.Fields(r.inbox("b"))); n == 0 || n > 1024 {
				t.Errorf("%d waited for the end of the pause of %s", n, paused)
			}
		}
	})
}

func TestStreamsFailAsTheLinkSays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Link("a", "b").Set(memberlisttest.Conditions{Refuse: 1})
		if _, err := r.at["a"].DialTimeout(r.Addr("b"), time.Minute); err == nil {
			t.Error("a stream was opened that should be refused")
		}
		r.stream("b", "a")

		r.Link("a", "b").Set(memberlisttest.Conditions{BreakAfter: 5, Latency: time.Millisecond})
		dialled, accepted := r.stream("a", "b")
		fmt.Fprint(accepted, "longer than five")
		if n, err := fmt.Fprint(dialled, "broken off"); n != 5 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("wrote %d bytes: %v", n, err)
		}
		if b, err := io.ReadAll(accepted); string(b) != "broke" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %q: %v", b, err)
		}
		if _, err := dialled.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("reading what comes back: %v", err)
		}
		if _, err := accepted.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("writing back: %v", err)
		}
	})
}

func TestBreakResetsOpenStreams(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		dialled, accepted := r.stream("a", "b")
		other, _ := r.stream("a", "c")
		fmt.Fprint(dialled, "never read")
		r.Partition([]string{"a"}) // makes no difference
		time.AfterFunc(time.Second, func() { r.Break("b", "a") })
		if _, err := dialled.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("who waits: %v", err)
		}
		if _, err := accepted.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("who comes later: %v", err)
		}
		if _, err := other.Write([]byte("x")); err != nil {
			t.Errorf("a stream to somebody else: %v", err)
		}
	})
}

func TestANodeThatIsStartedAgainKeepsItsAddress(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.SetAll(memberlisttest.Conditions{Latency: time.Second})
		before := r.Addr("b")
		r.write("a", "b", "to the first")
		r.at["b"].Shutdown()
		r.write("a", "b", "to nobody")
		start := time.Now()
		if _, err := r.at["a"].DialTimeout(r.Addr("b"), time.Minute); err == nil || time.Since(start) != 2*time.Second {
			t.Errorf("nobody is dialled: %v after %v", err, time.Since(start))
		}
		old := r.at["b"]
		r.at["b"] = r.Transport("b")
		if got := r.Addr("b"); got != before {
			t.Errorf("the address was %s and is %s", before, got)
		}
		time.Sleep(time.Minute)
		r.expect("b", "")
		if n := len(old.PacketCh()); n != 0 {
			t.Errorf("%d datagrams arrived after Shutdown", n)
		}
		r.write("a", "b", "to the second")
		time.Sleep(time.Second)
		r.expect("b", "to the second")
		defer func() {
			if recover() == nil {
				t.Error("two nodes are attached by one name")
			}
		}()
		r.Transport("b")
	})
}

func TestWhatIsSetHoldsForNodesToCome(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Pause("d")
		slow := memberlisttest.Conditions{Latency: time.Second}
		r.Link("a", "e").Set(slow)
		if got := r.Link("a", "e").Conditions(); got != slow {
			t.Errorf("set %+v, got %+v", slow, got)
		}
		for _, name := range []string{"d", "e"} {
			r.at[name] = r.Transport(name)
			r.write("a", name, "x")
			r.expect(name, "")
		}
		r.Resume("d")
		r.expect("d", "x")
		time.Sleep(time.Second)
		r.expect("e", "x")
	})
}

func TestADatagramIsNoLargerThanUDPAllows(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if _, err := r.at["a"].WriteTo(make([]byte, 65508), r.Addr("b")); !errors.Is(err, memberlist.ErrMessageTooLarge) {
			t.Errorf("too large: %v", err)
		}
		r.write("a", "b", strings.Repeat("x", 65507))
		r.expect("b", strings.Repeat("x", 65507))
		if _, err := r.at["a"].WriteTo([]byte("x"), "10.0.0.1:1"); err != nil {
			t.Errorf("to nobody: %v", err)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.SetAll(memberlisttest.Conditions{Latency: time.Second})
		dialled, accepted := r.stream("a", "b")
		r.write("a", "b", "on its way")
		r.Pause("c")
		var waiting sync.WaitGroup
		for _, end := range []net.Conn{dialled, accepted} {
			waiting.Go(func() { end.Read(make([]byte, 1)) })
		}
		waiting.Go(func() { r.at["a"].DialTimeout(r.Addr("c"), 0) })
		synctest.Wait()
		r.Close()
		r.Close()
		waiting.Wait()
		time.Sleep(time.Minute)
		r.expect("b", "")
		late := r.Transport("late")
		if _, err := late.WriteTo([]byte("x"), r.Addr("a")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing from a node that came too late: %v", err)
		}
	})
}

// TestEverythingCanBeChangedWhileItRuns is for the race detector, and in real time.
func TestEverythingCanBeChangedWhileItRuns(t *testing.T) {
	n := memberlisttest.NewNetwork(t)
	bad := memberlisttest.Conditions{Latency: 50 * time.Microsecond, Jitter: 100 * time.Microsecond, Loss: 0.1, Duplicate: 0.1, Refuse: 0.1, BreakAfter: 3000}
	names := []string{"a", "b", "c"}
	var work sync.WaitGroup
	for i, name := range names {
		tr := n.Transport(name)
		to := memberlist.Address{Addr: n.Addr(names[(i+1)%3]), Name: names[(i+1)%3]}
		work.Go(func() {
			for range 100 {
				tr.WriteToAddress([]byte("datagram"), to)
				if conn, err := tr.DialAddressTimeout(to, 5*time.Millisecond); err == nil {
					conn.SetDeadline(time.Now().Add(5 * time.Millisecond))
					conn.Write(make([]byte, 4000))
					conn.Close()
				}
				select {
				case <-tr.PacketCh():
				case conn := <-tr.StreamCh():
					conn.SetDeadline(time.Now().Add(5 * time.Millisecond))
					io.Copy(io.Discard, conn)
					conn.Close()
				default:
				}
			}
		})
	}
	for i := range 100 {
		n.SetAll(bad)
		n.Link("a", "b").Set(memberlisttest.Conditions{Cut: i%2 == 0})
		n.Partition([]string{names[i%3]})
		n.Pause(names[i%3])
		n.Break("a", "b")
		time.Sleep(100 * time.Microsecond)
		n.Resume(names[i%3])
		n.Heal()
		n.SetAll(memberlisttest.Conditions{})
	}
	work.Wait()
}
