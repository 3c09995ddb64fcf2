// Program uses all of memberlist's API as programs have always used it, and knows only the path
// github.com/hashicorp/memberlist. Every line that it prints is a fact that must be the same whichever
// implementation stands behind the path. It exits with 1 when something that it waits for does not happen.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

func main() {
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"helpers", helpers},
		{"queue", queue},
		{"delegates", delegates},
		{"the mock network", mocked},
		{"messages", messages},
		{"a name conflict", conflict},
		{"vetoes", vetoes},
		{"label and keyring on loopback", secured},
		{"transports of one's own", transports},
	} {
		fmt.Println("==", part.name)
		part.run()
	}
}

// check ends the program unless err is nil.
func check(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
}

// eventually waits until something is so, and prints that it is.
func eventually(what string, ok func() bool) {
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			fmt.Println("not within 20 s:", what)
			os.Exit(1)
		}
	}
	fmt.Println(what)
}

// patiently makes a call that waits until the cluster has been told often enough. The wait may end too soon,
// for which some implementations are known; what was told spreads even so.
func patiently(what string, call func(time.Duration) error) {
	if err := call(2 * time.Second); err != nil && !strings.Contains(err.Error(), "timeout") {
		check(what, err)
	}
}

// names lists the members that a node sees, sorted.
func names(m *memberlist.Memberlist) string {
	var all []string
	for _, n := range m.Members() {
		all = append(all, n.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// meta is the metadata of a member as a node sees it.
func meta(m *memberlist.Memberlist, name string) string {
	for _, n := range m.Members() {
		if n.Name == name {
			return string(n.Meta)
		}
	}
	return "no such member"
}

// join makes m join to.
func join(m, to *memberlist.Memberlist) {
	n, err := m.Join([]string{to.LocalNode().Name + "/" + to.LocalNode().Address()})
	check("join", err)
	fmt.Println(m.LocalNode().Name, "reaches", n)
}
