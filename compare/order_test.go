package compare

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-f61b0479/memberlist/compare/bed"
)

// TestCallbacksComeInTheSameOrder plays one script to a node of each kind and compares what its application was
// asked and told in each act. The other members are of the other kind than the first time, too.
func TestCallbacksComeInTheSameOrder(t *testing.T) {
	withoutRaceDetector(t)
	for _, peers := range []bed.Kind{bed.Reference, bed.Ours} {
		t.Run("among nodes of "+string(peers), func(t *testing.T) {
			theirs, ours := play(t, bed.Reference, peers), play(t, bed.Ours, peers)
			for i, act := range theirs {
				if !slices.Equal(act.events, ours[i].events) {
					t.Errorf("%s:\nreference %q\nours      %q", act.name, act.events, ours[i].events)
				}
			}
		})
	}
}

// act is what happened to one application in one part of the script.
type act struct {
	name   string
	events []string
}

// stage is a cluster whose first node is watched.
type stage struct {
	*cluster
	acts []act
}

// calm are timers under which nothing happens but what the script does, and the gossip about it.
func calm() bed.Timers {
	timers := bed.Quick()
	timers.PushPullInterval = 0
	timers.ProbeInterval = 10 * time.Second
	timers.ProbeTimeout = 5 * time.Second
	return timers
}

// play is the script: the life of the node "hero" among "friend" and "guest".
func play(t *testing.T, kind, peers bed.Kind) []act {
	s := stage{cluster: newCluster(t)}
	for _, name := range []string{"hero", "friend", "guest"} {
		k := peers
		if name == "hero" {
			k = kind
		}
		s.define(k, bed.Settings{
			Name: name, Bind: "127.0.0.1", Protocol: 2, PacketSize: 1400, Compress: true,
			VerifyIncoming: true, VerifyOutgoing: true, Timers: calm(),
		})
	}
	s.act("create", "NotifyJoin hero", func() { s.up("hero") })
	s.up("friend")
	s.act("join another", "MergeRemoteState friend join=true", func() { s.join("hero", "friend") })
	s.up("guest")
	s.act("be joined", "MergeRemoteState guest join=true", func() { s.join("guest", "hero") })
	s.agree("the joins")
	s.act("join once more", "MergeRemoteState friend join=true", func() { s.join("hero", "friend") })
	s.act("update of another", "NotifyUpdate guest", func() { s.update("guest") })
	s.act("update of our own", "NotifyUpdate hero", func() { s.update("hero") })
	s.act("another leaves", "NotifyLeave guest", func() { s.leave("guest") })
	s.act("leave", "NotifyLeave hero", func() {
		if err := s.running["hero"].Leave(patience); err != nil {
			t.Error(err)
		}
	})
	s.act("shutdown", "", func() { s.down("hero") })
	return s.acts
}

// act plays a part, waits for the event that ends it, and keeps what was recorded up to there.
func (s *stage) act(name, last string, f func()) {
	s.t.Helper()
	var events []string
	s.apps["hero"].TakeLog()
	f()
	s.eventually(name, func() string {
		events = append(events, s.apps["hero"].TakeLog()...)
		end := slices.IndexFunc(events, func(e string) bool { return strings.HasPrefix(e, last) })
		if end < 0 && last != "" {
			return "there is no " + last
		}
		events = events[:end+1]
		return ""
	})
	s.acts = append(s.acts, act{name, essence(events)})
}

// update changes a node's metadata and waits until all see it.
func (s *stage) update(name string) {
	s.t.Helper()
	s.metas[name] = "new meta"
	s.apps[name].SetMeta(s.metas[name])
	if err := s.running[name].Update(patience); err != nil {
		s.t.Error(err)
	}
	s.agree("update of " + name)
}

// essence is the events without what is chance. How often the Alive delegate is asked depends on how often gossip
// repeats a claim: only the last question counts, and only about members of whom there is more to tell.
// Rows of a state exchange have no order. The states of members, the reference does not tell.
func essence(events []string) (kept []string) {
	for i, event := range events {
		if words := strings.Fields(event); strings.HasPrefix(event, "Notify") {
			event = strings.Join(words[:2], " ")
		}
		if who, asked := strings.CutPrefix(event, "NotifyAlive "); asked && !told(events[i+1:], who) {
			continue
		}
		kept = append(kept, event)
	}
	for i := len(kept) - 1; i >= 0; i-- {
		if slices.Contains(kept[i+1:], kept[i]) {
			kept = slices.Delete(kept, i, i+1)
		}
	}
	for from := 0; from < len(kept); {
		to, kind := from, strings.Fields(kept[from])[0]
		for to < len(kept) && strings.HasPrefix(kept[to], kind) {
			to++
		}
		slices.Sort(kept[from:to])
		from = to
	}
	return kept
}

// told says whether some events tell about a member: that it joined or changed, or, as the end of a state exchange
// that is under way, that its row was taken.
func told(events []string, who string) bool {
	underWay := true
	for _, e := range events {
		switch {
		case strings.HasPrefix(e, "NotifyMerge"): // an exchange begins only now
			underWay = false
		case strings.HasPrefix(e, "NotifyJoin "+who), strings.HasPrefix(e, "NotifyUpdate "+who):
			return true
		case strings.HasPrefix(e, "MergeRemoteState"):
			return underWay
		}
	}
	return false
}
