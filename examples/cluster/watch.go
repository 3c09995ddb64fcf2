package main

import (
	"fmt"
	"strings"
	"time"
)

// watch compares what the nodes see with what was done to them.
type watch struct {
	last   view
	agreed bool      // at the last look, every running node saw every node as it should
	since  time.Time // when they last stopped agreeing
}

// changes words what the nodes see differently from the last look, one line for a node and its new state.
func (w *watch) changes(c *cluster, now view) (lines []string) {
	before := w.last
	w.last = now
	for _, subject := range c.nodes {
		witnesses := make(map[string][]string)
		for i, observer := range c.nodes {
			if now[i] == nil || observer == subject {
				continue
			}
			was, is := "", now[i][subject.name]
			if i < len(before) {
				was = before[i][subject.name]
			}
			if was != is {
				witnesses[is] = append(witnesses[is], observer.name)
			}
		}
		for _, state := range []string{"alive", "suspect", "dead", "left", ""} {
			switch names := strings.Join(witnesses[state], ", "); {
			case names == "":
			case state == "":
				lines = append(lines, fmt.Sprintf("%s is forgotten by %s", subject.name, names))
			default:
				lines = append(lines, fmt.Sprintf("%s is %s to %s", subject.name, state, names))
			}
		}
	}
	return lines
}

// check words what has come true since the last look: what was done to a node has been seen by all that
// run, or all agree about all.
func (w *watch) check(c *cluster, seen view) (lines []string) {
	agreed, live := true, 0
	for _, n := range c.nodes {
		if n.status == running {
			live++
		}
		if len(c.doubters(n, seen)) > 0 {
			agreed = false
			continue
		}
		if !n.met && n.want != "alive" {
			lines = append(lines, fmt.Sprintf("all %d running nodes have marked %s %s, %.3fs after it %s",
				c.observers(n), n.name, n.want, time.Since(n.since).Seconds(), n.fate))
		}
		n.met = true
	}
	switch {
	case !agreed:
		w.disturb()
	case !w.agreed:
		w.agreed = true
		lines = append(lines, fmt.Sprintf("%d nodes agree, after %.3fs", live, time.Since(w.since).Seconds()))
	}
	return lines
}

// disturb notes that the nodes cannot agree now: something was done, or one of them errs.
func (w *watch) disturb() {
	if w.agreed {
		w.agreed, w.since = false, time.Now()
	}
}

// missing are errors about what was done and never seen by all.
func (w *watch) missing(c *cluster) (errs []error) {
	for _, n := range c.nodes {
		if n.met {
			continue
		}
		errs = append(errs, fmt.Errorf("%s %s %.1fs ago, and is not yet %s to %s", n.name, n.fate,
			time.Since(n.since).Seconds(), n.want, strings.Join(c.doubters(n, w.last), ", ")))
	}
	return errs
}

// observers counts the running nodes that can have an opinion about a node.
func (c *cluster) observers(subject *node) (count int) {
	for _, n := range c.nodes {
		if n != subject && n.status == running {
			count++
		}
	}
	return count
}

// doubters are the running nodes that do not see a node as they should. One that is gone may be forgotten.
func (c *cluster) doubters(subject *node, seen view) (names []string) {
	for i, n := range c.nodes {
		if n.status != running || i >= len(seen) {
			continue
		}
		state := seen[i][subject.name]
		if gone := subject.want != "alive"; state != subject.want && (!gone || state != "") {
			names = append(names, n.name)
		}
	}
	return names
}
