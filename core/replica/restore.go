package replica

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Restore implements [follow.Loader]. A snapshot file that cannot be used costs a line in
// the log, and a scan.
func (l *loader) Restore(ctx context.Context, r *follow.Reader) (at tenancy.Position, until time.Time) {
	if l.cfg.path == "" {
		return at, until
	}
	h, err := l.readSnapshot(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.cfg.logger.Info("tenancy: there is no snapshot of the tenants; all are read from the source", "path", l.cfg.path)
		return at, until
	case err != nil:
		l.cfg.logger.Warn("tenancy: the snapshot of the tenants is not used; all are read from the source", "path", l.cfg.path, "error", err)
		return at, until
	}
	until = h.Current.Add(l.cfg.maxAge)
	l.cfg.logger.Info("tenancy: tenants are served from the snapshot until the change log has been read",
		"path", l.cfg.path, "tenants", h.Rows, "current", h.Current, "until", until)
	l.saw(r, h.At)
	l.snapshot.set(h, nil, 0)
	return h.At, until
}

// readSnapshot reads the file into memory, which is not served yet.
func (l *loader) readSnapshot(ctx context.Context) (h snapshot.Header, err error) {
	file, err := snapshot.Open(l.cfg.path)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	h = file.Header()
	if err := h.CheckAge(time.Now(), l.cfg.maxAge); err != nil {
		return h, err
	}
	if h.Rows > l.cfg.maxTenants {
		return h, fmt.Errorf("%s has %d tenants, and WithMaxTenants allows %d", l.cfg.path, h.Rows, l.cfg.maxTenants)
	}
	complete := true
	batches, failed := make(chan []restoredRow), error(nil)
	go func() { // while what was decoded before is put into memory
		defer close(batches)
		failed = l.decode(ctx, file, batches)
	}()
	for rows := range batches {
		for _, row := range rows {
			complete = complete && (l.cfg.withoutSecrets || row.DatabaseURL.Err() == nil) // else the source may have it
			l.restoreNames(row.ID, row.names)
			l.set(row.ID, row.Record)
		}
		l.apply(tenancy.Position{}) // nobody reads yet
	}
	if failed != nil {
		return h, failed
	}
	l.apply(h.At)
	l.names.known = h.Named
	l.named.Store(h.Named)
	l.restored = complete
	return h, nil
}

// restoredRow is a row of the snapshot file.
type restoredRow struct {
	*table.Record
	names []tenancy.Key
}

// decode sends the rows of the file in batches.
func (l *loader) decode(ctx context.Context, file *snapshot.Reader, to chan<- []restoredRow) error {
	var rows []restoredRow
	for t, err := range file.Rows(l.cfg.sealer) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if l.cfg.withoutSecrets {
			t = withhold(t)
		}
		row := restoredRow{table.NewRecord(t), file.Names()}
		row.Scan = l.scan
		if rows = append(rows, row); len(rows) == batch {
			to <- rows
			rows = nil
		}
	}
	to <- rows
	return nil
}
