package main

import "fmt"

// cluster is all nodes that were ever started; node1 is the first.
type cluster struct {
	nodes []*node
}

// obey carries out a command and returns the node that it concerned, if it came to that.
func (c *cluster) obey(order command) (*node, error) {
	if order.verb == "add" {
		return c.add()
	}
	n, err := c.choose(order)
	if err != nil {
		return nil, err
	}
	switch order.verb {
	case "kill":
		return n, n.kill()
	case "pause":
		return n, n.pause()
	case "continue":
		return n, n.goOn()
	case "leave":
		return n, n.leave()
	default:
		return n, n.start(c.addresses(n))
	}
}

// add starts a node more. If it runs but could not join, there is both a node and an error.
func (c *cluster) add() (*node, error) {
	n := &node{name: fmt.Sprintf("node%d", len(c.nodes)+1)}
	err := n.start(c.addresses(n))
	if n.list == nil {
		return nil, err
	}
	c.nodes = append(c.nodes, n)
	return n, err
}

// choose finds the node of a command: the one that is named, or the last that it can be done to.
func (c *cluster) choose(order command) (*node, error) {
	if order.number > len(c.nodes) {
		return nil, fmt.Errorf("%s: there is no node%d", order.verb, order.number)
	}
	for i := len(c.nodes) - 1; i >= 0; i-- {
		n := c.nodes[i]
		if order.number != 0 && order.number != i+1 {
			continue
		}
		if fits(order.verb, n.status) {
			return n, nil
		}
		if order.number != 0 {
			return nil, fmt.Errorf("cannot %s %s: it is %s", order.verb, n.name, n.status)
		}
	}
	return nil, fmt.Errorf("%s: there is no node for that", order.verb)
}

// fits says whether something can be done to a node in that status.
func fits(verb string, s status) bool {
	switch verb {
	case "kill":
		return s == running || s == paused
	case "pause", "leave":
		return s == running
	case "continue":
		return s == paused
	default:
		return s == killed || s == left
	}
}

// addresses are those of all other nodes that run: what a node joins.
func (c *cluster) addresses(joining *node) (addrs []string) {
	for _, n := range c.nodes {
		if n != joining && n.status == running {
			addrs = append(addrs, n.address())
		}
	}
	return addrs
}

// view is what each node sees: view[i][name] is the state in which node i has the node of that name. It is empty
// for a name that node i does not know, or has forgotten, and view[i] is nil if node i does not run.
type view []map[string]string

// see asks every node whom it sees.
func (c *cluster) see() view {
	v := make(view, len(c.nodes))
	for i, n := range c.nodes {
		if n.list == nil {
			continue
		}
		v[i] = make(map[string]string)
		for _, gone := range n.list.Departed() {
			v[i][gone.Node.Name] = gone.Node.State.String()
		}
		for _, member := range n.list.Members() {
			v[i][member.Name] = member.State.String()
		}
	}
	return v
}

// close ends all nodes at once; nobody is left to be told.
func (c *cluster) close() {
	for _, n := range c.nodes {
		if n.list != nil {
			n.stop()
		}
	}
}
