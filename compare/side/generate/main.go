// Command generate writes package reference from the files of package ours. Run it with go generate in side/ours.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/seed-f61b0479/memberlist/compare/side/generate/derive"
)

func main() {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		log.Fatal("no Go files here: run it in the folder of package ours", err)
	}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("..", "reference", name), derive.Reference(name, source), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
