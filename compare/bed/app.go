package bed

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// The names that begin so are not let in by an App, the second not even as part of a state exchange.
const (
	VetoPrefix      = "veto-"
	VetoMergePrefix = VetoPrefix + "merge-"
)

// ErrVeto is what an App says to those.
var ErrVeto = errors.New("this one stays outside")

// App is the application of one node: every delegate method ends here. It records what happens, so that a
// test can look for it. It outlives its node: a restarted node gets the App of the one before, as a
// program gets its disk. It is safe for concurrent use.
type App struct {
	Name     string
	VetoSelf bool // refuses the node that it belongs to
	VetoAll  bool // refuses every merge

	mu        sync.Mutex
	meta      string
	log       []string
	seen      map[string]int    // how often each event was recorded
	items     map[string]bool   // messages received, and what other nodes' states told
	counts    map[string]int    // each message, how often
	fallbacks map[string]int    // how often a probe of each member went beyond the direct ping
	payloads  map[string]string // what came with the last ack of each member
}

// NewApp makes the application of a node of that name, with that metadata.
func NewApp(name, meta string) *App {
	return &App{
		Name: name, meta: meta, seen: make(map[string]int), items: make(map[string]bool),
		counts: make(map[string]int), fallbacks: make(map[string]int), payloads: make(map[string]string),
	}
}

// note records an event.
func (a *App) note(format string, args ...any) {
	event := fmt.Sprintf(format, args...)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, event)
	a.seen[event]++
}

// Saw says how often an event was recorded.
func (a *App) Saw(format string, args ...any) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[fmt.Sprintf(format, args...)]
}

// TakeLog returns the events since the last call.
func (a *App) TakeLog() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := a.log
	a.log = nil
	return log
}

// SetMeta changes what NodeMeta answers.
func (a *App) SetMeta(meta string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.meta = meta
}

// Received says how often a message arrived.
func (a *App) Received(msg []byte) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts[string(msg)]
}

// Put adds items to the application's state: they travel in every state exchange.
func (a *App) Put(items ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, item := range items {
		a.items[item] = true
	}
}

// Forget drops all items, as a program does that keeps them in memory and is restarted.
func (a *App) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.items)
}

// Missing returns the first of these items that the application's state lacks, "" if it has all.
func (a *App) Missing(items []string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, item := range items {
		if !a.items[item] {
			return item
		}
	}
	return ""
}

// NodeMeta is Delegate.NodeMeta.
func (a *App) NodeMeta(int) []byte {
	a.note("NodeMeta")
	a.mu.Lock()
	defer a.mu.Unlock()
	return []byte(a.meta)
}

// NotifyMsg is Delegate.NotifyMsg. A message that begins with "item " is an item of the state as well.
func (a *App) NotifyMsg(msg []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[string(msg)]++
	if item, ok := strings.CutPrefix(string(msg), "item "); ok {
		a.items[item] = true
	}
}

// LocalState is Delegate.LocalState: who we are, and the items.
func (a *App) LocalState(join bool) []byte {
	a.note("LocalState join=%v", join)
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := []string{a.Name}
	for item := range a.items {
		lines = append(lines, item)
	}
	return []byte(strings.Join(lines, "\n"))
}

// MergeRemoteState is Delegate.MergeRemoteState.
func (a *App) MergeRemoteState(state []byte, join bool) {
	from, items, _ := strings.Cut(string(state), "\n")
	a.note("MergeRemoteState %s join=%v", from, join)
	if items != "" {
		a.Put(strings.Split(items, "\n")...)
	}
}

// Joined is EventDelegate.NotifyJoin.
func (a *App) Joined(p Peer) { a.note("NotifyJoin %s %v", p.Name, p.State) }

// Departed is EventDelegate.NotifyLeave.
func (a *App) Departed(p Peer) { a.note("NotifyLeave %s %v", p.Name, p.State) }

// Updated is EventDelegate.NotifyUpdate.
func (a *App) Updated(p Peer) { a.note("NotifyUpdate %s", p.Name) }

// Conflict is ConflictDelegate.NotifyConflict.
func (a *App) Conflict(existing, other Peer) {
	a.note("NotifyConflict %s %v", existing.Name, existing.Addr != other.Addr)
}

// Admit is AliveDelegate.NotifyAlive.
func (a *App) Admit(p Peer) error {
	a.note("NotifyAlive %s", p.Name)
	if strings.HasPrefix(p.Name, VetoPrefix) && p.Name != a.Name || a.VetoSelf {
		return ErrVeto
	}
	return nil
}

// Merge is MergeDelegate.NotifyMerge.
func (a *App) Merge(peers []Peer) error {
	for _, p := range peers {
		a.note("NotifyMerge %s", p.Name)
		if strings.HasPrefix(p.Name, VetoMergePrefix) {
			return ErrVeto
		}
	}
	if a.VetoAll {
		return ErrVeto
	}
	return nil
}

// AckPayload is PingDelegate.AckPayload.
func (a *App) AckPayload() []byte { return []byte("ack of " + a.Name) }

// Pinged is PingDelegate.NotifyPingComplete.
func (a *App) Pinged(p Peer, payload []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.payloads[p.Name] = string(payload)
}

// Payload is what came with the last ack of a member, as NotifyPingComplete told it.
func (a *App) Payload(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.payloads[name]
}

// Fallback is Config.DisableTcpPingsForNode, which a node asks when the direct ping was not answered in time.
func (a *App) Fallback(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fallbacks[name]++
}

// Fallbacks says how often that happened.
func (a *App) Fallbacks(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fallbacks[name]
}
