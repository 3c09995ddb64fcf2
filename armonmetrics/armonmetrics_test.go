package armonmetrics_test

import (
	"fmt"
	"testing"
	"time"

	armon "github.com/armon/go-metrics"
	"github.com/hashicorp/go-metrics"

	"github.com/seed-f61b0479/memberlist/armonmetrics"
)

// reader makes an instance of armon/go-metrics with a service name, and the sink that a program reads.
func reader(t *testing.T) (*armon.Metrics, *armon.InmemSink) {
	sink := armon.NewInmemSink(time.Hour, time.Hour)
	m, err := armon.New(readerConfig(), sink)
	if err != nil {
		t.Fatal(err)
	}
	return m, sink
}

func readerConfig() *armon.Config {
	conf := armon.DefaultConfig("myservice")
	conf.EnableHostname, conf.EnableRuntimeMetrics = false, false
	return conf
}

func TestEverythingIsForwardedWithItsLabels(t *testing.T) {
	to, got := reader(t)
	sink := armonmetrics.New(to)
	east := []metrics.Label{{Name: "dc", Value: "east"}}
	key := func(name string) []string { return []string{"memberlist", name} }
	sink.SetGauge(key("g"), 1)
	sink.SetGaugeWithLabels(key("g"), 2, east)
	sink.SetPrecisionGauge(key("p"), 3)
	sink.SetPrecisionGaugeWithLabels(key("p"), 4, east)
	sink.EmitKey(key("k"), 5)
	sink.IncrCounter(key("c"), 6)
	sink.IncrCounter(key("c"), 1)
	sink.IncrCounterWithLabels(key("c"), 7, east)
	sink.AddSample(key("s"), 8)
	sink.AddSampleWithLabels(key("s"), 9, east)

	all := got.Data()[0]
	for name, want := range map[string]float32{
		"myservice.memberlist.g": 1, "myservice.memberlist.g;dc=east": 2,
		"myservice.memberlist.p": 3, "myservice.memberlist.p;dc=east": 4,
	} {
		if g, ok := all.Gauges[name]; !ok || g.Value != want {
			t.Errorf("gauge %s: got %v, want %v", name, g.Value, want)
		}
	}
	for name, want := range map[string]float64{"myservice.memberlist.c": 7, "myservice.memberlist.c;dc=east": 7} {
		if c, ok := all.Counters[name]; !ok || c.Sum != want {
			t.Errorf("counter %s: got %v, want %v", name, c.AggregateSample, want)
		}
	}
	for name, want := range map[string]float64{"myservice.memberlist.s": 8, "myservice.memberlist.s;dc=east": 9} {
		if s, ok := all.Samples[name]; !ok || s.Sum != want {
			t.Errorf("sample %s: got %v, want %v", name, s.AggregateSample, want)
		}
	}
	if points := all.Points["myservice.memberlist.k"]; len(points) != 1 || points[0] != 5 {
		t.Errorf("key: got %v", points)
	}
}

func TestKeysAndLabelsOfTheCallerAreNotWrittenTo(t *testing.T) {
	to, _ := reader(t)
	sink := armonmetrics.New(to)
	key := append(make([]string, 0, 8), "memberlist", "c")
	labels := append(make([]metrics.Label, 0, 8), metrics.Label{Name: "dc", Value: "east"})
	sink.IncrCounterWithLabels(key, 1, labels)
	if spare := key[:3]; spare[0] != "memberlist" || spare[2] != "" {
		t.Errorf("the key became %q", spare)
	}
	if spare := labels[:2]; spare[1] != (metrics.Label{}) {
		t.Errorf("the labels became %v", spare)
	}
}

func TestASinkThatTheProgramSetsUpLaterIsFound(t *testing.T) {
	defer blackhole(t)
	if err := armonmetrics.Install(); err != nil {
		t.Fatal(err)
	}
	metrics.IncrCounter([]string{"memberlist", "c"}, 1) // nobody reads yet
	later := armon.NewInmemSink(time.Hour, time.Hour)
	if _, err := armon.NewGlobal(readerConfig(), later); err != nil {
		t.Fatal(err)
	}
	metrics.IncrCounter([]string{"memberlist", "c"}, 1)
	metrics.MeasureSince([]string{"memberlist", "gossip"}, time.Now().Add(-time.Second))
	all := later.Data()[0]
	if c := all.Counters["myservice.memberlist.c"]; c.AggregateSample == nil || c.Sum != 1 {
		t.Errorf("got counters %v", all.Counters)
	}
	if s := all.Samples["myservice.memberlist.gossip"]; s.AggregateSample == nil || s.Sum < 1000 || s.Sum > 2000 {
		t.Errorf("a second is not about 1000 ms: got samples %v", all.Samples)
	}
}

// blackhole puts both libraries back to where they start.
func blackhole(t testing.TB) {
	if _, err := armon.NewGlobal(readerConfig(), new(armon.BlackholeSink)); err != nil {
		t.Fatal(err)
	}
	conf := metrics.DefaultConfig("")
	conf.EnableHostname, conf.EnableRuntimeMetrics = false, false
	if _, err := metrics.NewGlobal(conf, new(metrics.BlackholeSink)); err != nil {
		t.Fatal(err)
	}
}

// A program that reads its metrics from armon/go-metrics calls Install, and gets memberlist's as well.
func ExampleInstall() {
	conf := armon.DefaultConfig("myservice")
	conf.EnableHostname, conf.EnableRuntimeMetrics = false, false
	sink := armon.NewInmemSink(time.Hour, time.Hour)
	if _, err := armon.NewGlobal(conf, sink); err != nil {
		fmt.Println(err)
		return
	}
	if err := armonmetrics.Install(); err != nil {
		fmt.Println(err)
		return
	}

	metrics.IncrCounter([]string{"memberlist", "udp", "sent"}, 100) // as a node does

	fmt.Println(sink.Data()[0].Counters["myservice.memberlist.udp.sent"].Sum)
	// Output: 100
}
