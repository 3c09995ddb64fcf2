package memberlist

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// LabelMaxSize is the largest number of bytes that a label may have.
const LabelMaxSize = 255

// labelType is the byte that announces a label header; the label's length and the label itself follow.
const labelType = 244

var (
	errLabelCut   = errors.New("label header: cut short")
	errLabelEmpty = errors.New("label header: the label is empty")
)

// AddLabelHeaderToPacket returns the packet with a label header in front of it, in memory of its own;
// with an empty label it returns buf itself. A label over LabelMaxSize bytes is an error.
// It is meant for transports that wrap packets; a Memberlist adds the header by itself.
func AddLabelHeaderToPacket(buf []byte, label string) ([]byte, error) {
	header, err := labelHeader(label, len(buf))
	if err != nil || header == nil {
		return buf, err
	}
	return append(header, buf...), nil
}

// AddLabelHeaderToStream writes a label header to the connection, which must be the first thing on it;
// with an empty label it writes nothing. A label over LabelMaxSize bytes is an error.
func AddLabelHeaderToStream(conn net.Conn, label string) error {
	header, err := labelHeader(label, 0)
	if err != nil || header == nil {
		return err
	}
	if _, err := conn.Write(header); err != nil {
		return fmt.Errorf("write label header: %w", err)
	}
	return nil
}

// RemoveLabelHeaderFromPacket splits the label header off a packet. Without one it returns the packet and
// an empty label. newBuf is a part of buf. A header that is cut short or has no label is an error.
func RemoveLabelHeaderFromPacket(buf []byte) (newBuf []byte, label string, err error) {
	if len(buf) == 0 || buf[0] != labelType {
		return buf, "", nil
	}
	if len(buf) < 2 {
		return nil, "", errLabelCut
	}
	end := 2 + int(buf[1])
	switch {
	case end == 2:
		return nil, "", errLabelEmpty
	case len(buf) < end:
		return nil, "", errLabelCut
	default:
		return buf[end:], string(buf[2:end]), nil
	}
}

// RemoveLabelHeaderFromStream reads the label header off a connection. Without one the label is empty and
// the returned connection still yields every byte; a connection that ends before its first byte has no label.
// On an error the returned connection is conn itself, which the caller closes.
// It waits for the first byte as long as the connection's read deadline allows.
func RemoveLabelHeaderFromStream(conn net.Conn) (net.Conn, string, error) {
	var head [2 + LabelMaxSize]byte
	if _, err := io.ReadFull(conn, head[:1]); err != nil {
		if errors.Is(err, io.EOF) {
			return conn, "", nil
		}
		return conn, "", fmt.Errorf("read label header: %w", err)
	}
	if head[0] != labelType {
		return &peekedConn{Conn: conn, first: head[0], pending: true}, "", nil
	}
	if _, err := io.ReadFull(conn, head[1:2]); err != nil {
		return conn, "", cutShort(err)
	}
	label := head[2 : 2+int(head[1])]
	if len(label) == 0 {
		return conn, "", errLabelEmpty
	}
	if _, err := io.ReadFull(conn, label); err != nil {
		return conn, "", cutShort(err)
	}
	return conn, string(label), nil
}

// labelHeader returns the header with room for that many bytes behind it, or nil for an empty label.
func labelHeader(label string, room int) ([]byte, error) {
	if err := checkLabel(label); err != nil || label == "" {
		return nil, err
	}
	header := make([]byte, 0, 2+len(label)+room)
	header = append(header, labelType, byte(len(label)))
	return append(header, label...), nil
}

// checkLabel refuses a label that no header can carry.
func checkLabel(label string) error {
	if len(label) > LabelMaxSize {
		return fmt.Errorf("label of %d bytes exceeds %d", len(label), LabelMaxSize)
	}
	return nil
}

// cutShort tells a stream that ended inside the header from one that could not be read.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errLabelCut
	}
	return fmt.Errorf("read label header: %w", err)
}

// peekedConn gives back the one byte that was read to see whether a label header follows.
// Reading no further than that keeps every other byte, and every deadline, the connection's own business.
type peekedConn struct {
	net.Conn
	first   byte
	pending bool
}

// Read returns the byte that was peeked at, then whatever the connection has.
func (c *peekedConn) Read(p []byte) (int, error) {
	if !c.pending || len(p) == 0 {
		return c.Conn.Read(p)
	}
	p[0], c.pending = c.first, false
	return 1, nil
}
