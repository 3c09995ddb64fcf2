// Package derive says how the code for the reference follows from the code for our library.
package derive

import "strings"

// Reference is the file of package reference that stands for a file of package ours: another import, another name,
// and nothing else.
func Reference(name string, ours []byte) []byte {
	text := strings.NewReplacer(
		"\t\"github.com/seed-f61b0479/memberlist\"\n", "\t\"github.com/hashicorp/memberlist\"\n",
		"package ours\n", "package reference\n",
		"bed.Ours\n", "bed.Reference\n",
		"//go:generate go run ../generate\n\n", "",
		"// Package ours puts this library", "// Package reference puts hashicorp/memberlist",
		"//\n// Package reference is made from the files of this package: only the import differs. So the two libraries"+
			" are used\n// by the same code, to the letter.\n", "// It is made from the files of package ours.\n",
	).Replace(string(ours))
	return []byte("// Code generated from ../ours/" + name + "; DO NOT EDIT.\n\n" + text)
}
