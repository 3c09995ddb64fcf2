package swim

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

var rewrite = flag.Bool("rewrite", false, "write what the machine does into the stories, to be read before it is committed")

// TestStories plays the stories in testdata. A story is a list of acts: what happens, a line
// "----", what the machine makes of it, an empty line. Lines that begin with # are for the
// reader. The machine is always that of node a.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			told := play(t, string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(told), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if told != string(text) {
				t.Errorf("the machine tells it otherwise (go test -run Stories -rewrite, and read the difference):\n%s", told)
			}
		})
	}
}

// play plays a story and returns it with what the machine did.
func play(t *testing.T, text string) string {
	s := &story{TB: t}
	var told strings.Builder
	for act := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		what, _, _ := strings.Cut(strings.TrimRight(act, "\n")+"\n", "----\n")
		told.WriteString(what)
		lines := 0
		for line := range strings.Lines(what) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				s.do(line)
				lines++
			}
		}
		if lines > 0 {
			told.WriteString("----\n" + s.said.String())
		}
		s.said.Reset()
		told.WriteString("\n")
	}
	return strings.TrimRight(told.String(), "\n") + "\n"
}

// story is a machine that is told what happens in words.
type story struct {
	testing.TB
	b     *bench
	began time.Time
	said  strings.Builder
}

// words is one line of a story: a verb, arguments, and key=value pairs among them.
type words struct {
	testing.TB
	line []string
	set  map[string]string
}

func (w *words) at(i int) string {
	if i >= len(w.line) {
		w.Fatalf("too few words: %v", w.line)
	}
	return w.line[i]
}

func (w *words) number(i int) uint32 {
	n, err := strconv.ParseUint(w.at(i), 10, 32)
	if err != nil {
		w.Fatalf("%v: %v", w.line, err)
	}
	return uint32(n)
}

func (w *words) has(word string) bool { return slices.Contains(w.line, word) }

func (s *story) do(line string) {
	w := &words{TB: s.TB, set: map[string]string{}}
	for f := range strings.FieldsSeq(line) {
		if k, v, ok := strings.Cut(f, "="); ok {
			w.set[k] = v
		} else {
			w.line = append(w.line, f)
		}
	}
	if w.at(0) == "start" {
		s.start(w)
		return
	}
	if s.b == nil {
		s.start(&words{TB: s.TB})
	}
	if !s.claims(w) && !s.calls(w) && !s.packets(w) {
		s.Fatalf("nobody understands %q", line)
	}
	s.tell()
}

// start begins with other settings: start reclaim stream version1
func (s *story) start(w *words) {
	s.b = newBench(s.TB, func(p *Params) {
		p.ReclaimUnreachable = w.has("reclaim")
		p.ProbeByStream = w.has("stream")
		if !w.has("schedule") {
			p.PushPullInterval = 0
		}
		if w.has("no-probes") {
			p.ProbeInterval = 0
		}
		if d, err := time.ParseDuration(w.set["reclaim-after"]); err == nil {
			p.DeadNodeReclaimTime = d
		}
	})
	s.began = s.b.now
}

// claims are what other nodes say about members.
func (s *story) claims(w *words) bool {
	b := s.b
	switch w.at(0) {
	case "know": // know b c d: they are alive with incarnation 1
		b.know(w.line[1:]...)
	case "alive": // alive b 2 [addr=…] [meta=…] [vsn=1,5,2,0,0,0]
		a := w.alive()
		b.Alive(b.now, &a)
	case "suspect": // suspect b 2 from c
		b.Suspect(b.now, &wire.Suspect{Node: w.at(1), Incarnation: w.number(2), From: w.at(4)})
	case "dead": // dead b 2 from c
		b.Dead(b.now, &wire.Dead{Node: w.at(1), Incarnation: w.number(2), From: w.at(4)})
	case "row": // row alive b 2 [addr=…] [joining]
		state := slices.Index([]string{"alive", "suspect", "dead", "left"}, w.at(1))
		w.line = w.line[1:]
		a := w.alive()
		row := wire.Row{Name: a.Node, Addr: a.Addr, Port: a.Port, Meta: a.Meta, Incarnation: a.Incarnation, State: state, Vsn: a.Vsn}
		if w.has("joining") {
			b.MergeJoin(b.now, []wire.Row{row})
		} else {
			b.Merge(b.now, []wire.Row{row})
		}
	default:
		return false
	}
	return true
}

// alive reads a claim; a node's address follows from its name unless one is given.
func (w *words) alive() wire.Alive {
	a := *aliveOf(w.at(1), int(w.at(1)[0]-'a')+1, w.number(2))
	if addr, ok := w.set["addr"]; ok {
		ap := netip.MustParseAddrPort(addr)
		a.Addr, a.Port = ap.Addr().AsSlice(), ap.Port()
	}
	if meta, ok := w.set["meta"]; ok {
		a.Meta = []byte(meta)
	}
	if vsn, ok := w.set["vsn"]; ok {
		a.Vsn = nil
		for v := range strings.SplitSeq(vsn, ",") {
			n, _ := strconv.Atoi(v)
			a.Vsn = append(a.Vsn, byte(n))
		}
	}
	return a
}

// calls are what our own user does, and the passing of time.
func (s *story) calls(w *words) bool {
	b := s.b
	switch w.at(0) {
	case "after": // after 500ms: the machine is ticked whenever it wants to be
		d, err := time.ParseDuration(w.at(1))
		if err != nil {
			w.Fatal(err)
		}
		b.run(d, func(*Output) { s.hand(&b.out) })
	case "stall": // stall 1m: one tick, late
		d, _ := time.ParseDuration(w.at(1))
		b.pass(d)
		b.Tick(b.now)
	case "until-probe": // the moment of the next round
		b.run(b.clock.time(b.probing.at).Sub(b.now), func(*Output) { s.hand(&b.out) })
	case "leave":
		fmt.Fprintf(&s.said, "wait for it: %v\n", b.Leave(b.now, nil))
	case "rejoin":
		b.Rejoin(b.now)
	case "update":
		fmt.Fprintf(&s.said, "wait for it: %v\n", b.Update(b.now, []byte(w.at(1)), nil))
	case "remove":
		fmt.Fprintf(&s.said, "known: %v\n", b.ForceRemove(b.now, w.at(1)))
	case "pending":
		b.SetPending(b.now, w.at(1) == "yes")
	case "user-ping":
		b.UserPing(b.now, Peer{Name: w.at(1), Addr: addrOf(int(w.at(1)[0]-'a') + 1)})
	case "members":
		s.members()
	default:
		return false
	}
	return true
}

// members prints the table by name.
func (s *story) members() {
	all := slices.Collect(s.b.All)
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range all {
		fmt.Fprintf(&s.said, "%s %v@%d %v since %v\n", x.Name, x.State, x.Incarnation, x.Addr, s.after(x.Since))
	}
	fmt.Fprintf(&s.said, "%d alive, health %d\n", s.b.NumAlive(), s.b.Health())
}

// packets are pings and their answers.
func (s *story) packets(w *words) bool {
	b := s.b
	from := Source{Trusted: w.has("trusted")}
	if ap, err := netip.ParseAddrPort(w.set["source"]); err == nil {
		from.Addr = ap
	}
	var stated []byte
	var port uint16
	if ap, err := netip.ParseAddrPort(w.set["stated"]); err == nil {
		stated, port = ap.Addr().AsSlice(), ap.Port()
	}
	switch w.at(0) {
	case "ping": // ping 7 source=… [name=…] [stated=… by=…] [trusted]
		b.Ping(b.now, from, &wire.Ping{SeqNo: w.number(1), Node: w.set["name"], SourceAddr: stated, SourcePort: port, SourceNode: w.set["by"]}, nil)
	case "ping-for": // ping-for c 7 source=… [stated=… by=…] [nack] [trusted]
		target := addrOf(int(w.at(1)[0]-'a') + 1)
		b.IndirectPing(b.now, from, &wire.IndirectPing{
			SeqNo: w.number(2), Node: w.at(1), Target: target.Addr().AsSlice(), Port: target.Port(), Nack: w.has("nack"),
			SourceAddr: stated, SourcePort: port, SourceNode: w.set["by"],
		})
	case "ack":
		b.Ack(b.now, &wire.Ack{SeqNo: w.number(1)})
	case "nack":
		b.Nack(b.now, &wire.Nack{SeqNo: w.number(1)})
	case "knocked": // knocked 7 yes
		b.KnockDone(b.now, w.number(1), w.at(2) == "yes")
	default:
		return false
	}
	return true
}

// after words a time as what has passed since the beginning.
func (s *story) after(t time.Time) string {
	return t.Sub(s.began).Round(time.Millisecond).String()
}

// tell words what the machine wants done.
func (s *story) tell() { s.hand(s.b.take()) }

func (s *story) hand(out *Output) {
	say := func(format string, args ...any) {
		fmt.Fprintf(&s.said, "%7s  %s\n", s.after(s.b.now), fmt.Sprintf(format, args...))
	}
	for _, p := range out.Packets {
		text := worded(s, p.Body)
		if p.Extra != nil {
			text += " + " + worded(s, p.Extra)
		}
		if p.Bare {
			text += " (bare)"
		}
		say("→ %s  %s", whom(p.To.Peer), text)
	}
	for _, k := range out.Knocks {
		say("→ %s  knock %d, until %s", whom(k.Peer), k.Seq, s.after(k.Until))
	}
	for _, g := range out.Gossip {
		say("→ %s  rumours", whom(g.Peer))
	}
	for _, p := range out.Syncs {
		say("↔ %s  exchange", whom(p))
	}
	for _, q := range out.Broadcasts {
		say("rumour  %s", worded(s, q.Body))
	}
	for _, n := range out.News {
		if text := newsWorded(n); text != "" {
			say("news    %s", text)
		}
	}
	for _, a := range out.Answers {
		say("answer  %d: %v after %v", a.Seq, a.OK, a.RTT)
	}
}

func whom(p Peer) string {
	if p.Name == "" {
		return p.Addr.String()
	}
	if p.Addr == addrOf(int(p.Name[0]-'a')+1) {
		return p.Name
	}
	return p.Name + "(" + p.Addr.String() + ")"
}

// worded decodes a message and words it.
func worded(t testing.TB, msg []byte) string {
	var err error
	var text string
	switch body := msg[1:]; wire.Type(msg[0]) {
	case wire.TypePing:
		var x wire.Ping
		err = x.Decode(body)
		text = fmt.Sprintf("ping %d", x.SeqNo)
	case wire.TypeIndirectPing:
		var x wire.IndirectPing
		err = x.Decode(body)
		text = fmt.Sprintf("ping %s for me %d", x.Node, x.SeqNo)
	case wire.TypeAck:
		var x wire.Ack
		err = x.Decode(body)
		text = fmt.Sprintf("ack %d", x.SeqNo)
	case wire.TypeNack:
		var x wire.Nack
		err = x.Decode(body)
		text = fmt.Sprintf("nack %d", x.SeqNo)
	case wire.TypeAlive:
		var x wire.Alive
		err = x.Decode(body)
		text = fmt.Sprintf("alive %s@%d", x.Node, x.Incarnation)
		if len(x.Meta) > 0 {
			text += fmt.Sprintf(" %q", x.Meta)
		}
	case wire.TypeSuspect:
		var x wire.Suspect
		err = x.Decode(body)
		text = fmt.Sprintf("suspect %s@%d, says %s", x.Node, x.Incarnation, x.From)
	case wire.TypeDead:
		var x wire.Dead
		err = x.Decode(body)
		text = fmt.Sprintf("dead %s@%d, says %s", x.Node, x.Incarnation, x.From)
	}
	if err != nil || text == "" {
		t.Fatalf("message %x: %v", msg, err)
	}
	return text
}

// newsWorded words news; what merely measures is left out.
func newsWorded(n News) string {
	switch n.Kind {
	case Departed:
		return fmt.Sprintf("%s departed: %v, says %s, confirmed %d times", n.Member.Name, n.Member.State, n.From, n.Confirmations)
	case Suspected:
		return fmt.Sprintf("%s suspected by %s", n.Member.Name, n.From)
	case Confirmed:
		return fmt.Sprintf("%s suspected by %s too, confirmed %d times", n.Member.Name, n.From, n.Confirmations)
	case Refuted:
		if n.From == "" {
			return "refuted a false alive"
		}
		return fmt.Sprintf("refuted a claim of %s", n.From)
	case Conflict:
		return fmt.Sprintf("%s is claimed by %v", n.Member.Name, n.Other.Addr)
	case Ignored:
		return fmt.Sprintf("ignored about %s: %s", n.Member.Name+n.From, n.Reason)
	case HealthChanged:
		return fmt.Sprintf("health %d", n.Health)
	case ProbeDone:
		return fmt.Sprintf("probe of %s: ok %v after %v", n.Member.Name, n.OK, n.RTT)
	case WrongName:
		return fmt.Sprintf("a ping for %s came here", n.From)
	case StreamOnly:
		return fmt.Sprintf("%s answers by stream only", n.Member.Name)
	case Pinged:
		return ""
	}
	return fmt.Sprintf("%s %v", n.Member.Name, n.Kind)
}
