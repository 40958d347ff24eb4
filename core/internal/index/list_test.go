package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// An index is in list order, in chunks that are neither empty nor too long, whatever is
// inserted at once and removed.
func TestIndexIsInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	statuses := []tenancy.Status{tenancy.StatusActive, tenancy.StatusSuspended}
	for round := range 20 {
		var x Index
		var want []*Record // in the reverse of list order
		for step, made := 0, 0; step < 30; step++ {
			inserted := make([]*Record, random.IntN([]int{2, 40, 3 * chunkSize}[step%3]))
			for i := range inserted {
				made++
				r := NewRecord(tenancy.Tenant{ID: fmt.Sprint(made), Status: statuses[random.IntN(2)], CreatedAt: time.Unix(int64(random.IntN(9)), 0)})
				if round%2 == 0 { // each page before or behind all that there is
					r.CreatedAt = time.Unix(int64(made*(1-round%4)), 0)
				}
				inserted[i] = &r
			}
			want = append(want, inserted...)
			x.Insert(inserted...)
			slices.SortFunc(want, func(a, b *Record) int { return driver.ListKeyOf(b.Tenant).Compare(driver.ListKeyOf(a.Tenant)) })
			for range random.IntN(len(want)+1) / 4 {
				i := random.IntN(len(want))
				x.Remove(want[i])
				want = slices.Delete(want, i, i+1)
			}
			check(t, &x.all, want)
			for _, status := range statuses {
				of := slices.DeleteFunc(slices.Clone(want), func(r *Record) bool { return r.Status != status })
				check(t, x.ofStatus(status), of)
			}
		}
	}
}

func check(t *testing.T, x *List, want []*Record) {
	t.Helper()
	if got := x.Records(); !slices.Equal(got, want) || x.Len() != len(want) {
		t.Fatalf("%d records, Len is %d, want %d in order", len(got), x.Len(), len(want))
	}
	for _, chunk := range x.chunks {
		if len(chunk) == 0 || len(chunk) > chunkSize {
			t.Fatalf("a chunk of %d records", len(chunk))
		}
	}
}
