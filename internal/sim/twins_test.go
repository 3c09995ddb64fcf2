package sim

import (
	"testing"
	"time"
)

// Found by seeds 1001, 1987 and 2828 of the swarm: a process that lost its memory, and joins where
// nobody has heard of its former life, announces other meta under an incarnation that it had used
// before. Whoever knows the former announcement takes the new one for old news, and tells nobody of
// the difference. That is in the nature of the protocol, which orders claims by nothing but the
// incarnation; it ends when the owner itself sees the wrong row, in an exchange of full state.
func TestTwoLivesUnderOneIncarnationAreToldApartByTheirOwnerOnly(t *testing.T) {
	set := LAN()
	set.ProbeInterval, set.PushPullInterval = time.Minute, 0
	s := New(Options{Seed: 1, Settings: set, Network: lan(), Laws: true})
	a, c := s.Start("a", nil), s.Start("c", nil)
	a.Partition(1)
	b := s.Start("b", []byte("first life"))
	b.Join(c, nil)
	must(t, s.Run(2*time.Second))
	b.Kill()
	c.Partition(2)
	a.Partition(0)
	b = s.Restart(b, []byte("second life"))
	b.Join(a, nil)
	must(t, s.Run(4*time.Second))
	s.Heal()
	a.Join(c, nil)
	must(t, s.Run(8*time.Second))
	if d := s.Agreed(); d == nil || d.Node != c || d.About != "b" {
		t.Fatalf("after the others' exchange: %v", d)
	}
	c.Join(b, nil)
	must(t, s.Run(12*time.Second))
	if d := s.Agreed(); d != nil {
		t.Errorf("after the owner's exchange: %v", d)
	}
	if got := b.machine.Self().Incarnation; got != 2 {
		t.Errorf("the owner has incarnation %d", got)
	}
}
