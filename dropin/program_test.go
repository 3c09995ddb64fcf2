package memberlist_test

import (
	"strings"
	"testing"
)

// tries is how often a program or a single test may be run until it succeeds, the same for both sides: they use
// real sockets and real time, and some of them fail now and then with the reference too.
const tries = 3

// The program is written for the reference, and what it prints must not depend on who stands behind the path.
func TestAProgramRunsUnchangedAndPrintsTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs a program with each implementation")
	}
	want, got := transcript(t, false), transcript(t, true)
	for range tries - 1 {
		if got == want {
			break
		}
		want, got = transcript(t, false), transcript(t, true)
	}
	if got != want {
		t.Errorf("ours prints\n%s\nand the reference\n%s", got, want)
	}
	if !strings.HasSuffix(strings.TrimSpace(want), "everybody sees its partner") {
		t.Errorf("the program did not come to its end:\n%s", want)
	}
}

// transcript is what the program prints with one of the implementations.
func transcript(t *testing.T, ours bool) (out string) {
	t.Helper()
	s := siteOf(t, "testdata/program", ours)
	for _, args := range [][]string{{"vet", "."}, {"build", "-o", "program", "."}} {
		if out, err := s.run("go", args...); err != nil {
			t.Fatalf("go %s with %s: %v\n%s", args[0], s, err, out)
		}
	}
	s.stands(t)
	for range tries {
		var err error
		if out, err = s.run("./program"); err == nil {
			return out
		}
		t.Logf("the program with %s: %v\n%s", s, err, out)
	}
	t.Fatalf("the program fails with %s", s)
	return out
}
