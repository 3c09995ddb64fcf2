package memberlist

import (
	"errors"
	"log/slog"
	"net"
	"os"

	"github.com/seed-f61b0479/memberlist/internal/wire"
)

// causeOf sorts an error into what metrics count: a lane or layer, and a reason, both from a small set
// of fixed words, so that nobody outside can make up new ones.
func causeOf(err error) (layer, reason string) {
	var refused *wire.Error
	var network net.Error
	switch {
	case errors.As(err, &refused):
		return refused.Layer.String(), refused.Reason
	case errors.Is(err, errStreamMemory), errors.Is(err, errBusy):
		return "stream", "too busy"
	case errors.Is(err, errBacklog):
		return "stream", "application busy"
	case errors.Is(err, errWrongLabel):
		return "label", "not ours"
	case errors.Is(err, errUnexpected):
		return "stream", "unexpected message"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "stream", "timeout"
	default:
		return "stream", "broken"
	}
}

// reportUnsent tells of a packet that the transport did not take. What is lost because the node shuts down is no news.
func reportUnsent(err error, t *telemetry, noise *sampler) {
	if errors.Is(err, net.ErrClosed) {
		return
	}
	t.drop("packet", "write failed")
	noise.warn("write failed", "could not send a packet", errAttr(err))
}

// errAttr is the attribute under which every record names an error.
func errAttr(err error) slog.Attr { return slog.Any("error", err) }

// addrText spells an address that may be missing.
func addrText(a net.Addr) string {
	if a == nil {
		return "unknown"
	}
	return a.String()
}
