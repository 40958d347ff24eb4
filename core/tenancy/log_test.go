package tenancy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestLogHandlerIsASlogHandler(t *testing.T) {
	var buf bytes.Buffer
	err := slogtest.TestHandler(tenancy.NewLogHandler(slog.NewJSONHandler(&buf, nil)), func() []map[string]any {
		var lines []map[string]any
		for line := range strings.Lines(buf.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, m)
		}
		return lines
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLogHandler(t *testing.T) {
	var buf bytes.Buffer
	plain := slog.New(tenancy.NewLogHandler(slog.NewTextHandler(&buf, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})))
	ctx := tenancy.NewContext(t.Context(), tenancy.Tenant{ID: "id-acme"})
	for _, row := range []struct {
		log  *slog.Logger
		ctx  context.Context
		want string
	}{
		{plain, t.Context(), "msg=m x=1\n"},
		{plain, ctx, "msg=m x=1 tenant.id=id-acme\n"},
		{plain.With("a", 1), ctx, "msg=m a=1 x=1 tenant.id=id-acme\n"},
		{plain.WithGroup(""), ctx, "msg=m x=1 tenant.id=id-acme\n"},
		{plain.With("a", 1).WithGroup("g").With("b", 2), ctx, "msg=m a=1 tenant.id=id-acme g.b=2 g.x=1\n"},
		{plain.With("a", 1).WithGroup("g").With("b", 2), t.Context(), "msg=m a=1 g.b=2 g.x=1\n"},
		{plain.WithGroup("g").WithGroup("h"), ctx, "msg=m tenant.id=id-acme g.h.x=1\n"},
	} {
		buf.Reset()
		row.log.InfoContext(row.ctx, "m", "x", 1)
		if got := buf.String(); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func ExampleNewLogHandler() {
	log := slog.New(tenancy.NewLogHandler(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	ctx := tenancy.NewContext(context.Background(), tenancy.Tenant{ID: "id-acme"})
	log.InfoContext(ctx, "order placed")
	// Output: level=INFO msg="order placed" tenant.id=id-acme
}
