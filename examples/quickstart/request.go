package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// maxBodyBytes leaves room for the largest metadata, every character escaped.
const maxBodyBytes = 2 << 20

// maxNameBytes is how long the name of a member may be to be repeated.
const maxNameBytes = 64

var (
	errEncoded  = newProblem(http.StatusUnsupportedMediaType, "unsupported-encoding", "The body must be sent without Content-Encoding.")
	errNotJSON  = newProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", "The body must be JSON, with Content-Type: application/json.")
	errTooLarge = newProblem(http.StatusRequestEntityTooLarge, "too-large", "The body is larger than 2 MiB.")
	errBadJSON  = newProblem(http.StatusBadRequest, "bad-json", "The body must be one JSON object in UTF-8.")
	errHasBody  = newProblem(http.StatusBadRequest, "unexpected-body", "This request takes no body.")
)

// readJSON decodes the body of r into v, a pointer to something that takes a
// JSON object. It refuses what others might read in another way: members that v
// does not know, most of which are misspelt, or knows in another case, and those
// that are there twice.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	for _, coding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") {
			w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
			return errEncoded
		}
	}
	if types := r.Header.Values("Content-Type"); len(types) != 1 || !isJSON(types[0]) {
		w.Header().Set("Accept", "application/json")
		return errNotJSON
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		return bodyError(err)
	}
	body = bytes.TrimSpace(body)
	if !utf8.Valid(body) || !bytes.HasPrefix(body, []byte("{")) || !json.Valid(body) {
		return errBadJSON
	}
	if err := checkMembers(body, v); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return decodeError(err)
	}
	return nil
}

// readNothing refuses a body.
func readNothing(w http.ResponseWriter, r *http.Request) error {
	n, err := io.CopyN(io.Discard, r.Body, 1)
	if n > 0 {
		w.Header().Set("Connection", "close") // the rest of it is not read
		return errHasBody
	}
	if !errors.Is(err, io.EOF) {
		return bodyError(err)
	}
	return nil
}

func bodyError(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return errTooLarge
	}
	return newProblem(http.StatusBadRequest, "bad-body", "The body could not be read to its end.")
}

// decodeError turns an error of encoding/json into one that names the member.
func decodeError(err error) error {
	var wrongType *json.UnmarshalTypeError
	var typed *tenancy.Error
	switch {
	case errors.As(err, &typed) && typed.Field == "": // the mask: see tenancy.Secret
		return badField("database_url", "The mask *** is not a value. Leave the member out to keep the stored one.")
	case errors.As(err, &typed):
		return typed
	case errors.As(err, &wrongType):
		name := wrongType.Field[strings.LastIndexByte(wrongType.Field, '.')+1:] // without the embedded struct
		return badField(name, "The member has the wrong JSON type.")
	}
	// encoding/json has no type for this error.
	if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name, _ := strconv.Unquote(quoted)
		return badMember(name, "There is no such member.")
	}
	return errBadJSON
}

// badMember repeats the name of a member if it is not too long.
func badMember(name, detail string) tenancyhttp.Problem {
	if len(name) > maxNameBytes {
		name = ""
	}
	return badField(name, detail)
}
