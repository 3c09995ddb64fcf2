package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wants is what the arguments said, to be applied once all of them are known: most defaults are those of a
// profile or a scenario, which may come last.
type wants struct {
	scenario, victims, ill, well, parts string
	span                                time.Duration
	rate                                float64
	changes                             []func(p *plan)
}

// flags declares all flags.
func (p *plan) flags(fs *flag.FlagSet) *wants {
	w := new(wants)
	fs.StringVar(&w.scenario, "scenario", "", "what happens: "+strings.Join(scenarioNames(), ", "))
	fs.StringVar(&p.profile, "profile", "lan", "the library's settings and a network like that: lan, wan or local")
	fs.IntVar(&p.nodes, "n", 100, "how many `nodes` the cluster has")
	fs.IntVar(&p.seeds, "seeds", 1, "how many runs, each with a seed of its own")
	fs.Uint64Var(&p.seed, "seed", 1, "the first `seed`")
	fs.IntVar(&p.parallel, "parallel", cores(), "how many runs at once")
	fs.DurationVar(&w.span, "for", 0, "how long the scenario takes, in virtual `time`")
	fs.DurationVar(&p.settle, "settle", 10*time.Second, "how long the cluster is left alone before")
	fs.DurationVar(&p.over, "over", time.Second, "the `time` in which all nodes start")

	fs.StringVar(&w.victims, "victims", "", "how many members it happens to: a `number`, or a share such as 1%")
	fs.DurationVar(&p.down, "down", 20*time.Second, "how long a crashed node stays away, a partition or a bad line lasts")
	fs.DurationVar(&p.rejoin, "rejoin", 0, "this long after a partition one node joins the other side; 0: none does")
	fs.Float64Var(&w.rate, "rate", 0, "crashes or updates per second")
	fs.IntVar(&p.bytes, "bytes", 32, "of meta in an update")
	fs.StringVar(&w.ill, "ill", "16s", "lifeguard: how long each pause takes")
	fs.StringVar(&w.well, "well", "64ms", "lifeguard: how long until the next pause; 0: there is none")
	fs.BoolVar(&p.frozen, "frozen", false, "lifeguard: paused members stand still, rather than only their messages")
	fs.StringVar(&w.parts, "parts", "lifeguard", "what is switched on: swim, probe, suspicion, buddy, lifeguard, or all of these in turn")

	fs.StringVar(&p.html, "html", "", "write a page with plots to this `file`")
	fs.StringVar(&p.plots, "plots", "", "write each plot as an SVG into this `folder`")
	w.network(fs)
	w.protocol(fs)
	return w
}

// network declares what changes the network.
func (w *wants) network(fs *flag.FlagSet) {
	w.duration(fs, "latency", "the shortest latency of the network", func(p *plan) *time.Duration { return &p.network.Latency.Base })
	w.duration(fs, "jitter", "how much a latency can be longer than the shortest", func(p *plan) *time.Duration { return &p.network.Latency.Jitter })
	w.duration(fs, "long", "what packets of the tail take longer, or a multiple of that", func(p *plan) *time.Duration { return &p.network.Latency.Long })
	w.share(fs, "tail", "the share of packets that take much longer", func(p *plan) *float64 { return &p.network.Latency.Tail })
	w.share(fs, "loss", "the share of packets that are lost, once the cluster stands", func(p *plan) *float64 { return &p.network.Loss })
}

// protocol declares what changes the settings of the nodes.
func (w *wants) protocol(fs *flag.FlagSet) {
	w.duration(fs, "probe-interval", "ProbeInterval", func(p *plan) *time.Duration { return &p.settings.ProbeInterval })
	w.duration(fs, "probe-timeout", "ProbeTimeout", func(p *plan) *time.Duration { return &p.settings.ProbeTimeout })
	w.duration(fs, "gossip-interval", "GossipInterval", func(p *plan) *time.Duration { return &p.settings.GossipInterval })
	w.duration(fs, "push-pull-interval", "PushPullInterval", func(p *plan) *time.Duration { return &p.settings.PushPullInterval })
	w.duration(fs, "dead-time", "GossipToTheDeadTime", func(p *plan) *time.Duration { return &p.settings.GossipToTheDeadTime })
	w.duration(fs, "reclaim-time", "DeadNodeReclaimTime", func(p *plan) *time.Duration { return &p.settings.DeadNodeReclaimTime })
	w.duration(fs, "stream-timeout", "TCPTimeout", func(p *plan) *time.Duration { return &p.settings.StreamTimeout })
	w.number(fs, "indirect-checks", "IndirectChecks", func(p *plan) *int { return &p.settings.IndirectChecks })
	w.number(fs, "suspicion-mult", "SuspicionMult", func(p *plan) *int { return &p.settings.SuspicionMult })
	w.number(fs, "suspicion-max", "SuspicionMaxTimeoutMult", func(p *plan) *int { return &p.settings.SuspicionMaxTimeoutMult })
	w.number(fs, "awareness-max", "AwarenessMaxMultiplier", func(p *plan) *int { return &p.settings.AwarenessMax })
	w.number(fs, "gossip-nodes", "GossipNodes", func(p *plan) *int { return &p.settings.GossipNodes })
	w.number(fs, "retransmit-mult", "RetransmitMult", func(p *plan) *int { return &p.settings.RetransmitMult })
	w.number(fs, "packet-size", "UDPBufferSize", func(p *plan) *int { return &p.settings.PacketSize })
	w.truth(fs, "no-stream-pings", "DisableTcpPings", func(p *plan) *bool { return &p.settings.DisableStreamPings })
	w.truth(fs, "compress", "EnableCompression", func(p *plan) *bool { return &p.settings.Compress })
}

func (w *wants) duration(fs *flag.FlagSet, name, says string, field func(*plan) *time.Duration) {
	fs.Func(name, says+" (a `time`)", func(text string) error {
		d, err := time.ParseDuration(text)
		w.changes = append(w.changes, func(p *plan) { *field(p) = d })
		return err
	})
}

func (w *wants) number(fs *flag.FlagSet, name, says string, field func(*plan) *int) {
	fs.Func(name, says+" (a `number`)", func(text string) error {
		x, err := strconv.Atoi(text)
		if err == nil && x < 0 {
			err = fmt.Errorf("%d is negative", x)
		}
		w.changes = append(w.changes, func(p *plan) { *field(p) = x })
		return err
	})
}

func (w *wants) share(fs *flag.FlagSet, name, says string, field func(*plan) *float64) {
	fs.Func(name, says+" (a `share`)", func(text string) error {
		x, err := strconv.ParseFloat(text, 64)
		w.changes = append(w.changes, func(p *plan) { *field(p) = x })
		return err
	})
}

func (w *wants) truth(fs *flag.FlagSet, name, says string, field func(*plan) *bool) {
	fs.BoolFunc(name, says, func(text string) error {
		x, err := strconv.ParseBool(text)
		w.changes = append(w.changes, func(p *plan) { *field(p) = x })
		return err
	})
}

// apply fills the plan with the defaults, and then with what the arguments change.
func (w *wants) apply(p *plan) (err error) {
	at := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == w.scenario })
	if at < 0 {
		return fmt.Errorf("-scenario %q is not known: choose one of %s", w.scenario, strings.Join(scenarioNames(), ", "))
	}
	p.scenario = &scenarios[at]
	from, ok := profiles[p.profile]
	if !ok {
		return fmt.Errorf("-profile %q is not known: choose lan, wan or local", p.profile)
	}
	p.settings, p.network.Latency = from.settings(), from.latency
	p.span, p.rate = p.scenario.span, p.scenario.rate
	if w.span != 0 {
		p.span = w.span
	}
	if w.rate != 0 {
		p.rate = w.rate
	}
	if w.victims == "" {
		w.victims = p.scenario.victims
	}
	count := func(text string) (int, error) { return amount(text, p.nodes) }
	if p.victims, err = several(w.victims, count); err != nil {
		return fmt.Errorf("-victims: %w", err)
	}
	if p.ill, err = several(w.ill, time.ParseDuration); err != nil {
		return fmt.Errorf("-ill: %w", err)
	}
	if p.well, err = several(w.well, time.ParseDuration); err != nil {
		return fmt.Errorf("-well: %w", err)
	}
	if p.parts, err = variants(w.parts); err != nil {
		return err
	}
	for _, change := range w.changes {
		change(p)
	}
	return nil
}
