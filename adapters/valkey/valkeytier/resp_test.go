package valkeytier_test

import (
	"bufio"
	"fmt"
	"io"
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
