package main

import (
	"slices"
	"testing"
	"time"
)

func TestScriptsAreReadStepByStep(t *testing.T) {
	got, err := parseScript("5s kill 2; agreed r node2;; 1m q")
	want := []step{
		{text: "5s kill 2", at: 5 * time.Second, command: command{"kill", 2}},
		{text: "agreed r node2", agreed: true, command: command{"restart", 2}},
		{text: "1m q", at: time.Minute, command: command{verb: "quit"}},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, wrong := range []string{"kill 2", "5s", "5s explode 2", "5s kill two", "5s kill 0", "5s kill 1 2"} {
		if steps, err := parseScript(wrong); err == nil {
			t.Errorf("%q was read as %+v", wrong, steps)
		}
	}
}

func TestFirstLettersOfVerbsDiffer(t *testing.T) {
	seen := make(map[byte]string)
	for _, verb := range verbs {
		if other, twice := seen[verb[0]]; twice {
			t.Errorf("%q may mean %s or %s", verb[0], other, verb)
		}
		seen[verb[0]] = verb
	}
}
