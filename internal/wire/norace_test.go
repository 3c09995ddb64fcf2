//go:build !race

package wire

// underRace: see race_test.go.
const underRace = false
