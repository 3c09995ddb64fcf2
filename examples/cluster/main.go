// Cluster shows a whole cluster in one process: a few nodes on loopback ports, talking real UDP and TCP, and what
// each of them thinks of each other while you kill, pause and restart them.
//
//	go run ./examples/cluster                 a live table; type a command and Enter
//	go run ./examples/cluster -n 8 -for 20s   ends by itself; a script kills the last node
//	go run ./examples/cluster -script "agreed kill 2; 15s restart 2; agreed leave 3; agreed quit"
//
// In a terminal you see who sees whom in which state (a row is a node's own view) and the last events below
// it; otherwise the events are printed as plain lines. Commands, of which the first letter is enough and
// where the number chooses the node:
//
//	kill 2       ends node2 without a word; the others find out and mark it dead
//	pause 2      holds all that node2 sends and gets; it is suspected, then marked dead
//	continue 2   lets it go on; it refutes its death
//	leave 2      node2 says good-bye; the others mark it left at once
//	restart 2    starts node2 again after kill or leave, at its old address
//	add          starts one more node
//	quit
//
// Each step of a script is a time since the start, or "agreed" to wait until all nodes see each other as
// they are, and a command. When the run ends and something that was done has not been seen by all nodes
// that run, the program says what, and exits with 1.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// glance is how often we look at what the nodes see.
const glance = 50 * time.Millisecond

func main() {
	size := flag.Int("n", 5, "how many `nodes` to start with")
	limit := flag.Duration("for", 0, "end after this `time`; 0 runs until quit or interrupted")
	text := flag.String("script", "", "commands to run, such as \"5s kill 2; agreed restart 2\"")
	flag.Parse()
	if err := run(*size, *limit, *text); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(size int, limit time.Duration, text string) error {
	live := isTerminal(os.Stdout)
	if text == "" && (limit > 0 || !live) {
		text = fmt.Sprintf("agreed kill %d", size)
	}
	steps, err := parseScript(text)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	s := &show{script: steps, screen: newScreen(os.Stdout, live), begun: time.Now()}
	s.watch.since = s.begun
	defer s.cluster.close()
	s.screen.open()
	err = s.play(ctx, size)
	s.screen.close()
	return errors.Join(err, s.verdict(ctx))
}

// show is one run of the program. A single goroutine owns it.
type show struct {
	cluster cluster
	watch   watch
	screen  *screen
	script  []step // those still to come
	begun   time.Time
	over    bool
}

// play starts the nodes and then looks, listens and follows the script until the end.
func (s *show) play(ctx context.Context, size int) error {
	for range size {
		if err := s.obey(command{verb: "add"}); err != nil {
			return err
		}
	}
	typed := make(chan string)
	if isTerminal(os.Stdout) || !isTerminal(os.Stdin) { // a job in the background must not read the terminal
		go read(typed)
	}
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for !s.over {
		select {
		case <-ctx.Done():
			return nil
		case line := <-typed:
			s.typed(line)
		case <-tick.C:
			s.look()
			s.follow()
		}
	}
	return nil
}

// look takes in what the nodes see, and tells what is new.
func (s *show) look() {
	seen := s.cluster.see()
	for _, line := range s.watch.changes(&s.cluster, seen) {
		s.say("%s", line)
	}
	for _, line := range s.watch.check(&s.cluster, seen) {
		s.say("%s", line)
	}
	s.screen.draw(&s.cluster, seen)
}

// follow runs the next step of the script if its time has come.
func (s *show) follow() {
	if len(s.script) == 0 || !s.script[0].due(time.Since(s.begun), s.watch.agreed) {
		return
	}
	next := s.script[0]
	s.script = s.script[1:]
	if err := s.obey(next.command); err != nil {
		s.say("script: %v", err)
	}
}

// typed runs a command that somebody typed.
func (s *show) typed(line string) {
	s.screen.prompt()
	order, err := parseCommand(line)
	if err == nil {
		err = s.obey(order)
	}
	if err != nil {
		s.say("%v", err)
	}
}

// obey carries out one command.
func (s *show) obey(order command) error {
	if order.verb == "quit" {
		s.over = true
		return nil
	}
	n, err := s.cluster.obey(order)
	if n != nil {
		s.say("%s %s", n.name, n.fate)
		s.watch.disturb()
	}
	return err
}

func (s *show) say(format string, args ...any) {
	s.screen.say(fmt.Sprintf("%7.3fs  ", time.Since(s.begun).Seconds()) + fmt.Sprintf(format, args...))
}

// verdict is an error if something that was done was not seen by all. An interrupted run has none.
func (s *show) verdict(ctx context.Context) error {
	if ctx.Err() == context.Canceled {
		return nil
	}
	errs := s.watch.missing(&s.cluster)
	for _, left := range s.script {
		errs = append(errs, fmt.Errorf("the script did not come to %q", left.text))
	}
	if len(errs) == 0 {
		fmt.Println("done: every change was seen by every node that runs")
	}
	return errors.Join(errs...)
}

// read hands over the lines of standard input.
func read(lines chan<- string) {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		lines <- in.Text()
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
