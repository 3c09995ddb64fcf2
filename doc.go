// Package memberlist keeps a list of the members of a cluster that is the same everywhere, finds out when
// one of them fails, and carries messages between them, without any central part. It speaks the protocol
// SWIM with the extensions known as Lifeguard: members probe each other, suspect before they declare dead, and
// pass news on by gossip.
//
// A node is made by Create and finds the others by Join:
//
//	conf := memberlist.DefaultLANConfig()
//	conf.Name = "a"
//	list, err := memberlist.Create(conf)
//	if err != nil {
//		return err
//	}
//	if _, err := list.Join([]string{"10.0.0.7"}); err != nil {
//		return err
//	}
//	for _, n := range list.Members() {
//		fmt.Println(n.Name, n.Address())
//	}
//
// An application takes part through the delegates that it puts into its Config: Delegate for metadata,
// messages and state, EventDelegate to hear who comes and goes, and others that decide who may be a member.
// None of them is ever called while a lock is held.
//
// API and wire are those of github.com/hashicorp/memberlist: nodes of both form one cluster, and a program
// moves over by changing the import path.
package memberlist
