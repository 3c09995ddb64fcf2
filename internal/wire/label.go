package wire

// MaxLabel is how long a label may be: its length is one byte on the wire.
const MaxLabel = 255

// labelOverhead is what a label adds to a packet besides itself.
const labelOverhead = 2

var (
	errLabelLong  = &Error{Layer: LayerLabel, Reason: "label over 255 bytes"}
	errLabelEmpty = &Error{Layer: LayerLabel, Reason: "header of an empty label"}
	errLabelCut   = &Error{Layer: LayerLabel, Reason: "header cut short"}
	errLabelOther = &Error{Layer: LayerLabel, Reason: "not our label"}
)

// AppendLabel appends the header that marks a packet, or the start of a stream, with label.
// The empty label has no header. It is an error if label is longer than MaxLabel.
func AppendLabel(dst []byte, label string) ([]byte, error) {
	switch n := len(label); {
	case n == 0:
		return dst, nil
	case n > MaxLabel:
		return dst, errLabelLong
	default:
		dst = append(dst, byte(TypeLabel), byte(n))
		return append(dst, label...), nil
	}
}

// StripLabel splits a packet into its label and the rest, which both alias it.
// The label is nil if there is no header.
func StripLabel(packet []byte) (label, rest []byte, err error) {
	if len(packet) == 0 || Type(packet[0]) != TypeLabel {
		return nil, packet, nil
	}
	if len(packet) < labelOverhead {
		return nil, nil, errLabelCut
	}
	n := int(packet[1])
	if n == 0 {
		return nil, nil, errLabelEmpty
	}
	end := labelOverhead + n
	if len(packet) < end {
		return nil, nil, errLabelCut
	}
	return packet[labelOverhead:end:end], packet[end:], nil
}
