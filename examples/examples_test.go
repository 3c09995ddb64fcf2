// Package examples_test runs the example programs as a user does: as processes that talk over real sockets.
package examples_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a line may take to appear: a failure detection, several times over.
const patience = 20 * time.Second

// programs is the directory of the programs, built once.
type programs string

// TestExamples builds the programs once and then runs them all at the same time.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and waits for failures to be detected")
	}
	if runtime.GOOS == "windows" {
		t.Skip("ends programs by signals")
	}
	dir := programs(t.TempDir())
	names := []string{"cluster", "node", "state", "send", "discover"}
	args := []string{"build", "-o", string(dir) + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "./"+name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	tests := map[string]func(*testing.T, programs){
		"a cluster agrees, finds the dead node and takes it back":             clusterRecovers,
		"a cluster that has no time to agree on a death says so and fails":    clusterFails,
		"a script that cannot be read is refused":                             clusterRefuses,
		"three nodes see each other, and one that is terminated is seen left": nodesComeAndGo,
		"a node joins when the one that it waits for has come":                nodeWaits,
		"nodes with one key see each other, one without it stays outside":     nodesEncrypt,
		"a key that is set on one node is read on others and by a newcomer":   stateSpreads,
		"a message goes by packet or by stream as its size suggests":          sendTakesBothWays,
		"peers find each other however they start":                            discoverFinds,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dir)
		})
	}
}

func clusterRecovers(t *testing.T, dir programs) {
	p := dir.start(t, "cluster", "-for", "60s", "-script", "agreed kill 2; agreed restart 2; agreed leave 3; agreed quit")
	p.expect(`^ .* 5 nodes agree, after `)
	p.expect(`^ .* all 4 running nodes have marked node2 dead, `)
	p.expect(`^ .* node2 is alive to `)
	p.expect(`^ .* all 4 running nodes have marked node3 left, `)
	p.exits(0)
	if text := p.text(); strings.Contains(text, "\x1b") {
		t.Error("there are escape codes in what is no terminal")
	}
}

func clusterFails(t *testing.T, dir programs) {
	p := dir.start(t, "cluster", "-n", "3", "-for", "1s", "-script", "10ms kill 2; 1h restart 2")
	p.exits(1)
	p.expect(`^cluster: node2 was killed .* ago, and is not yet dead to node1, node3`)
	p.expect(`^the script did not come to "1h restart 2"`)
}

func clusterRefuses(t *testing.T, dir programs) {
	p := dir.start(t, "cluster", "-script", "5s explode 2")
	p.exits(1)
	p.expect(`^cluster: script: "explode 2": commands are `)
}

func nodesComeAndGo(t *testing.T, dir programs) {
	a := dir.start(t, "node", "-name", "a", "-bind", "127.0.0.1:0")
	b := dir.start(t, "node", "-name", "b", "-bind", "127.0.0.1:0", "-join", a.address())
	c := dir.start(t, "node", "-name", "c", "-bind", "127.0.0.1:0", "-join", a.address()+","+b.address())
	for _, p := range []*process{a, b, c} {
		p.expect(`^members: a b c$`)
	}
	c.signal(syscall.SIGTERM)
	c.exits(0)
	for _, p := range []*process{a, b} {
		p.expect(`^left: c (?s:.*)^members: a b$`)
		if strings.Contains(p.text(), "dead: c") {
			t.Errorf("%s took a node for dead that had left", p.name)
		}
	}
	b.signal(os.Interrupt)
	b.exits(0)
	a.expect(`^left: b `)
}

func nodeWaits(t *testing.T, dir programs) {
	addr := freeAddress(t)
	b := dir.start(t, "node", "-name", "b", "-bind", "127.0.0.1:0", "-join", addr)
	b.expect(`^joining again in `)
	dir.start(t, "node", "-name", "a", "-bind", addr)
	b.expect(`^members: a b$`)
}

func nodesEncrypt(t *testing.T, dir programs) {
	hex, base64 := "000102030405060708090a0b0c0d0e0f", "AAECAwQFBgcICQoLDA0ODw=="
	a := dir.start(t, "node", "-name", "a", "-bind", "127.0.0.1:0", "-key", hex)
	dir.start(t, "node", "-name", "b", "-bind", "127.0.0.1:0", "-key", base64, "-join", a.address()).expect(`^members: a b$`)
	dir.start(t, "node", "-name", "c", "-bind", "127.0.0.1:0", "-join", a.address()).expect(`^joining again in `)
	wrong := dir.start(t, "node", "-name", "d", "-bind", "127.0.0.1:0", "-key", "12345")
	wrong.exits(1)
	if strings.Contains(a.text(), "joined: c") {
		t.Error("a node without the key was let in")
	}
}

func stateSpreads(t *testing.T, dir programs) {
	a := dir.start(t, "state", "-name", "a", "-bind", "127.0.0.1:0")
	a.types("set early here before anybody came")
	b := dir.start(t, "state", "-name", "b", "-bind", "127.0.0.1:0", "-join", a.address())
	b.expect(`^early = here before anybody came, set by a$`) // by state exchange
	a.types("set colour green")
	b.expect(`^colour = green, set by a$`) // by broadcast
	b.types("get colour")
	b.expect(`^green$`)
	b.types("set colour blue")
	a.expect(`^colour = blue, set by b$`)
	b.types("del early")
	a.expect(`^early deleted by b$`)
	a.types("set long " + strings.Repeat("x", 2000))
	a.expect(`^error: message too large`)

	c := dir.start(t, "state", "-name", "c", "-bind", "127.0.0.1:0", "-join", b.address())
	c.expect(`^colour = blue, set by b$`)
	c.types("get early")
	c.expect(`^\(none\)$`)
	a.expect(`^joined: c$`) // who has not heard of a node does not hear that it leaves
	c.closeInput()
	c.exits(0)
	a.expect(`^left: c$`)
}

func sendTakesBothWays(t *testing.T, dir programs) {
	a := dir.start(t, "send", "-name", "a", "-bind", "127.0.0.1:0")
	b := dir.start(t, "send", "-name", "b", "-bind", "127.0.0.1:0", "-join", a.address())
	b.expect(`^joined$`)
	b.types("a hello")
	b.expect(`^sent 7 bytes to a by packet$`)
	a.expect(`^got 7 bytes from b: hello$`)
	b.types("* #5000")
	b.expect(`^sent 5002 bytes to a by stream$`)
	a.expect(`^got 5002 bytes from b: x+\.\.\.$`)
	b.types("nobody hello")
	b.expect(`^nobody is called "nobody"$`)
}

func discoverFinds(t *testing.T, dir programs) {
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	a := dir.start(t, "discover", "-name", "a", "-bind", "127.0.0.1:0", "-every", "500ms",
		"-peers", "localhost:"+port+",127.0.0.1:1")
	a.expect(`^asked at \d places in vain`)
	b := dir.start(t, "discover", "-name", "b", "-bind", "127.0.0.1:"+port)
	a.expect(`^join: b `)
	b.expect(`^join: a `)
	c := dir.start(t, "discover", "-name", "c", "-bind", "127.0.0.1:0", "-peers", b.address())
	a.expect(`^join: c `)
	c.expect(`^join: a `)
	c.signal(syscall.SIGTERM)
	c.exits(0)
	a.expect(`^left: c `)
}

// freeAddress is a loopback address that was free for both protocols a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := tcp.Addr().String()
		udp, err := net.ListenPacket("udp", addr)
		tcp.Close()
		if err == nil {
			udp.Close()
			return addr
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return ""
}

// process is a program that runs, and what it has printed.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	ended chan struct{} // closed when it has ended and all its output is there

	mu      sync.Mutex
	output  strings.Builder
	changed chan struct{} // closed and replaced with each output
}

// start runs a program until the end of the test at the latest.
func (dir programs) start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{
		t: t, name: fmt.Sprint(program, " ", strings.Join(args, " ")),
		cmd:   exec.Command(filepath.Join(string(dir), program), args...),
		ended: make(chan struct{}), changed: make(chan struct{}),
	}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		var code *exec.ExitError
		if err := p.cmd.Wait(); err != nil && !errors.As(err, &code) {
			t.Errorf("%s: %v", p.name, err)
		}
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill() // in vain if it has ended
		<-p.ended
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, p.text())
		}
	})
	return p
}

// Write takes what the program prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
	return p.output.Write(b)
}

// text is all that it has printed so far.
func (p *process) text() string {
	text, _ := p.read()
	return text
}

func (p *process) read() (text string, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String(), p.changed
}

// expect waits until the pattern matches in all that was printed, and returns the match with its groups.
// In the pattern, ^ and $ are the ends of a line.
func (p *process) expect(pattern string) []string {
	p.t.Helper()
	want := regexp.MustCompile("(?m)" + pattern)
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		text, changed := p.read()
		if match := want.FindStringSubmatch(text); match != nil {
			return match
		}
		select {
		case <-changed:
		case <-p.ended:
			if match := want.FindStringSubmatch(p.text()); match != nil {
				return match
			}
			p.t.Fatalf("%s ended without printing %s", p.name, pattern)
		case <-limit.C:
			p.t.Fatalf("%s did not print %s within %v", p.name, pattern, patience)
		}
	}
}

// address is where a node listens, as it prints first.
func (p *process) address() string {
	p.t.Helper()
	return p.expect(`^\S+ is up at (\S+)$`)[1]
}

func (p *process) types(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

func (p *process) closeInput() { p.in.Close() }

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// exits waits for the end of the program.
func (p *process) exits(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
		if got := p.cmd.ProcessState.ExitCode(); got != code {
			p.t.Fatalf("%s exited with %d, want %d", p.name, got, code)
		}
	case <-time.After(patience):
		p.t.Fatalf("%s did not end within %v", p.name, patience)
	}
}
