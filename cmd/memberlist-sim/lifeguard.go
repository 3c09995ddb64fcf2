package main

import (
	"fmt"
	"strings"

	"github.com/seed-f61b0479/memberlist/internal/sim"
)

// variant is a choice of Lifeguard's parts.
type variant struct {
	name  string
	title string
	parts sim.Part
}

// apply switches the other parts off.
func (v *variant) apply(s *sim.Settings) { s.Only(v.parts) }

var allVariants = []variant{
	{"swim", "SWIM", 0},
	{"probe", "LHA-Probe", sim.LHAProbe},
	{"suspicion", "LHA-Suspicion", sim.LHASuspicion},
	{"buddy", "Buddy System", sim.Buddy},
	{"lifeguard", "Lifeguard", sim.Lifeguard},
}

// variants reads a list of them.
func variants(text string) (list []variant, err error) {
	if text == "all" {
		return allVariants, nil
	}
	for _, name := range strings.Split(text, ",") {
		found := false
		for _, v := range allVariants {
			if v.name == strings.TrimSpace(name) {
				list, found = append(list, v), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-parts %q is not known: choose swim, probe, suspicion, buddy, lifeguard or all", name)
		}
	}
	return list, nil
}

func lifeguard(t *trial) {
	victims := t.pick(t.task.victims)
	for _, n := range victims {
		t.sick[n.Name] = true
	}
	for _, n := range victims {
		t.deaths.begin(t.sim.Now(), n.Name, t.healthy())
		switch {
		case t.task.well > 0:
			n.Hiccup(t.task.ill, t.task.well, t.frozen)
		case t.frozen:
			n.Freeze()
			t.sim.After(t.task.ill, n.Thaw)
		default:
			n.Hold()
			t.sim.After(t.task.ill, n.Release)
		}
	}
}

// paused measures how soon the healthy declare a member dead that has begun to pause.
func (t *trial) paused(r *result) {
	_, sure := t.deaths.detection()
	_, all := t.deaths.reach("pause known")
	sure.name, all.name = firstDeath, fullDeath
	r.series = append(r.series, sure, all)
}

// The two times that the table of Lifeguard shows.
const (
	firstDeath = "paused member first declared"
	fullDeath  = "paused member declared by all healthy"
)
