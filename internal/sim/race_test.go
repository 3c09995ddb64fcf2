//go:build race

package sim

// underRace shrinks what is run often for its chance and not for its concurrency.
const underRace = true
