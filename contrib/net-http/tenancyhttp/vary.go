package tenancyhttp

import (
	"net/http"
	"net/textproto"
	"strings"
)

func addVary(header http.Header, name string) {
	for _, line := range header["Vary"] {
		for v := range strings.SplitSeq(line, ",") {
			if v = textproto.TrimString(v); v == "*" || strings.EqualFold(v, name) {
				return
			}
		}
	}
	header.Add("Vary", name)
}
