package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// mostAddrs is how many addresses one name may stand for. To join some hundreds of members is to
// join them all, and an answer of 64 KiB could name four thousand that do not exist.
const mostAddrs = 1024

// resolver finds the addresses behind what people give to Join. It is safe for concurrent use.
type resolver struct {
	// config is the path of a resolv.conf, whose first server is asked by TCP for names with a
	// dot: a large cluster behind one name does not fit into a DNS answer by UDP. Empty: never.
	config string

	// port is what an address without one means.
	port uint16

	// timeout is what the exchange by TCP may take; after it the system gets its chance.
	timeout time.Duration

	// system asks the system's resolver.
	system func(ctx context.Context, network, host string) ([]netip.Addr, error)

	log *slog.Logger
}

func newResolver(conf *Config, log *slog.Logger) *resolver {
	return &resolver{
		config: conf.DNSConfigPath, port: uint16(conf.BindPort), timeout: conf.TCPTimeout,
		system: net.DefaultResolver.LookupNetIP, log: log,
	}
}

// resolve finds every address behind a text of the form "[name/]host[:port]", at most mostAddrs of
// them and at least one, unless it returns an error: an *AddressError where the text is no such
// form. An IP address is its own. It waits no longer than ctx allows.
func (r *resolver) resolve(ctx context.Context, text string) ([]Address, error) {
	t, err := parseTarget(text, r.port)
	if err != nil {
		return nil, err
	}
	found, err := r.lookUp(ctx, t.host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", t.host, err)
	}
	addrs := make([]Address, 0, len(found))
	for _, addr := range found {
		addrs = append(addrs, Address{Addr: netip.AddrPortFrom(addr, t.port).String(), Name: t.name})
	}
	return addrs, nil
}

// lookUp finds the addresses of a host: by TCP if it can, else from the system.
func (r *resolver) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	asked := r.askServer(ctx, host)
	if len(asked.addrs) > 0 {
		return asked.addrs, nil
	}
	if asked.err != nil {
		r.log.Debug("no address by TCP DNS, asking the system", "host", host, "error", asked.err)
	}
	found, err := r.system(ctx, "ip", host)
	addrs := tidyAddrs(found)
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case err == nil:
		err = errors.New("no address found")
	}
	return nil, errors.Join(err, asked.err)
}

// dnsAnswer is what came of a question: some addresses, or why there are none.
type dnsAnswer struct {
	addrs []netip.Addr
	err   error
}

// askServer asks the first server of the configuration for both families at once. No address and
// no error means that there was nobody, or no reason, to ask.
func (r *resolver) askServer(ctx context.Context, host string) dnsAnswer {
	if r.config == "" || !strings.Contains(host, ".") {
		return dnsAnswer{} // a name without a dot is completed by rules that are the system's
	}
	config, err := dns.ClientConfigFromFile(r.config)
	if err != nil || len(config.Servers) == 0 {
		return dnsAnswer{} // there are machines without such a file
	}
	server := config.Servers[0]
	if _, err := netip.ParseAddrPort(server); err != nil {
		server = net.JoinHostPort(server, config.Port)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()

	var (
		asking sync.WaitGroup
		v4, v6 dnsAnswer
	)
	asking.Go(func() { v4 = askDNS(ctx, server, host, dns.TypeA) })
	asking.Go(func() { v6 = askDNS(ctx, server, host, dns.TypeAAAA) })
	asking.Wait()
	return dnsAnswer{tidyAddrs(append(v4.addrs, v6.addrs...)), errors.Join(v4.err, v6.err)}
}

// askDNS puts one question to a DNS server by TCP.
func askDNS(ctx context.Context, server, host string, kind uint16) dnsAnswer {
	refuse := func(err error) dnsAnswer {
		return dnsAnswer{err: fmt.Errorf("ask %s for %s: %w", server, dns.TypeToString[kind], err)}
	}
	var dialer net.Dialer
	stream, err := dialer.DialContext(ctx, "tcp", server)
	if err != nil {
		return refuse(err)
	}
	defer stream.Close()
	// However the context ends, it ends the waiting below.
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	question := new(dns.Msg).SetQuestion(dns.Fqdn(host), kind)
	conn := dns.Conn{Conn: stream}
	if err := conn.WriteMsg(question); err != nil {
		return refuse(orEnded(ctx, err))
	}
	reply, err := conn.ReadMsg()
	if err != nil {
		return refuse(orEnded(ctx, err))
	}
	addrs, err := dnsAddrs(question, reply)
	if err != nil {
		return refuse(err)
	}
	return dnsAnswer{addrs: addrs}
}

// orEnded names the end of the context where that is why something failed.
func orEnded(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}

// dnsAddrs takes the addresses out of a reply: those of the kind that was asked for, whoever they
// are said to belong to, because an alias answers under another name. A reply may be anything.
func dnsAddrs(question, reply *dns.Msg) ([]netip.Addr, error) {
	switch {
	case !reply.Response || reply.Id != question.Id:
		return nil, errors.New("the answer is to another question")
	case reply.Rcode != dns.RcodeSuccess:
		return nil, fmt.Errorf("the answer is %s", dns.RcodeToString[reply.Rcode])
	}
	var addrs []netip.Addr
	for _, record := range reply.Answer {
		var ip net.IP
		switch record := record.(type) {
		case *dns.A:
			ip = record.A
		case *dns.AAAA:
			ip = record.AAAA
		}
		head := record.Header()
		if addr, ok := netip.AddrFromSlice(ip); ok && head.Class == dns.ClassINET && head.Rrtype == question.Question[0].Qtype {
			addrs = append(addrs, addr)
		}
		if len(addrs) == 2*mostAddrs {
			break // some may be repeated, but not for ever
		}
	}
	return tidyAddrs(addrs), nil
}

// everybody is the broadcast address.
var everybody = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// tidyAddrs leaves each address once, in IPv4's own form and in the order found, drops those under which
// nobody can be reached, and keeps mostAddrs.
func tidyAddrs(found []netip.Addr) []netip.Addr {
	addrs := make([]netip.Addr, 0, min(len(found), mostAddrs))
	for _, addr := range found {
		addr = addr.Unmap()
		if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() || addr == everybody {
			continue
		}
		if len(addrs) < mostAddrs && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}
