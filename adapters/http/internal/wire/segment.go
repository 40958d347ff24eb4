package wire

import (
	"encoding/base64"
	"strings"
)

// plain are the characters that no proxy writes in another way, or takes for a path.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// Segment returns an ID as one segment of a path: as it is, or where a proxy might take it
// for something else, such as a/../b, a tilde and its base64.
func Segment(id string) string {
	if strings.Trim(id, plain) == "" && strings.Trim(id, ".") != "" {
		return id
	}
	return "~" + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// ParseSegment undoes Segment. A segment without a tilde is an ID as it is.
func ParseSegment(segment string) (id string, ok bool) {
	encoded, found := strings.CutPrefix(segment, "~")
	if !found {
		return segment, true
	}
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	return string(b), err == nil
}
