// Node is one member of a cluster: the smallest program that joins for real, shows whom it sees, and leaves as
// it should. Run it in several terminals:
//
//	go run ./examples/node -name a -bind 127.0.0.1:7001
//	go run ./examples/node -name b -bind 127.0.0.1:7002 -join 127.0.0.1:7001
//	go run ./examples/node -name c -bind 127.0.0.1:7003 -join 127.0.0.1:7001,127.0.0.1:7002
//
// Each prints who comes and goes, and the members after each change. Ctrl-C (or SIGTERM) makes one leave, which
// the others report at once as "left"; end one with kill -9, and after some seconds they report it as "dead".
//
// With -key everything is encrypted; all members need the same key (16, 24 or 32 bytes, as hex or base64):
//
//	go run ./examples/node -name a -bind 127.0.0.1:7001 -key $(openssl rand -hex 32)
//
// Others on the machine can read a command line: a real service takes its key from a file.
package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
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

// farewell is how long the good-bye may take. It needs a few gossip intervals.
const farewell = 5 * time.Second

func main() {
	hostname, _ := os.Hostname()
	name := flag.String("name", hostname, "the `name` of this node, unique in the cluster")
	bind := flag.String("bind", "0.0.0.0:7946", "the `address` to listen on; port 0 takes a free one")
	peers := flag.String("join", "", "the `addresses` of other members, with commas between; a few are enough")
	key := flag.String("key", "", "encrypt with this `key`, in hex or base64")
	flag.Parse()
	conf, err := configure(*name, *bind, *key)
	if err == nil {
		err = run(conf, strings.FieldsFunc(*peers, func(r rune) bool { return r == ',' }))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

// configure makes a configuration of the flags.
func configure(name, bind, key string) (*memberlist.Config, error) {
	host, port, err := net.SplitHostPort(bind)
	if err != nil {
		return nil, fmt.Errorf("-bind: %w", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("-bind: port: %w", err)
	}
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.BindAddr, conf.BindPort = name, host, int(number)
	conf.Slog = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if conf.SecretKey, err = parseKey(key); err != nil {
		return nil, err
	}
	return conf, nil
}

// parseKey reads a key in hex or base64. What is a key in both ways is taken as hex.
func parseKey(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if key, err := decode(text); err == nil && memberlist.ValidateKey(key) == nil {
			return key, nil
		}
	}
	return nil, errors.New("-key: want 16, 24 or 32 bytes in hex or base64")
}

// run is the life of a node: it comes, stays until it is told to end, and goes.
func run(conf *memberlist.Config, peers []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	news := &printer{changed: make(chan struct{}, 1)}
	conf.Events = news
	list, err := memberlist.Create(conf)
	if err != nil {
		return err
	}
	defer list.Shutdown()
	fmt.Printf("%s is up at %s\n", conf.Name, list.LocalNode().Address())

	var joining sync.WaitGroup
	joining.Go(func() { join(ctx, list, peers) })
	for ctx.Err() == nil {
		select {
		case <-news.changed:
			fmt.Println("members:", strings.Join(names(list), " "))
		case <-ctx.Done():
		}
	}
	stop()         // a second signal ends the process at once
	joining.Wait() // a join after the good-bye would bring this node back

	fmt.Println("leaving")
	limited, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return list.LeaveContext(limited)
}

// join tries until somebody else is there, at longer and longer intervals. That Join succeeds is not enough: a
// list that is the same on all nodes contains our own address, which always answers.
func join(ctx context.Context, list *memberlist.Memberlist, peers []string) {
	if len(peers) == 0 {
		return
	}
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 15*time.Second) {
		_, err := list.JoinContext(ctx, peers)
		if list.NumMembers() > 1 || ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("nobody else is there yet")
		}
		fmt.Printf("joining again in %v: %v\n", wait, err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// names lists the members that are alive.
func names(list *memberlist.Memberlist) (names []string) {
	for _, n := range list.Members() {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}

// printer tells of each event, and wakes whoever shows the members. It does so without blocking, for
// the next event waits until this one has been told.
type printer struct {
	changed chan struct{} // one slot
}

// NotifyJoin implements memberlist.EventDelegate.
func (p *printer) NotifyJoin(n *memberlist.Node) { p.tell("joined", n) }

// NotifyLeave implements memberlist.EventDelegate. The state says whether the node left or died.
func (p *printer) NotifyLeave(n *memberlist.Node) { p.tell(n.State.String(), n) }

// NotifyUpdate implements memberlist.EventDelegate.
func (p *printer) NotifyUpdate(n *memberlist.Node) { p.tell("updated", n) }

func (p *printer) tell(what string, n *memberlist.Node) {
	fmt.Printf("%s: %s (%s)\n", what, n.Name, n.Address())
	select {
	case p.changed <- struct{}{}:
	default: // it will look anyway
	}
}
