package tenantserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// readTimeout is how long a client may take to send a body.
const readTimeout = 30 * time.Second

var (
	errEncoded  = wire.NewProblem(http.StatusUnsupportedMediaType, "unsupported-encoding", "The body must be sent without Content-Encoding.")
	errNotJSON  = wire.NewProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", "The body must be JSON, with Content-Type: application/json.")
	errTooLarge = wire.NewProblem(http.StatusRequestEntityTooLarge, "too-large", "The body is larger than 8 MiB.")
	errBadBody  = wire.NewProblem(http.StatusBadRequest, "bad-body", "The body could not be read to its end.")
	errBadJSON  = wire.NewProblem(http.StatusBadRequest, "bad-json", "The body must be one JSON object in UTF-8.")
	errHasBody  = wire.NewProblem(http.StatusBadRequest, "unexpected-body", "This request takes no body.")
)

func badField(field, detail string) tenancyhttp.Problem {
	p := wire.NewProblem(http.StatusBadRequest, "invalid", "The input breaks a rule.")
	p.Field, p.Detail = field, detail
	return p
}

// body returns the body, which must be a JSON object.
func (c *call) body() ([]byte, error) {
	for _, coding := range c.r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") {
			c.w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
			return nil, errEncoded
		}
	}
	if types := c.r.Header.Values("Content-Type"); len(types) != 1 || !isJSON(types[0]) {
		c.w.Header().Set("Accept", "application/json")
		return nil, errNotJSON
	}
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Now().Add(readTimeout)) // if the writer can
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, wire.MaxBodyBytes))
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return nil, errTooLarge
		}
		return nil, errBadBody
	}
	body = bytes.TrimSpace(body)
	if !utf8.Valid(body) || !bytes.HasPrefix(body, []byte("{")) || !json.Valid(body) {
		return nil, errBadJSON
	}
	return body, nil
}

// isJSON reports whether a Content-Type is JSON in UTF-8.
func isJSON(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	charset, given := parameters["charset"]
	return err == nil && mediaType == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// read decodes the body into v, whose members it may have. It refuses what others might
// read in another way: other members, most of which are misspelt, members in another case,
// and those that are there twice.
func (c *call) read(v any, members ...string) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if _, err := membersOf(body, members); err != nil {
		return err
	}
	return decode(body, v)
}

func decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	var typed *tenancy.Error
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typed) && typed.Field == "database_url":
		return badField("database_url", "The mask *** is not a value. Leave the member out to keep the stored one.")
	case errors.As(err, &typed):
		return typed
	case errors.As(err, &wrongType):
		return badField(wrongType.Field[strings.LastIndexByte(wrongType.Field, '.')+1:], "The member has the wrong JSON type.")
	}
	return errBadJSON
}

// membersOf returns the members of a JSON object, all of which must be known.
func membersOf(object []byte, known []string) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(object))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, errBadJSON
	}
	for d.More() {
		token, err := d.Token()
		name, _ := token.(string)
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return nil, errBadJSON
		}
		if !slices.Contains(known, name) {
			if len(name) > 64 {
				name = "" // not worth repeating
			}
			return nil, badField(name, "There is no such member.")
		}
		if _, twice := members[name]; twice {
			return nil, badField(name, "The member is there more than once.")
		}
		members[name] = value
	}
	return members, nil
}

// nothing refuses a body.
func (c *call) nothing() error {
	n, err := io.CopyN(io.Discard, c.r.Body, 1)
	if n > 0 {
		c.w.Header().Set("Connection", "close") // the rest of it is not read
		return errHasBody
	}
	if !errors.Is(err, io.EOF) {
		return errBadBody
	}
	return nil
}

// query returns the parameters of the request, all of which must be known. Only the first
// one may be there several times.
func (c *call) query(many string, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, badField("", "The query is malformed.")
	}
	for name, values := range q {
		switch {
		case name == many && many != "":
		case !slices.Contains(known, name):
			if len(name) > 64 {
				name = ""
			}
			return nil, badField(name, "There is no such parameter.")
		case len(values) > 1:
			return nil, badField(name, "The parameter is given more than once.")
		}
	}
	return q, nil
}

// number returns a parameter that is a number of at least 0, or 0.
func number(q url.Values, name string) (int, error) {
	if !q.Has(name) {
		return 0, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil {
		return 0, badField(name, "The parameter must be a number.")
	}
	return n, nil
}

func position(field, text string) (p tenancy.Position, err error) {
	if p.UnmarshalText([]byte(text)) != nil {
		return p, badField(field, "The position is not one that an answer has given.")
	}
	return p, nil
}

func filterOf(q url.Values) tenancy.Filter {
	var f tenancy.Filter
	for _, status := range q["status"] {
		f.Statuses = append(f.Statuses, tenancy.Status(status))
	}
	return f
}
