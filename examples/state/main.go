// State keeps a map in step on all members of a cluster, by nothing but gossip: a change travels by broadcast, and
// a newcomer gets everything by the exchange of full state at its join. Run it in several terminals:
//
//	go run ./examples/state -name a -bind 127.0.0.1:7001
//	go run ./examples/state -name b -bind 127.0.0.1:7002 -join 127.0.0.1:7001
//
// and type there
//
//	set colour green
//	get colour
//	del colour
//	dump
//
// Each node prints what others change as it learns of it, within a second. For each key the last writer wins;
// deletions are remembered for an hour, lest a node that was away brings back what was deleted. End of
// input (Ctrl-D) or Ctrl-C leaves the cluster.
package main

import (
	"bufio"
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
		fmt.Fprintln(os.Stderr, "state:", err)
		os.Exit(1)
	}
}

func run(name, bind, join string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := newReplica(newStore(name))
	list, err := create(name, bind, r)
	if err != nil {
		return err
	}
	defer list.Shutdown()
	fmt.Printf("%s is up at %s\n", name, list.LocalNode().Address())
	if join != "" {
		if _, err := list.JoinContext(ctx, []string{join}); err != nil {
			return err
		}
	}
	lines := make(chan string)
	go read(lines)
	for open := true; open && ctx.Err() == nil; {
		var line string
		select {
		case line, open = <-lines:
			if err := obey(r, strings.Fields(line)); err != nil {
				fmt.Println("error:", err)
			}
		case <-ctx.Done():
		}
	}
	return list.Leave(5 * time.Second)
}

// create starts a node whose application is the replica.
func create(name, bind string, r *replica) (*memberlist.Memberlist, error) {
	host, port, err := net.SplitHostPort(bind)
	if err != nil {
		return nil, fmt.Errorf("-bind: %w", err)
	}
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.BindAddr = name, host
	if conf.BindPort, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("-bind: port: %w", err)
	}
	conf.Delegate, conf.Events = r, r
	conf.Slog = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return memberlist.Create(conf)
}

// obey runs one line of input.
func obey(r *replica, words []string) error {
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "set" && len(words) > 2:
		return r.write(words[1], strings.Join(words[2:], " "), false)
	case words[0] == "del" && len(words) == 2:
		return r.write(words[1], "", true)
	case words[0] == "get" && len(words) == 2:
		if value, ok := r.store.read(words[1]); ok {
			fmt.Println(value)
		} else {
			fmt.Println("(none)")
		}
		return nil
	case words[0] == "dump" && len(words) == 1:
		for _, rec := range r.store.all() {
			if !rec.Deleted {
				fmt.Printf("%s = %s\n", rec.Key, rec.Value)
			}
		}
		return nil
	default:
		return fmt.Errorf("%q: want set KEY VALUE, get KEY, del KEY or dump", strings.Join(words, " "))
	}
}

// read hands over the lines of standard input, and closes the channel at its end.
func read(lines chan<- string) {
	defer close(lines)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		lines <- in.Text()
	}
}
