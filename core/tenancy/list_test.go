package tenancy_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestFilterMatches(t *testing.T) {
	odd := valid()
	odd.Status = "frozen"
	active := tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusActive, tenancy.StatusDeleted}}
	if !active.Matches(valid()) || active.Matches(odd) || !(tenancy.Filter{}).Matches(odd) {
		t.Error("Filter.Matches")
	}
}
