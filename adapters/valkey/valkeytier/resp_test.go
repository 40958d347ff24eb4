package valkeytier_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// commandReader reads commands as clients send them.
type commandReader struct{ *bufio.Reader }

func newCommandReader(r io.Reader) commandReader { return commandReader{bufio.NewReader(r)} }

func (r commandReader) read() ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(r, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:size])
	}
	return words, nil
}

// replyReader reads answers as servers send them.
type replyReader struct{ *bufio.Reader }

// read returns the bytes of one answer.
func (r replyReader) read() ([]byte, error) {
	raw, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(raw[1:])))
	switch raw[0] {
	case '$', '=':
		if err == nil && n >= 0 {
			text := make([]byte, n+2)
			_, err = io.ReadFull(r, text)
			raw = append(raw, text...)
		}
		return raw, err
	case '%':
		n *= 2
	case '*', '~', '>':
	default:
		return raw, nil
	}
	for range n {
		part, err := r.read()
		if err != nil {
			return nil, err
		}
		raw = append(raw, part...)
	}
	return raw, nil
}
