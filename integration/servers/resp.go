//go:build unix

package servers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Do sends one command on a connection of its own and returns the answer as it
// comes, of RESP 2: "+OK", "-ERR …", ":1", or the text of a bulk string. It
// cannot read arrays.
func (v *Valkey) Do(ctx context.Context, words ...string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", v.Addr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(startPatience)
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(conn, request.String()); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if !strings.HasPrefix(line, "$") {
		return line, nil
	}
	size, err := strconv.Atoi(line[1:])
	if err != nil || size < 0 {
		return "", err
	}
	text := make([]byte, size)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

// must is Do for a command that is to succeed.
func (v *Valkey) must(ctx context.Context, words ...string) (string, error) {
	answer, err := v.Do(ctx, words...)
	if err == nil && strings.HasPrefix(answer, "-") {
		err = fmt.Errorf("%s %s: %s", v.Addr(), words[0], answer)
	}
	return answer, err
}

// wait asks until the answer satisfies enough.
func (v *Valkey) wait(ctx context.Context, enough func(answer string) bool, words ...string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		answer, err := v.Do(ctx, words...)
		if err == nil && enough(answer) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w; the last answer was %q, %w", v.Addr(), strings.Join(words, " "), ctx.Err(), answer, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
