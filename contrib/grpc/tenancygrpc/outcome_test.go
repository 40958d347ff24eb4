package tenancygrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// byUser says what the metadata says, and what a token of the same call says.
var byUser = tenancygrpc.Agree(
	tenancygrpc.Claims(func(ctx context.Context) (string, error) {
		token := strings.Join(metadata.ValueFromIncomingContext(ctx, "token"), "")
		switch token {
		case "":
			return "", resolve.ErrAbsent
		case "bad":
			return "", resolve.ErrUnauthenticated
		case "nobody's":
			return "", nil
		}
		return token, nil
	}, tenancygrpc.ByID()),
	tenancygrpc.Metadata("tenant"),
	tenancygrpc.Func(func(ctx context.Context) (tenancy.Key, error) {
		if len(metadata.ValueFromIncomingContext(ctx, "foreign")) > 0 {
			return tenancy.Key{}, resolve.ErrMisdirected
		}
		return tenancy.Key{}, resolve.ErrAbsent
	}),
)

type events struct {
	mu   sync.Mutex
	last resolve.Event
}

func (e *events) told() resolve.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

func (e *events) ObserveRequest(_ context.Context, event resolve.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = event
}

// Every outcome, over a socket: what the client is told, and what the observer is.
func TestOutcomes(t *testing.T) {
	var seen events
	i := must(tenancygrpc.NewInterceptors(directory{}, byUser, tenancygrpc.WithObserver(&seen), silent, tenancygrpc.WithSkipMethods("/other.Service/")))
	cc := dial(t, serve(t, i, echo))
	for name, c := range map[string]struct {
		pairs   []string
		code    codes.Code
		reason  string
		outcome resolve.Outcome
		by      string
	}{
		"resolved":             {[]string{"tenant", "acme"}, codes.OK, "", resolve.OutcomeResolved, resolve.NameAgree},
		"token too":            {[]string{"tenant", "acme", "token", "id-acme"}, codes.OK, "", resolve.OutcomeResolved, resolve.NameAgree},
		"missing":              {nil, codes.InvalidArgument, "TENANT_MISSING", resolve.OutcomeMissing, resolve.NameNone},
		"invalid":              {[]string{"tenant", "ACME!"}, codes.InvalidArgument, "TENANT_MALFORMED", resolve.OutcomeInvalid, resolve.NameHeader},
		"empty":                {[]string{"tenant", ""}, codes.InvalidArgument, "TENANT_MALFORMED", resolve.OutcomeInvalid, resolve.NameHeader},
		"a list":               {[]string{"tenant", "acme,globex"}, codes.InvalidArgument, "TENANT_MALFORMED", resolve.OutcomeInvalid, resolve.NameHeader},
		"twice":                {[]string{"tenant", "acme", "tenant", "acme"}, codes.InvalidArgument, "TENANT_MALFORMED", resolve.OutcomeInvalid, resolve.NameHeader},
		"misdirected":          {[]string{"foreign", "1"}, codes.InvalidArgument, "HOST_NOT_SERVED", resolve.OutcomeMisdirected, resolve.NameFunc},
		"conflict, credential": {[]string{"tenant", "globex", "token", "id-acme"}, codes.PermissionDenied, "TENANT_CONFLICT", resolve.OutcomeConflict, resolve.NameAgree},
		"unauthenticated":      {[]string{"tenant", "acme", "token", "bad"}, codes.Unauthenticated, "UNAUTHENTICATED", resolve.OutcomeUnauthenticated, resolve.NameClaims},
		"forbidden":            {[]string{"tenant", "acme", "token", "nobody's"}, codes.PermissionDenied, "NO_TENANT_CLAIM", resolve.OutcomeForbidden, resolve.NameClaims},
		"unknown":              {[]string{"tenant", "nobody"}, codes.NotFound, "TENANT_NOT_FOUND", resolve.OutcomeUnknown, resolve.NameAgree},
		"suspended":            {[]string{"tenant", "late"}, codes.PermissionDenied, "TENANT_SUSPENDED", resolve.OutcomeSuspended, resolve.NameAgree},
		"no known status":      {[]string{"tenant", "odd"}, codes.PermissionDenied, "TENANT_SUSPENDED", resolve.OutcomeSuspended, resolve.NameAgree},
		"provisioning":         {[]string{"tenant", "new"}, codes.Unavailable, "TENANT_NOT_READY", resolve.OutcomeProvisioning, resolve.NameAgree},
		"deleted":              {[]string{"tenant", "gone"}, codes.NotFound, "TENANT_NOT_FOUND", resolve.OutcomeDeleted, resolve.NameAgree},
	} {
		got, err := who(as(t, c.pairs...), cc)
		s := status.Convert(err)
		if s.Code() != c.code || c.code == codes.OK && got != "acme" || reasonOf(s) != c.reason {
			t.Errorf("%s: got %q, %v, reason %q", name, got, err, reasonOf(s))
		}
		if _, err := say(openChat(t, as(t, c.pairs...), cc)); status.Code(err) != c.code {
			t.Errorf("%s: the stream got %v", name, err)
		}
		if e := seen.told(); e.Outcome != c.outcome || e.Resolver != c.by {
			t.Errorf("%s: the observer was told %+v", name, e)
		}
	}
	conflict := must(tenancygrpc.NewInterceptors(directory{}, tenancygrpc.Agree(tenancygrpc.Metadata("tenant"), tenancygrpc.Metadata("other")), silent))
	if _, err := who(as(t, "tenant", "acme", "other", "globex"), dial(t, serve(t, conflict, echo))); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a conflict without a credential: %v", err)
	}
}

func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == tenancygrpc.ErrorDomain {
			return info.Reason
		}
	}
	return ""
}

// Whatever the store fails with, it is UNAVAILABLE, and says when to come back.
func TestOutage(t *testing.T) {
	for _, failure := range []error{
		tenancy.ErrUnavailable, context.DeadlineExceeded, tenancy.ErrClosed, errors.New("driver: bad connection"),
		fmt.Errorf("%w, last seen: %w", tenancy.ErrUnavailable, tenancy.ErrNotFound),
	} {
		for _, hidden := range []bool{false, true} {
			i := must(tenancygrpc.NewInterceptors(directory{failure}, byUser, silent, tenancygrpc.WithPolicy(resolve.Policy{Hidden: hidden})))
			_, err := who(as(t, "tenant", "acme"), dial(t, serve(t, i, echo)))
			s := status.Convert(err)
			if s.Code() != codes.Unavailable || reasonOf(s) != "UNAVAILABLE" || strings.Contains(s.String(), "driver") {
				t.Errorf("%v: %v", failure, err)
			}
			retry := time.Duration(0)
			for _, detail := range s.Details() {
				if info, ok := detail.(*errdetails.RetryInfo); ok {
					retry = info.RetryDelay.AsDuration()
				}
			}
			if retry < resolve.DefaultRetryAfter || retry > 2*resolve.DefaultRetryAfter {
				t.Errorf("%v: come back after %v", failure, retry)
			}
		}
	}
}

// A client that has gone is not counted as an outage.
func TestCanceled(t *testing.T) {
	var seen events
	i := must(tenancygrpc.NewInterceptors(directory{context.Canceled}, byUser, silent, tenancygrpc.WithObserver(&seen)))
	ctx, cancel := context.WithCancel(metadata.NewIncomingContext(t.Context(), metadata.Pairs("tenant", "acme")))
	cancel()
	_, err := i.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: unaryMethod}, func(context.Context, any) (any, error) { return nil, nil })
	if status.Code(err) != codes.Canceled || seen.last.Outcome != resolve.OutcomeCanceled {
		t.Errorf("got %v, %+v", err, seen.last)
	}
}

// Where existence is hidden, nothing that a client can see tells a tenant that is not served
// from one that does not exist: the bytes of the status with its details, headers and trailers.
func TestHidden(t *testing.T) {
	i := must(tenancygrpc.NewInterceptors(directory{}, byUser, silent, tenancygrpc.WithPolicy(resolve.Policy{Hidden: true})))
	cc := dial(t, serve(t, i, echo))
	type seen struct {
		status          string
		header, trailer metadata.MD
	}
	bytesOf := func(err error) string {
		return string(must(proto.MarshalOptions{Deterministic: true}.Marshal(status.Convert(err).Proto())))
	}
	unary := func(pairs ...string) (s seen) {
		_, err := who(as(t, pairs...), cc, grpc.Header(&s.header), grpc.Trailer(&s.trailer))
		s.status = bytesOf(err)
		return s
	}
	chat := func(pairs ...string) seen {
		c := openChat(t, as(t, pairs...), cc)
		_, err := say(c)
		header, _ := c.Header()
		return seen{bytesOf(err), header, c.Trailer()}
	}
	for name, call := range map[string]func(...string) seen{"unary": unary, "stream": chat} {
		unknown := call("tenant", "nobody")
		for _, tenant := range []string{"late", "gone", "new", "odd"} {
			if got := call("tenant", tenant); !reflect.DeepEqual(got, unknown) {
				t.Errorf("%s: %s is answered\n%v, and an unknown one\n%v", name, tenant, got, unknown)
			}
		}
		both := call("tenant", "nobody", "token", "id-nobody")
		for _, id := range []string{"id-late", "id-acme", "id-gone"} {
			for _, tenant := range []string{"nobody", "late", "globex"} {
				if got := call("tenant", tenant, "token", id); !reflect.DeepEqual(got, both) {
					t.Errorf("%s: %s and %s are answered\n%v, and two unknown ones\n%v", name, tenant, id, got, both)
				}
			}
		}
	}
	if got, err := who(as(t, "tenant", "acme"), cc); got != "acme" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Optional tenants, skipped methods, and interceptors behind others.
func TestWithoutATenant(t *testing.T) {
	optional := must(tenancygrpc.NewInterceptors(directory{}, byUser, silent, tenancygrpc.WithPolicy(resolve.Policy{Optional: true})))
	cc := dial(t, serve(t, optional, echo))
	for want, pairs := range map[string][]string{"": nil, "acme": {"tenant", "acme"}} {
		if got, err := who(as(t, pairs...), cc); got != want || err != nil {
			t.Errorf("optional: got %q, %v", got, err)
		}
	}
	if _, err := who(as(t, "tenant", "late"), cc); status.Code(err) != codes.PermissionDenied {
		t.Errorf("optional, suspended: %v", err)
	}
	for skip, code := range map[string]codes.Code{
		"/test.Service/": codes.OK, unaryMethod: codes.OK, "/test.Service/Wh": codes.InvalidArgument, "/test.Serv/": codes.InvalidArgument, chatMethod: codes.InvalidArgument,
	} {
		i := must(tenancygrpc.NewInterceptors(directory{}, byUser, silent, tenancygrpc.WithSkipMethods(skip)))
		if got, err := who(as(t), dial(t, serve(t, i, echo))); status.Code(err) != code || got != "" {
			t.Errorf("skip %s: got %q, %v", skip, got, err)
		}
	}
}

// Refusals are logged, at most once a second.
func TestLog(t *testing.T) {
	var log strings.Builder
	i := must(tenancygrpc.NewInterceptors(directory{tenancy.ErrUnavailable}, byUser, tenancygrpc.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("tenant", "acme"))
	for range 3 {
		_, _ = i.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: unaryMethod}, func(context.Context, any) (any, error) { return nil, nil })
	}
	if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "outcome=unavailable resolver=agree code=Unavailable") {
		t.Errorf("got %s", got)
	}
}

// The pages that list the codes say the same as the code.
func TestCodesAreListed(t *testing.T) {
	read := func(path string) []byte {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" && os.Getenv("TENANTSTORE_REQUIRE_SERVERS") == "" {
			t.Skip("the module is by itself")
		}
		return must(text, err)
	}
	reference, page := read("doc.go"), read("../../../docs/grpc.md")
	for o, code := range tenancygrpc.AnswerCodes {
		name := strings.ToUpper(regexp.MustCompile(`(.)([A-Z])`).ReplaceAllString(code.String(), "${1}_$2"))
		if code == codes.Canceled {
			name = "CANCELLED"
		}
		reason, _ := o.Problem()
		reason = strings.ToUpper(strings.ReplaceAll(reason, "-", "_"))
		if !regexp.MustCompile(`(?m)^//\t.*\b` + string(o) + `\b.* ` + name + `\b`).Match(reference) {
			t.Errorf("doc.go does not say that %s is answered %s", o, name)
		}
		if !regexp.MustCompile("(?m)^\\| `" + string(o) + "`.*\\| `" + name + "`.*\\| `" + reason + "` \\|$").Match(page) {
			t.Errorf("docs/grpc.md does not say that %s is answered %s %s", o, name, reason)
		}
	}
	if got, want := len(tenancygrpc.AnswerCodes), len(resolve.Outcomes())-3; got != want { // resolved and skipped pass, moved is HTTP's
		t.Errorf("%d answers, want %d", got, want)
	}
}
