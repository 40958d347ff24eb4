package tenancy

import (
	"context"
	"log/slog"
	"slices"
)

// TenantIDKey is the key of the attribute that [NewLogHandler] adds.
const TenantIDKey = "tenant.id"

// NewLogHandler returns next with the ID of the context's tenant added to each
// record, outside of all groups, as attribute tenant.id. It works for calls that
// pass the context on, such as [slog.InfoContext]:
//
//	log := slog.New(tenancy.NewLogHandler(slog.NewJSONHandler(os.Stderr, nil)))
func NewLogHandler(next slog.Handler) slog.Handler { return &logHandler{root: next, next: next} }

type logHandler struct {
	root  slog.Handler                      // before the first group
	next  slog.Handler                      // root with steps done
	steps []func(slog.Handler) slog.Handler // from the first group on
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	t, ok := FromContext(ctx)
	if !ok {
		return h.next.Handle(ctx, record)
	}
	id := slog.String(TenantIDKey, t.ID)
	if len(h.steps) == 0 {
		record = record.Clone()
		record.AddAttrs(id)
		return h.next.Handle(ctx, record)
	}
	next := h.root.WithAttrs([]slog.Attr{id})
	for _, step := range h.steps {
		next = step(next)
	}
	return next.Handle(ctx, record)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.steps) == 0 {
		return NewLogHandler(h.next.WithAttrs(attrs))
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

func (h *logHandler) with(step func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{root: h.root, next: step(h.next), steps: append(slices.Clip(h.steps), step)}
}
