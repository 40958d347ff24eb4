module github.com/go-tenancy/tenantstore/integration

go 1.25.0

require (
	github.com/Shopify/toxiproxy/v2 v2.5.0
	github.com/dgraph-io/ristretto/v2 v2.4.2
	github.com/go-tenancy/tenantstore/adapters/bun v0.1.0
	github.com/go-tenancy/tenantstore/adapters/http v0.1.0
	github.com/go-tenancy/tenantstore/adapters/otel v0.1.0
	github.com/go-tenancy/tenantstore/adapters/prometheus v0.1.0
	github.com/go-tenancy/tenantstore/adapters/ristretto v0.1.0
	github.com/go-tenancy/tenantstore/adapters/valkey v0.1.0
	github.com/go-tenancy/tenantstore/conformance v0.1.0
	github.com/go-tenancy/tenantstore/contrib/dns v0.1.0
	github.com/go-tenancy/tenantstore/contrib/grpc v0.1.0
	github.com/go-tenancy/tenantstore/core v0.1.0
	github.com/jackc/pgx/v5 v5.12.0
	github.com/rs/zerolog v1.34.0
	github.com/valkey-io/valkey-go v1.0.79
	go.uber.org/goleak v1.3.0
	modernc.org/sqlite v1.59.0
)

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/chromedp/cdproto v0.160.1
	github.com/chromedp/chromedp v0.23.1
	github.com/go-sql-driver/mysql v1.10.1
	github.com/miekg/dns v1.1.73
	github.com/uptrace/bun/extra/bundebug v1.3.0
	github.com/uptrace/bun/extra/bunotel v1.2.18
	go.opentelemetry.io/otel v1.46.0
	go.opentelemetry.io/otel/metric v1.46.0
	go.opentelemetry.io/otel/sdk v1.46.0
	golang.org/x/crypto v0.54.0
	google.golang.org/grpc v1.84.0
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/fatih/color v1.18.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/uptrace/bun/dialect/mysqldialect v1.3.0 // indirect
	github.com/uptrace/opentelemetry-go-extra/otelsql v0.3.2 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/trace v1.46.0 // indirect
	golang.org/x/mod v0.38.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260706201446-f0a921348800 // indirect
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-chi/chi/v5 v5.5.0
	github.com/go-tenancy/tenantstore/contrib/net-http v0.1.0
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/mux v1.8.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/prometheus/client_golang v1.24.1 // indirect
	github.com/prometheus/client_model v0.6.2 // indirect
	github.com/prometheus/common v0.70.1 // indirect
	github.com/prometheus/procfs v0.21.1 // indirect
	github.com/puzpuzpuz/xsync/v3 v3.5.1 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/rs/xid v1.6.0 // indirect
	github.com/tmthrgd/go-hex v0.0.0-20190904060850-447a3041c3bc // indirect
	github.com/uptrace/bun v1.3.0
	github.com/uptrace/bun/dialect/pgdialect v1.3.0
	github.com/uptrace/bun/dialect/sqlitedialect v1.3.0
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	golang.org/x/net v0.57.0
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0
	google.golang.org/protobuf v1.36.11 // indirect
	gopkg.in/tomb.v1 v1.0.0-20141024135613-dd632973f1e7 // indirect
	modernc.org/libc v1.75.7 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace (
	github.com/go-tenancy/tenantstore/adapters/bun => ../adapters/bun
	github.com/go-tenancy/tenantstore/adapters/http => ../adapters/http
	github.com/go-tenancy/tenantstore/adapters/otel => ../adapters/otel
	github.com/go-tenancy/tenantstore/adapters/prometheus => ../adapters/prometheus
	github.com/go-tenancy/tenantstore/adapters/ristretto => ../adapters/ristretto
	github.com/go-tenancy/tenantstore/adapters/valkey => ../adapters/valkey
	github.com/go-tenancy/tenantstore/conformance => ../conformance
	github.com/go-tenancy/tenantstore/contrib/dns => ../contrib/dns
	github.com/go-tenancy/tenantstore/contrib/grpc => ../contrib/grpc
	github.com/go-tenancy/tenantstore/contrib/net-http => ../contrib/net-http
	github.com/go-tenancy/tenantstore/core => ../core
)
