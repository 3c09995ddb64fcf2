package memnet

import "testing"

func TestAddressesAreNotGivenOutTwice(t *testing.T) {
	var n Network
	seen := map[string]bool{}
	for _, count := range []int{0, 1, 45_534, 45_535, 45_536, 45_537, 11_700_000} { // the ports end at 45,536
		n.count = count
		at := n.NextAddr()
		if !at.Addr().IsLoopback() || !at.Addr().Is4() || at.Port() < firstPort || seen[at.String()] {
			t.Fatalf("address %d is %v", count, at)
		}
		seen[at.String()] = true
	}
	var other Network
	if at := other.NextAddr(); at.String() != "127.0.0.1:20000" {
		t.Errorf("the first address is %v", at)
	}
}
