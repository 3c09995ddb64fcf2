// Discover finds its peers by asking around: it has a list of places where members may be, addresses and DNS
// names, most of which may be empty or not there yet, and every few seconds joins those that are no members.
// So nodes find each other in whatever order they start, and again after the network was cut for long.
//
//	go run ./examples/discover -name a -bind 127.0.0.1:7001 -peers localhost:7001,localhost:7002,localhost:7003
//	go run ./examples/discover -name b -bind 127.0.0.1:7002 -peers localhost:7001,localhost:7002,localhost:7003
//
// All nodes may have the same list; behind one DNS name there may be many addresses (a headless service in
// Kubernetes, say). Each prints how many it asks in vain, and the events, which come over a channel. Ctrl-C leaves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

func main() {
	name := flag.String("name", "a", "the `name` of this node, unique in the cluster")
	bind := flag.String("bind", "127.0.0.1:7001", "the `address` to listen on; port 0 takes a free one")
	peers := flag.String("peers", "", "`host:port` of possible members, with commas between")
	every := flag.Duration("every", 3*time.Second, "how `often` to ask around")
	flag.Parse()
	places := strings.FieldsFunc(*peers, func(r rune) bool { return r == ',' })
	if err := run(*name, *bind, places, *every); err != nil {
		fmt.Fprintln(os.Stderr, "discover:", err)
		os.Exit(1)
	}
}

func run(name, bind string, places []string, every time.Duration) error {
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
	conf.Slog = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))

	// The events are taken from before Create, which tells the first one, until after Shutdown.
	events := make(chan memberlist.NodeEvent, 16)
	var draining sync.WaitGroup
	ended := make(chan struct{})
	draining.Go(func() { drain(events, ended) })
	defer draining.Wait()
	defer close(ended) // and not events: one may still be on its way
	conf.Events = &memberlist.ChannelEventDelegate{Ch: events}
	list, err := memberlist.Create(conf)
	if err != nil {
		return err
	}
	defer list.Shutdown()
	fmt.Printf("%s is up at %s\n", name, list.LocalNode().Address())
	(&seeker{list: list, places: places}).seek(ctx, every)
	return list.Leave(5 * time.Second)
}

// drain prints events. Being the only one to do so, it needs no lock for what it might keep of them.
func drain(events <-chan memberlist.NodeEvent, ended <-chan struct{}) {
	for {
		select {
		case e := <-events:
			what := e.Event.String()
			if e.Event == memberlist.NodeLeave {
				what = e.Node.State.String() // it left, or it is dead
			}
			fmt.Printf("%s: %s (%s)\n", what, e.Node.Name, e.Node.Address())
		case <-ended:
			return
		}
	}
}

// seeker looks for members in places where some may be.
type seeker struct {
	list   *memberlist.Memberlist
	places []string
	said   string // what was printed last
}

// seek asks around again and again, until ctx ends.
func (s *seeker) seek(ctx context.Context, every time.Duration) {
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		s.ask(ctx, every)
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask joins every place where there is no member that we know.
func (s *seeker) ask(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	strangers := s.strangers(ctx)
	if len(strangers) == 0 {
		return
	}
	joined, err := s.list.JoinContext(ctx, strangers)
	var failed *memberlist.JoinError // the first of them; err has them all
	switch {
	case err == nil:
		s.say(fmt.Sprintf("asked at %d places, answered at %d", len(strangers), joined))
	case errors.As(err, &failed):
		s.say(fmt.Sprintf("asked at %d places in vain, such as %s", len(strangers), failed.Addr))
	}
}

// say prints what is new; most rounds find what the last one found.
func (s *seeker) say(line string) {
	if line != s.said {
		fmt.Println(line)
		s.said = line
	}
}

// strangers are the addresses behind all places, without those of members and our own.
func (s *seeker) strangers(ctx context.Context) (addrs []string) {
	for _, place := range s.places {
		host, port, err := net.SplitHostPort(place)
		if err != nil {
			s.say(fmt.Sprintf("ignored: %v", err))
			continue
		}
		ips, err := net.DefaultResolver.LookupHost(ctx, host) // an IP address is its own answer
		if err != nil {
			s.say(fmt.Sprintf("not found: %v", err))
		}
		for _, ip := range ips {
			addrs = append(addrs, net.JoinHostPort(ip, port))
		}
	}
	known := make(map[string]bool)
	for _, n := range s.list.Members() { // ourselves included
		known[n.Address()] = true
	}
	slices.Sort(addrs)
	addrs = slices.Compact(addrs)
	return slices.DeleteFunc(addrs, func(addr string) bool { return known[addr] })
}
