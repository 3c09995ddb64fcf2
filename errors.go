package memberlist

import (
	"errors"
	"fmt"
	"os"
)

// The errors a caller may branch on, with errors.Is. They may come wrapped in what was being done to whom.
var (
	// ErrShutdown is returned by every call that cannot be served because Shutdown has been called.
	ErrShutdown = errors.New("memberlist is shut down")

	// ErrLeft is returned by UpdateNode, UpdateNodeContext and UpdateMeta after Leave:
	// a node that has left has nothing to announce until it joins again.
	ErrLeft = errors.New("this node has left the cluster")

	// ErrMessageTooLarge is returned by SendBestEffort, SendToAddress, SendTo and SendToUDP for a message that
	// does not fit into one packet of the transport, and by SendReliable and SendToTCP for one over 20 MiB.
	ErrMessageTooLarge = errors.New("message too large")

	// ErrMetaTooLarge is returned by Create, UpdateNode and UpdateMeta when the metadata exceeds MetaMaxSize,
	// or when name and metadata together cannot fit into one packet of Config.UDPBufferSize.
	ErrMetaTooLarge = errors.New("metadata too large")

	// ErrNameRequired is returned by Join, Ping and the sending methods for a target without a name
	// when Config.RequireNodeNames is set.
	ErrNameRequired = errors.New("a node name is required")
)

// JoinError says that one of the addresses given to Join could not be joined.
// Join joins several of them with errors.Join when it reached no address at all.
type JoinError struct {
	Addr string // as it was resolved, or as it was given to Join when it could not be
	Err  error
}

// Error names the address and the cause.
func (e *JoinError) Error() string { return fmt.Sprintf("join %s: %v", e.Addr, e.Err) }

// Unwrap returns the cause.
func (e *JoinError) Unwrap() error { return e.Err }

// RemoteError is what the other side of a conversation answered instead of serving it: its delegates refused
// us, it is too busy, or our keys differ. Join wraps it in a *JoinError.
type RemoteError struct {
	Text string // in the other side's words, which are not to be trusted
}

// Error quotes the other side.
func (e *RemoteError) Error() string { return "remote error: " + e.Text }

// VersionError says which member keeps a state exchange from going on: what it speaks is outside what all
// living members understand, or what it says of its versions makes no sense. Join wraps it in a *JoinError.
type VersionError struct {
	Name     string // the member
	Delegate bool   // it is the version of the application's delegates, not that of the protocol
	Version  uint8  // what the member speaks
	Min, Max uint8  // what all living members understand
	Err      error  // why the member's versions make no sense; then only Name is set besides. Else nil.
}

// Error names the member, and what it speaks and should speak or why its versions make no sense.
func (e *VersionError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("versions of node %q: %v", e.Name, e.Err)
	}
	what := "protocol"
	if e.Delegate {
		what = "delegate protocol"
	}
	return fmt.Sprintf("node %q speaks %s version %d, outside of %d to %d that all understand",
		e.Name, what, e.Version, e.Min, e.Max)
}

// Unwrap returns why the member's versions make no sense, or nil.
func (e *VersionError) Unwrap() error { return e.Err }

// VetoError says that a delegate of our own refused. UpdateNode returns it when the Alive delegate refuses
// ourselves; Join wraps it in a *JoinError when the Merge delegate refuses the other side's members.
type VetoError struct {
	Delegate string // "alive" or "merge"
	Err      error  // what the delegate returned
}

// Error names the delegate and repeats its reason.
func (e *VetoError) Error() string {
	return fmt.Sprintf("refused by the %s delegate: %v", e.Delegate, e.Err)
}

// Unwrap returns what the delegate returned.
func (e *VetoError) Unwrap() error { return e.Err }

// NoPingResponseError is returned by Ping and PingContext when no ack came within Config.ProbeTimeout.
// It is a timeout: Timeout returns true, and errors.Is finds os.ErrDeadlineExceeded in it.
type NoPingResponseError struct {
	node string
}

// Error names the node that kept silent.
func (f NoPingResponseError) Error() string { return "No response from node " + f.node }

// Timeout returns true: waiting longer might have helped.
func (f NoPingResponseError) Timeout() bool { return true }

// Is makes errors.Is(err, os.ErrDeadlineExceeded) true.
func (f NoPingResponseError) Is(target error) bool { return target == os.ErrDeadlineExceeded }
