//go:build unix

package memberlist

import (
	"fmt"
	"io"
	"log/slog"
	"syscall"
	"testing"
	"time"
)

// BenchmarkHundredNodesAtRest runs 100 nodes on loopback with the LAN's settings, each of which has joined
// three earlier ones, and reports how long they took to agree and what a node costs once nothing happens.
// It takes real time: run it with -benchtime 1x.
func BenchmarkHundredNodesAtRest(b *testing.B) {
	const n, rest = 100, 20 * time.Second
	for b.Loop() {
		begun := time.Now()
		nodes := startOnLoopback(b, n)
		for _, m := range nodes {
			for m.NumMembers() != n {
				time.Sleep(5 * time.Millisecond)
			}
		}
		b.ReportMetric(time.Since(begun).Seconds(), "s-to-agree")
		for _, m := range nodes { // at rest is when the last rumour has been told
			for m.cluster.rumours.NumQueued() > 0 {
				time.Sleep(50 * time.Millisecond)
			}
		}
		before := cpuTime(b)
		time.Sleep(rest)
		used := cpuTime(b) - before
		b.ReportMetric(float64(used.Microseconds())/n/rest.Seconds(), "µs-cpu/node/s")
		for _, m := range nodes {
			if m.NumMembers() != n || m.GetHealthScore() != 0 {
				b.Errorf("%s sees %d members, health %d", m.conf.Name, m.NumMembers(), m.GetHealthScore())
			}
		}
		for _, m := range nodes {
			m.Shutdown()
		}
	}
}

// startOnLoopback starts nodes on ports that the system chooses; each joins the three before it.
func startOnLoopback(b *testing.B, n int) []*Memberlist {
	b.Helper()
	nodes := make([]*Memberlist, n)
	for i := range nodes {
		conf := DefaultLANConfig()
		conf.Name, conf.BindAddr, conf.BindPort = fmt.Sprintf("node-%03d", i), "127.0.0.1", 0
		conf.Slog = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
		m, err := Create(conf)
		if err != nil {
			b.Fatal(err)
		}
		nodes[i] = m
		var earlier []string
		for _, e := range nodes[max(0, i-3):i] {
			earlier = append(earlier, e.LocalNode().Address())
		}
		if joined, err := m.Join(earlier); joined != len(earlier) {
			b.Fatalf("joined %d of %d: %v", joined, len(earlier), err)
		}
	}
	return nodes
}

// cpuTime is what this process has used so far, in user and kernel mode.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
