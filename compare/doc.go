// Package compare holds this library and hashicorp/memberlist v0.7.0 against each other. Its tests run clusters of
// both kinds of nodes, the command sidebyside measures both in one run. See README.md.
package compare
