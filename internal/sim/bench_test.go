package sim

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// united is a cluster of so many nodes that has come together.
func united(b *testing.B, nodes int) *Sim {
	s := New(Options{Seed: 1, Settings: LAN(), Network: lan()})
	s.Bootstrap(nodes, 10*time.Second)
	must(b, s.Run(10*time.Second))
	if _, err := s.Await(5*time.Minute, time.Second); err != nil {
		b.Fatal(err)
	}
	must(b, s.Run(s.Now()+time.Minute))
	return s
}

// busy returns how long this process has used a processor: what others do meanwhile on the same
// machine must not count.
func busy(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// realtime runs so many virtual seconds and reports how much faster than a clock that was.
func realtime(b *testing.B, s *Sim, seconds int) {
	begun, packets := busy(b), traffic(s)
	span := time.Duration(seconds) * time.Second
	for range b.N {
		must(b, s.Run(s.Now()+span))
	}
	took := (busy(b) - begun).Seconds()
	virtual := float64(b.N * seconds)
	now := traffic(s)
	b.ReportMetric(virtual/took, "x-realtime")
	b.ReportMetric(float64(now.PacketsOut-packets.PacketsOut)/virtual/float64(len(s.nodes)), "packets/node/s")
	b.ReportMetric(float64(now.Messages-packets.Messages)/float64(now.PacketsIn-packets.PacketsIn), "msgs/packet")
}

func traffic(s *Sim) (sum Traffic) {
	for _, n := range s.nodes {
		sum.PacketsOut += n.traffic.PacketsOut
		sum.PacketsIn += n.traffic.PacketsIn
		sum.Messages += n.traffic.Messages
	}
	return sum
}

func BenchmarkIdle1000(b *testing.B) {
	s := united(b, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	realtime(b, s, 10)
}

// A storm: so many updates in every second that each packet is full.
func BenchmarkStorm1000(b *testing.B) {
	s := united(b, 1000)
	s.Storm(20, 46) // twelve such claims fill a packet
	must(b, s.Run(s.Now()+10*time.Second))
	b.ReportAllocs()
	b.ResetTimer()
	realtime(b, s, 2)
}

// BenchmarkBootstrap starts clusters from one seed within ten virtual seconds and runs them until all
// know all, and a minute longer.
func BenchmarkBootstrap(b *testing.B) {
	for _, nodes := range []int{100, 1000, 3000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			for b.Loop() {
				bootstrapped(b, nodes)
			}
		})
	}
}

func bootstrapped(b *testing.B, nodes int) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := busy(b)
	s := united(b, nodes)
	b.ReportMetric((busy(b) - begun).Seconds(), "cpu-s")
	b.ReportMetric(s.Now().Seconds(), "virtual-s")
	runtime.GC()
	runtime.ReadMemStats(&after)
	pairs := float64(nodes) * float64(nodes)
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/pairs, "B/pair")
	b.ReportMetric(float64(after.Sys)/(1<<30), "GiB-peak")
	runtime.KeepAlive(s)
}
