package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkFile writes and reads 100,000 tenants, one a step, beside the same bytes
// without a form.
func BenchmarkFile(b *testing.B) {
	const n = 100_000
	rows := tenants(n)
	data := bytesOf(b, rows)
	path := filepath.Join(b.TempDir(), "tenants.snap")
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"write/bytes", func() error {
			file, err := os.Create(path + ".bytes")
			if err != nil {
				return err
			}
			_, err = file.Write(data)
			return errors.Join(err, file.Sync(), file.Close())
		}},
		{"write/tenants", func() error { return Write(b.Context(), path, nil, header(rows), slices.Values(rows), nil) }},
		{"read/bytes", func() error { _, err := os.ReadFile(path); return err }},
		{"read/tenants", func() error {
			r, err := Open(path)
			if err != nil {
				return err
			}
			kept := make([]tenancy.Tenant, 0, n)
			for t, err := range r.Rows(nil) {
				if err != nil {
					return err
				}
				kept = append(kept, t)
			}
			return r.Close()
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.call(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/tenant")
			b.ReportMetric(float64(len(data))/n, "B/tenant")
		})
	}
	runtime.KeepAlive(rows)
}
