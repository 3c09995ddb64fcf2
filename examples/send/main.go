// Send sends messages from member to member, by packet or by stream as their size suggests. Run it in two terminals:
//
//	go run ./examples/send -name a -bind 127.0.0.1:7001
//	go run ./examples/send -name b -bind 127.0.0.1:7002 -join 127.0.0.1:7001
//
// and type there
//
//	b hello         to b, in one UDP packet: fast, but may be lost
//	b #5000         5,000 bytes to b, over a TCP stream: slower, and an error says if it could not be sent
//	* hello         to all others
//
// The sender prints which way it took, the receiver what came. End of input (Ctrl-D) or Ctrl-C leaves the cluster.
//
// The choice is the one that Alertmanager makes: a message longer than half a packet goes by stream, since a
// packet has to share its room with gossip, and one that exceeds the network's MTU is easily lost.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

func main() {
	name := flag.String("name", "a", "the `name` of this node, unique in the cluster")
	bind := flag.String("bind", "127.0.0.1:7001", "the `address` to listen on; port 0 takes a free one")
	join := flag.String("join", "", "the `address` of another member")
	flag.Parse()
	if err := run(*name, *bind, *join); err != nil {
		fmt.Fprintln(os.Stderr, "send:", err)
		os.Exit(1)
	}
}

func run(name, bind, join string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	host, port, err := net.SplitHostPort(bind)
	if err != nil {
		return fmt.Errorf("-bind: %w", err)
	}
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.BindAddr = name, host
	if conf.BindPort, err = strconv.Atoi(port); err != nil {
		return fmt.Errorf("-bind: port: %w", err)
	}
	conf.Delegate = receiver{}
	conf.Slog = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	list, err := memberlist.Create(conf)
	if err != nil {
		return err
	}
	defer list.Shutdown()
	fmt.Printf("%s is up at %s\n", name, list.LocalNode().Address())
	if join != "" {
		if _, err := list.JoinContext(ctx, []string{join}); err != nil {
			return err
		}
		fmt.Println("joined")
	}
	s := &sender{list: list, half: conf.UDPBufferSize / 2}
	s.serve(ctx)
	return list.Leave(5 * time.Second)
}

// sender sends what is typed.
type sender struct {
	list *memberlist.Memberlist
	half int // bytes of half a packet
}

// serve obeys the lines of standard input until its end, or that of ctx.
func (s *sender) serve(ctx context.Context) {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return
			}
			to, text, _ := strings.Cut(line, " ")
			s.sendAll(ctx, to, text)
		case <-ctx.Done():
			return
		}
	}
}

// sendAll sends to the members of that name, or to all others.
func (s *sender) sendAll(ctx context.Context, name, text string) {
	self, found := s.list.LocalNode().Name, false
	for _, n := range s.list.Members() {
		if n.Name != name && (name != "*" || n.Name == self) {
			continue
		}
		found = true
		msg := compose(self, text)
		way, err := s.send(ctx, n, msg)
		if err != nil {
			fmt.Printf("not sent to %s: %v\n", n.Name, err)
			continue
		}
		fmt.Printf("sent %d bytes to %s by %s\n", len(msg), n.Name, way)
	}
	if !found {
		fmt.Printf("nobody is called %q\n", name)
	}
}

// send takes the way that suits the size.
func (s *sender) send(ctx context.Context, to *memberlist.Node, msg []byte) (way string, err error) {
	if len(msg) > s.half {
		return "stream", s.list.SendReliableContext(ctx, to, msg)
	}
	return "packet", s.list.SendBestEffort(to, msg)
}

// compose puts our name before the text, for a message does not say whom it is from. A text such as #5000 stands
// for that many bytes.
func compose(self, text string) []byte {
	if size, err := strconv.Atoi(strings.TrimPrefix(text, "#")); err == nil && text[0] == '#' && size > 0 {
		text = strings.Repeat("x", size)
	}
	return []byte(self + "\n" + text)
}

// receiver prints the messages that come in. It has nothing else to say, so its other methods are empty.
type receiver struct{}

// NotifyMsg is called for messages by packet and by stream alike.
func (receiver) NotifyMsg(msg []byte) {
	from, text, _ := bytes.Cut(msg, []byte("\n"))
	const shown = 60
	if len(text) > shown {
		text = append(text[:shown:shown], "..."...)
	}
	fmt.Printf("got %d bytes from %s: %s\n", len(msg), from, text)
}

// NodeMeta implements memberlist.Delegate.
func (receiver) NodeMeta(int) []byte { return nil }

// GetBroadcasts implements memberlist.Delegate.
func (receiver) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements memberlist.Delegate.
func (receiver) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (receiver) MergeRemoteState([]byte, bool) {}
