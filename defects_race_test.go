package memberlist

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// These tests are of use with the race detector above all.

func TestDefectB19WhatMembersReturnsIsNeverWrittenTo(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		m, s := b.create("m", quiet), b.stranger("s")
		s.say(m, s.alive(1))
		var all sync.WaitGroup
		done := make(chan struct{})
		for range 2 {
			all.Go(func() {
				for {
					for _, n := range m.Members() {
						// The writer below keeps port and metadata in step.
						if len(n.Meta) > 0 && n.Name == "s" && string(n.Meta) != fmt.Sprint(n.Port, n.Addr) {
							t.Errorf("metadata %s, but port %d and address %v", n.Meta, n.Port, n.Addr)
						}
						n.FullAddress()
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		before := m.Members()
		for i := range uint32(300) {
			left := wire.Dead{Incarnation: 1 + 3*i, Node: "s", From: "s"} // so that it may move
			m.cluster.step(func(c *swim.Machine, now time.Time) { c.Dead(now, &left) })
			claim := s.alive(2 + 3*i)
			claim.Port, claim.Addr = uint16(1000+i), []byte{10, 0, 0, byte(i)}
			claim.Meta = []byte(fmt.Sprint(claim.Port, net.IP(claim.Addr)))
			m.learn(*claim)
		}
		close(done)
		all.Wait()
		for _, n := range before {
			if n.Name == "s" && (n.Port != s.at.Port() || len(n.Meta) != 0) {
				t.Errorf("an old snapshot has port %d and metadata %q now", n.Port, n.Meta)
			}
		}
	})
}

func TestDefectB28TheLabelsOfMetricsAreNotSharedWithTheCaller(t *testing.T) {
	inmem(t)
	bubble(t, func(t *testing.T, b *lab) {
		labels := append(make([]metrics.Label, 0, 8), metrics.Label{Name: "dc", Value: "one"})
		m := b.create("m", func(c *Config) { c.MetricLabels = labels })
		s := b.stranger("s")
		ask := (&wire.State{Rows: []wire.Row{s.row(1)}}).Append(nil)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					conn, err := s.DialTimeout(m.LocalNode().Address(), time.Second)
					if err != nil {
						t.Error(err)
						return
					}
					conn.SetDeadline(time.Now().Add(time.Second))
					_, _ = conn.Write(ask)
					_, _ = conn.Read(make([]byte, 1000)) // whatever it is
					conn.Close()
				}
			})
			all.Go(func() {
				for range 20 {
					_, _ = m.Join([]string{m.LocalNode().Address()})
				}
			})
		}
		all.Wait()
		for _, spare := range labels[1:cap(labels)] {
			if spare != (metrics.Label{}) {
				t.Errorf("the caller's slice was written to: %v", spare)
			}
		}
	})
}

func TestOldDefectF07KeysMayChangeWhileTheyAreInUse(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		rings := make(map[string]*Keyring)
		nodes := b.cluster(3, func(c *Config) {
			ring, err := NewKeyring([][]byte{keyA, keyB}, keyA)
			if err != nil {
				t.Fatal(err)
			}
			c.Keyring, rings[c.Name] = ring, ring
		})
		var all sync.WaitGroup
		for _, ring := range rings {
			all.Go(func() {
				for i := range 300 {
					primary := [][]byte{keyA, keyB}[i%2]
					if err := ring.UseKey(primary); err != nil {
						t.Error(err)
					}
					_ = ring.AddKey(keyC)
					if err := ring.RemoveKey(keyC); err != nil {
						t.Error(err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		all.Wait()
		for _, m := range nodes {
			if names(m) != "a b c" || m.GetHealthScore() != 0 {
				t.Errorf("%s sees %q with health %d", m.LocalNode().Name, names(m), m.GetHealthScore())
			}
		}
	})
}

func TestDefectB23TheSizeOfAStateIsTheNumberOfItsBytes(t *testing.T) {
	sink := inmem(t)
	bubble(t, func(t *testing.T, b *lab) {
		d := &inbox{state: bytes.Repeat([]byte("state"), 1000)}
		m, s := b.create("m", quiet, func(c *Config) { c.EnableCompression, c.Delegate = false, d }), b.stranger("s")
		m.learn(*s.alive(1))
		answer := s.converse(m, (&wire.State{Rows: []wire.Row{s.row(1)}}).Append(nil))
		synctest.Wait()
		m.metrics.flush()
		found := false
		for _, interval := range sink.Data() {
			for name, gauge := range interval.Gauges {
				if strings.HasPrefix(name, "memberlist.size.local") {
					found = true
					if int(gauge.Value) != len(answer) {
						t.Errorf("the gauge says %v, %d bytes were sent", gauge.Value, len(answer))
					}
				}
			}
		}
		if !found {
			t.Error("there is no such gauge")
		}
	})
}
