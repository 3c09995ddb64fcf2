package bed

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Links are the ways out of one node, any of which can be cut. What is sent as a datagram over a link that is
// cut is lost without an error, as it would be in a network; a stream cannot be opened.
// The zero value cuts nothing. It is safe for concurrent use.
type Links struct {
	mu      sync.Mutex
	packets map[string]bool // "ip:port" of the other end; "" stands for all
	streams map[string]bool
}

// CutPackets loses datagrams to these addresses, or to every address if none is given.
func (l *Links) CutPackets(to ...string) { l.cut(&l.packets, to) }

// CutStreams refuses to open streams to these addresses, or to any if none is given.
func (l *Links) CutStreams(to ...string) { l.cut(&l.streams, to) }

// Mend restores all links.
func (l *Links) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packets, l.streams = nil, nil
}

func (l *Links) cut(set *map[string]bool, to []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *set == nil {
		*set = make(map[string]bool)
	}
	if len(to) == 0 {
		to = []string{""}
	}
	for _, addr := range to {
		(*set)[addr] = true
	}
}

// errCut is what the dialler over a cut link sees.
var errCut = errors.New("the link is cut")

// Write sends a datagram unless the link is cut.
func (l *Links) Write(to string, send func() (time.Time, error)) (time.Time, error) {
	l.mu.Lock()
	lost := l.packets[""] || l.packets[to]
	l.mu.Unlock()
	if lost {
		return time.Now(), nil
	}
	return send()
}

// Dial opens a stream unless the link is cut.
func (l *Links) Dial(to string, dial func() (net.Conn, error)) (net.Conn, error) {
	l.mu.Lock()
	refused := l.streams[""] || l.streams[to]
	l.mu.Unlock()
	if refused {
		return nil, errCut
	}
	return dial()
}
