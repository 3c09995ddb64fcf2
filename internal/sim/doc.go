// Package sim runs whole clusters in one goroutine: thousands of nodes, virtual time, one seed.
//
// A node is the real swim.Machine with the real queue, packer and framing around it; what is not
// real is the clock, the network and the processes, which can be made to fail in every way that
// hurts in production. The same seed and the same calls give the same run, step by step, which
// Sim.Hash shows; a run that ends badly can be had again with a trace of what happened.
//
// Three kinds of users: tests of the protocol (see Swarm, which draws faults from a seed), people
// who want to know what their settings do, and experiments out of papers.
//
// # What is judged
//
// With Options.Laws every step is checked against the laws in law.go and their neighbours: what
// must hold however bad the network is. After the faults have stopped, Agreed says whether the
// cluster has come together again.
//
// A violation prints its seed, the law, and the last steps of the nodes concerned. The same run is
// had again with
//
//	go test ./internal/sim -run 'Swarm$' -seed N
//
// and others with -first and -seeds. What the laws are worth is shown by the bugs that the tests
// plant, each of which a law must find.
package sim
