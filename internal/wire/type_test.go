package wire

import (
	"errors"
	"testing"
)

func TestVersionsAreSixBytes(t *testing.T) {
	v := Versions{PMin: 1, PMax: 5, PCur: 2, DMin: 3, DMax: 9, DCur: 4}
	b := v.Append([]byte("x"))
	if string(b) != "x\x01\x05\x02\x03\x09\x04" {
		t.Fatalf("%x", b)
	}
	for _, c := range []struct {
		name string
		vsn  []byte
		want Versions
		ok   bool
	}{
		{"six bytes", b[1:], v, true},
		{"more than six", append(b[1:], 7), v, true},
		{"five bytes", b[1:6], Versions{}, false},
		{"none", nil, Versions{}, false},
	} {
		if got, ok := ParseVersions(c.vsn); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %t", c.name, got, ok)
		}
	}
}

func TestTypesAndLayersHaveNames(t *testing.T) {
	for want, got := range map[string]interface{ String() string }{
		"ping": TypePing, "push/pull": TypePushPull, "error": TypeError, "label": TypeLabel,
		"type 14": Type(14), "type 255": Type(255),
		"seal": LayerSeal, "policy": LayerPolicy, "unknown": Layer(0),
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if s := Layer(200).String(); s != "unknown" {
		t.Errorf("a layer that does not exist is called %q", s)
	}
}

func TestAnErrorNamesLayerReasonAndCause(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err    *Error
		text   string
		answer bool
	}{
		{&Error{Layer: LayerSeal, Reason: "no installed key fits"}, "seal: no installed key fits", true},
		{&Error{Layer: LayerMessage, Reason: "malformed", Err: cause}, "message: malformed: cause", false},
		{&Error{Layer: LayerSeal, Reason: "truncated", Err: ErrShort}, "seal: truncated: " + ErrShort.Error(), false},
		{&Error{Layer: LayerPolicy, Reason: "plain text"}, "policy: plain text", true},
		{&Error{Layer: LayerStream, Reason: "too many rows"}, "stream: too many rows", false},
	} {
		if c.err.Error() != c.text || c.err.Answer() != c.answer || errors.Unwrap(c.err) != c.err.Err {
			t.Errorf("%q, answered: %t", c.err, c.err.Answer())
		}
	}
}
