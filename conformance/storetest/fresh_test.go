package storetest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestFreshIsADecorator(t *testing.T) { storetest.RunDecorator(t, tenancy.Fresh) }
