package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
)

// tokens are the bearer tokens of a file. The file has their SHA-256 only: they are random, so
// that no slower hash is needed.
type tokens struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	looked time.Time
	info   os.FileInfo // of the file as it was read
	access map[[sha256.Size]byte]tenantserver.Access
}

// tokenPause is how often the file is looked at.
const tokenPause = time.Second

func openTokens(path string, log *slog.Logger) (*tokens, error) {
	t := &tokens{path: path, log: log}
	if err := t.read(); err != nil {
		return nil, err
	}
	return t, nil
}

var errToken = errors.New("no valid token")

// authorize is a tenantserver.Authorizer.
func (t *tokens) authorize(r *http.Request) (tenantserver.Access, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return tenantserver.Access{}, errToken
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh()
	access, ok := t.access[sha256.Sum256([]byte(token))]
	if !ok {
		return tenantserver.Access{}, errToken
	}
	return access, nil
}

// refresh reads the file again if it has changed. One that cannot be read leaves what there was.
func (t *tokens) refresh() {
	if time.Since(t.looked) < tokenPause {
		return
	}
	t.looked = time.Now()
	info, err := os.Stat(t.path)
	if err == nil && os.SameFile(info, t.info) && info.ModTime().Equal(t.info.ModTime()) && info.Size() == t.info.Size() {
		return
	}
	if err == nil {
		err = t.read()
	}
	if err != nil {
		t.log.Error("the tokens cannot be read; those from before go on", "error", err)
		return
	}
	t.log.Info("tokens read", "tokens", len(t.access))
}

func (t *tokens) read() error {
	info, err := os.Stat(t.path) // before it is read: what changes meanwhile is read again
	if err != nil {
		return err
	}
	data, err := os.ReadFile(t.path)
	if err != nil {
		return err
	}
	access := map[[sha256.Size]byte]tenantserver.Access{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		hash, one, err := parseToken(words)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", t.path, n, err)
		}
		access[hash] = one
	}
	t.info, t.access = info, access
	return nil
}

func parseToken(words []string) (hash [sha256.Size]byte, access tenantserver.Access, err error) {
	if len(words) != 3 {
		return hash, access, errors.New("must be name, scopes and SHA-256")
	}
	access.Actor = words[0]
	for scope := range strings.SplitSeq(words[1], ",") {
		switch scope {
		case "read":
			access.Read = true
		case "write":
			access.Write = true
		case "secrets":
			access.Secrets = true
		default:
			return hash, access, errors.New("the scopes are read, write and secrets")
		}
	}
	sum, err := hex.DecodeString(words[2])
	if err != nil || len(sum) != len(hash) {
		return hash, access, errors.New("the third word must be the SHA-256 of the token, 64 hexadecimal digits")
	}
	return [sha256.Size]byte(sum), access, nil
}

// certified lets clients do everything whose certificate was verified in the handshake.
func certified(r *http.Request) (tenantserver.Access, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return tenantserver.Access{}, errors.New("no verified certificate")
	}
	return tenantserver.Access{Read: true, Write: true, Secrets: true, Actor: r.TLS.PeerCertificates[0].Subject.CommonName}, nil
}
