package main

import (
	"bytes"
	"compress/lzw"
	"fmt"
	"time"

	"github.com/seed-f61b0479/memberlist/compare/bed"
	"github.com/seed-f61b0479/memberlist/compare/side/ours"
	"github.com/seed-f61b0479/memberlist/compare/side/reference"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

var key = []byte("0123456789abcdef0123456789abcdef")

// still are the settings of a node that does nothing on its own. The rest is the default, compression included.
func still() bed.Settings {
	s := bed.Settings{
		Name: "self", Bind: "127.0.0.1", VerifyIncoming: true, VerifyOutgoing: true, Compress: true,
		Protocol: 2, PacketSize: 1400, Timers: bed.LAN(),
	}
	s.ProbeInterval, s.GossipInterval, s.PushPullInterval = 0, 0, 0
	return s
}

// laboratory starts a node without a network.
func laboratory(kind bed.Kind, s bed.Settings) (bed.Lab, *bed.Sink, error) {
	sink := bed.NewSink()
	create := reference.NewLab
	if kind == bed.Ours {
		create = ours.NewLab
	}
	n, err := create(s, sink)
	return n, sink, err
}

// packets are the experiments with one packet at a time.
func packets() []experiment {
	plain, sealed := still(), still()
	sealed.Key = key
	return []experiment{
		pingToAck("packet in → ack out", plain, plainPacket, 15),
		pingToAck("packet in → ack out, compressed", plain, compressedPacket, 15),
		pingToAck("packet in → ack out, AES-256", sealed, sealedPacket, 15),
		{name: "packet of 16 alives", quantities: []quantity{
			{name: ", new members", unit: "µs CPU", target: 4}, {name: ", known members", unit: "µs CPU", target: 10},
		}, run: alives},
	}
}

func plainPacket(msgs ...[]byte) ([]byte, error) {
	return new(wire.Frame).AppendPacket(nil, nil, msgs)
}

func compressedPacket(msgs ...[]byte) ([]byte, error) {
	var buf bytes.Buffer
	w := lzw.NewWriter(&buf, lzw.LSB, 8)
	if _, err := w.Write(msgs[0]); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return (&wire.Compressed{Buf: buf.Bytes()}).Append(nil), nil
}

func sealedPacket(msgs ...[]byte) ([]byte, error) {
	k, err := wire.NewKey(key)
	if err != nil {
		return nil, err
	}
	return (&wire.Frame{Key: k, SealVersion: 1}).AppendPacket(nil, new(wire.Nonce), msgs)
}

// pingToAck feeds pings and waits for the acks, a few at a time.
func pingToAck(name string, s bed.Settings, pack func(...[]byte) ([]byte, error), target float64) experiment {
	run := func(kind bed.Kind) ([]float64, error) {
		n, sink, err := laboratory(kind, s)
		if err != nil {
			return nil, err
		}
		defer n.Shutdown()
		const rounds, each = 1000, 32
		if _, err := answered(n, sink, pack, 50, each); err != nil { // its own alive rides along at first
			return nil, err
		}
		took, err := answered(n, sink, pack, rounds, each)
		return []float64{took.Seconds() * 1e6 / rounds / each}, err
	}
	return experiment{name: name, quantities: []quantity{{unit: "µs CPU", target: target}}, run: run}
}

// answered is the CPU time of some rounds of pings.
func answered(n bed.Lab, sink *bed.Sink, pack func(...[]byte) ([]byte, error), rounds, each int) (time.Duration, error) {
	fed := make([]any, rounds*each)
	for i := range fed {
		packet, err := pack((&wire.Ping{
			SeqNo: uint32(i), Node: "self", SourceAddr: []byte{127, 0, 0, 9}, SourcePort: 7946, SourceNode: "peer",
		}).Append(nil))
		if err != nil {
			return 0, err
		}
		fed[i] = n.Packet(packet)
	}
	return spent(func() error {
		for r := range rounds {
			sink.Expect(each)
			for _, packet := range fed[r*each : (r+1)*each] {
				n.Feed(packet)
			}
			if err := sink.Wait(enough); err != nil {
				return err
			}
		}
		return nil
	})
}

// aliveOf is what the member with a number says of itself.
func aliveOf(i int) []byte {
	return (&wire.Alive{
		Incarnation: 1, Node: nameOf(i), Addr: addrOf(i), Port: 7946, Meta: metaOf(i), Vsn: []byte{1, 5, 2, 0, 0, 0},
	}).Append(nil)
}

func nameOf(i int) string { return fmt.Sprintf("node-%06d", i) }
func addrOf(i int) []byte { return []byte{10, byte(i >> 16), byte(i >> 8), byte(i)} }
func metaOf(i int) []byte { return fmt.Appendf(nil, "role=web zone=%d", i%3) }

// alives feeds packets of sixteen alives, first about members that are new, then about the same again.
// When a node has handled what is new, its event delegate tells. When it has handled what it knew, nothing tells; so
// the reference, which takes such messages to another goroutine, is asked through the Alive delegate, and ours,
// which answers in order, through a ping at the end. The delegate costs the reference next to nothing.
func alives(kind bed.Kind) ([]float64, error) {
	const count, each, batch = 300, 16, 32
	joined, asked := bed.NewSink(), bed.NewSink()
	s := still()
	s.Hook = &bed.Hook{Joined: joined.Count}
	if kind == bed.Reference {
		s.Hook.Asked = asked.Count
	}
	n, sink, err := laboratory(kind, s)
	if err != nil {
		return nil, err
	}
	defer n.Shutdown()
	rounds := func(batches [][]any, wait func() error) (float64, error) {
		took, err := spent(func() error {
			for _, b := range batches {
				joined.Expect(each * len(b))
				asked.Expect(each * len(b))
				sink.Expect(1)
				for _, packet := range b {
					n.Feed(packet)
				}
				if err := wait(); err != nil {
					return err
				}
			}
			return nil
		})
		return took.Seconds() * 1e6 / count, err
	}
	fresh, err := sixteens(n, count, each, batch)
	if err != nil {
		return nil, err
	}
	again, err := sixteens(n, count, each, batch)
	if err != nil {
		return nil, err
	}
	unknown, err := rounds(fresh, func() error {
		if err := joined.Wait(enough); err != nil || kind == bed.Ours {
			return err
		}
		return asked.Wait(enough)
	})
	if err != nil {
		return nil, err
	}
	known, err := rounds(again, func() error {
		if kind == bed.Reference {
			return asked.Wait(enough)
		}
		n.Feed(n.Packet((&wire.Ping{SeqNo: 1, Node: "self", SourceAddr: []byte{127, 0, 0, 9}, SourcePort: 7946}).Append(nil)))
		return sink.Wait(enough)
	})
	return []float64{unknown, known}, err
}

// sixteens are packets about count × each members, in batches that no queue of either library is too short for.
func sixteens(n bed.Lab, count, each, batch int) (batches [][]any, err error) {
	for p := range count {
		var msgs [][]byte
		for i := range each {
			msgs = append(msgs, aliveOf(p*each+i))
		}
		packet, err := plainPacket(msgs...)
		if err != nil {
			return nil, err
		}
		if p%batch == 0 {
			batches = append(batches, nil)
		}
		batches[len(batches)-1] = append(batches[len(batches)-1], n.Packet(packet))
	}
	return batches, nil
}
