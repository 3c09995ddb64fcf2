// Package gossip decides what is told next, and how much of it fits into a packet:
// the transmit-limited order of rumours ([Queue]) and the packing of one packet ([Packer]).
//
// It knows neither members nor the network nor locks. Nothing in it is safe for concurrent use:
// the shell puts its own lock around a queue, and the simulator needs none.
package gossip
