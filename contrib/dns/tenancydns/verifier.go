package tenancydns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ErrUnproven says that a resolver does not see the TXT record. It wraps
// [tenancy.ErrInvalid]; its text is meant for the person who has to create the record.
var ErrUnproven = fmt.Errorf("%w: the TXT record is not there", tenancy.ErrInvalid)

// timeout is how long Verify waits, unless the context ends before.
const timeout = 10 * time.Second

// Verifier looks for the TXT record that proves a claim.
type Verifier struct {
	label     string
	resolvers []*net.Resolver
}

// NewVerifier returns a Verifier of records below label, a name that begins with an
// underscore and contains the product's name, such as _example-challenge, so that the proof
// for another service does not count. servers are recursive resolvers, host:port; if there
// are none, the system's resolver is used. Name several that share neither cache nor
// network: an attacker then has to forge the answers of all. The error wraps
// [tenancy.ErrInvalid].
func NewVerifier(label string, servers ...string) (*Verifier, error) {
	name, underscored := strings.CutPrefix(label, "_")
	if !underscored || tenancy.ValidateDomain(name+".test") != nil || strings.Contains(name, ".") {
		return nil, misconfigured("the label %q is not an underscore and a label in lower case", label)
	}
	v := &Verifier{label: label}
	for _, server := range servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil || host == "" || port == "" {
			return nil, misconfigured("the resolver %q is not host:port", server)
		}
		v.resolvers = append(v.resolvers, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server)
		}})
	}
	if len(servers) == 0 {
		v.resolvers = []*net.Resolver{net.DefaultResolver}
	}
	return v, nil
}

// Record returns the name of the record that proves the claim of a domain.
func (v *Verifier) Record(claim tenancy.Name) string { return v.label + "." + claim.Value }

// Verify returns nil if every resolver sees a TXT record at Record whose text is exactly
// the token of the claim. It asks all resolvers at once, for at most 10 seconds. Errors,
// each an [*tenancy.Error] with the domain: [ErrUnproven] if a resolver does not see the
// record; [tenancy.ErrUnavailable] if one cannot answer, which proves nothing either way;
// [tenancy.ErrInvalid] if claim is not a domain with a token. The context's error is
// returned as it is.
func (v *Verifier) Verify(ctx context.Context, claim tenancy.Name) error {
	if claim.Kind != tenancy.KindDomain || claim.Token == "" {
		return invalid("is no claim with a token")
	}
	if err := tenancy.ValidateDomain(claim.Value); err != nil {
		return err
	}
	if len(v.Record(claim)) > tenancy.MaxDomainBytes {
		return invalid("is too long to have a record below it")
	}
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answers := make(chan error, len(v.resolvers))
	for _, resolver := range v.resolvers {
		go func() { answers <- v.look(asking, resolver, claim) }()
	}
	errs := make([]error, len(v.resolvers))
	for i := range errs {
		errs[i] = <-answers
	}
	err := errors.Join(errs...)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, ErrUnproven):
		err = ErrUnproven
	}
	return &tenancy.Error{Op: "Verify", Domain: claim.Value, Field: "domain", Err: err}
}

// look asks one resolver.
func (v *Verifier) look(ctx context.Context, resolver *net.Resolver, claim tenancy.Name) error {
	texts, err := resolver.LookupTXT(ctx, v.Record(claim)+".") // not below a search domain
	var failure *net.DNSError
	switch {
	case err == nil && slices.Contains(texts, claim.Token):
		return nil
	case err == nil, errors.As(err, &failure) && failure.IsNotFound:
		return ErrUnproven
	}
	return fmt.Errorf("%w: a resolver did not answer: %w", tenancy.ErrUnavailable, err)
}

func misconfigured(format string, args ...any) error {
	return &tenancy.Error{Op: "NewVerifier", Err: fmt.Errorf("%w: tenancydns: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))}
}
