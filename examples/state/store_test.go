package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestStoresAgreeInWhateverOrderTheyHear(t *testing.T) {
	now := time.Now().UnixNano()
	var said []record
	for _, key := range []string{"x", "y"} {
		said = append(said,
			record{Key: key, Value: "first", Time: now + 1, Writer: "a"},
			record{Key: key, Value: "at once with b", Time: now + 2, Writer: "a"},
			record{Key: key, Value: "at once with a", Time: now + 2, Writer: "b"},
		)
	}
	said = append(said, record{Key: "y", Deleted: true, Time: now + 3, Writer: "c"})
	first := newStore("first")
	first.merge(said)
	for range 100 {
		rand.Shuffle(len(said), func(i, j int) { said[i], said[j] = said[j], said[i] })
		other := newStore("other")
		for _, r := range slices.Concat(said, said) { // each twice, as gossip does
			other.merge([]record{r})
		}
		if want, got := first.all(), other.all(); !slices.Equal(want, got) {
			t.Fatalf("heard %v\n got %v\nwant %v", said, got, want)
		}
	}
	if value, ok := first.read("x"); !ok || value != "at once with a" {
		t.Errorf("x = %q, %v, want what b wrote: its name decides", value, ok)
	}
	if value, ok := first.read("y"); ok {
		t.Errorf("y = %q, want nothing: it was deleted", value)
	}
}

func TestAWriterWhoseClockLagsStillOverwritesWhatItHasSeen(t *testing.T) {
	s := newStore("late")
	s.merge([]record{{Key: "k", Value: "from the future", Time: time.Now().Add(time.Minute).UnixNano(), Writer: "early"}})
	s.write("k", "mine", false)
	if value, _ := s.read("k"); value != "mine" {
		t.Errorf("k = %q, want %q", value, "mine")
	}
}

func TestATombstoneKeepsAnOldValueAwayUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore("a")
		old := s.write("k", "old", false)
		s.write("k", "", true)
		if fresh := s.merge([]record{old}); len(fresh) > 0 {
			t.Errorf("%v came back", fresh)
		}
		tombstone := s.all()[0]
		time.Sleep(tombstoneLife + time.Second) // of the bubble's clock
		if left := s.all(); len(left) > 0 {
			t.Errorf("%v is still remembered", left)
		}
		if fresh := s.merge([]record{tombstone}); len(fresh) > 0 {
			t.Errorf("%v was taken from a node that still had it", fresh)
		}
	})
}

func TestRecordsThatCannotBeReadAreAnError(t *testing.T) {
	if _, err := decode([]byte("no json")); err == nil {
		t.Error("no error")
	}
	want := []record{{Key: "k", Value: "v", Time: 1, Writer: "w"}}
	if got, err := decode(encode(want)); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
