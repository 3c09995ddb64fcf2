package swim

import (
	"errors"
	"fmt"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

const (
	// newestProtocol is the newest protocol version that we understand.
	newestProtocol = 5
	// Members understand a knock by stream from protocol version 3 on, a request for a nack
	// from 4 on, and a checksum around a packet from 5 on.
	streamPingSince = 3
	nackSince       = 4
	checksumSince   = 5
)

func understandsStreamPing(v wire.Versions) bool { return v.PMax >= streamPingSince }
func understandsNack(v wire.Versions) bool       { return v.PMax >= nackSince }
func understandsChecksum(v wire.Versions) bool   { return v.PMax >= checksumSince }

// What is absurd about versions.
var (
	errVersionsShort    = errors.New("fewer than six version bytes")
	errVersionsZero     = errors.New("a protocol version of zero")
	errVersionsOrder    = errors.New("the lowest protocol version exceeds the highest")
	errVersionsCurrent  = errors.New("the protocol version spoken is not among those understood")
	errVersionsTooNew   = errors.New("the lowest protocol version is newer than any we understand")
	errDelegateOrder    = errors.New("the lowest delegate version exceeds the highest")
	errDelegateVersions = errors.New("the delegate version spoken is not among those understood")
)

// hopeless is what every node has always refused, in claims about itself too. The check
// needs no more than the first two bytes but is, by tradition, not made below three.
func hopeless(vsn []byte) error {
	switch {
	case len(vsn) < 3:
		return nil
	case vsn[0] == 0 || vsn[1] == 0:
		return errVersionsZero
	case vsn[0] > vsn[1]:
		return errVersionsOrder
	}
	return nil
}

// absurdVersions is why versions make no sense on their own, or nil.
func absurdVersions(vsn []byte) error {
	v, ok := wire.ParseVersions(vsn)
	protocol, delegate := span{v.PMin, v.PMax}, span{v.DMin, v.DMax}
	switch {
	case !ok:
		return errVersionsShort
	case v.PMin == 0 || v.PMax == 0:
		return errVersionsZero
	case v.PMin > v.PMax:
		return errVersionsOrder
	case !protocol.holds(v.PCur):
		return errVersionsCurrent
	case v.PMin > newestProtocol:
		return errVersionsTooNew
	case v.DMin > v.DMax:
		return errDelegateOrder
	case !delegate.holds(v.DCur):
		return errDelegateVersions
	}
	return nil
}

// span is a range of versions, both ends included.
type span struct{ min, max uint8 }

func (s span) common(min, max uint8) span {
	if min > s.min {
		s.min = min
	}
	if max < s.max {
		s.max = max
	}
	return s
}

func (s span) holds(v uint8) bool { return s.min <= v && v <= s.max }

// VersionError says that a member speaks a version that not all others understand.
type VersionError struct {
	Name     string // the member
	Delegate bool   // it is about the application's protocol, not ours
	Current  uint8  // what the member speaks
	Min, Max uint8  // what all understand; nothing, if Min exceeds Max
	Err      error  // why the member's versions are absurd on their own, or nil
}

// Error names the member and the versions.
func (e *VersionError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("member %q: %v", e.Name, e.Err)
	}
	what := "protocol"
	if e.Delegate {
		what = "delegate"
	}
	return fmt.Sprintf("member %q speaks %s version %d, all understand %d to %d", e.Name, what, e.Current, e.Min, e.Max)
}

// Unwrap returns why the versions are absurd on their own, or nil.
func (e *VersionError) Unwrap() error { return e.Err }

// Check says whether the living members among rows and those we know could all understand
// each other. What rows say about ourselves is left out, we know better; so is what they say
// about members that are not alive, whose versions harm nobody. The error is a *VersionError.
func (m *Machine) Check(rows []wire.Row) error {
	var all shared
	for i := range rows {
		if m.counts(&rows[i]) {
			if err := absurdVersions(rows[i].Vsn); err != nil {
				return &VersionError{Name: cloned(rows[i].Name), Err: err}
			}
			v, _ := wire.ParseVersions(rows[i].Vsn)
			all.add(v)
		}
	}
	for _, x := range m.table.order {
		if x.state == Alive {
			all.add(x.Versions)
		}
	}
	if all.harmonious() {
		return nil
	}
	return m.odd(rows, &all)
}

// odd looks for the member that does not speak what all understand.
func (m *Machine) odd(rows []wire.Row, all *shared) error {
	for i := range rows {
		if m.counts(&rows[i]) {
			v, _ := wire.ParseVersions(rows[i].Vsn)
			if err := all.refuse(rows[i].Name, v); err != nil {
				return err
			}
		}
	}
	for _, x := range m.table.order {
		if x.state == Alive {
			if err := all.refuse(x.Name, x.Versions); err != nil {
				return err
			}
		}
	}
	return nil
}

// counts says whether a row is about a living member other than ourselves.
func (m *Machine) counts(r *wire.Row) bool {
	return r.State == int(Alive) && (m.self == nil || r.Name != m.self.Name)
}

// shared is what all understand, and the lowest and highest of what is spoken.
type shared struct {
	protocol, delegate span
	lowest, highest    struct{ protocol, delegate uint8 }
	some               bool // there was one at least
}

func (s *shared) add(v wire.Versions) {
	if !s.some {
		s.protocol, s.delegate = span{v.PMin, v.PMax}, span{v.DMin, v.DMax}
		s.lowest.protocol, s.lowest.delegate = v.PCur, v.DCur
		s.highest, s.some = s.lowest, true
		return
	}
	s.protocol = s.protocol.common(v.PMin, v.PMax)
	s.delegate = s.delegate.common(v.DMin, v.DMax)
	s.lowest.protocol, s.highest.protocol = min(s.lowest.protocol, v.PCur), max(s.highest.protocol, v.PCur)
	s.lowest.delegate, s.highest.delegate = min(s.lowest.delegate, v.DCur), max(s.highest.delegate, v.DCur)
}

// harmonious says whether everybody speaks what all understand, which is nearly always so and known without a
// second look at anybody.
func (s *shared) harmonious() bool {
	return !s.some || s.protocol.holds(s.lowest.protocol) && s.protocol.holds(s.highest.protocol) &&
		s.delegate.holds(s.lowest.delegate) && s.delegate.holds(s.highest.delegate)
}

func (s *shared) refuse(name string, v wire.Versions) error {
	switch {
	case !s.protocol.holds(v.PCur):
		return &VersionError{Name: cloned(name), Current: v.PCur, Min: s.protocol.min, Max: s.protocol.max}
	case !s.delegate.holds(v.DCur):
		return &VersionError{Name: cloned(name), Delegate: true, Current: v.DCur, Min: s.delegate.min, Max: s.delegate.max}
	}
	return nil
}
