package memberlist

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
)

func TestANodeSaysWhereItIs(t *testing.T) {
	for _, tc := range []struct {
		ip   net.IP
		want string
	}{
		{net.IP{10, 0, 0, 1}, "10.0.0.1:7946"},
		{net.ParseIP("10.0.0.1"), "10.0.0.1:7946"},
		{net.ParseIP("2001:db8::1"), "[2001:db8::1]:7946"},
	} {
		n := &Node{Name: "a", Addr: tc.ip, Port: 7946}
		if got := n.Address(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
		if got := n.FullAddress(); got != (Address{Addr: tc.want, Name: "a"}) {
			t.Errorf("got %+v", got)
		}
		if n.String() != "a" {
			t.Errorf("got %q", n.String())
		}
	}
}

func TestStatesAndEventsAreWords(t *testing.T) {
	for want, got := range map[string]interface{ String() string }{
		"alive": StateAlive, "suspect": StateSuspect, "dead": StateDead, "left": StateLeft,
		"NodeStateType(4)": NodeStateType(4),
		"join":             NodeJoin, "leave": NodeLeave, "update": NodeUpdate, "NodeEventType(3)": NodeEventType(3),
	} {
		if got.String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAChannelEventDelegateSendsWhatItHears(t *testing.T) {
	ch := make(chan NodeEvent, 3)
	var d EventDelegate = &ChannelEventDelegate{Ch: ch}
	n := &Node{Name: "a"}
	d.NotifyJoin(n)
	d.NotifyLeave(n)
	d.NotifyUpdate(n)
	for _, want := range []NodeEventType{NodeJoin, NodeLeave, NodeUpdate} {
		if got := <-ch; got.Event != want || got.Node != n {
			t.Errorf("got %v about %v, want %v", got.Event, got.Node, want)
		}
	}
}

func TestErrorsSayWhatWasDoneToWhom(t *testing.T) {
	cause := errors.New("the cause")
	for want, err := range map[string]error{
		"join 10.0.0.7:7946: the cause":            &JoinError{Addr: "10.0.0.7:7946", Err: cause},
		"remote error: too busy":                   &RemoteError{Text: "too busy"},
		"refused by the merge delegate: the cause": &VetoError{Delegate: "merge", Err: cause},
		"No response from node b":                  NoPingResponseError{node: "b"},
		`node "b" speaks protocol version 5, outside of 1 to 4 that all understand`:          &VersionError{Name: "b", Version: 5, Min: 1, Max: 4},
		`node "b" speaks delegate protocol version 5, outside of 1 to 4 that all understand`: &VersionError{Name: "b", Delegate: true, Version: 5, Min: 1, Max: 4},
		`versions of node "b": the cause`:                                                    &VersionError{Name: "b", Err: cause},
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestErrorsUnwrapToTheirCause(t *testing.T) {
	err := error(&JoinError{Err: &VetoError{Delegate: "merge", Err: context.Canceled}})
	var veto *VetoError
	if !errors.As(err, &veto) || !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost in %v", err)
	}
}

func TestNoPingResponseIsATimeout(t *testing.T) {
	err := error(NoPingResponseError{node: "b"})
	var timeout net.Error
	if errors.As(err, &timeout) {
		t.Error("a ping without answer is no network error: it has no Temporary")
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || !err.(interface{ Timeout() bool }).Timeout() {
		t.Errorf("%v is no timeout", err)
	}
	if errors.Is(err, os.ErrClosed) {
		t.Errorf("%v is anything", err)
	}
}
