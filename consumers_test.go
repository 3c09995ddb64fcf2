package memberlist

import (
	"net"
	"testing"
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
