package tenantio

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

const readSize = 64 << 10

var errTooLong = errors.New("line too long")

// lineReader splits a stream into lines, each with its line break. What a caller
// has looked at remains until it is taken, so that a CSV record may reach over
// several lines and be given up after all.
type lineReader struct {
	r    io.Reader
	buf  []byte // read, not taken yet
	err  error  // from r
	line int    // the number of the line at the start of buf, from 1
}

// newLineReader skips a byte order mark.
func newLineReader(r io.Reader) *lineReader {
	l := &lineReader{r: r, line: 1}
	for len(l.buf) < 3 && l.fill() {
	}
	l.buf = bytes.TrimPrefix(l.buf, []byte("\ufeff"))
	return l
}

// fill reads more, and reports whether there may be more after that.
func (l *lineReader) fill() bool {
	if l.err != nil {
		return false
	}
	l.buf = slices.Grow(l.buf, readSize)
	var n int
	n, l.err = l.r.Read(l.buf[len(l.buf) : len(l.buf)+readSize])
	l.buf = l.buf[:len(l.buf)+n]
	return true
}

// end returns where the line that begins at buf[from] ends. It fails with
// errTooLong if that is more than MaxLineBytes after the start of buf, with
// io.EOF if there is no such line, or as the stream fails.
func (l *lineReader) end(from int) (int, error) {
	for scanned := from; ; {
		if i := bytes.IndexByte(l.buf[scanned:min(len(l.buf), MaxLineBytes)], '\n'); i >= 0 {
			return scanned + i + 1, nil
		}
		if len(l.buf) > MaxLineBytes {
			return 0, errTooLong
		}
		scanned = len(l.buf)
		if l.fill() {
			continue
		}
		if l.err != io.EOF {
			return 0, l.err
		}
		if from == len(l.buf) {
			return 0, io.EOF
		}
		return len(l.buf), nil
	}
}

// take removes the first n bytes, which are whole lines, and returns them. They
// are valid until the next call.
func (l *lineReader) take(n int) []byte {
	taken := l.buf[:n:n]
	l.line += bytes.Count(taken, []byte{'\n'})
	l.buf = l.buf[n:]
	return taken
}

// skip removes the first line, however long.
func (l *lineReader) skip() error {
	for {
		if i := bytes.IndexByte(l.buf, '\n'); i >= 0 {
			l.take(i + 1)
			return nil
		}
		l.buf = l.buf[:0]
		if !l.fill() {
			if l.err == io.EOF {
				return nil
			}
			return l.err
		}
	}
}

// trimBreak returns line without the break at its end.
func trimBreak(line []byte) []byte {
	line, found := bytes.CutSuffix(line, []byte{'\n'})
	if found {
		line = bytes.TrimSuffix(line, []byte{'\r'})
	}
	return line
}
