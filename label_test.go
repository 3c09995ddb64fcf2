package memberlist

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// scriptedConn is a connection whose other side sends these bytes and then ends.
type scriptedConn struct {
	net.Conn
	in      io.Reader
	out     bytes.Buffer
	failure error // of Write
}

func (c *scriptedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *scriptedConn) Write(p []byte) (int, error) {
	if c.failure != nil {
		return 0, c.failure
	}
	return c.out.Write(p)
}

func (c *scriptedConn) Close() error { return nil }

func sends(b []byte) *scriptedConn { return &scriptedConn{in: bytes.NewReader(b)} }

func TestALabelHeaderComesOffAsItWasPutOn(t *testing.T) {
	for _, label := range []string{"", "b", "blue", strings.Repeat("L", LabelMaxSize)} {
		packet, err := AddLabelHeaderToPacket([]byte("\x08hello"), label)
		if err != nil {
			t.Fatal(err)
		}
		rest, got, err := RemoveLabelHeaderFromPacket(packet)
		if err != nil || got != label || string(rest) != "\x08hello" {
			t.Errorf("packet: got label %q, rest %q, error %v; want label %q", got, rest, err, label)
		}

		conn := sends(nil)
		if err := AddLabelHeaderToStream(conn, label); err != nil {
			t.Fatal(err)
		}
		conn.out.WriteString("\x08hello")
		plain, got, err := RemoveLabelHeaderFromStream(sends(conn.out.Bytes()))
		if err != nil || got != label {
			t.Fatalf("stream: got label %q, error %v; want %q", got, err, label)
		}
		if rest, _ := io.ReadAll(plain); string(rest) != "\x08hello" {
			t.Errorf("stream: got rest %q", rest)
		}
	}
}

func TestALabelThatIsTooLongIsRefused(t *testing.T) {
	label := strings.Repeat("L", LabelMaxSize+1)
	if _, err := AddLabelHeaderToPacket(nil, label); err == nil {
		t.Error("packet: no error")
	}
	conn := sends(nil)
	if err := AddLabelHeaderToStream(conn, label); err == nil || conn.out.Len() > 0 {
		t.Errorf("stream: got error %v after %d bytes", err, conn.out.Len())
	}
}

func TestABrokenLabelHeaderOnAPacketIsAnError(t *testing.T) {
	for name, packet := range map[string]string{
		"only the type byte": "\xf4",
		"no label":           "\xf4\x00\x08hello",
		"less than declared": "\xf4\xc8blue",
	} {
		if rest, label, err := RemoveLabelHeaderFromPacket([]byte(packet)); err == nil || rest != nil || label != "" {
			t.Errorf("%s: got rest %q, label %q, error %v", name, rest, label, err)
		}
	}
	if rest, label, err := RemoveLabelHeaderFromPacket(nil); err != nil || len(rest) != 0 || label != "" {
		t.Errorf("empty packet: got rest %q, label %q, error %v", rest, label, err)
	}
}

func TestABrokenLabelHeaderOnAStreamIsAnErrorWithAConnectionToClose(t *testing.T) {
	for name, stream := range map[string]string{
		"only the type byte": "\xf4",
		"no label":           "\xf4\x00\x08hello",
		"less than declared": "\xf4\x04bl",
	} {
		in := sends([]byte(stream))
		conn, label, err := RemoveLabelHeaderFromStream(in)
		if err == nil || label != "" || conn != net.Conn(in) {
			t.Errorf("%s: got conn %v, label %q, error %v", name, conn, label, err)
		}
	}
	conn, label, err := RemoveLabelHeaderFromStream(sends(nil))
	if err != nil || label != "" || conn == nil {
		t.Errorf("a stream that ends at once: got conn %v, label %q, error %v", conn, label, err)
	}
}

func TestALabelHeaderThatDoesNotComeInTimeIsATimeout(t *testing.T) {
	for _, sent := range []string{"", "\xf4", "\xf4\x04bl"} {
		here, there := net.Pipe()
		go func() { _, _ = there.Write([]byte(sent)) }()
		if err := here.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := RemoveLabelHeaderFromStream(here); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %q: got %v", sent, err)
		}
		here.Close()
		there.Close()
	}
}

func TestALabelHeaderThatCannotBeWrittenIsAnError(t *testing.T) {
	conn := sends(nil)
	conn.failure = io.ErrClosedPipe
	if err := AddLabelHeaderToStream(conn, "blue"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

// Every packet and stream that the reference was recorded to send with a label keeps its bytes.
func TestLabelsAreReadAsInTheRecordedVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors/label.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Source, Hex string
		Config            struct{ Label string }
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, v := range vectors {
		if v.Source != "captured" || !strings.HasPrefix(v.Hex, "f4") {
			continue
		}
		seen++
		sent, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		rest, label, err := RemoveLabelHeaderFromPacket(sent)
		if err != nil || label != v.Config.Label {
			t.Fatalf("%s: got label %q, error %v", v.Name, label, err)
		}
		if again, err := AddLabelHeaderToPacket(rest, label); err != nil || !bytes.Equal(again, sent) {
			t.Errorf("%s: got %x, error %v", v.Name, again, err)
		}
	}
	if seen < 6 {
		t.Errorf("only %d vectors bear a label", seen)
	}
}
