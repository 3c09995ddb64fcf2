package memberlist

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-f61b0479/memberlist/internal/swim"
)

// hooks is every delegate at once. It writes down who was called, and what is nil does nothing more.
type hooks struct {
	mu    sync.Mutex
	calls []string

	meta       func() []byte
	msg        func([]byte)
	broadcasts func(overhead, limit int) [][]byte
	state      func(join bool) []byte
	mergeState func(state []byte, join bool)
	join       func(*Node)
	leave      func(*Node)
	update     func(*Node)
	alive      func(*Node) error
	conflict   func(existing, other *Node)
	merge      func([]*Node) error
	payload    func() []byte
	pinged     func(n *Node, rtt time.Duration, payload []byte)
}

// all installs every delegate.
func (h *hooks) all(c *Config) {
	c.Delegate, c.Events, c.Alive, c.Conflict, c.Merge, c.Ping = h, h, h, h, h, h
}

// told is what was called so far, one call after the other; with words, only calls that begin with one.
func (h *hooks) told(words ...string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var some []string
	for _, call := range h.calls {
		if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(call, w) }) {
			some = append(some, call)
		}
	}
	return strings.Join(some, ", ")
}

// set changes a hook of a node that runs.
func (h *hooks) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// hook reads one.
func hook[F any](h *hooks, field *F) F {
	h.mu.Lock()
	defer h.mu.Unlock()
	return *field
}

func (h *hooks) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = nil
}

func (h *hooks) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, fmt.Sprintf(format, args...))
}

func (h *hooks) NodeMeta(limit int) (meta []byte) {
	h.note("NodeMeta %d", limit)
	if f := hook(h, &h.meta); f != nil {
		meta = f()
	}
	return meta
}

func (h *hooks) NotifyMsg(b []byte) {
	h.note("NotifyMsg %.20s", b)
	if f := hook(h, &h.msg); f != nil {
		f(b)
	}
}

func (h *hooks) GetBroadcasts(overhead, limit int) (list [][]byte) {
	if f := hook(h, &h.broadcasts); f != nil {
		list = f(overhead, limit)
	}
	return list
}

func (h *hooks) LocalState(join bool) (state []byte) {
	h.note("LocalState %v", join)
	if f := hook(h, &h.state); f != nil {
		state = f(join)
	}
	return state
}

func (h *hooks) MergeRemoteState(state []byte, join bool) {
	h.note("MergeRemoteState %s %v", state, join)
	if f := hook(h, &h.mergeState); f != nil {
		f(state, join)
	}
}

func (h *hooks) NotifyJoin(n *Node) {
	h.note("NotifyJoin %s", n.Name)
	if f := hook(h, &h.join); f != nil {
		f(n)
	}
}

func (h *hooks) NotifyLeave(n *Node) {
	h.note("NotifyLeave %s %s", n.Name, n.State)
	if f := hook(h, &h.leave); f != nil {
		f(n)
	}
}

func (h *hooks) NotifyUpdate(n *Node) {
	h.note("NotifyUpdate %s", n.Name)
	if f := hook(h, &h.update); f != nil {
		f(n)
	}
}

func (h *hooks) NotifyAlive(n *Node) (err error) {
	h.note("NotifyAlive %s", n.Name)
	if f := hook(h, &h.alive); f != nil {
		err = f(n)
	}
	return err
}

func (h *hooks) NotifyConflict(existing, other *Node) {
	h.note("NotifyConflict %s", existing.Name)
	if f := hook(h, &h.conflict); f != nil {
		f(existing, other)
	}
}

func (h *hooks) NotifyMerge(peers []*Node) (err error) {
	all := make([]string, 0, len(peers))
	for _, n := range peers {
		all = append(all, n.Name)
	}
	slices.Sort(all)
	h.note("NotifyMerge %s", strings.Join(all, "+"))
	if f := hook(h, &h.merge); f != nil {
		err = f(peers)
	}
	return err
}

func (h *hooks) AckPayload() (payload []byte) {
	if f := hook(h, &h.payload); f != nil {
		payload = f()
	}
	return payload
}

func (h *hooks) NotifyPingComplete(n *Node, rtt time.Duration, payload []byte) {
	if f := hook(h, &h.pinged); f != nil {
		f(n, rtt, payload)
	}
}

// tap is a transport that lets a test see what goes out, and stand in its way.
type tap struct {
	*MockTransport
	write func(b []byte, to Address) error                                          // before each packet; an error keeps it
	dial  func(to Address, limit time.Duration) (conn net.Conn, ok bool, err error) // ok: instead of dialling
}

// through puts a tap into a node's way.
func through(p *tap) func(*Config) {
	return func(c *Config) {
		p.MockTransport = c.Transport.(*MockTransport)
		c.Transport = p
	}
}

func (p *tap) WriteTo(b []byte, addr string) (time.Time, error) {
	return p.WriteToAddress(b, Address{Addr: addr})
}

func (p *tap) WriteToAddress(b []byte, to Address) (time.Time, error) {
	if p.write != nil {
		if err := p.write(b, to); err != nil {
			return time.Time{}, err
		}
	}
	return p.MockTransport.WriteToAddress(b, to)
}

func (p *tap) DialTimeout(addr string, limit time.Duration) (net.Conn, error) {
	return p.DialAddressTimeout(Address{Addr: addr}, limit)
}

func (p *tap) DialAddressTimeout(to Address, limit time.Duration) (net.Conn, error) {
	if p.dial != nil {
		if conn, ok, err := p.dial(to, limit); ok {
			return conn, err
		}
	}
	return p.MockTransport.DialAddressTimeout(to, limit)
}

// mute is the address of a node that accepts streams and packets, and never answers.
func (b *lab) mute(name string) string {
	tr := b.net.NewTransport(name)
	b.t.Cleanup(func() { tr.Shutdown() })
	return tr.addr.String()
}

// logbook is a slog.Handler that keeps what is logged.
type logbook struct {
	level slog.Level

	mu  sync.Mutex
	all []slog.Record
}

func (r *logbook) Enabled(_ context.Context, l slog.Level) bool { return l >= r.level }
func (r *logbook) WithAttrs([]slog.Attr) slog.Handler           { return r }
func (r *logbook) WithGroup(string) slog.Handler                { return r }

func (r *logbook) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, rec.Clone())
	return nil
}

// into makes a node log here instead.
func (r *logbook) into(c *Config) { c.Logger, c.Slog = nil, slog.New(r) }

// of returns the logbook with that message.
func (r *logbook) of(message string) (some []slog.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.all {
		if rec.Message == message {
			some = append(some, rec)
		}
	}
	return some
}

// attr is the text of an attribute of a record, "" if it has none of that key.
func attr(rec slog.Record, key string) (text string) {
	rec.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			text = a.Value.String()
		}
		return true
	})
	return text
}

// soon runs f on a goroutine and returns what will hold its result.
func soon[T any](f func() T) <-chan T {
	done := make(chan T, 1)
	go func() { done <- f() }()
	return done
}

// node returns what m says of a member, nil if it is no member.
func node(m *Memberlist, name string) *Node {
	for _, n := range m.Members() {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// incarnation is what m knows as the incarnation of a member, 0 if it does not know it.
func incarnation(m *Memberlist, name string) (inc uint32) {
	m.cluster.view(func(c *swim.Machine) {
		row, _ := c.Lookup(name)
		inc = row.Incarnation
	})
	return inc
}

// sizes keeps the lengths of what a tap sees.
type sizes struct {
	mu  sync.Mutex
	all []int
}

func (s *sizes) see(b []byte, _ Address) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, len(b))
	return nil
}

func (s *sizes) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = nil
}

func (s *sizes) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

func (s *sizes) longest() (most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.all {
		most = max(most, n)
	}
	return most
}

// sightings is a list that many may add to.
type sightings struct {
	mu  sync.Mutex
	all []string
}

func (s *sightings) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, what)
}

// sorted is all that was added, in the order of the alphabet.
func (s *sightings) sorted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Sorted(slices.Values(s.all))
	return strings.Join(all, ", ")
}

// nodeAt is a node as an application would make one up, from an address.
func nodeAt(addr, name string) *Node {
	ap := netip.MustParseAddrPort(addr)
	return &Node{Name: name, Addr: net.IP(ap.Addr().AsSlice()), Port: ap.Port()}
}

// noise is n bytes that nothing compresses.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}
