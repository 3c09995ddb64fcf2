package memberlist

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTwoNodesSeeEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		told := &diary{}
		a := b.create("a", func(c *Config) { c.Events = told })
		z := b.create("z")
		b.join(z, a)
		if got := names(z); got != "a z" {
			t.Errorf("z sees %q after Join", got)
		}
		b.eventually(time.Second, "a sees z", func() bool { return names(a) == "a z" })
		time.Sleep(30 * time.Second)
		if got := told.String(); got != "join a, join z" {
			t.Errorf("a was told %q", got)
		}
		if a.GetHealthScore() != 0 || z.GetHealthScore() != 0 {
			t.Errorf("health %d and %d after a quiet time", a.GetHealthScore(), z.GetHealthScore())
		}
	})
}

func TestACrashedNodeIsFoundDead(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		told := &diary{}
		nodes := b.cluster(5, func(c *Config) {
			if c.Name == "a" {
				c.Events = told
			}
		})
		nodes[4].Shutdown()
		for _, m := range nodes[:4] {
			b.eventually(time.Minute, "e is gone", func() bool { return names(m) == "a b c d" })
		}
		if got, want := told.String(), "join a, join b, join c, join d, join e, dead e"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestALeaverIsSeenLeft(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		told := &diary{}
		nodes := b.cluster(3, func(c *Config) {
			if c.Name == "a" {
				c.Events = told
			}
		})
		if err := nodes[2].Leave(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if got := nodes[2].LocalNode().State; got != StateLeft {
			t.Errorf("local state %v", got)
		}
		b.eventually(5*time.Second, "c is gone", func() bool { return names(nodes[0]) == "a b" })
		if got, want := told.String(), "join a, join b, join c, left c"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		if err := nodes[2].Leave(time.Second); err != nil {
			t.Errorf("second leave: %v", err)
		}
		if err := nodes[2].UpdateNode(time.Second); !errors.Is(err, ErrLeft) {
			t.Errorf("update while left: %v", err)
		}
	})
}

func TestMetadataSpreads(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		nodes := b.cluster(4)
		if err := nodes[1].UpdateMeta(context.Background(), []byte("blue")); err != nil {
			t.Fatal(err)
		}
		for _, m := range nodes {
			b.eventually(5*time.Second, "the new metadata", func() bool {
				for _, n := range m.Members() {
					if n.Name == "b" && string(n.Meta) == "blue" {
						return true
					}
				}
				return false
			})
		}
	})
}
