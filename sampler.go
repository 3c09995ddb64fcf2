package memberlist

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// samplePeriod is how long a kind of noise keeps silent after it has been logged.
	samplePeriod = 10 * time.Second
	// newsBurst is how many pieces of news of one kind are logged in a samplePeriod: all that an operator can
	// read, and more than a cluster has on a common day.
	newsBurst = 100
	// sampleKeys bounds how many kinds are told apart, since some are named by strangers.
	sampleKeys = 256
	// sampleRest is the kind of all that come when the others fill the bounds.
	sampleRest = "\x00rest"
)

// sampler logs what strangers can cause at will: of each kind the first at once, then at most one in
// samplePeriod, with the number of those that were kept silent. A nil sampler is silent. It is safe for
// concurrent use, and it never logs under its lock.
type sampler struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[string]*sampled
}

// sampled is one kind of noise.
type sampled struct {
	last   time.Time // when it was logged, the first of a burst
	logged int       // how many were, in that burst
	silent int       // how many were not, since
}

func newSampler(log *slog.Logger) *sampler {
	return &sampler{log: log, kinds: make(map[string]*sampled)}
}

// warn logs a warning of that kind, if it is time for one.
func (s *sampler) warn(kind, text string, attrs ...slog.Attr) {
	s.burst(slog.LevelWarn, kind, 1, text, attrs...)
}

// news logs news, which strangers can make up too: all of it, until there is too much of one kind.
func (s *sampler) news(level slog.Level, text string, attrs ...slog.Attr) {
	s.burst(level, text, newsBurst, text, attrs...)
}

func (s *sampler) burst(level slog.Level, kind string, most int, text string, attrs ...slog.Attr) {
	silent, ok := s.allowBurst(level, kind, most)
	if !ok {
		return
	}
	if silent > 0 {
		attrs = append(attrs[:len(attrs):len(attrs)], slog.Int("suppressed", silent))
	}
	s.log.LogAttrs(context.Background(), level, text, attrs...)
}

// refused logs that something of a stranger was dropped. Its words are made only when it is time for them, so
// that a flood costs no formatting.
func (s *sampler) refused(kind, text string, from net.Addr, err error) {
	silent, ok := s.allow(slog.LevelWarn, kind)
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("from", addrText(from)), errAttr(err)}
	if silent > 0 {
		attrs = append(attrs, slog.Int("suppressed", silent))
	}
	s.log.LogAttrs(context.Background(), slog.LevelWarn, text, attrs...)
}

// allow says whether it is time to log that kind at that level, and how many were kept silent before. Whoever
// has to work for the words asks first.
func (s *sampler) allow(level slog.Level, kind string) (silent int, ok bool) {
	return s.allowBurst(level, kind, 1)
}

// allowBurst is allow with so many in a period instead of one.
func (s *sampler) allowBurst(level slog.Level, kind string, most int) (silent int, ok bool) {
	if s == nil || !s.log.Enabled(context.Background(), level) {
		return 0, false
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kind(now, kind)
	if k.last.IsZero() || now.Sub(k.last) >= samplePeriod {
		silent = k.silent
		k.last, k.logged, k.silent = now, 0, 0
	}
	if k.logged >= most {
		k.silent++
		return 0, false
	}
	k.logged++
	return silent, true
}

// kind finds or makes the entry, and makes room by forgetting kinds that have been quiet for a period.
func (s *sampler) kind(now time.Time, name string) *sampled {
	if k := s.kinds[name]; k != nil {
		return k
	}
	if len(s.kinds) >= sampleKeys {
		if k := s.kinds[sampleRest]; k != nil && now.Sub(k.last) < samplePeriod {
			return k // looking for room once a period is enough
		}
		for old, k := range s.kinds {
			if now.Sub(k.last) >= samplePeriod {
				delete(s.kinds, old)
			}
		}
		if len(s.kinds) >= sampleKeys {
			name = sampleRest
		}
	}
	k := &sampled{}
	s.kinds[strings.Clone(name)] = k // the name may be part of a packet
	return k
}
