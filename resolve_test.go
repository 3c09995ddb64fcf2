package memberlist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

// texts writes addresses one behind the other.
func texts[T fmt.Stringer](addrs []T) string {
	parts := make([]string, 0, len(addrs))
	for _, a := range addrs {
		parts = append(parts, a.String())
	}
	return strings.Join(parts, " ")
}

// serveDNS answers TCP queries on loopback until the test ends, and returns the path of a
// configuration that names the server.
func serveDNS(t *testing.T, answer func(*dns.Msg)) string {
	t.Helper()
	before := goleak.IgnoreCurrent()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	server := &dns.Server{Listener: l, NotifyStartedFunc: func() { close(up) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
			reply := new(dns.Msg).SetReply(question)
			answer(reply)
			_ = w.WriteMsg(reply) // the asker may be gone
		})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	<-up
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
	return resolvConf(t, "nameserver "+l.Addr().String())
}

func resolvConf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// records adds records, written as in a zone file, to those answers whose question they fit.
func records(all ...string) func(*dns.Msg) {
	return func(reply *dns.Msg) {
		for _, text := range all {
			rr, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			if kind := rr.Header().Rrtype; kind == reply.Question[0].Qtype || kind == dns.TypeCNAME {
				reply.Answer = append(reply.Answer, rr)
			}
		}
	}
}

// resolverWith asks the given configuration and a system that knows only the given addresses.
func resolverWith(config string, system ...string) *resolver {
	r := newResolver(&Config{DNSConfigPath: config, BindPort: 7946, TCPTimeout: 5 * time.Second},
		slog.New(slog.NewTextHandler(io.Discard, nil)))
	r.system = func(context.Context, string, string) ([]netip.Addr, error) {
		if system == nil {
			return nil, errors.New("the system knows nothing")
		}
		var addrs []netip.Addr
		for _, text := range system {
			addrs = append(addrs, netip.MustParseAddr(text))
		}
		return addrs, nil
	}
	return r
}

func resolveTexts(t *testing.T, r *resolver, text string) string {
	t.Helper()
	addrs, err := r.resolve(t.Context(), text)
	if err != nil {
		return "error: " + err.Error()
	}
	var pointers []*Address
	for i := range addrs {
		pointers = append(pointers, &addrs[i])
	}
	return texts(pointers)
}

func TestANameIsAskedForByTCP(t *testing.T) {
	config := serveDNS(t, records(
		"alpha.example. 1 IN CNAME beta.example.",
		"beta.example. 1 IN A 10.0.0.7", "beta.example. 1 IN A 10.0.0.8", "beta.example. 1 IN A 10.0.0.7",
		"beta.example. 1 IN AAAA fd00::7",
	))
	for text, want := range map[string]string{
		"alpha.example":         "10.0.0.7:7946 10.0.0.8:7946 [fd00::7]:7946",
		"alpha.example.:80":     "10.0.0.7:80 10.0.0.8:80 [fd00::7]:80",
		"alpha/alpha.example:1": "alpha (10.0.0.7:1) alpha (10.0.0.8:1) alpha ([fd00::7]:1)",
		"alpha":                 "192.0.2.1:7946", // no dot: the system's
		"10.9.9.9":              "10.9.9.9:7946",
		"[fd00::9]:80":          "[fd00::9]:80",
		"::ffff:10.9.9.9":       "10.9.9.9:7946",
	} {
		if got := resolveTexts(t, resolverWith(config, "192.0.2.1"), text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestTheSystemIsAskedWhereDNSGivesNothing(t *testing.T) {
	refuse := func(reply *dns.Msg) { reply.Rcode = dns.RcodeNameError }
	for says, config := range map[string]string{
		"no file":                 filepath.Join(t.TempDir(), "none"),
		"no path":                 "",
		"no server in the file":   resolvConf(t, "search example"),
		"nobody at that address":  resolvConf(t, "nameserver 127.0.0.1:1"),
		"the name is not known":   serveDNS(t, refuse),
		"the answer is empty":     serveDNS(t, records()),
		"the answer is of no use": serveDNS(t, records("alpha.example. 1 IN A 0.0.0.0")),
	} {
		if got := resolveTexts(t, resolverWith(config, "10.0.0.9", "::ffff:10.0.0.9"), "alpha.example"); got != "10.0.0.9:7946" {
			t.Errorf("%s: got %s", says, got)
		}
	}
}

func TestOneFamilyIsEnough(t *testing.T) {
	config := serveDNS(t, func(reply *dns.Msg) {
		if reply.Question[0].Qtype == dns.TypeAAAA {
			reply.Rcode = dns.RcodeServerFailure
			return
		}
		records("alpha.example. 1 IN A 10.0.0.7")(reply)
	})
	if got := resolveTexts(t, resolverWith(config), "alpha.example"); got != "10.0.0.7:7946" {
		t.Errorf("got %s", got)
	}
}

func TestAResolveThatFailsSaysWhy(t *testing.T) {
	config := serveDNS(t, func(reply *dns.Msg) { reply.Rcode = dns.RcodeNameError })
	got := resolveTexts(t, resolverWith(config), "alpha.example")
	for _, part := range []string{"alpha.example", "system knows nothing", "NXDOMAIN", "127.0.0.1"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in %s", part, got)
		}
	}
	var refused *AddressError
	if _, err := resolverWith("").resolve(t.Context(), "a/b/c"); !errors.As(err, &refused) {
		t.Errorf("a text that is no address gave %v", err)
	}
	if got := resolveTexts(t, resolverWith("", "0.0.0.0"), "alpha"); !strings.Contains(got, "no address found") {
		t.Errorf("a system that finds nothing of use gave %s", got)
	}
}

func TestASilentServerIsNotWaitedForBeyondTheContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, in the kernel, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := resolverWith(resolvConf(t, "nameserver "+l.Addr().String()))
	r.system = func(ctx context.Context, _, _ string) ([]netip.Addr, error) { return nil, ctx.Err() }
	ctx, cancel := context.WithCancel(t.Context())
	before := goleak.IgnoreCurrent()
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := r.resolve(ctx, "alpha.example"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	goleak.VerifyNone(t, before)

	r.timeout = 20 * time.Millisecond
	r.system = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.9")}, nil
	}
	if got := resolveTexts(t, r, "alpha.example"); got != "10.0.0.9:7946" {
		t.Errorf("after a timeout: %s", got)
	}
}

func TestALargeAnswerComesWholeAndBounded(t *testing.T) {
	config := serveDNS(t, func(reply *dns.Msg) {
		if reply.Question[0].Qtype != dns.TypeA {
			return
		}
		reply.Compress = true
		for i := range 2 * mostAddrs {
			a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			head := dns.RR_Header{Name: "alpha.example.", Rrtype: dns.TypeA, Class: dns.ClassINET}
			reply.Answer = append(reply.Answer, &dns.A{Hdr: head, A: a.AsSlice()})
		}
	})
	addrs, err := resolverWith(config).resolve(t.Context(), "alpha.example")
	if err != nil || len(addrs) != mostAddrs {
		t.Fatalf("%d addresses, %v", len(addrs), err)
	}
	if addrs[300].Addr != "10.0.1.44:7946" {
		t.Errorf("the 301st address is %s", addrs[300].Addr)
	}
}

func TestADNSAnswerIsNotBelieved(t *testing.T) {
	question := new(dns.Msg).SetQuestion("alpha.example.", dns.TypeA)
	head := dns.RR_Header{Name: "alpha.example.", Rrtype: dns.TypeA, Class: dns.ClassINET}
	chaos, other := head, head
	chaos.Class, other.Rrtype = dns.ClassCHAOS, dns.TypeAAAA
	good := &dns.A{Hdr: head, A: net.IPv4(10, 0, 0, 7)}
	reply := func(change func(*dns.Msg), answers ...dns.RR) *dns.Msg {
		r := new(dns.Msg).SetReply(question)
		r.Answer = answers
		if change != nil {
			change(r)
		}
		return r
	}
	for _, test := range []struct {
		says  string
		reply *dns.Msg
		want  string
		fails bool
	}{
		{"a good one", reply(nil, good), "10.0.0.7", false},
		{"one without a question", reply(func(m *dns.Msg) { m.Question = nil }, good), "10.0.0.7", false},
		{"one to another question", reply(func(m *dns.Msg) { m.Id++ }, good), "", true},
		{"one that is a question", reply(func(m *dns.Msg) { m.Response = false }, good), "", true},
		{"one that refuses", reply(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }, good), "", true},
		{"records without an address", reply(nil, &dns.A{Hdr: head}, &dns.A{Hdr: head, A: net.IP{1, 2}}, good), "10.0.0.7", false},
		{"records of another class", reply(nil, &dns.A{Hdr: chaos, A: good.A}), "", false},
		{"records of another kind", reply(nil, &dns.AAAA{Hdr: other, AAAA: good.A}, &dns.TXT{Hdr: head}), "", false},
		{"records under a false name", reply(nil, &dns.A{Hdr: other, A: good.A}), "", false},
		{"addresses of nobody", reply(nil, &dns.A{Hdr: head, A: net.IPv4zero}, &dns.A{Hdr: head, A: net.IPv4bcast},
			&dns.A{Hdr: head, A: net.IPv4(224, 0, 0, 1)}, good), "10.0.0.7", false},
		{"nothing", reply(nil), "", false},
	} {
		addrs, err := dnsAddrs(question, test.reply)
		if (err != nil) != test.fails || texts(addrs) != test.want {
			t.Errorf("%s: got %q, %v", test.says, texts(addrs), err)
		}
	}
}

func FuzzDNSAnswer(f *testing.F) {
	question := new(dns.Msg).SetQuestion("alpha.example.", dns.TypeAAAA)
	question.Id = 1
	for _, answers := range []func(*dns.Msg){
		records(), records("alpha.example. 1 IN AAAA fd00::7", "alpha.example. 1 IN CNAME beta.example."),
		records("alpha.example. 1 IN AAAA ::ffff:10.0.0.7", "alpha.example. 1 IN AAAA ::"),
	} {
		reply := new(dns.Msg).SetReply(question)
		answers(reply)
		packed, err := reply.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		reply := new(dns.Msg)
		if reply.Unpack(packed) != nil {
			return
		}
		addrs, err := dnsAddrs(question, reply)
		if len(addrs) > mostAddrs || err != nil && addrs != nil {
			t.Errorf("%d addresses, %v", len(addrs), err)
		}
		for i, addr := range addrs {
			if !addr.IsValid() || addr.Is4In6() || addr.IsUnspecified() || slices.Contains(addrs[:i], addr) {
				t.Errorf("address %d of %v is %v", i, addrs, addr)
			}
		}
	})
}
