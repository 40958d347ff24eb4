package tenancyhttp

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// errUnclean is what every resolver that reads the path answers to one that is not
// clean.
var errUnclean = refuse("path", "is not clean")

// IsCleanPath reports whether routers, file servers, proxies and browsers all read
// the same segments in the path of u. Resolvers of your own that read the path
// refuse others, as [PathPrefix] and [PathValue] do. A path is not clean if
//
//   - a segment is empty, . or .., as it was sent (//, /../) or decoded (%2e%2e,
//     ..%2f, %2f%2f), where a backslash counts as a slash, and what follows a
//     semicolon does not count (/..;/)
//   - something in it is still percent-encoded after it was decoded (%252e)
//   - it has a control character, or bytes that are not UTF-8
//   - a letter, digit, hyphen, period or underscore is percent-encoded: no client
//     needs that, and not every router decodes it
//   - u.Path and u.RawPath are of two paths, because a handler has changed one of
//     them only
//
// A slash at the end is no empty segment, and one that is encoded may stand between
// two segments. Targets without a path are clean: *, host:port of CONNECT,
// http://host.
func IsCleanPath(u *url.URL) bool {
	if u.RawPath != "" {
		path, err := url.PathUnescape(u.RawPath)
		if err != nil || path != u.Path || encodes(u.RawPath, isPlain) {
			return false
		}
	}
	if u.Path == "" || u.Path == "*" {
		return true
	}
	rest, rooted := strings.CutPrefix(u.Path, "/")
	if !rooted || !utf8.ValidString(rest) || encodes(rest, isAny) || strings.ContainsFunc(rest, isControl) {
		return false
	}
	for rest != "" {
		segment := rest
		if i := strings.IndexAny(rest, `/\`); i >= 0 {
			segment, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		switch name, _, _ := strings.Cut(segment, ";"); name {
		case "", ".", "..":
			return false
		}
	}
	return true
}

// encodes reports whether path has a byte of this kind in percent-encoding.
func encodes(path string, kind func(byte) bool) bool {
	for i := range len(path) - 2 {
		if path[i] != '%' {
			continue
		}
		if b, err := url.PathUnescape(path[i : i+3]); err == nil && kind(b[0]) {
			return true
		}
	}
	return false
}

// isPlain is true of what RFC 3986 calls unreserved, but for ~, which old clients
// encode.
func isPlain(c byte) bool { return isLDH(c) || c == '.' || c == '_' }

func isAny(byte) bool { return true }

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
