package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// command is something to do to the cluster. Number 0 leaves the choice of the node to the cluster.
type command struct {
	verb   string
	number int
}

// verbs are all commands; their first letters differ.
var verbs = []string{"kill", "pause", "continue", "leave", "restart", "add", "quit"}

// parseCommand reads "kill 2", "k 2" or "k".
func parseCommand(text string) (command, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return command{}, fmt.Errorf("%q: want a command and perhaps a number", text)
	}
	var c command
	for _, verb := range verbs {
		if words[0] == verb || words[0] == verb[:1] {
			c.verb = verb
		}
	}
	if c.verb == "" {
		return command{}, fmt.Errorf("%q: commands are %s", text, strings.Join(verbs, ", "))
	}
	if len(words) == 2 {
		number, err := strconv.Atoi(strings.TrimPrefix(words[1], "node"))
		if err != nil || number < 1 {
			return command{}, fmt.Errorf("%q: %q is not the number of a node", text, words[1])
		}
		c.number = number
	}
	return c, nil
}

// step is a command and when to run it.
type step struct {
	text    string
	at      time.Duration
	agreed  bool // when all nodes agree, instead of at a time
	command command
}

// due says whether the time has come.
func (s step) due(elapsed time.Duration, agreed bool) bool {
	if s.agreed {
		return agreed
	}
	return elapsed >= s.at
}

// parseScript reads steps such as "5s kill 2; agreed restart 2". They run in this order.
func parseScript(text string) (steps []step, err error) {
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		when, what, _ := strings.Cut(part, " ")
		s := step{text: part, agreed: when == "agreed"}
		if !s.agreed {
			if s.at, err = time.ParseDuration(when); err != nil {
				return nil, fmt.Errorf("script: %q: want a time or \"agreed\" before the command", part)
			}
		}
		if s.command, err = parseCommand(what); err != nil {
			return nil, fmt.Errorf("script: %w", err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}
