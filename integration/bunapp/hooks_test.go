package bunapp_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/extra/bundebug"
	"github.com/uptrace/bun/extra/bunotel"
	"go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

// output is what bundebug writes, from any goroutine.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// bundebug and bunotel, set up as their documentation says, show the statements of a store,
// and nothing of the tenants.
func TestHooksOfBunShowStatementsWithoutArguments(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		var debug output
		spans := tracetest.NewSpanRecorder()
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		db = db.WithQueryHook(bundebug.NewQueryHook(bundebug.WithVerbose(true), bundebug.WithWriter(&debug)))
		db = db.WithQueryHook(bunotel.NewQueryHook(bunotel.WithDBName("app"), bunotel.WithFormattedQueries(true),
			bunotel.WithTracerProvider(tracer), bunotel.WithMeterProvider(metricnoop.NewMeterProvider())))
		s := newStore(t, db)
		ctx, root := tracer.Tracer("test").Start(t.Context(), "request")
		m, err := tenancy.NewMetadata(map[string]string{"token": canary})
		if err != nil {
			t.Fatal(err)
		}
		acme := tenancy.Tenant{
			Identifier: canary, Name: canary, SchemaName: canary, Metadata: m,
			DatabaseURL: tenancy.NewSecret("postgres://user:" + canary + "@host/db"),
		}
		created, err := s.Create(ctx, acme)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(ctx, acme); err == nil {
			t.Error("an identifier was given out twice")
		}
		if _, err := s.GetByIdentifier(ctx, canary); err != nil {
			t.Error(err)
		}
		if _, err := s.UpdateMetadata(ctx, created.ID, m); err != nil {
			t.Error(err)
		}
		if err := s.Delete(ctx, created.ID); err != nil {
			t.Error(err)
		}
		root.End()

		traced := map[string]int{}
		for _, span := range spans.Ended() {
			traced[span.Name()]++
			shown := fmt.Sprint(span.Name(), span.Attributes(), span.Events(), span.Status())
			if strings.Contains(shown, canary) {
				t.Errorf("a span shows a tenant: %s", shown)
			}
			statement := attribute.NewSet(span.Attributes()...)
			if text, ok := statement.Value("db.statement"); span.Name() == "INSERT" && (!ok || !strings.Contains(text.AsString(), "INSERT INTO")) {
				t.Errorf("an INSERT has no statement: %v", span.Attributes())
			}
		}
		for _, name := range []string{"SELECT", "INSERT", "DELETE"} {
			if traced[name] == 0 || !strings.Contains(debug.String(), " "+name+" ") {
				t.Errorf("no %s: spans %v", name, traced)
			}
		}
		if at := strings.Index(debug.String(), canary); at >= 0 {
			t.Errorf("bundebug shows a tenant: …%s", debug.String()[max(0, at-300):at+len(canary)])
		}
	})
}
