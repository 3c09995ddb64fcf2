package main

import "slices"

func experiments() []experiment {
	return slices.Concat(codecs(), packets(), exchanges(), queues(), clusters())
}
