package swim

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// crowd is a bench that knows n members, and their rows.
func crowd(t testing.TB, n int) (*bench, []wire.Row) {
	b := newBench(t)
	for i := 2; i <= n; i++ {
		b.Alive(b.now, aliveOf(fmt.Sprintf("node-%05d", i), i, 1))
		b.take()
	}
	return b, b.Rows(nil)
}

func BenchmarkAliveKnownNothingNew(t *testing.B) {
	b, _ := crowd(t, 1000)
	a := aliveOf("node-00500", 500, 1)
	t.ReportAllocs()
	for t.Loop() {
		b.Alive(b.now, a)
	}
}

func BenchmarkPingToAck(t *testing.B) {
	b, _ := crowd(t, 1000)
	ip := addrOf(500).Addr().As4()
	p := &wire.Ping{SeqNo: 9, Node: "a", SourceAddr: ip[:], SourcePort: 7946, SourceNode: "node-00500"}
	from := Source{Peer: Peer{Addr: addrOf(500)}}
	t.ReportAllocs()
	for t.Loop() {
		b.Ping(b.now, from, p, nil)
		b.take()
	}
}

func BenchmarkProbeRound(t *testing.B) {
	b, _ := crowd(t, 1000)
	b.run(2*time.Second, nil)
	b.take()
	t.ReportAllocs()
	for t.Loop() {
		b.pass(time.Second)
		b.Tick(b.now)
		b.Ack(b.now, &wire.Ack{SeqNo: b.probe.seq})
		b.take()
	}
}

func BenchmarkTickWithNothingDue(t *testing.B) {
	b, _ := crowd(t, 1000)
	t.ReportAllocs()
	for t.Loop() {
		b.Tick(b.now)
	}
}

func BenchmarkMergeUnchanged10000(t *testing.B) {
	b, rows := crowd(t, 10_000)
	rows = overTheWire(t, rows)
	t.ReportAllocs()
	for t.Loop() {
		b.Merge(b.now, rows)
	}
}

// overTheWire makes rows point into one buffer, as they do when they come from a peer.
func overTheWire(t testing.TB, rows []wire.Row) []wire.Row {
	var b []byte
	for i := range rows {
		b = rows[i].Append(b)
	}
	got := make([]wire.Row, len(rows))
	for i := range got {
		rest, err := got[i].DecodeNext(b)
		if err != nil {
			t.Fatal(err)
		}
		b = rest
	}
	return got
}

func BenchmarkCheck10000(t *testing.B) {
	b, rows := crowd(t, 10_000)
	t.ReportAllocs()
	for t.Loop() {
		if err := b.Check(rows); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkRows10000(t *testing.B) {
	b, rows := crowd(t, 10_000)
	t.ReportAllocs()
	for t.Loop() {
		rows = b.Rows(rows[:0])
	}
}

func BenchmarkSampleThreeOf10000(t *testing.B) {
	b, _ := crowd(t, 10_000)
	t.ReportAllocs()
	for t.Loop() {
		b.sample(3, nil, isAlive)
	}
}

func BenchmarkBytesPerMember(t *testing.B) {
	const members = 10_000
	for t.Loop() {
		t.ReportMetric(bytesPerMember(t, members), "B/member")
	}
}

// bytesPerMember measures what a machine keeps for each member of a large cluster.
func bytesPerMember(t testing.TB, members int) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b, _ := crowd(t, members)
	b.out = Output{}
	b.Machine.out = Output{}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(b)
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(members)
}
