package main

// What a stranger who has not chosen it must not get.
const (
	postgres   = "github.com/jackc/"
	sqlite     = "modernc.org/"
	mysql      = "github.com/go-sql-driver/"
	bun        = "github.com/uptrace/"
	valkey     = "github.com/valkey-io/"
	ristretto  = "github.com/dgraph-io/"
	prometheus = "github.com/prometheus/"
	otel       = "go.opentelemetry.io/"
	contrib    = "github.com/go-tenancy/tenantstore/contrib/"
)

// strangers are the ways to use this repository that a release must allow.
func strangers() []stranger {
	return []stranger{
		{
			name:     "core",
			says:     "core alone",
			requires: []string{"core"},
			listed:   []string{"core"},
		},
		{
			name:     "sqlite",
			says:     "bun with SQLite",
			requires: []string{"adapters/bun", "core"},
			without:  []string{postgres, mysql, valkey, ristretto, prometheus, otel},
		},
		{
			name:     "postgres",
			says:     "Ristretto over PostgreSQL",
			requires: []string{"adapters/bun", "adapters/ristretto", "core"},
			without:  []string{sqlite, mysql, valkey, prometheus, otel},
			server:   "TENANTSTORE_POSTGRES",
		},
		{
			name:     "ristretto",
			says:     "Ristretto over a store of their own",
			requires: []string{"adapters/ristretto", "core"},
			without:  []string{postgres, sqlite, mysql, bun, valkey, prometheus, otel},
		},
		{
			name:     "valkey",
			says:     "Valkey over a store of their own",
			requires: []string{"adapters/valkey", "core"},
			without:  []string{postgres, sqlite, mysql, bun, ristretto, prometheus, otel},
		},
		{
			name:     "prometheus",
			says:     "metrics for Prometheus",
			requires: []string{"adapters/prometheus", "core"},
			without:  []string{postgres, sqlite, mysql, bun, valkey, ristretto, otel, contrib},
		},
		{
			name:     "otel",
			says:     "traces and metrics through OpenTelemetry",
			requires: []string{"adapters/otel", "core"},
			without:  []string{postgres, sqlite, mysql, bun, valkey, ristretto, prometheus, contrib},
		},
		{
			name: "full",
			says: "everything, over SQLite",
			requires: []string{
				"adapters/bun", "adapters/otel", "adapters/prometheus", "adapters/ristretto", "adapters/valkey",
				"contrib/net-http", "core",
			},
		},
		{
			name:     "backend",
			says:     "a store of their own that runs storetest",
			requires: []string{"conformance", "core"},
			copies:   "examples/filestore",
			listed:   []string{"conformance", "core"},
			tests:    "^TestConformance$",
		},
		{
			name:     "http",
			says:     "the middleware of net/http",
			requires: []string{"contrib/net-http", "core"},
			modules:  []string{"contrib/net-http", "core"},
		},
		{
			name:     "grpc",
			says:     "the interceptors of gRPC",
			requires: []string{"contrib/grpc", "core"},
			modules: []string{
				"contrib/grpc", "core", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
				"google.golang.org/genproto/googleapis/rpc", "google.golang.org/grpc", "google.golang.org/protobuf",
			},
		},
		{
			name:     "service",
			says:     "a store that another process serves",
			requires: []string{"adapters/http", "core"},
			modules:  []string{"adapters/http", "contrib/net-http", "core"},
		},
		{
			name:     "dns",
			says:     "domains that customers bring",
			requires: []string{"contrib/dns", "core"},
			modules:  []string{"contrib/dns", "core", "golang.org/x/net", "golang.org/x/text"},
		},
	}
}
