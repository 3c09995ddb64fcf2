package memberlist

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// claims is the lane of alive messages when there is an Alive delegate, which may take its time.
type claims struct {
	gate    *gate
	cluster *cluster
	mail    *mail
	metrics *telemetry
	in      chan claim
}

// claim is what one packet said about members, and what it brought for the application.
type claim struct {
	alives []wire.Alive
	mail   [][]byte
}

func newClaims(g *gate, c *cluster, m *mail, depth int, t *telemetry) *claims {
	return &claims{gate: g, cluster: c, mail: m, metrics: t, in: make(chan claim, max(1, depth))}
}

// put queues a copy of what a packet said. It never waits. It takes the packet's user messages along,
// so that they are told after the news; if the lane is full they stay with the caller.
func (c *claims) put(alives []wire.Alive, mail *[][]byte) {
	item := claim{alives: make([]wire.Alive, len(alives)), mail: make([][]byte, len(*mail))}
	for i, a := range alives {
		a.Node = strings.Clone(a.Node)
		a.Addr, a.Meta, a.Vsn = bytes.Clone(a.Addr), bytes.Clone(a.Meta), bytes.Clone(a.Vsn)
		item.alives[i] = a
	}
	for i, body := range *mail {
		item.mail[i] = bytes.Clone(body)
	}
	select {
	case c.in <- item:
		*mail = (*mail)[:0]
	default:
		c.metrics.drop("claims", "lane full")
	}
}

func (c *claims) run() {
	for {
		select {
		case item := <-c.in:
			c.judge(item)
		case <-c.gate.calls.closing:
			return
		}
	}
}

func (c *claims) judge(item claim) {
	for i := range item.alives {
		a := &item.alives[i]
		admitted, err := c.gate.admit(context.Background(), a)
		if err != nil {
			return // the node shuts down
		}
		if admitted {
			c.cluster.step(func(m *swim.Machine, now time.Time) { m.Alive(now, a) })
		}
	}
	if len(item.mail) > 0 {
		c.mail.put(item.mail)
	}
}
