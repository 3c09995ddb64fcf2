package main

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/seed-f61b0479/memberlist/compare/bed"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// exchanges are the experiments with a whole table at a time.
func exchanges() (all []experiment) {
	for _, members := range []int{1000, 10000} {
		for _, compressed := range []bool{false, true} {
			name := fmt.Sprintf("push/pull of %d members", members)
			own := quantity{name: ": CPU", unit: "ms CPU", target: 8}
			if compressed {
				name, own.target = name+", compressed", 2
			}
			if members == 1000 {
				own.target = 0
			}
			all = append(all, experiment{
				name:       name,
				quantities: []quantity{own, {name: ": bytes of the answer", unit: "KB", target: 1.1, atMost: true}},
				run: func(kind bed.Kind) ([]float64, error) {
					return pushPull(kind, members, compressed)
				},
			})
		}
	}
	all = append(all, experiment{
		name: "Members() of 10000", quantities: []quantity{{unit: "µs CPU"}}, run: listing,
	})
	return all
}

// populated is a laboratory node that knows a number of members, and what such a node would send it.
func populated(kind bed.Kind, members int, compressed bool) (bed.Lab, *bed.Sink, []byte, error) {
	merged := bed.NewSink()
	s := still()
	s.Compress = compressed
	s.Hook = &bed.Hook{Merged: merged.Count}
	n, _, err := laboratory(kind, s)
	if err != nil {
		return nil, nil, nil, err
	}
	state := wire.State{User: []byte("state")}
	for i := range members {
		state.Rows = append(state.Rows, wire.Row{
			Name: nameOf(i), Addr: addrOf(i), Port: 7946, Meta: metaOf(i), Incarnation: 1, Vsn: []byte{1, 5, 2, 0, 0, 0},
		})
	}
	var frame wire.Frame
	if compressed {
		frame.Compress = new(wire.Compressor)
	}
	request, err := frame.AppendStream(nil, nil, state.Append(nil))
	if err == nil {
		_, err = exchange(n, merged, request)
	}
	if listed := n.Listed(); err == nil && listed != members+1 {
		err = fmt.Errorf("%d members are listed of %d", listed, members+1)
	}
	return n, merged, request, err
}

// exchange has somebody exchange states with a node, and returns the bytes of its answer.
func exchange(n bed.Lab, merged *bed.Sink, request []byte) (int, error) {
	merged.Expect(1)
	c := &caller{request: request, closed: make(chan struct{})}
	n.Connect(c)
	if err := merged.Wait(enough); err != nil {
		return 0, err
	}
	return c.answer, bed.Await(c.closed, enough, "end of the stream")
}

// pushPull measures exchanges with a node whose view is the same.
func pushPull(kind bed.Kind, members int, compressed bool) ([]float64, error) {
	n, merged, request, err := populated(kind, members, compressed)
	if err != nil {
		return nil, err
	}
	defer n.Shutdown()
	times, bytes := 200000/members, 0
	took, err := spent(func() error {
		for range times {
			if bytes, err = exchange(n, merged, request); err != nil {
				return err
			}
		}
		return nil
	})
	return []float64{took.Seconds() * 1e3 / float64(times), float64(bytes) / 1000}, err
}

// listing measures what the list of members costs an application when nothing has changed.
func listing(kind bed.Kind) ([]float64, error) {
	n, _, _, err := populated(kind, 10000, false)
	if err != nil {
		return nil, err
	}
	defer n.Shutdown()
	const times = 3000
	took, err := spent(func() error {
		for range times {
			n.Listed()
		}
		return nil
	})
	return []float64{took.Seconds() * 1e6 / times}, err
}

// caller is the other end of a stream: it has said what it says, and counts the answer.
type caller struct {
	request []byte
	answer  int
	closed  chan struct{}
	ended   bool
}

func (c *caller) Read(b []byte) (int, error) {
	if len(c.request) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.request)
	c.request = c.request[n:]
	return n, nil
}

func (c *caller) Write(b []byte) (int, error) {
	c.answer += len(b)
	return len(b), nil
}

func (c *caller) Close() error {
	if !c.ended {
		c.ended = true
		close(c.closed)
	}
	return nil
}

func (c *caller) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7946} }
func (c *caller) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 7946} }
func (c *caller) SetDeadline(time.Time) error      { return nil }
func (c *caller) SetReadDeadline(time.Time) error  { return nil }
func (c *caller) SetWriteDeadline(time.Time) error { return nil }
