package compare

import (
	"fmt"

	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// exchangesState waits until the state of the application has travelled by joins and by the periodic exchange,
// from each kind to the other, and each time with the right flag.
func (x *trial) exchangesState() {
	x.t.Helper()
	joins := [][2]string{{ours1, ref1}, {ref2, ours1}, {ours2, ref2}}
	x.eventually("state travels by join", func() string {
		for _, j := range joins {
			for _, way := range [][2]string{{j[0], j[1]}, {j[1], j[0]}} {
				if x.apps[way[0]].Saw("MergeRemoteState %s join=true", way[1]) == 0 {
					return way[0] + " lacks that of " + way[1]
				}
			}
		}
		return ""
	})
	for _, name := range four {
		x.apps[name].Put("item of " + name)
	}
	x.eventually("state travels by periodic exchange", func() string {
		for _, name := range four {
			for _, of := range four {
				if x.apps[name].Missing([]string{"item of " + of}) != "" {
					return name + " lacks the item of " + of
				}
			}
			exchanges := 0
			for _, of := range four {
				if x.kinds[of] != x.kinds[name] {
					exchanges += x.apps[name].Saw("MergeRemoteState %s join=false", of)
				}
			}
			if exchanges == 0 {
				return name + " had no periodic exchange with the other kind"
			}
		}
		return ""
	})
}

// updatesMeta gives each node the longest metadata that fits, and waits until all have been told.
func (x *trial) updatesMeta() {
	x.t.Helper()
	size := 512
	if x.cell.packet == 512 {
		size = 350
	}
	for _, name := range four {
		x.metas[name] = pad("new meta of "+name+" ", size)
		x.apps[name].SetMeta(x.metas[name])
		if err := x.running[name].Update(patience); err != nil {
			x.t.Errorf("update of %s: %v", name, err)
		}
	}
	x.agree("updates of metadata")
	x.eventually("all are told of updates", func() string {
		for _, at := range four {
			for _, name := range four {
				if at != name && x.apps[at].Saw("NotifyUpdate %s", name) == 0 {
					return at + " was not told of " + name
				}
			}
		}
		return ""
	})
}

// pings has each node ping each other, for its user, and waits for the payload that comes with the probes' acks.
func (x *trial) pings() {
	x.t.Helper()
	for _, from := range x.alive() {
		for _, to := range x.alive() {
			if from == to {
				continue
			}
			x.eventually("ping", func() string {
				if _, err := x.running[from].Ping(to, udp(x.running[to])); err != nil {
					return fmt.Sprintf("%s pings %s: %v", from, to, err)
				}
				return ""
			})
		}
	}
	x.eventually("payloads come with acks", func() string {
		for _, from := range x.alive() {
			for _, to := range x.alive() {
				if from != to && x.apps[from].Payload(to) != "ack of "+to {
					return from + " has not got the payload of " + to
				}
			}
		}
		return ""
	})
}

// messages sends by every method, in every size, from each kind to the other, over either transport.
func (x *trial) messages() {
	x.t.Helper()
	for _, way := range [][2]string{{ours1, ref1}, {ref1, ours1}, {ours2, ref2}, {ref2, ours2}} {
		for i, how := range bed.Packets {
			if how == bed.SendTo && x.cell.names {
				if err := x.running[way[0]].Send(how, way[1], []byte("x")); err == nil {
					x.t.Errorf("%s sent to an address without a name", way[0])
				}
				continue
			}
			for _, msg := range [][]byte{{}, {byte('a' + i)}, []byte(pad(fmt.Sprintf("%s by %s ", way, how), 1024))} {
				x.packet(how, way, msg)
			}
		}
		for i, how := range bed.Streams {
			for _, msg := range [][]byte{{byte('p' + i)}, []byte(pad(fmt.Sprintf("%s by %s ", way, how), 1024)), []byte(pad(fmt.Sprintf("%s by %s ", way, how), 1<<20))} {
				x.stream(how, way, msg)
			}
		}
	}
}

// packet sends a message that may be lost, until it arrives.
func (x *trial) packet(how bed.Method, way [2]string, msg []byte) {
	x.t.Helper()
	before, polls := x.apps[way[1]].Received(msg), 0
	x.eventually(fmt.Sprintf("%s of %d bytes, %s", how, len(msg), way), func() string {
		if polls++; polls%50 == 1 { // every half second
			if err := x.running[way[0]].Send(how, way[1], msg); err != nil {
				return err.Error()
			}
		}
		if x.apps[way[1]].Received(msg) == before {
			return "nothing came"
		}
		return ""
	})
}

// stream sends a message that arrives, once.
func (x *trial) stream(how bed.Method, way [2]string, msg []byte) {
	x.t.Helper()
	before := x.apps[way[1]].Received(msg)
	if err := x.running[way[0]].Send(how, way[1], msg); err != nil {
		x.t.Errorf("%s of %d bytes, %s: %v", how, len(msg), way, err)
		return
	}
	x.eventually(fmt.Sprintf("%s of %d bytes, %s", how, len(msg), way), func() string {
		if got := x.apps[way[1]].Received(msg) - before; got != 1 {
			return fmt.Sprintf("it came %d times", got)
		}
		return ""
	})
}

// broadcasts has each node tell all others something.
func (x *trial) broadcasts() {
	x.t.Helper()
	const each = 20
	text := func(name string, i int) []byte { return fmt.Appendf(nil, "broadcast %d of %s", i, name) }
	for i := range each {
		for _, name := range four {
			x.running[name].Broadcast(text(name, i))
		}
	}
	polls := 0
	x.eventually("broadcasts reach all", func() string {
		if polls++; polls%300 == 0 { // every three seconds, for those whom chance passed over
			for _, name := range four {
				for i := range each {
					x.running[name].Broadcast(text(name, i))
				}
			}
		}
		for _, at := range four {
			for _, name := range four {
				for i := range each {
					if at != name && x.apps[at].Received(text(name, i)) == 0 {
						return fmt.Sprintf("%s lacks number %d of %s", at, i, name)
					}
				}
			}
		}
		return ""
	})
}
