package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// KeySize is the length of a key in bytes (AES-256).
const KeySize = 32

const maxKeyID = 64

// Key is one key of a keyring. It prints as its ID.
type Key struct {
	id string
	// Given a verb that does not fit, fmt follows pointers to structs, in fields
	// that are not exported too, and so would print the expanded key. A pointer to
	// an interface is an address to it.
	aead *cipher.AEAD
}

// NewKey returns the key with this ID, 1 to 64 of a-z, A-Z, 0-9, '-', '_' and
// '.', and these KeySize bytes, which should be random: see [GenerateKey].
func NewKey(id string, secret []byte) (Key, error) {
	if !validKeyID(id) {
		return Key{}, fmt.Errorf("seal: a key ID must be 1 to %d letters, digits, '-', '_' or '.'", maxKeyID)
	}
	if len(secret) != KeySize {
		return Key{}, fmt.Errorf("seal: key %s has %d bytes, want %d", id, len(secret), KeySize)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return Key{}, fmt.Errorf("seal: key %s: %w", id, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, fmt.Errorf("seal: key %s: %w", id, err)
	}
	return Key{id, &aead}, nil
}

// ParseKey is NewKey for a secret in standard base64, as [GenerateKey] prints
// it and as it comes from an environment variable or a secret store.
func ParseKey(id, secret string) (Key, error) {
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return Key{}, fmt.Errorf("seal: key %s is not standard base64", quoteID(id))
	}
	return NewKey(id, raw)
}

// GenerateKey returns the base64 text of a new random key.
func GenerateKey() string {
	var secret [KeySize]byte
	_, _ = rand.Read(secret[:]) // never fails: see crypto/rand
	return base64.StdEncoding.EncodeToString(secret[:])
}

// ID returns the key's ID.
func (k Key) ID() string { return k.id }

// Format implements fmt.Formatter with the ID alone.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.id)) }

func validKeyID(id string) bool {
	if len(id) < 1 || len(id) > maxKeyID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// quoteID keeps a text that is no key ID, perhaps a secret in the wrong place,
// out of errors.
func quoteID(id string) string {
	if !validKeyID(id) {
		return "(invalid ID)"
	}
	return id
}
