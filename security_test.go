package memberlist

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// Keys of each length, told apart by their letter.
var (
	keyA = bytes.Repeat([]byte("A"), 16)
	keyB = bytes.Repeat([]byte("B"), 24)
	keyC = bytes.Repeat([]byte("C"), 32)
)

// letters writes a ring as the first letter of each key, in order.
func letters(k *Keyring) string {
	var text strings.Builder
	for _, key := range k.GetKeys() {
		text.WriteByte(key[0])
	}
	return text.String()
}

func TestNewKeyring(t *testing.T) {
	short := []byte("short")
	for _, test := range []struct {
		says    string
		keys    [][]byte
		primary []byte
		want    string
		fails   bool
	}{
		{"nothing is an empty ring", nil, nil, "", false},
		{"the primary key alone", nil, keyA, "A", false},
		{"the primary key comes first", [][]byte{keyB, keyC}, keyA, "ABC", false},
		{"the primary key among the others counts once", [][]byte{keyB, keyA, keyC}, keyA, "ABC", false},
		{"a key given twice counts once", [][]byte{keyB, keyB}, keyA, "AB", false},
		{"keys without a primary one", [][]byte{keyA}, nil, "", true},
		{"a primary key of a wrong length", [][]byte{keyA}, short, "", true},
		{"another key of a wrong length", [][]byte{short}, keyA, "", true},
	} {
		k, err := NewKeyring(test.keys, test.primary)
		if (err != nil) != test.fails {
			t.Errorf("%s: error %v", test.says, err)
		}
		if err == nil && letters(k) != test.want {
			t.Errorf("%s: got %s, want %s", test.says, letters(k), test.want)
		}
	}
}

func TestKeyLengths(t *testing.T) {
	for n := range 40 {
		want := n == 16 || n == 24 || n == 32
		if err := ValidateKey(make([]byte, n)); (err == nil) != want {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestARingIsChanged(t *testing.T) {
	add := func(key []byte) func(*Keyring) error { return func(k *Keyring) error { return k.AddKey(key) } }
	use := func(key []byte) func(*Keyring) error { return func(k *Keyring) error { return k.UseKey(key) } }
	remove := func(key []byte) func(*Keyring) error { return func(k *Keyring) error { return k.RemoveKey(key) } }
	abc := [][]byte{keyA, keyB, keyC}
	for _, test := range []struct {
		says  string
		ring  [][]byte
		do    func(*Keyring) error
		want  string
		fails bool
	}{
		{"an added key is the last", abc[:2], add(keyC), "ABC", false},
		{"the first key is the primary one", nil, add(keyB), "B", false},
		{"a known key stays where it is", abc, add(keyB), "ABC", false},
		{"a key of a wrong length is not added", abc, add([]byte("short")), "ABC", true},
		{"the key in use becomes the first", abc, use(keyC), "CAB", false},
		{"the primary key may be used again", abc, use(keyA), "ABC", false},
		{"an unknown key cannot be used", abc[:2], use(keyC), "AB", true},
		{"nor any of an empty ring", nil, use(keyC), "", true},
		{"a removed key is gone", abc, remove(keyB), "AC", false},
		{"an unknown key is gone already", abc[:2], remove(keyC), "AB", false},
		{"the primary key stays", abc, remove(keyA), "ABC", true},
		{"even if it is the only one", abc[:1], remove(keyA), "A", true},
		{"an empty ring has nothing to remove", nil, remove(keyA), "", false},
	} {
		k := new(Keyring)
		for _, key := range test.ring {
			if err := k.AddKey(key); err != nil {
				t.Fatal(err)
			}
		}
		before, was := k.keys(), letters(k)
		err := test.do(k)
		if (err != nil) != test.fails {
			t.Errorf("%s: error %v", test.says, err)
		}
		if letters(k) != test.want {
			t.Errorf("%s: got %q, want %q", test.says, letters(k), test.want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "ABC") {
			t.Errorf("%s: the error may show a key: %v", test.says, err)
		}
		var still strings.Builder
		for _, key := range before {
			still.WriteByte(key.Bytes()[0])
		}
		if still.String() != was {
			t.Errorf("%s: who reads with the ring %q now sees %q", test.says, was, still.String())
		}
	}
}

func TestAnEmptyRingHasNoPrimaryKey(t *testing.T) {
	for _, k := range []*Keyring{nil, new(Keyring)} {
		if k.GetPrimaryKey() != nil || k.primary() != nil || len(k.GetKeys()) != 0 || k.keys() != nil {
			t.Errorf("%v has a key", k)
		}
	}
}

func TestKeysAreCopiedInAndOut(t *testing.T) {
	given := bytes.Clone(keyA)
	k, err := NewKeyring([][]byte{given}, given)
	if err != nil {
		t.Fatal(err)
	}
	clear(given)
	clear(k.GetKeys()[0])
	clear(k.GetPrimaryKey())
	if !bytes.Equal(k.GetPrimaryKey(), keyA) || !bytes.Equal(k.GetKeys()[0], keyA) {
		t.Error("somebody else can change the ring")
	}
}

func TestAKeyringIsNeverPrinted(t *testing.T) {
	secret := []byte("sixteen secrets!")
	k, err := NewKeyring(nil, secret)
	if err != nil {
		t.Fatal(err)
	}
	conf := &Config{Keyring: k}
	var said bytes.Buffer
	for _, log := range []*slog.Logger{
		slog.New(slog.NewTextHandler(&said, nil)),
		slog.New(slog.NewJSONHandler(&said, nil)),
	} {
		log.Info("said", "ring", k, "config", conf)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "% x"} {
		for _, what := range []any{k, conf, *conf, []*Keyring{k}, struct{ ring *Keyring }{k}} {
			fmt.Fprintf(&said, verb, what)
		}
		fmt.Fprintf(&said, verb, k.keys())
	}
	for _, form := range []string{"%s", "%x", "%X", "% x", "%d", "%v", "%#v"} {
		trace := fmt.Sprintf(form, secret)
		trace = strings.Trim(strings.TrimPrefix(trace, "[]byte"), "[]{}")
		if strings.Contains(said.String(), trace) {
			t.Errorf("a key was shown as %q", trace)
		}
	}
	if got := fmt.Sprintf("%x", k); got != "Keyring(1 keys)" {
		t.Errorf("a ring prints as %q", got)
	}
}

func TestARingIsChangedByManyAtOnce(t *testing.T) {
	k, err := NewKeyring(nil, keyA)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			key := bytes.Repeat([]byte{byte(i)}, 16)
			for range 50 {
				if err := k.AddKey(key); err != nil {
					t.Error(err)
				}
				if k.primary() == nil || len(k.keys()) == 0 {
					t.Error("the ring was empty for a moment")
				}
				if err := k.RemoveKey(key); err != nil {
					t.Error(err)
				}
			}
			if err := k.AddKey(key); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(k.GetKeys()); n != 9 {
		t.Errorf("%d keys, want 9", n)
	}
}

func TestNoNonceIsGivenTwice(t *testing.T) {
	var (
		source nonces
		mu     sync.Mutex
		all    sync.WaitGroup
		seen   = make(map[wire.Nonce]bool)
	)
	const askers, each = 4, 500 // many blocks, and a block is no multiple of a nonce
	for range askers {
		all.Go(func() {
			for range each {
				var nonce wire.Nonce
				source.next(&nonce)
				mu.Lock()
				seen[nonce] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != askers*each || seen[wire.Nonce{}] {
		t.Errorf("%d different nonces of %d", len(seen), askers*each)
	}
}

func BenchmarkNonce(b *testing.B) {
	var source nonces
	var nonce wire.Nonce
	b.ReportAllocs()
	for b.Loop() {
		source.next(&nonce)
	}
}
