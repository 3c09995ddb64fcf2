// Command sidebyside measures this library and hashicorp/memberlist v0.7.0 in one run, by turns, and prints a table.
//
//	go run ./cmd/sidebyside -o table.md
//
// It takes about a quarter of an hour; -only takes part of it. Nothing else should run on the machine.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"regexp"
	"runtime/debug"
)

func main() {
	log.SetFlags(0)
	out := flag.String("o", "", "file to write the table to, as Markdown")
	pairs := flag.Int("pairs", 5, "how often each kind is measured")
	only := flag.String("only", "", "regular expression: measure what it matches")
	flag.Parse()
	if err := run(*out, *pairs, *only); err != nil {
		log.Fatal(err)
	}
}

func run(out string, pairs int, only string) error {
	if err := genuine(); err != nil {
		return err
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	var rows []result
	for _, e := range experiments() {
		if !pattern.MatchString(e.name) {
			continue
		}
		measured, err := e.measure(pairs)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		for _, r := range measured {
			fmt.Println(r.line())
		}
		rows = append(rows, measured...)
	}
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(table(rows, pairs)), 0o644)
}

// genuine makes sure that the reference was not replaced by something of ours.
func genuine() error {
	const path, version = "github.com/hashicorp/memberlist", "v0.7.0"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this binary does not know what it was built from")
	}
	for _, module := range info.Deps {
		if module.Path == path && module.Version == version && module.Replace == nil {
			return nil
		}
	}
	return fmt.Errorf("this binary was not built from %s %s", path, version)
}
