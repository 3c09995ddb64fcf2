package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// user is a user message as it stands in a packet.
func user(body string) []byte { return append([]byte{byte(TypeUser)}, body...) }

// aliveCompound is what gossip is made of: n claims about n members.
func aliveCompound(n int) (msgs [][]byte) {
	for i := range n {
		a := Alive{
			Incarnation: uint32(i + 1), Node: fmt.Sprintf("node-%04d", i), Addr: []byte{10, 0, byte(i >> 8), byte(i)},
			Port: 7946, Meta: []byte("role=web"), Vsn: []byte{1, 5, 2, 0, 0, 0},
		}
		msgs = append(msgs, a.Append(nil))
	}
	return msgs
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestAKeyNeverPrintsItself(t *testing.T) {
	raw := bytes.Repeat([]byte{0xab, 'K'}, 16)
	k := mustKey(t, raw)
	type holder struct {
		Key   Key
		inner Key
		ptr   *Key
	}
	values := []any{k, *k, holder{*k, *k, k}, &holder{*k, *k, k}, []*Key{k}, []Key{*k}, map[string]*Key{"k": k}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%08b", "%o", "%U", "%t", "%p"} {
		for _, v := range values {
			text := strings.ToLower(fmt.Sprintf(verb, v))
			for _, secret := range []string{"abk", "ab4b", "171 75", "ab 4b", "\xabk", "10101011 01001011", "0xab, 0x4b", "u+00ab", "253 113"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T: %s", verb, v, text)
				}
			}
		}
	}
	if k.String() != "AES-256 key" || (Key{}).String() != "no key" {
		t.Error(k.String(), Key{})
	}
}

func TestAKeyIsItsOwnCopy(t *testing.T) {
	raw := []byte("0123456789abcdef")
	k := mustKey(t, raw)
	raw[0] = 'X'
	k.Bytes()[1] = 'X'
	if got := string(k.Bytes()); got != "0123456789abcdef" {
		t.Error(got)
	}
	for _, n := range []int{0, 15, 17, 31, 33} {
		if _, err := NewKey(make([]byte, n)); err == nil || strings.Contains(err.Error(), "000") {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

func TestLabelsHaveOneTo255Bytes(t *testing.T) {
	for n, want := range map[int]error{0: nil, 1: nil, MaxLabel: nil, MaxLabel + 1: errLabelLong} {
		label := strings.Repeat("x", n)
		b, err := AppendLabel([]byte("before"), label)
		if err != want {
			t.Fatalf("%d bytes: %v, want %v", n, err, want)
		}
		if err != nil {
			continue
		}
		got, rest, err := StripLabel(append(b[len("before"):], "rest"...))
		if err != nil || string(got) != label || string(rest) != "rest" {
			t.Errorf("%d bytes: %q, %q, %v", n, got, rest, err)
		}
	}
}

// drawFrame makes a random frame and the opener that fits it.
func drawFrame(t *rapid.T) (Frame, *Opener, []*Key) {
	f := Frame{
		Label:       rapid.SampledFrom([]string{"", "b", strings.Repeat("L", MaxLabel)}).Draw(t, "label"),
		SealVersion: rapid.SampledFrom([]uint8{0, 1}).Draw(t, "seal version"),
		Checksum:    rapid.Bool().Draw(t, "checksum"),
	}
	if rapid.Bool().Draw(t, "compress") {
		f.Compress = new(Compressor)
	}
	other, _ := NewKey(bytes.Repeat([]byte{7}, 16))
	var keys []*Key
	if n := rapid.SampledFrom([]int{0, 16, 24, 32}).Draw(t, "key"); n > 0 {
		f.Key, _ = NewKey(bytes.Repeat([]byte{9}, n))
		keys = [][]*Key{{f.Key}, {other, f.Key}, {f.Key, other}}[rapid.IntRange(0, 2).Draw(t, "ring")]
	}
	return f, &Opener{Label: f.Label, Verify: true, MaxInflated: 1 << 20}, keys
}

func drawMessage(t *rapid.T) []byte {
	types := []Type{TypePing, TypeIndirectPing, TypeAck, TypeSuspect, TypeAlive, TypeDead, TypeUser, TypeNack}
	typ := rapid.SampledFrom(types).Draw(t, "type")
	body := rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 0, 40),
		rapid.Map(rapid.IntRange(0, 3000), func(n int) []byte { return bytes.Repeat([]byte("abc"), n) }),
	).Draw(t, "body")
	return append([]byte{byte(typ)}, body...)
}

func TestWhatIsPackedIsOpenedAndNoLongerThanSaid(t *testing.T) {
	opened := map[bool]*Opener{}
	rapid.Check(t, func(t *rapid.T) {
		f, o, keys := drawFrame(t)
		if kept := opened[true]; kept != nil { // memory of other packets must not matter
			kept.Label, o = o.Label, kept
		}
		opened[true] = o
		msgs := rapid.SliceOfN(rapid.Custom(drawMessage), 1, 20).Draw(t, "messages")
		size := f.Overhead()
		if len(msgs) > 1 {
			size += CompoundOverhead + PartOverhead*len(msgs)
		}
		for _, m := range msgs {
			size += len(m)
		}
		nonce := &Nonce{1, 2, 3}
		packet, err := f.AppendPacket([]byte("before"), nonce, msgs)
		if err != nil || string(packet[:6]) != "before" {
			t.Fatal(err)
		}
		if packet = packet[6:]; len(packet) > size {
			t.Fatalf("%d bytes, at most %d are said", len(packet), size)
		}
		if f.SealVersion == 1 && f.Compress == nil && len(packet) != size {
			t.Fatalf("%d bytes, %d are said", len(packet), size)
		}
		got, err := o.Open(packet, keys)
		if err != nil || got.Sealed != (f.Key != nil) || got.Lost != 0 || len(got.Messages) != len(msgs) {
			t.Fatalf("%d messages, %v", len(got.Messages), err)
		}
		for i, m := range got.Messages {
			if again := append([]byte{byte(m.Type)}, m.Body...); !bytes.Equal(again, msgs[i]) {
				t.Fatalf("message %d: %x, want %x", i, again, msgs[i])
			}
		}
	})
}

func TestWhatCannotBeSentIsRefusedAndNothingAppended(t *testing.T) {
	k, nonce := mustKey(t, make([]byte, 16)), new(Nonce)
	ok := [][]byte{user("hello")}
	for name, c := range map[string]struct {
		f     Frame
		nonce *Nonce
		msgs  [][]byte
		want  error
	}{
		"no message":             {Frame{}, nil, nil, errCompoundEmpty},
		"a message without type": {Frame{}, nil, [][]byte{user("a"), {}}, errFrameMessage},
		"a key and no nonce":     {Frame{Key: k}, nil, ok, errSealNonce},
		"encryption version 2":   {Frame{Key: k, SealVersion: 2}, nonce, ok, errSealVersion},
		"a label of 256 bytes":   {Frame{Label: strings.Repeat("x", 256)}, nonce, ok, errLabelLong},
	} {
		if b, err := c.f.AppendPacket([]byte("before"), c.nonce, c.msgs); err != c.want || string(b) != "before" {
			t.Errorf("packet, %s: %q, %v", name, b, err)
		}
		if c.msgs == nil {
			continue
		}
		msg := c.msgs[len(c.msgs)-1]
		if b, err := c.f.AppendStream([]byte("before"), c.nonce, msg); err != c.want || string(b) != "before" {
			t.Errorf("stream, %s: %q, %v", name, b, err)
		}
	}
}

func TestAPacketIsOpenedWithWhicheverKeyFits(t *testing.T) {
	keys := []*Key{mustKey(t, make([]byte, 16)), mustKey(t, make([]byte, 24)), mustKey(t, make([]byte, 32))}
	for _, k := range keys {
		f := Frame{Label: "blue", Key: k, SealVersion: 1}
		packet, _ := f.AppendPacket(nil, new(Nonce), [][]byte{user("hello")})
		o := Opener{Label: "blue", Verify: true}
		if got := packetOutcome(o.Open(packet, keys)); got != `user "hello"` {
			t.Errorf("%v: %s", k, got)
		}
		if got := packetOutcome(o.Open(packet, nil)); got == `user "hello"` {
			t.Errorf("%v: opened without a key", k)
		}
	}
}

func TestWithSkipLabelTheLabelThatCameIsAuthenticatedElseOurOwn(t *testing.T) {
	k := mustKey(t, make([]byte, 16))
	red := Frame{Label: "red", Key: k, SealVersion: 1}
	packet, _ := red.AppendPacket(nil, new(Nonce), [][]byte{user("hello")})
	o := Opener{Label: "blue", SkipLabel: true, Verify: true}
	if got := packetOutcome(o.Open(packet, []*Key{k})); got != `user "hello"` {
		t.Error(got)
	}
	_, bare, _ := StripLabel(packet)
	if got := packetOutcome(o.Open(bare, []*Key{k})); got != reason(errSealKey) {
		t.Error(got)
	}
	o.Label = "red"
	if got := packetOutcome(o.Open(bare, []*Key{k})); got != `user "hello"` {
		t.Error(got)
	}
}

// nested puts msg into n compounds.
func nested(msg []byte, n int) []byte {
	for range n {
		msg, _ = appendCompound(nil, [][]byte{msg})
	}
	return msg
}

func TestAPacketNestsAtMostFourDeepAndHasBoundedParts(t *testing.T) {
	full := make([][]byte, MaxParts)
	for i := range full {
		full[i] = user("")
	}
	fullCompound, _ := appendCompound(nil, full)
	outer := func(n int) []byte {
		parts := make([][]byte, n)
		for i := range parts {
			parts[i] = fullCompound
		}
		b, _ := appendCompound(nil, parts)
		return b
	}
	compressions := func(n int) []byte {
		parts := make([][]byte, n)
		for i := range parts {
			parts[i] = mustCompress(t, user(""))
		}
		b, _ := appendCompound(nil, parts)
		return b
	}
	for name, c := range map[string]struct {
		packet []byte
		want   string
	}{
		"four compounds":              {nested(user("x"), 4), `user "x"`},
		"five compounds":              {nested(user("x"), 5), reason(errNesting)},
		"five with a message beside":  {mustCompound(t, user("a"), nested(user("x"), 4)), reason(errNesting)},
		"three in a compression":      {mustCompress(t, nested(user("x"), 3)), `user "x"`},
		"four in a compression":       {mustCompress(t, nested(user("x"), 4)), reason(errNesting)},
		"as many parts as may be":     {outer(4), `user "" x1020`},
		"one full compound more":      {outer(5), reason(errTooManyParts)},
		"as many compressions as may": {compressions(maxCompressions), fmt.Sprintf(`user "" x%d`, maxCompressions)},
		"one compression more":        {compressions(maxCompressions + 1), reason(errCompressions)},
	} {
		if got := packetOutcome(new(Opener).Open(c.packet, nil)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func mustCompound(t testing.TB, msgs ...[]byte) []byte {
	t.Helper()
	b, err := appendCompound(nil, msgs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAPacketInflatesToItsLimitAndNoFurther(t *testing.T) {
	for _, limit := range []int{0, 1, 64 << 10, 100 << 10} {
		most := max(limit, 64<<10)
		for size, want := range map[int]string{most: "", most + 1: reason(errInflateTooMuch)} {
			packet := mustCompress(t, append(user(""), make([]byte, size-1)...))
			o := Opener{MaxInflated: limit}
			got, err := o.Open(packet, nil)
			if want == "" && (err != nil || len(got.Messages[0].Body) != size-1) || want != "" && packetOutcome(got, err) != want {
				t.Errorf("limit %d, %d bytes: %d messages, %v", limit, size, len(got.Messages), err)
			}
		}
	}
	half := mustCompress(t, append(user(""), make([]byte, 40<<10)...))
	if got := packetOutcome(new(Opener).Open(mustCompound(t, half, half), nil)); got != reason(errInflateTooMuch) {
		t.Errorf("two halves that are too much together: %s", got)
	}
}

func TestABombIsRefusedWithoutInflatingIt(t *testing.T) {
	zeros := func(first byte, n int) []byte { return append([]byte{first}, make([]byte, n-1)...) }
	bombs := map[string][]byte{
		"lzw_bomb_40mib":      mustCompress(t, zeros(0x0e, 40<<20)),
		"lzw_bomb_over_limit": mustCompress(t, zeros(0x0e, 40<<20+1)),
		"lzw_bomb_user":       mustCompress(t, zeros(0x08, 40<<20)),
	}
	bombs["lzw_bomb_x2"] = mustCompound(t, bombs["lzw_bomb_40mib"], bombs["lzw_bomb_40mib"])
	pings := mustCompound(t, slicesOf([]byte{0, 0x80}, 255)...)
	many := mustCompress(t, mustCompound(t, slicesOf(pings, 255)...))
	bombs["amplify_compound_24_x_65025_pings"] = mustCompound(t, slicesOf(many, 24)...)
	pings = mustCompound(t, slicesOf(unhex(t, "0082aa536f7572636541646472a40a090909aa536f75726365506f727435"), 255)...)
	bombs["amplify_compress_65025_pings_to_third_party"] = mustCompress(t, mustCompound(t, slicesOf(pings, 255)...))
	relays := mustCompound(t, slicesOf(unhex(t, "0183a44e61636bc3a4506f727409a6546172676574a40a090909"), 255)...)
	bombs["amplify_compress_16320_indirect_pings"] = mustCompress(t, mustCompound(t, slicesOf(relays, 64)...))
	for _, v := range loadEnvelopes(t, "crashes") {
		bomb := bombs[v.Name]
		if bomb == nil {
			continue
		}
		delete(bombs, v.Name)
		if sha(bomb) != v.SHA256 {
			t.Errorf("%s: not the bytes that the note describes", v.Name)
		}
		before := allocated()
		got := packetOutcome(new(Opener).Open(bomb, nil))
		if n := allocated() - before; n > 1<<20 {
			t.Errorf("%s: %d bytes allocated", v.Name, n)
		}
		if got != reason(errInflateTooMuch) {
			t.Errorf("%s: %s", v.Name, got)
		}
	}
	for name := range bombs {
		t.Errorf("%s: no such vector", name)
	}
}

func slicesOf(b []byte, n int) (all [][]byte) {
	for range n {
		all = append(all, b)
	}
	return all
}

func TestMemoryThatAnUnusualPacketNeededIsLetGo(t *testing.T) {
	o := Opener{MaxInflated: 10 << 20}
	big := mustCompress(t, append(user(""), make([]byte, 5<<20)...))
	many := mustCompound(t, slicesOf(mustCompound(t, slicesOf(user(""), 255)...), 4)...)
	for _, packet := range [][]byte{big, many} {
		if _, err := o.Open(packet, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Open(user("x"), nil); err != nil || cap(o.scratch) > keepScratch || cap(o.messages) > keepMessages {
		t.Errorf("%d bytes and %d messages are kept, %v", cap(o.scratch), cap(o.messages), err)
	}
}

func TestACompressorPassesOverWhatDidNotGainBefore(t *testing.T) {
	var c Compressor
	bad, good := noise(1000), bytes.Repeat([]byte("abcd"), 250)
	tries := []int{}
	for i := range 60 {
		passing := c.sizes[10].pass > 0
		if _, ok := c.shrink(bad); ok {
			t.Fatal("noise became shorter")
		}
		if !passing {
			tries = append(tries, i)
		}
	}
	if diff := cmp.Diff([]int{0, 2, 6, 14, 30}, tries); diff != "" {
		t.Error("noise was tried at", diff)
	}
	if _, ok := c.shrink(good[:500]); !ok {
		t.Error("another size was passed over too")
	}
	for range maxPass {
		c.shrink(good)
	}
	if _, ok := c.shrink(good); !ok {
		t.Error("what gains was never tried again")
	}
	if _, ok := c.shrink(good[:minCompress-1]); ok {
		t.Error("a small message was tried")
	}
}

func TestNothingIsEverCompressedToMoreThanItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		letters := rapid.IntRange(1, 256).Draw(t, "letters")
		msg := make([]byte, rapid.IntRange(1, 40000).Draw(t, "length"))
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range msg {
			msg[i] = byte(r.IntN(letters))
		}
		msg[0] = byte(TypeUser)
		m, ok := new(Compressor).compress(msg)
		if !ok {
			return
		}
		b := m.Append(nil)
		if len(b) >= len(msg) {
			t.Fatalf("%d bytes became %d", len(msg), len(b))
		}
		got, err := new(Opener).Open(b, nil)
		if err != nil || !bytes.Equal(got.Messages[0].Body, msg[1:]) {
			t.Fatal(err)
		}
	})
}

func TestPacketsAllocateNothingInSteadyState(t *testing.T) {
	key := mustKey(t, make([]byte, 32))
	ping := (&Ping{SeqNo: 7, Node: "bravo", SourceAddr: []byte{10, 0, 0, 1}, SourcePort: 7946, SourceNode: "alpha"}).Append(nil)
	for name, f := range map[string]*Frame{
		"plain":      {Label: "blue", Checksum: true},
		"sealed":     {Label: "blue", Checksum: true, Key: key, SealVersion: 1},
		"padded":     {Key: key},
		"compressed": {Compress: new(Compressor)},
	} {
		for what, msgs := range map[string][][]byte{"a ping": {ping}, "a compound": aliveCompound(16)} {
			o, keys, nonce := &Opener{Label: f.Label, Verify: true}, []*Key{key}, new(Nonce)
			if f.Key == nil {
				keys = nil
			}
			buf := make([]byte, 0, 4096)
			n := testing.AllocsPerRun(100, func() {
				packet, err := f.AppendPacket(buf, nonce, msgs)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := o.Open(packet, keys); err != nil || len(got.Messages) != len(msgs) {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%s, %s: %v allocations", name, what, n)
			}
		}
	}
}
