package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/hashicorp/memberlist"
)

// helpers calls what needs no node.
func helpers() {
	fmt.Println(memberlist.ProtocolVersionMin, memberlist.ProtocolVersion2Compatible, memberlist.ProtocolVersionMax,
		memberlist.LabelMaxSize, memberlist.MetaMaxSize)
	fmt.Printf("%T %T %T %T\n", memberlist.ProtocolVersionMin, memberlist.ProtocolVersionMax, memberlist.MetaMaxSize, memberlist.LabelMaxSize)
	fmt.Printf("%d %d %d %d\n", memberlist.StateAlive, memberlist.StateSuspect, memberlist.StateDead, memberlist.StateLeft)
	fmt.Println(memberlist.NodeJoin == 0, memberlist.NodeLeave == 1, memberlist.NodeUpdate == 2)

	packet, err := memberlist.AddLabelHeaderToPacket([]byte("bytes"), "label")
	check("add label", err)
	rest, label, err := memberlist.RemoveLabelHeaderFromPacket(packet)
	fmt.Printf("%q %q %q %v\n", packet, rest, label, err)
	_, err = memberlist.AddLabelHeaderToPacket(nil, strings.Repeat("x", memberlist.LabelMaxSize+1))
	fmt.Println("too long a label:", err != nil)
	streamLabel()

	nets, err := memberlist.ParseCIDRs([]string{"10.0.0.0/8", "nonsense", "fd00::/8"})
	fmt.Println(len(nets), err != nil)
	conf := memberlist.DefaultLANConfig()
	conf.CIDRsAllowed = nets
	fmt.Println(conf.IPMustBeChecked(), conf.IPAllowed(net.ParseIP("10.1.2.3")), conf.IPAllowed(net.ParseIP("11.1.2.3")) != nil)
	fmt.Println(conf.BuildVsnArray(), conf.EncryptionEnabled(), memberlist.DefaultWANConfig().SuspicionMult)
	for size := range 33 {
		if memberlist.ValidateKey(make([]byte, size)) == nil {
			fmt.Println("a key may have", size, "bytes")
		}
	}

	address := memberlist.Address{Addr: "127.0.0.1:1", Name: "n"}
	fmt.Println(address.String(), memberlist.LogStringAddress(""), memberlist.LogStringAddress("127.0.0.1:1"),
		memberlist.LogAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}))
	var missing memberlist.NoPingResponseError
	fmt.Println(errors.As(error(missing), &missing))
	n := memberlist.Node{Name: "n", Addr: net.IPv4(127, 0, 0, 1), Port: 1}
	fmt.Println(n.Address(), n.FullAddress(), n.String())
}

func streamLabel() {
	here, there := net.Pipe()
	go func() {
		check("label", memberlist.AddLabelHeaderToStream(here, "label"))
		_, err := here.Write([]byte("bytes"))
		check("write", err)
		check("close", here.Close())
	}()
	conn, label, err := memberlist.RemoveLabelHeaderFromStream(there)
	check("remove label", err)
	rest, err := io.ReadAll(conn)
	fmt.Printf("%q %q %v\n", label, rest, err)
	fmt.Println(memberlist.LogConn(conn))
}

// plain, named and unique are the three kinds of broadcasts.
type plain struct {
	text     string
	finished func()
}

func (p *plain) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*plain)
	return ok && o.text[0] == p.text[0]
}

func (p *plain) Message() []byte { return []byte(p.text) }

func (p *plain) Finished() {
	if p.finished != nil {
		p.finished()
	}
}

type named struct {
	plain
	name string
}

func (n *named) Name() string { return n.name }

type unique struct{ plain }

func (*unique) UniqueBroadcast() {}

var (
	_ memberlist.NamedBroadcast  = (*named)(nil)
	_ memberlist.UniqueBroadcast = (*unique)(nil)
)

// queue puts broadcasts of each kind into a queue and watches them end.
func queue() {
	finished := map[string]int{}
	note := func(what string) func() { return func() { finished[what]++ } }
	q := &memberlist.TransmitLimitedQueue{NumNodes: func() int { return 9 }, RetransmitMult: 2}
	q.QueueBroadcast(&plain{"a1", note("replaced plain")})
	q.QueueBroadcast(&plain{"a2", note("plain")})
	q.QueueBroadcast(&named{plain{"n1", note("replaced named")}, "n"})
	q.QueueBroadcast(&named{plain{"n two", note("named")}, "n"})
	q.QueueBroadcast(&unique{plain{"u unique", note("unique")}})
	fmt.Println("queued:", q.NumQueued(), finished)
	for q.NumQueued() > 0 {
		fmt.Printf("%q\n", q.GetBroadcasts(2, 12))
	}
	fmt.Println(finished)
	for i := range 4 {
		q.QueueBroadcast(&unique{plain{fmt.Sprintf("%d %s", i, strings.Repeat("x", i)), note(fmt.Sprint("number ", i))}})
	}
	q.Prune(2)
	fmt.Println("pruned to", q.NumQueued(), finished)
	q.Reset()
	fmt.Println("reset to", q.NumQueued(), finished)
}
