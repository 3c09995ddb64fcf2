// Package wire is everything that must agree byte for byte with the other implementations of the protocol:
// messages, compounds, checksums, compression, sealing, labels and the framing of streams. It knows no state,
// no time and no configuration, and every limit that a stranger could exceed is applied here, while reading.
package wire
