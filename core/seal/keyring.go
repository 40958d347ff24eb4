package seal

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Keyring seals with its first key and opens with any of its keys. It is
// immutable.
//
// The sealed form is "sealed:1:" + key ID + ":" + unpadded base64url of nonce
// (96 random bits), ciphertext and tag (128 bits). Version, key ID and place are
// authenticated. NIST SP 800-38D allows 2³² texts for each key with random
// nonces; rotate long before that.
type Keyring struct {
	first Key
	keys  map[string]Key
}

var _ Sealer = (*Keyring)(nil)

const prefix = "sealed:1:"

// NewKeyring returns a keyring that seals with first.
func NewKeyring(first Key, others ...Key) (*Keyring, error) {
	r := &Keyring{first: first, keys: map[string]Key{}}
	for _, k := range append([]Key{first}, others...) {
		if k.aead == nil {
			return nil, errors.New("seal: a zero Key: make keys with NewKey or ParseKey")
		}
		if _, twice := r.keys[k.id]; twice {
			return nil, fmt.Errorf("seal: key ID %s is there twice", k.id)
		}
		r.keys[k.id] = k
	}
	return r, nil
}

// Seal implements [Sealer]. The result is a third longer than text, and 48
// bytes and the key ID on top.
func (r *Keyring) Seal(text string, place Place) (string, error) {
	box := (*r.first.aead).Seal(nil, nil, []byte(text), associated(r.first.id, place))
	return prefix + r.first.id + ":" + base64.RawURLEncoding.EncodeToString(box), nil
}

// Open implements [Sealer].
func (r *Keyring) Open(sealed string, place Place) (string, error) {
	id, box, ok := split(sealed)
	if !ok {
		return "", ErrNotSealed
	}
	k, ok := r.keys[id]
	if !ok {
		return "", fmt.Errorf("%w %s", ErrUnknownKey, quoteID(id))
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(box)
	if err != nil || strings.ContainsAny(box, "\r\n") { // which the decoder skips
		return "", ErrTampered
	}
	text, err := (*k.aead).Open(nil, nil, raw, associated(id, place))
	if err != nil {
		return "", ErrTampered
	}
	return string(text), nil
}

// Stale implements [Sealer]: text is stale if it is plain, or was sealed with
// another key than the first.
func (r *Keyring) Stale(sealed string) bool {
	id, _, ok := split(sealed)
	return !ok || id != r.first.id
}

// Sealed reports whether text has the sealed form.
func Sealed(text string) bool {
	_, _, ok := split(text)
	return ok
}

func split(sealed string) (id, box string, ok bool) {
	rest, ok := strings.CutPrefix(sealed, prefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ":")
}

// associated returns what GCM authenticates beside the text, each part behind
// its length, so that no two places give the same bytes.
func associated(keyID string, place Place) []byte {
	b := []byte(prefix)
	for _, part := range []string{keyID, place.TenantID, place.Field} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}
