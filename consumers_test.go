package memberlist

import (
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// What the test suites of programs that were written for the reference rely on, without its being said anywhere.

// Serf wants its user events in the order in which they were fired, and its queue hands out the newest first.
func TestTheUserMessagesOfAPacketAreToldLastFirst(t *testing.T) {
	for name, tweak := range map[string]func(*Config, *hooks){
		"without an alive delegate": func(*Config, *hooks) {},
		"with one":                  func(c *Config, h *hooks) { c.Alive = h },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *lab) {
				h := &hooks{}
				m := b.create("a", func(c *Config) {
					c.Delegate = h
					tweak(c, h)
				})
				claim := wire.Alive{Incarnation: 1, Node: "b", Addr: net.IPv4(127, 0, 0, 2).To4(), Port: 7, Vsn: m.conf.BuildVsnArray()}
				parts := [][]byte{claim.Append(nil), userMessage("newest"), userMessage("second"), userMessage("first")}
				packet, err := new(wire.Frame).AppendPacket(nil, new(wire.Nonce), parts)
				if err != nil {
					t.Fatal(err)
				}
				x := b.net.NewTransport("x")
				defer x.Shutdown()
				for range 2 {
					if _, err := x.WriteTo(packet, m.LocalNode().Address()); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
				once := "NotifyMsg first, NotifyMsg second, NotifyMsg newest"
				if got := h.told("NotifyMsg"); got != once+", "+once {
					t.Errorf("told %s", got)
				}
			})
		})
	}
}

// userMessage is a message of the application as it stands in a packet.
func userMessage(text string) []byte {
	return append([]byte{byte(wire.TypeUser)}, text...)
}

// Serf's merge delegate may refuse every node, its own among them, and the node starts even so.
func TestANodeThatItsOwnAliveDelegateRefusesSeesAndIsNotSeen(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{alive: func(n *Node) error {
			if n.Name == "a" {
				return errors.New("not me")
			}
			return nil
		}}
		a, other := b.create("a", h.all), b.create("b")
		if got := h.told("NotifyJoin"); got != "" || a.NumMembers() != 0 || len(a.Members()) != 0 {
			t.Errorf("told %q of a node that is no member; it sees %q", got, names(a))
		}
		if n := a.LocalNode(); n == nil || n.Name != "a" {
			t.Errorf("it does not know itself: %v", n)
		}
		var veto *VetoError
		if err := a.UpdateNode(time.Second); !errors.As(err, &veto) || veto.Delegate != "alive" {
			t.Errorf("update: %v", err)
		}
		b.join(a, other)
		b.join(other, a)
		time.Sleep(time.Minute)
		if got, seen := names(a), names(other); got != "b" || seen != "b" {
			t.Errorf("it sees %q and the other %q", got, seen)
		}

		h.mu.Lock()
		h.alive = nil
		h.mu.Unlock()
		b.join(a, other)
		synctest.Wait()
		if got, seen := names(a), names(other); got != "a b" || seen != "a b" {
			t.Errorf("with the veto gone it sees %q and the other %q", got, seen)
		}
		if got := h.told("NotifyJoin"); got != "NotifyJoin b, NotifyJoin a" {
			t.Errorf("told %q", got)
		}
	})
}

func TestANodeThatLeftIsPutBeforeItsAliveDelegateWhenItJoinsAgain(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		h := &hooks{}
		a, other := b.create("a", h.all), b.create("b")
		b.join(a, other)
		if err := a.Leave(0); err != nil {
			t.Fatal(err)
		}
		h.forget()
		b.join(a, other)
		// The other may have told us about ourselves by now, which asks again.
		if got := h.told("NotifyAlive a", "NotifyJoin a"); !strings.HasPrefix(got, "NotifyAlive a, NotifyJoin a") {
			t.Errorf("called %q", got)
		}
	})
}

// Serf's commands for keys hand these words on to their users, and their tests look for them.
func TestWhatAKeyringRefusesIsSaidInWordsThatProgramsLookFor(t *testing.T) {
	ring, err := NewKeyring(nil, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	for words, err := range map[string]error{
		"not in the keyring": ring.UseKey([]byte("another key here")),
		"not allowed":        ring.RemoveKey(make([]byte, 16)),
	} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
}

// Serf's tests put another Ping delegate into the Config of a node that runs.
func TestThePingDelegateIsLookedUpInTheConfigEachTime(t *testing.T) {
	bubble(t, func(t *testing.T, b *lab) {
		pinger := func(name string) *hooks {
			h := &hooks{payload: func() []byte { return []byte(name) }}
			h.pinged = func(n *Node, _ time.Duration, payload []byte) { h.note("pinged %s: %s", n.Name, payload) }
			return h
		}
		first, second, peer := pinger("first"), pinger("second"), pinger("peer")
		conf := b.config("a")
		conf.Ping = first
		a, err := Create(conf)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Shutdown()
		conf.Ping = second
		other := b.create("b", func(c *Config) { c.Ping = peer })
		b.join(other, a)
		time.Sleep(5 * time.Second)
		if first.told() != "" || second.told("pinged b: peer") == "" || peer.told("pinged a: second") == "" {
			t.Errorf("the first was told %q, the second %q, the peer %q", first.told(), second.told(), peer.told())
		}
		a.Shutdown()
		conf.Ping = nil // no delegate at all is no reason to fall over
		if got := (replaceable{conf}).AckPayload(); got != nil {
			t.Errorf("a payload of nobody: %q", got)
		}
		replaceable{conf}.NotifyPingComplete(other.LocalNode(), 0, nil)
	})
}
