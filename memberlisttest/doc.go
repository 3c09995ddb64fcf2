// Package memberlisttest helps to test programs that use memberlist, without sockets and without waiting.
//
// A Network connects nodes in memory. Tests change while it runs what its links do to what crosses them: delay,
// lose, repeat, refuse, break, cut (Link, SetAll); who can reach whom at all (Partition, Heal); and which nodes
// stand still (Pause, Resume). In a bubble of testing/synctest all of it takes virtual time only: minutes of a
// cluster's life pass in milliseconds.
//
//	func TestNotes(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			network := memberlisttest.NewNetwork(t)
//			conf := network.Config("a") // quick timers, a log that goes to t, a Transport of the network
//			conf.Delegate = newNotes()
//			a, err := memberlist.Create(conf)
//			…
//			network.Partition([]string{"a", "b"}, []string{"c"})
//			time.Sleep(10 * time.Second)
//			network.Heal()
//
// In a bubble, make the network inside of it, and shut every Memberlist down before it ends.
//
// TestTransport is for authors of a memberlist.Transport: it tests what memberlist expects of one.
package memberlisttest
