package tenantclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What an answer may have. The largest page has a thousand tenants.
const (
	maxAnswerBytes  = 1 << 30
	firstBytes      = 1 << 20 // for which room is made because an answer says that it is so large
	maxProblemBytes = 1 << 16
)

// request is a request to the server.
type request struct {
	method string
	path   string // escaped, and perhaps a query
	body   any    // nil for none
	match  string // If-Match
	create bool   // If-None-Match: *
}

// writes reports whether the request may change something.
func (r request) writes() bool {
	return r.method != http.MethodGet && r.path != loadPath && r.path != batchGetPath
}

const (
	loadPath     = "/v1/load"
	batchGetPath = "/v1/tenants:batchGet"
)

// call sends a request and decodes the answer into out, which may be nil where there is no
// body.
func (b *backend) call(ctx context.Context, r request, out any) error {
	body, err := encode(r.body)
	if err != nil {
		return err
	}
	var sent atomic.Bool
	response, err := b.send(ctx, r, body, &sent)
	if err != nil {
		err = failure(ctx, err)
		if r.writes() && !sent.Load() {
			err = wire.NotApplied(err)
		}
		return err
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, response.Body, maxProblemBytes) // so that the connection can be used again
		_ = response.Body.Close()
	}()
	if response.Header.Get(wire.ServiceHeader) != wire.ServiceVersion {
		return stranger(ctx, response)
	}
	if response.StatusCode == http.StatusNoContent && out == nil {
		return nil
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return problem(ctx, response)
	}
	if out == nil {
		return stranger(ctx, response)
	}
	answer, err := readAnswer(response)
	if err != nil {
		return failure(ctx, err)
	}
	if err := decode(answer, out); err != nil {
		return wire.Outage(ctx, "the answer is not one of the server: %s", shape(err))
	}
	return nil
}

var errTooLarge = errors.New("the answer is too large")

// readAnswer reads the body, which may not be cut.
func readAnswer(response *http.Response) ([]byte, error) {
	var b bytes.Buffer
	if n := response.ContentLength; n > 0 {
		b.Grow(int(min(n, firstBytes)) + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(response.Body, maxAnswerBytes))
	if err == nil && n == maxAnswerBytes {
		err = errTooLarge
	}
	return b.Bytes(), err
}

// decode is [json.Unmarshal], without its first pass for what does that itself.
func decode(answer []byte, out any) error {
	if u, ok := out.(json.Unmarshaler); ok {
		return u.UnmarshalJSON(answer)
	}
	return json.Unmarshal(answer, out)
}

// encode returns the body of a request; nil for none.
func encode(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	body, err := json.Marshal(v)
	if err == nil && len(body) > wire.MaxBodyBytes {
		err = fmt.Errorf("%w: the request has %d bytes, and %d at most can be sent", tenancy.ErrInvalid, len(body), wire.MaxBodyBytes)
	}
	return body, err
}

// send sends a request. Sent says whether it, or a part of it, may have reached the server.
func (b *backend) send(ctx context.Context, r request, encoded []byte, sent *atomic.Bool) (*http.Response, error) {
	var body io.Reader
	if encoded != nil {
		body = bytes.NewReader(encoded)
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	out, err := http.NewRequestWithContext(ctx, r.method, b.base+r.path, body)
	if err != nil {
		return nil, err
	}
	if encoded != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	switch {
	case r.match != "":
		out.Header.Set("If-Match", r.match)
	case r.create:
		out.Header.Set("If-None-Match", "*")
	}
	if r.writes() {
		if a := tenancy.ActorFrom(ctx); a != "" {
			out.Header.Set(wire.ActorHeader, wire.EncodeActor(a))
		}
	} else {
		// It is not sent, and says to net/http that a read may be sent again where a
		// connection that was kept has turned out to be closed.
		out.Header["Idempotency-Key"] = nil
	}
	b.authorize(out)
	return b.http.Do(out)
}

func (b *backend) authorize(r *http.Request) {
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
}

// failure is err of net/http as the error of a call: without the URL, and as an outage if
// the context has not ended.
func failure(ctx context.Context, err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if e := (*net.OpError)(nil); errors.As(err, &e) && e.Op == "dial" {
		return wire.Outage(ctx, "cannot connect to the server: %v", err)
	}
	return wire.Outage(ctx, "no answer from the server: %v", err)
}

// problem returns the error that an answer is.
func problem(ctx context.Context, response *http.Response) error {
	var p wire.Problem
	err := json.NewDecoder(io.LimitReader(response.Body, maxProblemBytes)).Decode(&p)
	if err != nil || p.Code == "" || p.Type != wire.ProblemType+p.Code || p.Status != response.StatusCode {
		return stranger(ctx, response)
	}
	return p.Err()
}

// stranger is the error for an answer that no server of this kind gives, such as the error
// page of a proxy, a portal's or a redirect.
func stranger(ctx context.Context, response *http.Response) error {
	return wire.Outage(ctx, "something else than a tenantserver has answered with HTTP status %d", response.StatusCode)
}

// shape says what is wrong with an answer without repeating it: it may hold secrets.
func shape(err error) string {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it is no whole JSON"
	case errors.As(err, &wrongType):
		return "the member " + wrongType.Field + " has another type"
	}
	return "it could not be read"
}

// found is the answer that is a tenant.
func (b *backend) found(ctx context.Context, r request) (tenancy.Tenant, error) {
	var t wire.Tenant
	if err := b.call(ctx, r, &t); err != nil {
		return tenancy.Tenant{}, err
	}
	return whole(ctx, t)
}

// whole refuses what is no tenant, such as {}.
func whole(ctx context.Context, t wire.Tenant) (tenancy.Tenant, error) {
	if t.ID == "" || t.Identifier == "" || t.Revision == 0 {
		return tenancy.Tenant{}, wire.Outage(ctx, "the answer is no tenant")
	}
	return tenancy.Tenant(t), nil
}

// wholeAll is whole for a list, which an answer must have, be it empty.
func wholeAll(ctx context.Context, ts []wire.Tenant) ([]tenancy.Tenant, error) {
	if ts == nil {
		return nil, wire.Outage(ctx, "the answer has no list of tenants")
	}
	out := make([]tenancy.Tenant, len(ts))
	for i, t := range ts {
		var err error
		if out[i], err = whole(ctx, t); err != nil {
			return nil, err
		}
	}
	return out, nil
}
