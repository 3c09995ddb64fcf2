package main

import (
	"fmt"
	"io"
	"strings"
)

// screen shows the cluster: as a table that is drawn anew with the last events below it, or, where
// nobody would see that, by printing the events.
type screen struct {
	out    io.Writer
	live   bool
	events []string
}

// kept is how many events stay below the table.
const kept = 15

// colours of the states, as terminals count them.
var colours = map[string]int{"alive": 32, "suspect": 33, "dead": 31, "left": 36}

func newScreen(out io.Writer, live bool) *screen { return &screen{out: out, live: live} }

// open takes the terminal's other screen, on which nothing wraps, and close gives it back.
func (s *screen) open() {
	if s.live {
		fmt.Fprint(s.out, "\x1b[?1049h\x1b[?7l\x1b[2J")
		s.prompt()
	}
}

// close leaves the last events on the ordinary screen.
func (s *screen) close() {
	if s.live {
		fmt.Fprint(s.out, "\x1b[?7h\x1b[?1049l", strings.Join(s.events, "\n"), "\n")
	}
}

// prompt clears the first line, where commands are typed. The table is below it, so that it can grow.
func (s *screen) prompt() {
	if s.live {
		fmt.Fprint(s.out, "\x1b[1;1H> \x1b[K")
	}
}

// say tells an event.
func (s *screen) say(line string) {
	if !s.live {
		fmt.Fprintln(s.out, line)
		return
	}
	s.events = append(s.events, line)
	s.events = s.events[max(0, len(s.events)-kept):]
}

// draw shows the table and the events, and leaves the cursor where somebody types.
func (s *screen) draw(c *cluster, seen view) {
	if !s.live {
		return
	}
	lines := []string{strings.Join(verbs, "  ") + "   (and the number of a node)", ""}
	lines = append(lines, table(c, seen)...)
	lines = append(lines, "")
	lines = append(lines, s.events...)
	var b strings.Builder
	b.WriteString("\x1b7")
	for i, line := range lines {
		fmt.Fprintf(&b, "\x1b[%d;1H%s\x1b[K", i+2, line)
	}
	b.WriteString("\x1b[J\x1b8")
	io.WriteString(s.out, b.String())
}

// table has a row for each node, with its view of each other.
func table(c *cluster, seen view) []string {
	var head strings.Builder
	fmt.Fprintf(&head, "%-8s%-9s", "", "sees")
	for _, n := range c.nodes {
		fmt.Fprintf(&head, "%-9s", n.name)
	}
	rows := []string{head.String()}
	for i, observer := range c.nodes {
		var row strings.Builder
		fmt.Fprintf(&row, "%-8s%-9s", observer.name, observer.status)
		for _, subject := range c.nodes {
			row.WriteString(cell(seen[i] != nil, seen[i][subject.name]))
		}
		rows = append(rows, row.String())
	}
	return rows
}

func cell(runs bool, state string) string {
	switch {
	case !runs:
		return strings.Repeat(" ", 9)
	case state == "":
		return fmt.Sprintf("%-9s", "-")
	default:
		return fmt.Sprintf("\x1b[%dm%-9s\x1b[0m", colours[state], state)
	}
}
