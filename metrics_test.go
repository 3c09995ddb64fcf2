package memberlist

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-metrics"
)

// inmem makes an in-memory sink the global one until the test ends.
func inmem(t *testing.T) *metrics.InmemSink {
	sink := metrics.NewInmemSink(time.Hour, time.Hour)
	useSink(t, sink)
	t.Cleanup(func() { useSink(t, new(metrics.BlackholeSink)) })
	return sink
}

func useSink(t testing.TB, sink metrics.MetricSink) {
	conf := metrics.DefaultConfig("")
	conf.EnableHostname, conf.EnableRuntimeMetrics = false, false
	if _, err := metrics.NewGlobal(conf, sink); err != nil {
		t.Fatal(err)
	}
}

// sums returns what the sink's counters add up to.
func sums(sink *metrics.InmemSink) map[string]int {
	all := make(map[string]int)
	for _, interval := range sink.Data() {
		for name, c := range interval.Counters {
			all[name] += int(c.Sum)
		}
	}
	return all
}

func TestMetricsKeepTheirNames(t *testing.T) {
	sink := inmem(t)
	m := newTelemetry(nil)
	m.udpSent(1)
	m.udpReceived(2)
	m.tcpAccept()
	m.tcpConnect()
	m.tcpSent(3)
	m.heard(4, 5, 6)
	m.degradedProbe()
	m.degradedTimeout()
	m.drop("packet", "label")
	m.drop("packet", "label")
	m.health(2)
	m.nodeInstances(StateSuspect, 7)
	m.sizeLocal(8)
	m.sizeRemote(9)
	m.queueBroadcasts(10)
	m.queueEvents(11)
	m.probeNode(12 * time.Millisecond)
	m.gossip(time.Millisecond)
	m.pushPullNode(time.Millisecond)
	m.flush()

	want := map[string]int{
		"memberlist.udp.sent": 1, "memberlist.udp.received": 2, "memberlist.tcp.accept": 1,
		"memberlist.tcp.connect": 1, "memberlist.tcp.sent": 3, "memberlist.msg.alive": 4,
		"memberlist.msg.suspect": 5, "memberlist.msg.dead": 6, "memberlist.degraded.probe": 1,
		"memberlist.degraded.timeout": 1, "memberlist.drop;lane=packet;reason=label": 2,
	}
	got := sums(sink)
	for name, n := range want {
		if got[name] != n {
			t.Errorf("counter %s: got %d, want %d", name, got[name], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got counters %v", got)
	}
	interval := sink.Data()[0]
	for name, v := range map[string]float32{
		"memberlist.health.score": 2, "memberlist.node.instances;node_state=suspect": 7,
		"memberlist.size.local": 8, "memberlist.queue.events": 11,
	} {
		if g, ok := interval.Gauges[name]; !ok || g.Value != v {
			t.Errorf("gauge %s: got %v, want %v", name, g.Value, v)
		}
	}
	for name, v := range map[string]float64{
		"memberlist.size.remote": 9, "memberlist.queue.broadcasts": 10,
		"memberlist.probeNode": 12, "memberlist.gossip": 1, "memberlist.pushPullNode": 1,
	} {
		if s, ok := interval.Samples[name]; !ok || s.Sum < v || s.Sum > v+5 {
			t.Errorf("sample %s: got %v, want %v", name, s.AggregateSample, v)
		}
	}
}

func TestCountsAreHandedOverOnceInASecond(t *testing.T) {
	sink := inmem(t)
	synctest.Test(t, func(t *testing.T) {
		m := newTelemetry(nil)
		seen := func() int {
			synctest.Wait() // the goroutine that hands over has ended
			return sums(sink)["memberlist.udp.sent"]
		}
		m.udpSent(1)
		if seen() != 1 {
			t.Errorf("the first is not handed over at once: %d", seen())
		}
		for range 10_000 {
			m.udpSent(1)
		}
		if seen() != 1 {
			t.Errorf("handed over within the second: %d", seen())
		}
		time.Sleep(time.Second)
		m.health(0) // whatever is measured looks at the clock as well
		if seen() != 10_001 {
			t.Errorf("not handed over after a second: %d", seen())
		}
		m.udpSent(1)
		m.flush()
		if seen() != 10_002 {
			t.Errorf("not handed over at the end: %d", seen())
		}
		time.Sleep(time.Second)
		for range 1 + warmCounts + clockEvery {
			m.udpSent(1)
		}
		if got := seen(); got == 10_002 {
			t.Error("a busy node never hands over")
		}
	})
}

// B28: the reference appends to the caller's labels, whose spare capacity two goroutines then write to.
func TestB28TheCallersLabelsAreNeverAppendedTo(t *testing.T) {
	sink := inmem(t)
	labels := append(make([]metrics.Label, 0, 8), metrics.Label{Name: "dc", Value: "east"})
	m := newTelemetry(labels)
	labels[0].Value = "changed"
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for range 100 {
				m.nodeInstances(NodeStateType(g), g)
				m.drop("packet", "reason "+strconv.Itoa(g))
				m.flush()
			}
		})
	}
	all.Wait()
	if spare := labels[:8][1]; spare != (metrics.Label{}) {
		t.Errorf("the caller's spare capacity was written to: %v", spare)
	}
	if got := sums(sink)["memberlist.drop;dc=east;lane=packet;reason=reason_1"]; got != 100 {
		t.Errorf("got %d drops with the label, of %v", got, sums(sink))
	}
}

func TestReasonsOfDropsAreBounded(t *testing.T) {
	sink := inmem(t)
	m := newTelemetry(nil)
	for i := range 10 * maxDrops {
		m.drop("packet", fmt.Sprint("reason ", i))
	}
	m.flush()
	got := sums(sink)
	if len(got) != maxDrops+1 {
		t.Errorf("got %d kinds of drops, want %d and the others", len(got), maxDrops)
	}
	if n := got["memberlist.drop;lane=other;reason=other"]; n != 9*maxDrops {
		t.Errorf("got %d others, want %d", n, 9*maxDrops)
	}
}

func TestNoTelemetryIsHarmless(t *testing.T) {
	sink := inmem(t)
	var m *telemetry
	m.udpSent(1)
	m.heard(1, 1, 1)
	m.drop("packet", "label")
	m.health(1)
	m.nodeInstances(StateAlive, 1)
	m.sizeRemote(1)
	m.gossip(1)
	m.flush()
	newTelemetry(nil).udpSent(-1)
	if data := sink.Data(); len(data) > 0 && len(data[0].Counters)+len(data[0].Gauges)+len(data[0].Samples) > 0 {
		t.Errorf("got %v", data[0])
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := newTelemetry([]metrics.Label{{Name: "dc", Value: "east"}})
	m.drop("packet", "label")
	if allocs := testing.AllocsPerRun(1000, func() {
		m.udpReceived(100)
		m.heard(1, 0, 0)
		m.drop("packet", "label")
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkCountWithoutSink(b *testing.B) {
	m := newTelemetry(nil)
	for b.Loop() {
		m.udpReceived(100)
	}
}

func BenchmarkDropWithoutSink(b *testing.B) {
	m := newTelemetry(nil)
	for b.Loop() {
		m.drop("packet", "label")
	}
}
