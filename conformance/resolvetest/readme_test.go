package resolvetest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/readme"
	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
)

func TestReadmeListsEveryRule(t *testing.T) {
	readme.Lines(t, "resolvetest", resolvetest.Rules(), text)
}

func text(r resolvetest.Rule) (name, says string) { return r.Name, r.Says }
