// Package memnet is a network in memory: nodes with addresses and names, datagrams, buffered streams, and faults
// that can be changed while it runs. It is what memberlist.MockNetwork and package memberlisttest share, and it
// knows nothing of either.
//
// It starts no goroutines. What takes time is a timer of the node that it will reach, or the waiting
// of the reader itself, and whoever waits does so on a channel, never on a mutex; so it works in bubbles of
// testing/synctest, whose time stands still while anyone waits for a mutex.
package memnet
