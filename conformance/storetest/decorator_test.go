package storetest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestRunDecorator(t *testing.T) {
	storetest.RunDecorator(t, func(s tenancy.Store) tenancy.Store { return observe.Wrap(s, observe.Config{}) })
}
