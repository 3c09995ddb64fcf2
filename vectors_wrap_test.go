package memberlist

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// wrapped reports whether the vector is a user message that the reference sent as a packet, in wrappers that
// hold nothing random.
func (v *vector) wrapped() bool {
	return v.Kind == "packet" && v.Direction == "sent" && v.Config.Key == "" && v.HexHead == "" &&
		(v.file == "crc_compress" || v.file == "label") && strings.HasPrefix(v.FedBack, "ok: NotifyMsg")
}

// wrappedOtherwise is where ours wraps a message in another way, and why.
var wrappedOtherwise = map[string]string{
	"crc_compress/send_to_address_node_named_10_0_0_2": "a checksum is added when the receiver is known, not when an address spells a member's name",
	"crc_compress/compress_threshold_first_compressed": "a message that cannot gain much because it is small is not even tried",
}

func TestOurWrappersAreTheReferencesToTheByte(t *testing.T) {
	eachVector(t, (*vector).wrapped, func(t *testing.T, v *vector) {
		want := unhex(t, v.Hex)
		messages := v.open(t, want)
		r := newRig(t, v, "alpha")
		to := &Node{Name: "bravo", Addr: net.IP{10, 0, 0, 2}, Port: 7946, PMax: v.Config.PeerPMax}
		var err error
		if v.Config.PeerName != "" {
			r.knowsAt(v.Config.PeerName, "10.0.0.2:7946", v.Config.PeerPMax)
			err = r.m.SendToAddress(Address{Addr: "10.0.0.2:7946"}, messages[0].Body)
		} else {
			err = r.m.SendBestEffort(to, messages[0].Body)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, why := r.one(), wrappedOtherwise[v.id()]
		if bytes.Equal(got, want) != (why == "") {
			t.Errorf("sent\n%x, the reference\n%x (meant to differ: %q)", got, want, why)
		}
		if back := r.opened(got); len(back) != 1 || !bytes.Equal(back[0].Body, messages[0].Body) {
			t.Errorf("sent %x, which does not hold the message", got)
		}
	})
}

func TestAnAckIsWrappedAsTheReferenceDoesIt(t *testing.T) {
	for name, peer := range map[string]string{
		"ack_to_node_named_bravo":              "bravo",
		"compress_on_short_ack_not_compressed": "bravo",
	} {
		v := vectorNamed(t, "crc_compress", name)
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &v, "alpha")
				r.knowsAt(peer, "10.0.0.2:7946", 5)
				r.packet((&wire.Ping{SeqNo: 5}).Append(nil), capturedPeer)
				if got, want := r.one(), unhex(t, v.Hex); !bytes.Equal(got, want) {
					t.Errorf("sent %x, want %x", got, want)
				}
			})
		})
	}
}
