package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/seed-f61b0479/memberlist"
)

// status is what a node does.
type status string

const (
	running status = "running"
	paused  status = "paused"
	killed  status = "killed"
	left    status = "left"
)

// farewell is how long a node that leaves may take to tell the others.
const farewell = 2 * time.Second

// node is one member of the cluster, running or not, and what the others should see of it.
type node struct {
	name   string
	port   int // 0 until the first start; the same after a restart, for it is part of who the node is
	status status
	list   *memberlist.Memberlist // nil while it does not run
	valve  *valve

	fate  string    // what was done to it last, in words
	since time.Time // when
	want  string    // the state in which the others should see it by and by
	met   bool      // they did
}

func (n *node) address() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

// becomes notes what was done to the node and what should come of it.
func (n *node) becomes(s status, fate, want string) {
	n.status, n.fate, n.want = s, fate, want
	n.since, n.met = time.Now(), false
}

// start makes the node run, and a member of the cluster that the others form.
func (n *node) start(others []string) error {
	transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{"127.0.0.1"}, BindPort: n.port, Logger: log.New(io.Discard, "", 0),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	valve := newValve(transport)
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.Transport = n.name, valve
	conf.BindAddr, conf.BindPort = "127.0.0.1", transport.GetAutoBindPort()
	conf.ReportSuspects = true // the table shows them
	conf.LogOutput = io.Discard
	list, err := memberlist.Create(conf)
	if err != nil {
		valve.Shutdown()
		return fmt.Errorf("%s: %w", n.name, err)
	}
	n.list, n.valve, n.port = list, valve, conf.BindPort
	n.becomes(running, "started at "+n.address(), memberlist.StateAlive.String())
	if _, err := list.Join(others); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	return nil
}

// kill ends the node as a crash would.
func (n *node) kill() error {
	n.becomes(killed, "was killed", memberlist.StateDead.String())
	return n.stop()
}

// leave lets the node say good-bye and end.
func (n *node) leave() error {
	n.becomes(left, "left", memberlist.StateLeft.String())
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return errors.Join(n.list.LeaveContext(ctx), n.stop())
}

// pause makes the node stand still for the others, until it goes on.
func (n *node) pause() error {
	n.valve.pause()
	n.becomes(paused, "was paused", memberlist.StateDead.String())
	return nil
}

func (n *node) goOn() error {
	n.valve.resume()
	n.becomes(running, "was continued", memberlist.StateAlive.String())
	return nil
}

func (n *node) stop() error {
	list := n.list
	n.list = nil
	if err := list.Shutdown(); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	return nil
}
