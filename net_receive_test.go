package memberlist

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a socket that gives errors, now and then something good, and is closed after a time.
type failing struct {
	net.Listener
	attempts int
	good     int // this attempt succeeds
	end      time.Time
}

var errBadWeather = errors.New("bad weather")

func (f *failing) next() error {
	f.attempts++
	switch {
	case !time.Now().Before(f.end):
		return net.ErrClosed
	case f.attempts == f.good:
		return nil
	default:
		return errBadWeather
	}
}

func (f *failing) Accept() (net.Conn, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	return &givenConn{}, nil
}

func (f *failing) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	return copy(b, "x"), netip.MustParseAddrPort("10.0.0.7:80"), f.next()
}

// socketless is a transport without sockets.
func socketless() *NetTransport {
	logger := newLogger(&Config{LogOutput: io.Discard})
	return &NetTransport{
		log: logger, noise: newSampler(logger), metrics: newTelemetry(nil),
		packets: make(chan *Packet, packetBacklog), streams: make(chan net.Conn, 1), done: make(chan struct{}),
	}
}

func TestErrorsThatStayDoNotSpin(t *testing.T) {
	for says, loop := range map[string]func(*NetTransport, *failing){
		"accepting": func(tr *NetTransport, f *failing) { tr.accept(f) },
		"reading":   func(tr *NetTransport, f *failing) { tr.receive(f) },
	} {
		t.Run(says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &failing{end: time.Now().Add(time.Minute)}
				loop(socketless(), f)
				if f.attempts > 80 {
					t.Errorf("%d attempts in a minute", f.attempts)
				}
				if late := time.Since(f.end); late > time.Second {
					t.Errorf("the end was seen after %v", late)
				}
			})
		})
	}
}

func TestAnErrorThatPassesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := socketless()
		start := time.Now()
		tr.accept(&failing{good: 4, end: start.Add(50 * time.Millisecond)}) // 5, 10, 20 ms and then 5, 10
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		(<-tr.streams).Close()

		start = time.Now()
		tr.receive(&failing{good: 4, end: start.Add(50 * time.Millisecond)})
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if p := <-tr.packets; string(p.Buf) != "x" {
			t.Errorf("received %q", p.Buf)
		}
	})
}

func TestTheEndIsSeenWhileWaitingAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := socketless()
		start := time.Now()
		go func() {
			time.Sleep(30 * time.Second)
			close(tr.done)
		}()
		tr.receive(&failing{end: start.Add(time.Hour)})
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAFullChannelStopsTheReadingUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := socketless()
		for range packetBacklog {
			if !tr.deliver(&Packet{}) {
				t.Fatal("the channel is full too early")
			}
		}
		time.AfterFunc(time.Second, func() { close(tr.done) })
		start := time.Now()
		if tr.deliver(&Packet{}) || time.Since(start) != time.Second {
			t.Errorf("delivered, or gave up, after %v", time.Since(start))
		}
	})
}
