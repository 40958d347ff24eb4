package main

import (
	"bytes"
	"encoding/json"
	"mime"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// isJSON reports whether a Content-Type is JSON in UTF-8.
func isJSON(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	charset, given := parameters["charset"]
	return err == nil && mediaType == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// checkMembers refuses what encoding/json reads, and others read in another way:
// members that are there twice, of which it takes the last, and those of v in
// another case, also in letters that only fold to the right ones. The body is valid.
func checkMembers(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // no number is an error here
	if name, found := repeated(d); found {
		return badMember(name, "The member is there more than once.")
	}
	if _, free := v.(*tenancy.Metadata); free {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return errBadJSON
	}
	for name := range members {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return badMember(name, "There is no such member.")
		}
	}
	return nil
}

// repeated returns the name of a member that an object in the next value of d has
// more than once.
func repeated(d *json.Decoder) (name string, found bool) {
	start, _ := d.Token()
	delim, nested := start.(json.Delim)
	if !nested {
		return "", false
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			token, _ := d.Token()
			name, _ := token.(string)
			if seen[name] {
				return name, true
			}
			seen[name] = true
		}
		if name, found := repeated(d); found {
			return name, true
		}
	}
	_, _ = d.Token() // the end
	return "", false
}
