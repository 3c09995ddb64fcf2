// Gen writes the face of the drop-in: every exported name of the root package, under the module path of
// hashicorp/memberlist. It prints the file; go generate, in the folder of the module, puts it in place.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen <folder of the root package> <file to write>")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(root, file string) error {
	source, err := face(root)
	if err != nil {
		return err
	}
	return os.WriteFile(file, source, 0o644)
}
