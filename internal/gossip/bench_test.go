package gossip

import (
	"fmt"
	"testing"
)

var queuedCounts = []int{100, 10_000, 100_000}

func filled(n int) *Queue[int] {
	var q Queue[int]
	for i := range n {
		q.Add(Message[int]{Name: fmt.Sprint("node-", i), Body: filler(i, 60+i%41), Owner: i}, nil)
	}
	return &q
}

// BenchmarkTake takes one packet's worth of messages from a queue that stays full;
// ns/message is the figure that counts.
func BenchmarkTake(b *testing.B) {
	for _, n := range queuedCounts {
		b.Run(fmt.Sprintf("queued=%d", n), func(b *testing.B) {
			q := filled(n)
			dst, taken := make([][]byte, 0, 256), 0
			b.ReportAllocs()
			for b.Loop() {
				room := PacketRoom(1400)
				dst, _ = q.Take(dst[:0], nil, &room, 1<<30)
				taken += len(dst)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(taken), "ns/message")
		})
	}
}

// BenchmarkDrain empties a queue of a cluster of its size: each message is told until its limit is
// reached, as it happens after a burst.
func BenchmarkDrain(b *testing.B) {
	for _, n := range queuedCounts {
		b.Run(fmt.Sprintf("queued=%d", n), func(b *testing.B) {
			var dst [][]byte
			var ended []int
			taken := 0
			for b.Loop() {
				b.StopTimer()
				q := filled(n)
				b.StartTimer()
				for q.Len() > 0 {
					room := PacketRoom(1400)
					dst, ended = q.Take(dst[:0], ended[:0], &room, TransmitLimit(4, n))
					taken += len(dst)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(taken), "ns/message")
		})
	}
}

// BenchmarkTakeOne has room for a single message: nothing shares the cost of the search.
func BenchmarkTakeOne(b *testing.B) {
	for _, n := range queuedCounts {
		b.Run(fmt.Sprintf("queued=%d", n), func(b *testing.B) {
			q := filled(n)
			dst := make([][]byte, 0, 256)
			b.ReportAllocs()
			for b.Loop() {
				room := PacketRoom(80)
				dst, _ = q.Take(dst[:0], nil, &room, 1<<30)
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, n := range queuedCounts {
		b.Run(fmt.Sprintf("queued=%d", n), func(b *testing.B) {
			q := filled(n)
			m := Message[int]{Name: "node-7", Body: filler(7, 67)}
			ended := make([]int, 0, 1)
			b.ReportAllocs()
			for b.Loop() {
				ended = q.Add(m, ended[:0])
			}
		})
	}
}

func BenchmarkPack(b *testing.B) {
	var rumours Source = queueSource{filled(10_000), 1 << 30}
	var user Stage
	var packer Packer
	var turn Turn
	must := [][]byte{filler(1, 40)}
	mail := filler(2, 100)
	messages := 0
	b.ReportAllocs()
	for b.Loop() {
		for user.Len() < 4 {
			user.Put(mail)
		}
		messages += len(packer.Pack(1400, must, rumours, &user, &turn)) - 1
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
}
