package memberlist

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// LogAddress returns an address as log lines show it: "from=10.0.0.7:7946". nil is an unknown address.
func LogAddress(addr net.Addr) string {
	if addr == nil {
		return LogStringAddress("")
	}
	return LogStringAddress(addr.String())
}

// LogConn returns the other side of a connection as log lines show it; see LogAddress.
func LogConn(conn net.Conn) string {
	if conn == nil {
		return LogStringAddress("")
	}
	return LogAddress(conn.RemoteAddr())
}

// LogStringAddress returns an address as log lines show it; see LogAddress. An empty one is unknown.
func LogStringAddress(addr string) string {
	if addr == "" {
		addr = "<unknown address>"
	}
	return "from=" + addr
}

// newLogger returns the one logger of a node: Slog if it is set, else one that writes lines to Logger or
// LogOutput, by default os.Stderr. Nobody who logs waits for the writer: see logQueue.
func newLogger(conf *Config) *slog.Logger {
	out := conf.Logger
	switch {
	case conf.Slog != nil:
		return slog.New(queued(conf.Slog.Handler()))
	case out == nil && conf.LogOutput == nil:
		out = log.New(os.Stderr, "", log.LstdFlags)
	case out == nil:
		out = log.New(conf.LogOutput, "", log.LstdFlags)
	}
	return slog.New(queued(&lineHandler{out: out, mute: out.Writer() == io.Discard}))
}

// lineHandler writes records as the lines that programs know to filter: "[WARN] memberlist: text key=value".
// It takes every level, as programs that filter lines expect, unless nobody can see any.
type lineHandler struct {
	out   *log.Logger
	mute  bool   // nobody sees any line
	group string // prefix of the keys to come: the open groups, each with a dot behind it
	fixed string // what WithAttrs gave, as text
}

// Enabled says whether anybody can see the line. The writer was asked once: to ask it again would wait for a
// line that is being written.
func (h *lineHandler) Enabled(context.Context, slog.Level) bool { return !h.mute }

// Handle writes one line.
func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	line := make([]byte, 0, 160)
	line = append(line, levelTag(r.Level)...)
	line = append(line, " memberlist: "...)
	line = append(line, r.Message...)
	line = append(line, h.fixed...)
	r.Attrs(func(a slog.Attr) bool {
		line = appendAttr(line, h.group, a)
		return true
	})
	return h.out.Output(1, string(line))
}

// WithAttrs returns a handler that adds these to each line.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	var b []byte
	for _, a := range attrs {
		b = appendAttr(b, h.group, a)
	}
	more.fixed += string(b)
	return &more
}

// WithGroup returns a handler that puts the name in front of the keys to come.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	more := *h
	more.group += name + "."
	return &more
}

// levelTag spells a level as programs that filter lines expect it.
func levelTag(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "[DEBUG]"
	case l < slog.LevelWarn:
		return "[INFO]"
	case l < slog.LevelError:
		return "[WARN]"
	default:
		return "[ERR]"
	}
}

// appendAttr adds " key=value" to the line; a group adds one for each of its members.
func appendAttr(line []byte, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range v.Group() {
			line = appendAttr(line, group, member)
		}
		return line
	}
	if a.Equal(slog.Attr{}) {
		return line
	}
	line = append(line, ' ')
	line = append(line, group...)
	line = append(line, a.Key...)
	line = append(line, '=')
	return appendValue(line, v)
}

// appendValue adds a value as text. Names come from strangers, so what could pass for more than one value,
// or for another line, is quoted.
func appendValue(line []byte, v slog.Value) []byte {
	text := v.String()
	if v.Kind() == slog.KindTime {
		text = v.Time().Format(time.RFC3339Nano)
	}
	if text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, mustQuote) {
		return strconv.AppendQuote(line, text)
	}
	return append(line, text...)
}

// mustQuote says whether a character would blur where a value ends.
func mustQuote(r rune) bool {
	return r == '"' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// printLogger returns a *log.Logger for parts that are given one by contract, such as a NetTransport. What
// it is told as lines of the lineHandler's form becomes records of the node's logger again.
func printLogger(l *slog.Logger) *log.Logger {
	if q, ok := l.Handler().(*queuedHandler); ok {
		if h, ok := q.Handler.(*lineHandler); ok {
			return h.out
		}
	}
	return log.New(&lineReader{l}, "", 0)
}

// lineReader is the writer that takes lines apart again.
type lineReader struct {
	log *slog.Logger
}

// Write turns one line into one record: the level from its tag, the text without tag and prefix.
func (r *lineReader) Write(line []byte) (int, error) {
	text, level := bytes.TrimSpace(line), slog.LevelInfo
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if rest, ok := bytes.CutPrefix(text, []byte(levelTag(l)+" ")); ok {
			text, level = rest, l
			break
		}
	}
	text = bytes.TrimPrefix(text, []byte("memberlist: "))
	r.log.LogAttrs(context.Background(), level, string(text))
	return len(line), nil
}
