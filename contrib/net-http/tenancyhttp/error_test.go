package tenancyhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

const secret = "canary-5432"

// errLeaky is an error of a driver.
var errLeaky = errors.New("pq: host=10.0.0.1 password=" + secret)

// sentinels are those of core/tenancy, with the answer to each.
var sentinels = map[string]struct {
	err    error
	status int
	code   string
}{
	"ErrNotFound":      {tenancy.ErrNotFound, http.StatusNotFound, "tenant-not-found"},
	"ErrAlreadyExists": {tenancy.ErrAlreadyExists, http.StatusConflict, "already-exists"},
	"ErrConflict":      {tenancy.ErrConflict, http.StatusConflict, "conflict"},
	"ErrInvalid":       {tenancy.ErrInvalid, http.StatusBadRequest, "invalid"},
	"ErrUnavailable":   {tenancy.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	"ErrNotApplied":    {fmt.Errorf("%w: %w", context.Canceled, tenancy.ErrNotApplied), http.StatusServiceUnavailable, "unavailable"},
	"ErrCompacted":     {tenancy.ErrCompacted, http.StatusGone, "log-compacted"},
	"ErrClosed":        {tenancy.ErrClosed, http.StatusServiceUnavailable, "unavailable"},
	"ErrWithheld":      {tenancy.ErrWithheld, http.StatusInternalServerError, "internal"},

	"the end of a context":     {context.Canceled, http.StatusServiceUnavailable, "unavailable"},
	"a deadline":               {context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable"},
	"errors.ErrUnsupported":    {errors.ErrUnsupported, http.StatusNotImplemented, "not-supported"},
	"something else":           {errLeaky, http.StatusInternalServerError, "internal"},
	"an outage of a busy row":  {fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrConflict), http.StatusServiceUnavailable, "unavailable"},
	"a check that found none":  {driver.MetadataCheck(func(tenancy.Metadata) error { return tenancy.ErrNotFound }).Judge(tenancy.Metadata{}), http.StatusBadRequest, "invalid"},
	"a secret that is useless": {fmt.Errorf("%w: %w", tenancy.ErrInvalid, tenancy.ErrWithheld), http.StatusBadRequest, "invalid"},
}

func answered(t *testing.T, r *http.Request, err error) (tenancyhttp.Problem, http.Header) {
	t.Helper()
	rec := httptest.NewRecorder()
	tenancyhttp.Error(rec, r, err)
	var p tenancyhttp.Problem
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if rec.Code != p.Status || p.Type != "urn:tenantstore:problem:"+p.Code || p.Title == "" ||
		rec.Header().Get("Content-Type") != "application/problem+json" || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v: %s", rec.Code, rec.Header(), rec.Body)
	}
	if strings.Contains(rec.Body.String(), secret) {
		t.Errorf("the answer has the text of the driver: %s", rec.Body)
	}
	return p, rec.Header()
}

func sent(method string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestErrorAnswersEverySentinel(t *testing.T) {
	for name, want := range sentinels {
		for how, err := range map[string]error{
			"bare":       want.err,
			"completed":  driver.ErrorIn("Update", tenancy.IDKey("t1"), want.err),
			"wrapped":    fmt.Errorf("%w: %w", errLeaky, want.err),
			"both":       fmt.Errorf("reading tenants at "+secret+": %w", driver.ErrorIn("Update", tenancy.IDKey("t1"), want.err)),
			"with more":  errors.Join(errLeaky, want.err),
			"of a field": &tenancy.Error{Op: "Update", Field: "name", Err: want.err},
		} {
			if name == "something else" && (how == "completed" || how == "both") {
				continue // ErrorIn takes it for an outage
			}
			if p, _ := answered(t, sent("PATCH"), err); p.Status != want.status || p.Code != want.code {
				t.Errorf("%s, %s: got %d %s, want %d %s", name, how, p.Status, p.Code, want.status, want.code)
			}
		}
	}
}

// Whoever adds a sentinel decides how it is answered.
func TestErrorKnowsEverySentinel(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}`,
		"github.com/go-tenancy/tenantstore/core/tenancy/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^(?:\t|var )(Err\w+)\s+= `)
	found := 0
	for _, file := range strings.Fields(string(out)) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, known := sentinels[match[1]]; !known {
				t.Errorf("%s has %s, for which Error has no answer of its own", filepath.Base(file), match[1])
			}
		}
	}
	if found < 9 {
		t.Errorf("found %d sentinels", found)
	}
}

func TestErrorSaysWhatIsWrongWithTheInput(t *testing.T) {
	name := tenancy.Tenant{ID: "t1", Identifier: "acme", Status: tenancy.StatusActive}.Validate()
	check := driver.MetadataCheck(func(tenancy.Metadata) error { return errors.New("seats must be a number") })
	for _, c := range []struct {
		how           string
		err           error
		field, detail string
	}{
		{"a rule", name, "name", "must be 1 to 255 characters of UTF-8 without NUL"},
		{"wrapped by others", driver.ErrorIn("Update", tenancy.Key{}, fmt.Errorf("%w: %w", errLeaky, name)), "name", "must be 1 to 255 characters of UTF-8 without NUL"},
		{"the application's check", check.Judge(tenancy.Metadata{}), "metadata", "seats must be a number"},
		{"a constraint of the database", driver.ErrorIn("Create", tenancy.Key{}, fmt.Errorf("%w: constraint %s", tenancy.ErrInvalid, secret)), "", ""},
		{
			"a key that is gone", &tenancy.Error{Field: "database_url", Err: fmt.Errorf("%w: %w: key %s is unknown", tenancy.ErrInvalid, tenancy.ErrWithheld, secret)},
			"database_url", "What is stored cannot be read: set a new value.",
		},
	} {
		if p, _ := answered(t, sent("PUT"), c.err); p.Field != c.field || p.Detail != c.detail {
			t.Errorf("%s: field %q, detail %q", c.how, p.Field, p.Detail)
		}
	}
	if p, _ := answered(t, sent("POST"), &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}); p.Field != "identifier" || p.Detail != "" {
		t.Errorf("what is taken: %+v", p)
	}
}

func TestErrorOfAConflict(t *testing.T) {
	if p, _ := answered(t, sent("PUT", `If-Match: "7-1"`), tenancy.ErrConflict); p.Status != http.StatusPreconditionFailed || p.Code != "precondition-failed" {
		t.Errorf("with If-Match: %+v", p)
	}
	if p, _ := answered(t, sent("PUT", `If-Match: "7-1"`), tenancy.ErrAlreadyExists); p.Status != http.StatusConflict {
		t.Errorf("a taken name, with If-Match: %+v", p)
	}
}

type askedToWait struct{ error }

func (a askedToWait) Unwrap() error { return a.error }

func (askedToWait) RetryAfter() time.Duration { return time.Minute }

// A client is told to repeat what does no harm, and nothing else.
func TestErrorInAnOutage(t *testing.T) {
	notApplied := fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrNotApplied)
	for _, c := range []struct {
		method string
		err    error
		least  int // seconds, 0 for no header
	}{
		{"GET", tenancy.ErrUnavailable, 2},
		{"HEAD", tenancy.ErrClosed, 2},
		{"GET", askedToWait{tenancy.ErrUnavailable}, 60},
		{"POST", tenancy.ErrUnavailable, 0},
		{"PATCH", context.DeadlineExceeded, 0},
		{"DELETE", tenancy.ErrUnavailable, 0},
		{"POST", notApplied, 2},
		{"GET", io.ErrUnexpectedEOF, 0},
	} {
		p, header := answered(t, sent(c.method), c.err)
		seconds, _ := strconv.Atoi(header.Get("Retry-After"))
		if c.least == 0 && header.Get("Retry-After") != "" || seconds < c.least || seconds > 2*c.least {
			t.Errorf("%s, %v: Retry-After %q", c.method, c.err, header.Get("Retry-After"))
		}
		if said := strings.Contains(p.Detail, "has not happened"); said != errors.Is(c.err, tenancy.ErrNotApplied) {
			t.Errorf("%s, %v: %q", c.method, c.err, p.Detail)
		}
	}
}

func TestErrorOfAHandlersOwn(t *testing.T) {
	own := tenancyhttp.Problem{Type: "urn:tenantstore:problem:teapot", Title: "I am a teapot.", Status: http.StatusTeapot, Code: "teapot", Detail: "Short."}
	if p, _ := answered(t, sent("GET"), fmt.Errorf("handling: %w", own)); p != own {
		t.Errorf("%+v", p)
	}
	if own.Error() != "I am a teapot. Short." {
		t.Error(own.Error())
	}
	rec := httptest.NewRecorder()
	for name, value := range map[string]string{"ETag": `"7-1"`, "Content-Length": "3", "Cache-Control": "public, max-age=600"} {
		rec.Header().Set(name, value)
	}
	tenancyhttp.Error(rec, sent("GET"), own)
	if h := rec.Header(); h.Get("ETag") != "" || h.Get("Content-Length") != "" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("the header is that of another answer: %v", h)
	}
}
