package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-metrics"
)

// packetBacklog is how many received packets may wait to be handled before reading stops and
// the kernel's buffer has to take them. It is what survives a pause of the packet loop without
// costing a reader that is blocked, and small enough to say nothing in memory: half a megabyte.
const packetBacklog = 256

// NetTransportConfig says where a NetTransport listens.
type NetTransportConfig struct {
	// BindAddrs are the IP addresses to listen on, by UDP and by TCP; there must be one at least.
	// An empty string or "0.0.0.0" is every address of the machine.
	BindAddrs []string

	// BindPort is the port on each of them. With 0 a port is chosen that is free for both UDP and
	// TCP on all of them; GetAutoBindPort tells which.
	BindPort int

	// Logger gets the transport's few words, in lines of the form "[WARN] memberlist: text"; nil means
	// standard error.
	Logger *log.Logger

	// MetricLabels go with every metric of the transport.
	MetricLabels []metrics.Label
}

// NetTransport is the built-in Transport: datagrams by UDP, streams by TCP, both on one port.
type NetTransport struct {
	log      *slog.Logger
	noise    *sampler
	metrics  *telemetry
	bindAddr netip.Addr // the first one, as configured
	udp      []udpSocket
	tcp      []*net.TCPListener
	packets  chan *Packet
	streams  chan net.Conn

	direct atomic.Pointer[func() func(*Packet)] // see handleDirectly

	ending sync.Once
	done   chan struct{} // closed when Shutdown begins
	loops  sync.WaitGroup
}

var (
	_ NodeAwareTransport      = (*NetTransport)(nil)
	_ IngestionAwareTransport = (*NetTransport)(nil)
)

// NewNetTransport listens on every address of the configuration and starts to receive at once.
// When it fails, nothing is left open. Whoever made the transport calls Shutdown, unless it was
// handed to a Memberlist, which does so in its own Shutdown.
func NewNetTransport(config *NetTransportConfig) (*NetTransport, error) {
	if len(config.BindAddrs) == 0 {
		return nil, errors.New("listen: no address to bind is given")
	}
	addrs := make([]netip.Addr, 0, len(config.BindAddrs))
	for _, text := range config.BindAddrs {
		addr, err := parseBindAddr(text)
		if err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
		addrs = append(addrs, addr)
	}
	bound, err := bind(addrs, config.BindPort)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	logger := newLogger(&Config{Logger: config.Logger})
	t := &NetTransport{
		log:      logger,
		noise:    newSampler(logger),
		metrics:  newTelemetry(config.MetricLabels),
		bindAddr: addrs[0],
		udp:      bound.udp,
		tcp:      bound.tcp,
		packets:  make(chan *Packet, packetBacklog),
		streams:  make(chan net.Conn),
		done:     make(chan struct{}),
	}
	for i := range t.udp {
		t.widen(&t.udp[i])
		t.loops.Go(func() { t.receive(t.udp[i].conn) }) // reads datagrams until its socket is closed
	}
	for _, l := range t.tcp {
		t.loops.Go(func() { t.accept(l) }) // accepts streams until its listener is closed
	}
	return t, nil
}

// GetAutoBindPort returns the port that the transport listens on: the one configured or, where
// that was 0, the one chosen.
func (t *NetTransport) GetAutoBindPort() int {
	return t.tcp[0].Addr().(*net.TCPAddr).Port
}

// WriteTo sends b as one UDP datagram to addr, "host:port", and returns the time after sending.
// b remains the caller's. A host that is no IP address is looked up each time. What no datagram
// carries is ErrMessageTooLarge.
func (t *NetTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		found, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			return time.Time{}, fmt.Errorf("send to %s: %w", addr, err)
		}
		to = found.AddrPort()
	}
	if err := t.writeTo(b, to); err != nil {
		return time.Time{}, err
	}
	return time.Now(), nil
}

// WriteToAddress is WriteTo; the name is not needed.
func (t *NetTransport) WriteToAddress(b []byte, a Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// writeTo is WriteTo without allocation.
func (t *NetTransport) writeTo(b []byte, to netip.AddrPort) error {
	// A socket that is IPv4 only does not take the 16-byte form, the others take both.
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	_, err := t.socketFor(to.Addr()).conn.WriteToUDPAddrPort(b, to)
	if err != nil && (len(b) > maxPacket || errors.Is(err, syscall.EMSGSIZE)) {
		return fmt.Errorf("%w: %w", ErrMessageTooLarge, err)
	}
	return err
}

// socketFor finds the socket to reach addr by: one of its family, and one bound to loopback
// only for loopback destinations. If none fits, the first serves to get the system's error.
func (t *NetTransport) socketFor(addr netip.Addr) *udpSocket {
	best := &t.udp[0]
	if len(t.udp) == 1 {
		return best
	}
	most := -1
	for i := range t.udp {
		if fit := t.udp[i].fit(addr); fit > most {
			best, most = &t.udp[i], fit
		}
	}
	return best
}

// PacketCh is where received datagrams are taken from; it is never closed.
func (t *NetTransport) PacketCh() <-chan *Packet {
	return t.packets
}

// DialTimeout opens a TCP connection to addr, "host:port". Shutdown ends it.
func (t *NetTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-t.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	select {
	case <-t.done:
		return nil, fmt.Errorf("dial %s: %w", addr, net.ErrClosed)
	default:
		dialer := net.Dialer{Timeout: timeout}
		return dialer.DialContext(ctx, "tcp", addr)
	}
}

// DialAddressTimeout is DialTimeout; the name is not needed.
func (t *NetTransport) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

// StreamCh is where accepted connections are taken from; it is never closed.
func (t *NetTransport) StreamCh() <-chan net.Conn {
	return t.streams
}

// handleDirectly has packets handled by the goroutines that read them, instead of the channel: it saves a
// copy, and a goroutine's waking for each packet. Each reader makes a handler of its own, which
// must not keep what it is given.
func (t *NetTransport) handleDirectly(handler func() func(*Packet)) {
	t.direct.Store(&handler)
}

// Shutdown closes all sockets, and the accepted connections that nobody has taken yet, and
// returns when every goroutine of the transport has ended. Connections that were taken from
// StreamCh or dialled live on. A second call waits for the first and does nothing.
func (t *NetTransport) Shutdown() error {
	t.ending.Do(func() {
		close(t.done)
		for i := range t.udp {
			_ = t.udp[i].conn.Close() // a socket that is closed badly is closed
		}
		for _, l := range t.tcp {
			_ = l.Close()
		}
		t.loops.Wait()
		limit, cancel := context.WithTimeout(context.Background(), shutdownPatience)
		defer cancel()
		t.metrics.flushWithin(limit.Done())
		settleLog(t.log, limit.Done())
	})
	return nil
}
