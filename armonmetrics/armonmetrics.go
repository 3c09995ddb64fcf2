// Package armonmetrics forwards what a memberlist counts and measures to github.com/armon/go-metrics, for
// programs that read their metrics there. memberlist itself reports to github.com/hashicorp/go-metrics, which
// is the same library under the path that its maintainers moved it to; a program that has not moved yet calls
// Install once, when it starts:
//
//	if err := armonmetrics.Install(); err != nil {
//		return err
//	}
//
// From then on memberlist.udp.sent and all the others arrive in the sinks that the program has set up with
// armon/go-metrics, now or later, under the prefixes that it has configured there.
package armonmetrics

import (
	armon "github.com/armon/go-metrics"
	"github.com/hashicorp/go-metrics"
)

// Sink is a sink of hashicorp/go-metrics that forwards everything to armon/go-metrics. It is safe for
// concurrent use, and needs no shutting down.
type Sink struct {
	to *armon.Metrics
}

var _ metrics.PrecisionGaugeMetricSink = (*Sink)(nil)

// New returns a sink that forwards to the given instance or, if that is nil, to whatever instance is the
// global one of armon/go-metrics at the moment of each call.
// A program that has sinks in hashicorp/go-metrics as well joins them with a metrics.FanoutSink.
func New(to *armon.Metrics) *Sink {
	return &Sink{to: to}
}

// Install makes the global instance of hashicorp/go-metrics forward to that of armon/go-metrics, and
// nothing else: a sink that was installed there before is replaced. Names stay as they are, since the receiving
// side adds its own prefixes and filters; times are in milliseconds.
func Install() error {
	conf := metrics.DefaultConfig("")
	conf.EnableHostname = false
	conf.EnableRuntimeMetrics = false
	_, err := metrics.NewGlobal(conf, New(nil))
	return err
}

// instance is where to forward to now.
func (s *Sink) instance() *armon.Metrics {
	if s.to != nil {
		return s.to
	}
	return armon.Default()
}

// SetGauge forwards a gauge.
func (s *Sink) SetGauge(key []string, val float32) {
	s.instance().SetGauge(clip(key), val)
}

// SetGaugeWithLabels forwards a gauge.
func (s *Sink) SetGaugeWithLabels(key []string, val float32, labels []metrics.Label) {
	s.instance().SetGaugeWithLabels(clip(key), val, convert(labels))
}

// SetPrecisionGauge forwards a gauge, in the precision that armon/go-metrics has.
func (s *Sink) SetPrecisionGauge(key []string, val float64) {
	s.SetGauge(key, float32(val))
}

// SetPrecisionGaugeWithLabels forwards a gauge, in the precision that armon/go-metrics has.
func (s *Sink) SetPrecisionGaugeWithLabels(key []string, val float64, labels []metrics.Label) {
	s.SetGaugeWithLabels(key, float32(val), labels)
}

// EmitKey forwards a pair of key and value.
func (s *Sink) EmitKey(key []string, val float32) {
	s.instance().EmitKey(clip(key), val)
}

// IncrCounter forwards an increment.
func (s *Sink) IncrCounter(key []string, val float32) {
	s.instance().IncrCounter(clip(key), val)
}

// IncrCounterWithLabels forwards an increment.
func (s *Sink) IncrCounterWithLabels(key []string, val float32, labels []metrics.Label) {
	s.instance().IncrCounterWithLabels(clip(key), val, convert(labels))
}

// AddSample forwards a sample.
func (s *Sink) AddSample(key []string, val float32) {
	s.instance().AddSample(clip(key), val)
}

// AddSampleWithLabels forwards a sample.
func (s *Sink) AddSampleWithLabels(key []string, val float32, labels []metrics.Label) {
	s.instance().AddSampleWithLabels(clip(key), val, convert(labels))
}

// clip takes the spare capacity from a key, because the receiving side inserts its prefixes in place, into
// memory that several callers may share.
func clip(key []string) []string {
	return key[:len(key):len(key)]
}

// convert copies labels from the one library's type to the other's.
func convert(labels []metrics.Label) []armon.Label {
	if len(labels) == 0 {
		return nil
	}
	converted := make([]armon.Label, len(labels))
	for i, l := range labels {
		converted[i] = armon.Label(l)
	}
	return converted
}
