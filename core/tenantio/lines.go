package tenantio

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var errTooLong = errors.New("line too long")

// lineReader splits a stream into lines, each with its line break. What a caller
// has looked at remains until it is taken, so that a CSV record may reach over
// several lines and be given up after all.
type lineReader struct {
	r    *bufio.Reader
	line int // the number of the next line, from 1
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{bufio.NewReaderSize(r, MaxLineBytes+1), 1}
}

// peek returns what is next, up to the end of the line that begins after from
// bytes, without a byte order mark. It fails with errTooLong if that is more than
// MaxLineBytes, with io.EOF if there is no such line, or as the stream fails.
func (l *lineReader) peek(from int) ([]byte, error) {
	for scanned := from; ; {
		text, err := l.r.Peek(max(scanned+1, l.r.Buffered()))
		i := bytes.IndexByte(text[scanned:], '\n')
		if i >= 0 {
			text = text[:scanned+i+1]
		}
		switch {
		case len(text) > MaxLineBytes:
			return nil, errTooLong
		case i >= 0 || err == io.EOF && len(text) > from:
			if rest, marked := bytes.CutPrefix(text, []byte("\ufeff")); marked && from == 0 && l.line == 1 {
				l.take(len(text) - len(rest))
				text = rest
			}
			return text, nil
		case err != nil:
			return nil, err
		}
		scanned = len(text)
	}
}

// take removes the first n bytes, which are whole lines that peek has returned.
// They are valid until the next peek.
func (l *lineReader) take(n int) {
	taken, _ := l.r.Peek(n)
	l.line += bytes.Count(taken, []byte{'\n'})
	_, _ = l.r.Discard(n)
}

// skip removes the first line, however long.
func (l *lineReader) skip() error {
	l.line++
	for {
		if _, err := l.r.ReadSlice('\n'); err == io.EOF {
			return nil
		} else if !errors.Is(err, bufio.ErrBufferFull) {
			return err
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
