package driver_test

import (
	"errors"
	"io"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

type plan struct {
	Seats int `json:"seats"`
}

func TestMetadataCheckJudges(t *testing.T) {
	var none driver.MetadataCheck
	if err := none.Judge(tenancy.Metadata{}); err != nil {
		t.Errorf("no check: %v", err)
	}
	var view tenancy.View[plan]
	many, err := tenancy.ParseMetadata([]byte(`{"seats":"many"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		check driver.MetadataCheck
		cause error
		text  string
	}{
		"the application's error": {
			func(tenancy.Metadata) error { return io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF,
			"tenancy: metadata: invalid: unexpected EOF",
		},
		"a view": {view.Check, tenancy.ErrInvalid, `tenancy: metadata: invalid: does not decode into driver_test.plan: field "seats" wants int`},
		"an error of this package about something else": {
			func(tenancy.Metadata) error { return &tenancy.Error{Field: "seats", Err: tenancy.ErrInvalid} }, tenancy.ErrInvalid,
			"tenancy: metadata: invalid: tenancy: seats: invalid",
		},
	} {
		err := c.check.Judge(many)
		wantInvalid(t, name, err, "metadata")
		if !errors.Is(err, c.cause) || err.Error() != c.text {
			t.Errorf("%s: %v", name, err)
		}
		if err := view.Check(tenancy.Metadata{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One type reads and judges.
func TestViewChecksAStore(t *testing.T) {
	var view tenancy.View[plan]
	s := memstore.New(memstore.WithMetadataCheck(view.Check))
	acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	patch, err := tenancy.NewMetadata(map[string]any{"seats": "many"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.UpdateMetadata(t.Context(), acme.ID, patch)
	wantInvalid(t, "a patch", err, "metadata")
	if _, err := view.Of(acme); err != nil {
		t.Error(err)
	}
}
