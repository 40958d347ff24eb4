package tenantserver_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
)

type object = map[string]any

// document is /openapi.json of a service.
func document(t *testing.T, s *service) object {
	t.Helper()
	var doc object
	if err := json.Unmarshal([]byte(s.do("GET", "/openapi.json", "").body), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestOpenAPI: the document has every path of the handler and no other, and every answer is
// as it says: the status, the type, and each member of the body.
func TestOpenAPI(t *testing.T) {
	s := serve(t, prepared(t), tenantserver.Full)
	spec := openAPI{document(t, s), map[string]bool{}}
	for _, pattern := range tenantserver.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		if !slices.ContainsFunc(slices.Collect(maps.Keys(spec.operations())), func(name string) bool {
			m, p, _ := strings.Cut(name, " ")
			custom, _, _ := strings.Cut(p, "}:")
			return m == method && (p == path || custom+"}" == path)
		}) {
			t.Errorf("%s is not in the document", pattern)
		}
	}
	var bad []string
	for _, r := range routes() {
		if r.stream {
			continue
		}
		a := s.do(r.method, r.path, r.body, r.header...)
		bad = append(bad, spec.check(r, a, r.method+" "+r.path)...)
		if a.status >= 300 {
			t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
	}
	for _, r := range []route{ // pages with a next one, and problems
		{method: "GET", path: "/v1/tenants?limit=1"},
		{method: "GET", path: "/v1/names?limit=1"},
		{method: "GET", path: "/v1/tenants/nobody"},
		{method: "GET", path: "/v1/by-domain/nobody.test"},
		{method: "GET", path: "/v1/tenants?limit=x"},
		{method: "GET", path: "/v1/changes?after=9-0000000000000009"},
		{method: "GET", path: "/v1/watch?after=9999-0000000000000009"},
		{method: "POST", path: "/v1/tenants", body: `{"identifier":"two","name":"Two"}`},
		{method: "POST", path: "/v1/tenants", body: `{`},
		{method: "POST", path: "/v1/tenants/nobody:suspend"},
		{method: "PUT", path: "/v1/tenants/t1", body: `{}`},
		{method: "PUT", path: "/v1/tenants/two", body: `{"identifier":"three","name":"x"}`, header: []string{"If-None-Match", "*"}},
		{method: "POST", path: "/v1/tenants:batchCreate", body: `{"tenants":[{"identifier":"X"}]}`},
	} {
		bad = append(bad, spec.check(r, s.do(r.method, r.path, r.body, r.header...), r.method+" "+r.path)...)
	}
	refusing := serve(t, prepared(t), byToken)
	for _, r := range routes() {
		bad = append(bad, spec.check(r, refusing.do(r.method, r.path, r.body, r.header...), r.method+" "+r.path)...)
	}
	for _, text := range bad {
		t.Error(text)
	}
	for name := range spec.operations() {
		if !spec.seen[name] && name != "GET /openapi.json" {
			t.Errorf("%s is in the document, and this test does not call it", name)
		}
	}
}

// openAPI is the document, and what of it was seen at work. It knows as much of JSON Schema as
// the document uses.
type openAPI struct {
	doc  object
	seen map[string]bool
}

// operations returns the operations by method and path.
func (o openAPI) operations() map[string]object {
	all := map[string]object{}
	for path, methods := range o.doc["paths"].(object) {
		for method, op := range methods.(object) {
			all[strings.ToUpper(method)+" "+path] = op.(object)
		}
	}
	return all
}

// operation returns the one that a request asks for: of several, the one with the fewest
// parameters and the longest text.
func (o openAPI) operation(r route) (name string, op object) {
	path, _, _ := strings.Cut(r.path, "?")
	best := ""
	for candidate := range o.operations() {
		method, template, _ := strings.Cut(candidate, " ")
		pattern := "^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$"
		if method == r.method && regexp.MustCompile(pattern).MatchString(path) && (best == "" || len(candidate) > len(best)) {
			best = candidate
		}
	}
	return best, o.operations()[best]
}

func (o openAPI) resolve(v any) object {
	m, _ := v.(object)
	ref, found := m["$ref"].(string)
	if !found {
		return m
	}
	var at any = o.doc
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(object)[step]
	}
	return o.resolve(at)
}

// check returns what is wrong with an answer.
func (o openAPI) check(r route, a answer, what string) (bad []string) {
	name, op := o.operation(r)
	if op == nil {
		return []string{what + " is not in the document"}
	}
	o.seen[name] = true
	response := o.resolve(op["responses"].(object)[strconv.Itoa(a.status)])
	if response == nil {
		return []string{fmt.Sprintf("%s: status %d is not in the document", what, a.status)}
	}
	content, _ := response["content"].(object)
	if content == nil {
		if a.body != "" {
			bad = append(bad, fmt.Sprintf("%s: %d has a body", what, a.status))
		}
		return bad
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	media, found := content[kind].(object)
	if !found {
		return []string{fmt.Sprintf("%s: %d of type %q is not in the document", what, a.status, kind)}
	}
	for header := range asObject(response["headers"]) {
		if a.header.Get(header) == "" && header != "Retry-After" {
			bad = append(bad, fmt.Sprintf("%s: %d has no %s", what, a.status, header))
		}
	}
	texts := []string{a.body}
	if strings.Contains(kind, "ndjson") {
		texts = strings.Split(strings.TrimSpace(a.body), "\n")
	}
	for _, text := range texts {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return append(bad, fmt.Sprintf("%s: %v", what, err))
		}
		for _, wrong := range o.validate(v, media["schema"], "") {
			bad = append(bad, fmt.Sprintf("%s: %d: %s in %s", what, a.status, wrong, text))
		}
	}
	return bad
}

func asObject(v any) object { m, _ := v.(object); return m }

// validate returns how v is not as the schema says.
func (o openAPI) validate(v, schema any, at string) (bad []string) {
	s := o.resolve(schema)
	fail := func(format string, args ...any) {
		bad = append(bad, at+" "+fmt.Sprintf(format, args...))
	}
	if options, found := s["oneOf"].([]any); found {
		fits := 0
		for _, option := range options {
			if len(o.validate(v, option, at)) == 0 {
				fits++
			}
		}
		if fits != 1 {
			fail("fits %d of the schemas", fits)
		}
		return bad
	}
	if want, found := s["const"]; found && v != want {
		fail("is not %v", want)
	}
	if values, found := s["enum"].([]any); found && !slices.Contains(values, v) {
		fail("is none of %v", values)
	}
	if types := typesOf(s["type"]); len(types) > 0 && !slices.ContainsFunc(types, func(kind string) bool { return isOf(v, kind) }) {
		fail("is no %v", types)
	}
	if text, ok := v.(string); ok && s["pattern"] != nil && !regexp.MustCompile(s["pattern"].(string)).MatchString(text) {
		fail("does not match")
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			bad = append(bad, o.validate(item, s["items"], fmt.Sprintf("%s[%d]", at, i))...)
		}
	case object:
		properties := asObject(s["properties"])
		for _, name := range asList(s["required"]) {
			if _, found := v[name.(string)]; !found {
				fail("has no %v", name)
			}
		}
		for name, member := range v {
			property, known := properties[name]
			switch {
			case known:
				bad = append(bad, o.validate(member, property, at+"."+name)...)
			case s["additionalProperties"] == false:
				fail("has a member %s", name)
			}
		}
	}
	return bad
}

func asList(v any) []any { l, _ := v.([]any); return l }

func typesOf(v any) (types []string) {
	if text, ok := v.(string); ok {
		return []string{text}
	}
	for _, kind := range asList(v) {
		types = append(types, kind.(string))
	}
	return types
}

func isOf(v any, kind string) bool {
	switch kind {
	case "string":
		_, ok := v.(string)
		return ok
	case "integer":
		n, ok := v.(float64)
		return ok && n == float64(int64(n))
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "object":
		_, ok := v.(object)
		return ok
	case "null":
		return v == nil
	}
	return false
}
