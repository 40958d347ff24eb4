package bustest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/bustest"
	"github.com/go-tenancy/tenantstore/conformance/internal/readme"
)

func TestReadmeListsEveryRule(t *testing.T) {
	readme.Lines(t, "bustest", bustest.Rules(), text)
}

func text(r bustest.Rule) (name, says string) { return r.Name, r.Says }
