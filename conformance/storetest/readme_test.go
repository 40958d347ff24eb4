package storetest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/readme"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
)

func TestReadmeListsEveryRule(t *testing.T) {
	readme.Lines(t, "storetest", storetest.Rules(), text)
}

func text(r storetest.Rule) (name, says string) { return r.Name, r.Says }
