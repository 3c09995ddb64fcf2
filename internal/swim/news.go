package swim

import "time"

// NewsKind says what happened.
type NewsKind uint8

// The kinds of news, and which fields of News they fill besides Member.
const (
	Joined        NewsKind = iota // a member, or ourselves, became alive that was not
	Updated                       // its meta changed
	Departed                      // State of Member says dead or left; From: on whose word; Confirmations, Missing
	Suspected                     // a suspicion began; From: the accuser
	Confirmed                     // one more accuser was counted; From, Confirmations
	Recovered                     // a suspect is alive after all
	Refuted                       // we refuted; From: the accuser, "" for a false alive
	Conflict                      // Other claims the name of Member
	Pinged                        // a direct ack within ProbeTimeout; RTT, Payload
	ProbeDone                     // a probe has ended; OK, RTT: how long it took
	StreamOnly                    // a probe had an answer by stream only: datagrams are lost
	WrongName                     // a ping for another node came here; From: the name it wanted
	Ignored                       // a message was refused; Reason; From: the name it is about, if unknown
	HealthChanged                 // Health
)

// String returns the kind in lower case words.
func (k NewsKind) String() string {
	names := [...]string{"joined", "updated", "departed", "suspected", "confirmed", "recovered",
		"refuted", "conflict", "pinged", "probe done", "stream only", "wrong name", "ignored", "health changed"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// The reasons for which a claim is ignored and counted: short and few, fit for a metric's label.
const (
	ReasonAbsurd     = "absurd claim"
	ReasonTooFar     = "incarnation too far ahead"
	ReasonRelaysFull = "too many pings for others"
)

// News is something that happened, told once.
type News struct {
	Kind NewsKind
	// Member is the one concerned as it was at that moment; ourselves where it is about us;
	// without a name where the member is not known.
	Member        Member
	Other         *Identity // Conflict: the newcomer
	From          string
	Confirmations int
	Missing       int // of a suspicion of ours that ran out: confirmations it had to do without
	Health        int // our health score at that moment
	RTT           time.Duration
	Payload       []byte // memory of its own
	Reason        string
	Err           error // Ignored: the details, if there are any
	OK            bool
}

// nobody stands where a member is unknown, so that no reader meets a nil Identity.
var nobody = &Identity{}

// tell puts news into the output; what concerns no member concerns ourselves.
func (m *Machine) tell(n News) {
	if n.Member.Identity == nil {
		n.Member = m.clock.snapshot(m.self)
	}
	n.Health = m.health.score
	m.out.News = append(m.out.News, n)
}

// tellOf is tell about a member of the table.
func (m *Machine) tellOf(x *member, n News) {
	n.Member = m.clock.snapshot(x)
	m.tell(n)
}

// ignore tells that a message about the member of that name, known or not, was refused.
func (m *Machine) ignore(name, reason string, err error) {
	if x := m.table.find(name); x != nil {
		m.tellOf(x, News{Kind: Ignored, Reason: reason, Err: err})
		return
	}
	m.tell(News{Kind: Ignored, Reason: reason, Err: err, Member: Member{Identity: nobody}, From: shown(name)})
}
