package swim

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// decisions is the whole of what claims do. Everything is known at incarnation 5. A cell says
// what the claim leads to at incarnation 4, 5, 6, at the edge of the window (5 + 2^20) and
// beyond it:
//
//   - nothing happens
//     !          ignored and counted
//     ~          nothing is seen, but the incarnation is remembered
//     x y        the state becomes x, the news is y, and there is one rumour
//     refuted    we announce ourselves with one incarnation more than the claim has
//
// "dead" is a claim by another node, "left" one by the member itself. "us" is ourselves.
const decisions = `
member       claim    older             same              newer             edge              beyond

unknown      alive    alive joined      alive joined      alive joined      alive joined      alive joined
unknown      suspect  -                 -                 -                 -                 -
unknown      dead     -                 -                 -                 -                 -
unknown      left     -                 -                 -                 -                 -

alive        alive    -                 -                 alive             alive             !
alive        suspect  -                 suspect suspected suspect suspected suspect suspected !
alive        dead     -                 dead departed     dead departed     dead departed     !
alive        left     -                 left departed     left departed     left departed     !

suspect      alive    -                 -                 alive recovered   alive recovered   !
suspect      suspect  -                 confirmed         confirmed         confirmed         !
suspect      dead     -                 dead departed     dead departed     dead departed     !
suspect      left     -                 left departed     left departed     left departed     !

dead         alive    -                 -                 alive joined      alive joined      !
dead         suspect  -                 -                 -                 -                 !
dead         dead     -                 -                 ~                 ~                 !
dead         left     -                 -                 ~                 ~                 !

left         alive    -                 -                 alive joined      alive joined      !
left         suspect  -                 -                 -                 -                 !
left         dead     -                 -                 ~                 ~                 !
left         left     -                 -                 ~                 ~                 !

us-alive     alive    -                 -                 refuted           refuted           !
us-alive     suspect  -                 refuted           refuted           refuted           !
us-alive     dead     -                 refuted           refuted           refuted           !
us-alive     left     -                 refuted           refuted           refuted           !

us-left      alive    -                 -                 -                 -                 -
us-left      suspect  -                 -                 -                 -                 !
us-left      dead     -                 -                 ~                 ~                 !
us-left      left     -                 -                 ~                 ~                 !
`

func TestEveryClaimAboutEveryMemberHasItsVerdict(t *testing.T) {
	columns := []string{"member", "claim", "older", "same", "newer", "edge", "beyond"}
	incarnations := []uint32{4, 5, 6, 5 + window, 6 + window}
	lines := strings.Split(strings.TrimSpace(decisions), "\n")
	var at []int
	for _, c := range columns {
		at = append(at, strings.Index(lines[0], c))
	}
	rows := 0
	for _, line := range lines[1:] {
		if line == "" {
			continue
		}
		rows++
		var cells []string
		for i := range at {
			end := len(line)
			if i+1 < len(at) {
				end = at[i+1]
			}
			cells = append(cells, strings.TrimSpace(line[at[i]:end]))
		}
		for i, inc := range incarnations {
			t.Run(fmt.Sprintf("%s hears %s %s", cells[0], columns[i+2], cells[1]), func(t *testing.T) {
				if got := outcome(t, cells[0], cells[1], inc); got != cells[i+2] {
					t.Errorf("%q, want %q", got, cells[i+2])
				}
			})
		}
	}
	if rows != 28 {
		t.Errorf("the table has %d rows, want 7 members times 4 claims", rows)
	}
}

// outcome puts a member into a state at incarnation 5, makes a claim, and says what came of
// it in the words of the table.
func outcome(t *testing.T, member, claim string, inc uint32) string {
	b := newBench(t)
	b.know("c", "d", "e", "f")
	name := "b"
	switch member {
	case "alive", "suspect", "dead", "left":
		b.Alive(b.now, aliveOf("b", 2, 5))
	case "us-alive", "us-left":
		name = "a"
		b.Suspect(b.now, &wire.Suspect{Incarnation: 4, Node: "a", From: "c"})
	}
	switch member {
	case "suspect":
		b.Suspect(b.now, &wire.Suspect{Incarnation: 5, Node: "b", From: "c"})
	case "dead":
		b.Dead(b.now, &wire.Dead{Incarnation: 5, Node: "b", From: "c"})
	case "left":
		b.Dead(b.now, &wire.Dead{Incarnation: 5, Node: "b", From: "b"})
	case "us-left":
		b.Leave(b.now, nil)
	}
	b.take()
	before, _ := b.Lookup(name)
	b.pass(time.Second)
	switch claim {
	case "alive":
		b.Alive(b.now, aliveOf(name, int(name[0]-'a')+1, inc))
	case "suspect":
		b.Suspect(b.now, &wire.Suspect{Incarnation: inc, Node: name, From: "d"})
	case "dead":
		b.Dead(b.now, &wire.Dead{Incarnation: inc, Node: name, From: "d"})
	case "left":
		b.Dead(b.now, &wire.Dead{Incarnation: inc, Node: name, From: name})
	}
	after, known := b.Lookup(name)
	return describe(t, before, after, known, inc, b.take())
}

// describe words what a claim at inc did, and checks what every such thing has in common.
func describe(t *testing.T, before, after Member, known bool, inc uint32, out *Output) string {
	var words []string
	if known && (after.State != before.State || before.Name == "" || after.Incarnation != before.Incarnation && len(out.Broadcasts) > 0) {
		words = append(words, after.State.String())
	}
	for _, n := range out.News {
		if n.Kind != HealthChanged {
			words = append(words, n.Kind.String())
		}
	}
	moved := known && before.Name != "" && after.State != before.State
	if moved == after.Since.Equal(before.Since) && before.Name != "" {
		t.Errorf("state %v → %v, but since %v → %v", before.State, after.State, before.Since, after.Since)
	}
	got := strings.Join(words, " ")
	switch {
	case got == "alive refuted":
		if after.Incarnation != max(before.Incarnation, inc)+1 {
			t.Errorf("refuted %d with %d", inc, after.Incarnation)
		}
		got = "refuted"
	case got == "ignored":
		got = "!"
	case got == "" && after.Incarnation != before.Incarnation:
		got = "~"
	case got == "":
		got = "-"
	}
	wantRumours := 1
	if strings.Contains("-!~", got) {
		wantRumours = 0
	}
	if len(out.Broadcasts) != wantRumours {
		t.Errorf("%d rumours, want %d", len(out.Broadcasts), wantRumours)
	}
	if got != "refuted" && got != "-" && got != "!" && got != "confirmed" && after.Incarnation != inc {
		t.Errorf("incarnation %d, want the claim's %d", after.Incarnation, inc)
	}
	return got
}

func TestMetaIsUpdatedOnlyWithAHigherIncarnation(t *testing.T) {
	b := newBench(t)
	b.know("b")
	claim := aliveOf("b", 2, 1)
	claim.Meta = []byte("new")
	b.Alive(b.now, claim)
	if out := b.take(); len(out.News)+len(out.Broadcasts) != 0 {
		t.Fatalf("the same incarnation led to %+v", out)
	}
	claim.Incarnation = 2
	b.Alive(b.now, claim)
	claim.Meta[0] = 'X'
	out := b.take()
	if n := newsOf(out, Updated); len(n) != 1 || string(n[0].Member.Meta) != "new" {
		t.Errorf("news %+v, want one update to %q", out.News, "new")
	}
	var told wire.Alive
	if err := told.Decode(out.Broadcasts[0].Body[1:]); err != nil || string(told.Meta) != "new" {
		t.Errorf("told %+v, %v", told, err)
	}
}

func TestAnUnchangedIdentityIsKept(t *testing.T) {
	b := newBench(t)
	b.know("b")
	was, _ := b.Lookup("b")
	b.Alive(b.now, aliveOf("b", 2, 2))
	if is, _ := b.Lookup("b"); is.Identity != was.Identity {
		t.Error("a claim with nothing new made a new identity")
	}
}

func TestIncarnationsSaturate(t *testing.T) {
	b := newBench(t)
	b.self.incarnation = math.MaxUint32
	b.Suspect(b.now, &wire.Suspect{Incarnation: math.MaxUint32, Node: "a", From: "x"})
	if got := b.Self().Incarnation; got != math.MaxUint32 {
		t.Errorf("incarnation %d", got)
	}
	b.Update(b.now, []byte("m"), nil)
	if got := b.Self().Incarnation; got != math.MaxUint32 {
		t.Errorf("incarnation %d", got)
	}
}

// B10: the reference wraps to incarnation 0 and can never refute again.
func TestB10AnAccusationWithTheHighestIncarnationIsIgnored(t *testing.T) {
	b := newBench(t)
	b.Suspect(b.now, &wire.Suspect{Incarnation: math.MaxUint32, Node: "a", From: "x"})
	b.Dead(b.now, &wire.Dead{Incarnation: math.MaxUint32, Node: "a", From: "x"})
	out := b.take()
	if n := newsOf(out, Ignored); len(n) != 2 || n[0].Reason != ReasonTooFar {
		t.Errorf("news %+v, want two ignored", out.News)
	}
	if self := b.Self(); self.State != Alive || self.Incarnation != 1 {
		t.Errorf("we are %v@%d", self.State, self.Incarnation)
	}
}

// B11: the reference forgets the higher incarnation of a second death.
func TestB11ADelayedAliveDoesNotResurrectTheDead(t *testing.T) {
	b := newBench(t)
	b.know("b")
	b.Dead(b.now, &wire.Dead{Incarnation: 1, Node: "b", From: "x"})
	b.Dead(b.now, &wire.Dead{Incarnation: 10, Node: "b", From: "x"})
	b.Alive(b.now, aliveOf("b", 2, 2))
	if got := b.state("b"); got != "dead" {
		t.Errorf("b is %s", got)
	}
	b.Alive(b.now, aliveOf("b", 2, 11))
	if got := b.state("b"); got != "alive" {
		t.Errorf("b is %s", got)
	}
}

// B26: the reference queues a refutation under another key than every other message.
func TestB26EveryMessageAboutUsIsQueuedUnderOurName(t *testing.T) {
	b := newBench(t)
	b.know("b")
	b.Suspect(b.now, &wire.Suspect{Incarnation: 1, Node: "a", From: "b"})
	b.Update(b.now, []byte("m"), nil)
	b.Leave(b.now, nil)
	b.Rejoin(b.now)
	for _, q := range b.take().Broadcasts {
		if q.Name != "a" {
			t.Errorf("queued under %q", q.Name)
		}
	}
}

func TestAClaimAboutUsAfterLeaveChangesNothing(t *testing.T) {
	b := newBench(t)
	b.know("b")
	b.Leave(b.now, nil)
	b.take()
	b.Alive(b.now, aliveOf("a", 1, 9))
	if out := b.take(); len(out.News)+len(out.Broadcasts) != 0 || !b.HasLeft() {
		t.Errorf("an alive about us after Leave led to %+v", out)
	}
}

func TestNewcomersAtIncarnationZeroLeaveADeadRow(t *testing.T) {
	b := newBench(t)
	b.Alive(b.now, aliveOf("b", 2, 0))
	if out := b.take(); len(out.News)+len(out.Broadcasts) != 0 || b.state("b") != "dead" {
		t.Errorf("b is %q, output %+v", b.state("b"), out)
	}
	b.run(31*time.Second, nil)
	if b.state("b") != "" {
		t.Error("the row is never forgotten")
	}
}
