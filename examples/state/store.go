package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// tombstoneLife is how long a deletion is remembered. A node that was away for longer brings back what was
// deleted meanwhile, so it should exceed the longest absence of a node that comes back with its state.
const tombstoneLife = time.Hour

// record is what one writer said about one key. Of two records for a key the later one counts, on every node;
// so the writers' clocks should agree as closely as it matters who was last.
type record struct {
	Key     string
	Value   string `json:",omitempty"`
	Deleted bool   `json:",omitempty"` // a tombstone: an older value that still travels must not come back
	Time    int64  // of the writer's clock in ns, but never before what the writer had seen of this key
	Writer  string // decides between equal times
}

// after orders the records of one key. It must be a total order, or nodes would keep different ones.
func (r record) after(other record) bool {
	if r.Time != other.Time {
		return r.Time > other.Time
	}
	return r.Writer > other.Writer
}

func (r record) expired(now time.Time) bool {
	return r.Deleted && now.Sub(time.Unix(0, r.Time)) > tombstoneLife
}

// store is a map in which the last writer wins. It knows nothing of the cluster.
type store struct {
	self string

	mu      sync.Mutex
	records map[string]record
}

func newStore(self string) *store { return &store{self: self, records: make(map[string]record)} }

// write changes a key and returns the record to tell others.
func (s *store) write(key, value string, deleted bool) record {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := max(time.Now().UnixNano(), s.records[key].Time+1) // our clock may lag behind a writer's before us
	r := record{Key: key, Value: value, Deleted: deleted, Time: at, Writer: s.self}
	s.records[key] = r
	return r
}

// read returns the value of a key, if it has one.
func (s *store) read(key string) (value string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[key]
	return r.Value, ok && !r.Deleted
}

// merge takes over what is newer than what we have, and returns that. To merge the same again, or in another
// order, changes nothing.
func (s *store) merge(records []record) (fresh []record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, r := range records {
		have, known := s.records[r.Key]
		if r.expired(now) || known && !r.after(have) {
			continue
		}
		s.records[r.Key] = r
		fresh = append(fresh, r)
	}
	return fresh
}

// all returns every record by key, tombstones included, and forgets those that have expired.
func (s *store) all() []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	list := make([]record, 0, len(s.records))
	for key, r := range s.records {
		if r.expired(now) {
			delete(s.records, key)
			continue
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b record) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// encode and decode are how records travel, one in a broadcast or all of them in a state exchange.
func encode(records []record) []byte {
	b, err := json.Marshal(records)
	if err != nil {
		panic(err) // strings, numbers and booleans can always be encoded
	}
	return b
}

func decode(b []byte) (records []record, err error) {
	if err := json.Unmarshal(b, &records); err != nil {
		return nil, fmt.Errorf("decode records: %w", err)
	}
	return records, nil
}
