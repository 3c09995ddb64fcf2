// Package memberlist is github.com/seed-f61b0479/memberlist under the path of github.com/hashicorp/memberlist:
// the same types by another name, so that one replace line in go.mod moves an existing program over without a
// change to its source, or to that of the libraries it uses. Everything is done, and documented, there.
//
//	replace github.com/hashicorp/memberlist => github.com/seed-f61b0479/memberlist/dropin v0.1.0
package memberlist

//go:generate go run ./internal/gen .. memberlist.go
