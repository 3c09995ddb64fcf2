package wire

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the race detector see fewer random values: nothing here runs at once with anything else.
func TestMain(m *testing.M) {
	flag.Parse()
	if underRace {
		if err := flag.Set("rapid.checks", "10"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
