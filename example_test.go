package memberlist_test

import (
	"fmt"
	"io"
	"log"
	"slices"

	"github.com/seed-f61b0479/memberlist"
)

// Two nodes become a cluster. They meet in a network in memory here; without a Transport they would listen on
// Config.BindAddr and BindPort.
func Example() {
	network := new(memberlist.MockNetwork)
	create := func(name string) *memberlist.Memberlist {
		conf := memberlist.DefaultLANConfig()
		conf.Name = name
		conf.Transport = network.NewTransport(name)
		conf.LogOutput = io.Discard
		list, err := memberlist.Create(conf)
		if err != nil {
			log.Fatal(err)
		}
		return list
	}
	first := create("first")
	defer first.Shutdown()
	second := create("second")
	defer second.Shutdown()

	reached, err := second.Join([]string{first.LocalNode().Address()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("reached:", reached)
	var names []string
	for _, member := range second.Members() {
		names = append(names, fmt.Sprint(member.Name, " is ", member.State))
	}
	slices.Sort(names)
	fmt.Println(names)
	// Output:
	// reached: 1
	// [first is alive second is alive]
}

// mailbox is a Delegate that only receives messages.
type mailbox chan string

func (m mailbox) NotifyMsg(msg []byte)          { m <- string(msg) }
func (mailbox) NodeMeta(int) []byte             { return []byte("takes mail") }
func (mailbox) GetBroadcasts(int, int) [][]byte { return nil }
func (mailbox) LocalState(bool) []byte          { return nil }
func (mailbox) MergeRemoteState([]byte, bool)   {}

// A Delegate says something about its node, which the others see as Node.Meta, and receives messages.
func ExampleDelegate() {
	network := new(memberlist.MockNetwork)
	mail := make(mailbox, 1)
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.Transport, conf.Delegate = "receiver", network.NewTransport("receiver"), mail
	conf.LogOutput = io.Discard
	receiver, err := memberlist.Create(conf)
	if err != nil {
		log.Fatal(err)
	}
	defer receiver.Shutdown()

	conf = memberlist.DefaultLANConfig()
	conf.Name, conf.Transport = "sender", network.NewTransport("sender")
	conf.LogOutput = io.Discard
	sender, err := memberlist.Create(conf)
	if err != nil {
		log.Fatal(err)
	}
	defer sender.Shutdown()
	if _, err := sender.Join([]string{receiver.LocalNode().Address()}); err != nil {
		log.Fatal(err)
	}
	for _, member := range sender.Members() {
		if string(member.Meta) != "takes mail" {
			continue
		}
		if err := sender.SendReliable(member, []byte("hello, "+member.Name)); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(<-mail)
	// Output: hello, receiver
}

// word is a broadcast of one word.
type word string

func (w word) Message() []byte                         { return []byte(w) }
func (w word) Invalidates(b memberlist.Broadcast) bool { return b == memberlist.Broadcast(w) }
func (w word) Finished()                               { fmt.Println("finished:", string(w)) }

// The queue tells each message often enough to reach everybody, and the longest first that still fits. An
// application calls GetBroadcasts in the method of its Delegate of that name.
func ExampleTransmitLimitedQueue() {
	queue := &memberlist.TransmitLimitedQueue{
		NumNodes:       func() int { return 3 },
		RetransmitMult: 2,
	}
	queue.QueueBroadcast(word("news"))
	queue.QueueBroadcast(word("a longer story"))
	const overhead, limit = 2, 20 // a packet with 20 bytes left, where each message costs two more than its own
	for packet := 1; queue.NumQueued() > 0; packet++ {
		for _, msg := range queue.GetBroadcasts(overhead, limit) {
			fmt.Printf("packet %d: %s\n", packet, msg)
		}
	}
	// Output:
	// packet 1: a longer story
	// packet 2: news
	// finished: a longer story
	// packet 3: a longer story
	// finished: news
	// packet 4: news
}
