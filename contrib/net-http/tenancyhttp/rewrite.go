package tenancyhttp

import (
	"net/url"
	"strings"
)

// strips reports whether prefix is what u's path begins with, as whole segments
// and in both of its forms.
func strips(u *url.URL, prefix string) bool {
	return beginsWith(u.Path, prefix) && (u.RawPath == "" || beginsWith(u.RawPath, prefix))
}

func beginsWith(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// stripped returns u without the prefix that strips has seen.
func stripped(u *url.URL, prefix string) *url.URL {
	short := *u
	short.Path = rooted(u.Path[len(prefix):])
	if u.RawPath != "" {
		short.RawPath = rooted(u.RawPath[len(prefix):])
	}
	return &short
}

func rooted(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
