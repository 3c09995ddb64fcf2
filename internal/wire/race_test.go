//go:build race

package wire

// underRace shrinks what is run often for its chance and not for its concurrency.
const underRace = true
