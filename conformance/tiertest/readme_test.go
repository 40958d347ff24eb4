package tiertest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/readme"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
)

func TestReadmeListsEveryRule(t *testing.T) {
	readme.Lines(t, "tiertest", tiertest.Rules(), text)
}

func text(r tiertest.Rule) (name, says string) { return r.Name, r.Says }
