package main

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"github.com/seed-f61b0479/memberlist/compare/bed"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// The reference's codec cannot be called. What stands for it is the library that it uses, go-msgpack v2.1.5 with the
// settings that give its bytes, used in the ordinary way: an encoder for each message, a decoder for each body. Where
// there was a choice it is the one that is good for the stand-in: there is one handle for all.

// handle has go-msgpack's settings, which are all as they come.
var handle codec.MsgpackHandle

// message is one kind of message, for both codecs.
type message struct {
	name string
	ours func(b []byte) []byte
	read func(body []byte) error
	kind wire.Type
	row  bool // it has no type byte
	peer any  // the same for go-msgpack: a pointer to a struct
	made func() any
}

type (
	mPing struct {
		SeqNo      uint32
		Node       string
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	mIndirectPing struct {
		SeqNo      uint32
		Target     []byte
		Port       uint16
		Node       string
		Nack       bool
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	mAck struct {
		SeqNo   uint32
		Payload []byte
	}
	mNack    struct{ SeqNo uint32 }
	mSuspect struct {
		Incarnation uint32
		Node, From  string
	}
	mAlive struct {
		Incarnation uint32
		Node        string
		Addr        []byte
		Port        uint16
		Meta, Vsn   []byte
	}
	mHeader struct {
		Nodes, UserStateLen int
		Join                bool
	}
	mRow struct {
		Name        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Incarnation uint32
		State       int
		Vsn         []byte
	}
	mUser  struct{ UserMsgLen int }
	mError struct{ Error string }
)

// messages are one of each, as big as they are in practice.
func messages() []message {
	addr, meta, vsn := []byte{10, 0, 0, 1}, []byte("role=web zone=eu-central-1a build=4711"), []byte{1, 5, 2, 0, 0, 0}
	ping := &wire.Ping{SeqNo: 70000, Node: "node-000123", SourceAddr: addr, SourcePort: 7946, SourceNode: "node-000042"}
	relay := &wire.IndirectPing{SeqNo: 70000, Target: addr, Port: 7946, Node: "node-000123", Nack: true, SourceAddr: addr, SourcePort: 7946, SourceNode: "node-000042"}
	ack, nack := &wire.Ack{SeqNo: 70000, Payload: []byte("payload")}, &wire.Nack{SeqNo: 70000}
	suspect := &wire.Suspect{Incarnation: 5, Node: "node-000123", From: "node-000042"}
	dead := &wire.Dead{Incarnation: 5, Node: "node-000123", From: "node-000042"}
	alive := &wire.Alive{Incarnation: 5, Node: "node-000123", Addr: addr, Port: 7946, Meta: meta, Vsn: vsn}
	head := &wire.PushPullHeader{Nodes: 10000, UserStateLen: 4096, Join: true}
	row := &wire.Row{Name: "node-000123", Addr: addr, Port: 7946, Meta: meta, Incarnation: 5, Vsn: vsn}
	user, fault := &wire.UserHeader{UserMsgLen: 1024}, &wire.ErrorReply{Error: "no installed keys could decrypt the message"}
	return []message{
		{"ping", ping.Append, new(wire.Ping).Decode, wire.TypePing, false, (*mPing)(ping), fresh[mPing]},
		{"indirect ping", relay.Append, new(wire.IndirectPing).Decode, wire.TypeIndirectPing, false, &mIndirectPing{
			relay.SeqNo, relay.Target, relay.Port, relay.Node, true, addr, relay.SourcePort, relay.SourceNode}, fresh[mIndirectPing]},
		{"ack", ack.Append, new(wire.Ack).Decode, wire.TypeAck, false, (*mAck)(ack), fresh[mAck]},
		{"nack", nack.Append, new(wire.Nack).Decode, wire.TypeNack, false, (*mNack)(nack), fresh[mNack]},
		{"suspect", suspect.Append, new(wire.Suspect).Decode, wire.TypeSuspect, false, (*mSuspect)(suspect), fresh[mSuspect]},
		{"dead", dead.Append, new(wire.Dead).Decode, wire.TypeDead, false, (*mSuspect)(dead), fresh[mSuspect]},
		{"alive", alive.Append, new(wire.Alive).Decode, wire.TypeAlive, false, (*mAlive)(alive), fresh[mAlive]},
		{"push/pull header", head.Append, new(wire.PushPullHeader).Decode, wire.TypePushPull, false, (*mHeader)(head), fresh[mHeader]},
		{"push/pull member", row.Append, decodeRow, 0, true, (*mRow)(row), fresh[mRow]},
		{"user message header", user.Append, new(wire.UserHeader).Decode, wire.TypeUser, false, (*mUser)(user), fresh[mUser]},
		{"error", fault.Append, new(wire.ErrorReply).Decode, wire.TypeError, false, (*mError)(fault), fresh[mError]},
	}
}

// fresh is what a message is decoded into.
func fresh[T any]() any { return new(T) }

func decodeRow(body []byte) error {
	var row wire.Row
	_, err := row.DecodeNext(body)
	return err
}

// codecs are the experiments about the codec alone.
func codecs() (all []experiment) {
	for _, m := range messages() {
		all = append(all, experiment{
			name:       "codec, " + m.name,
			quantities: []quantity{{name: ": encode", unit: "ns", target: 20}, {name: ": decode", unit: "ns", target: 20}},
			run:        m.measure,
		})
	}
	return all
}

func (m message) measure(kind bed.Kind) ([]float64, error) {
	canonical := m.ours(nil)
	standIn, err := m.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, standIn) {
		return nil, fmt.Errorf("the two codecs do not write the same: %x and %x", canonical, standIn)
	}
	body := canonical
	if !m.row {
		body = canonical[1:]
	}
	if err := m.decode(body); err != nil {
		return nil, err
	}
	if kind == bed.Reference {
		return []float64{
			nsPerOp(func(n int) {
				for range n {
					_, _ = m.encode()
				}
			}),
			nsPerOp(func(n int) {
				for range n {
					_ = m.decode(body)
				}
			}),
		}, nil
	}
	buf := make([]byte, 0, len(canonical))
	return []float64{
		nsPerOp(func(n int) {
			for range n {
				buf = m.ours(buf[:0])
			}
		}),
		nsPerOp(func(n int) {
			for range n {
				_ = m.read(body)
			}
		}),
	}, nil
}

// encode is the ordinary way with go-msgpack.
func (m message) encode() ([]byte, error) {
	var buf bytes.Buffer
	if !m.row {
		buf.WriteByte(byte(m.kind))
	}
	err := codec.NewEncoder(&buf, &handle).Encode(m.peer)
	return buf.Bytes(), err
}

// decode is the ordinary way with go-msgpack.
func (m message) decode(body []byte) error {
	return codec.NewDecoder(bytes.NewReader(body), &handle).Decode(m.made())
}
