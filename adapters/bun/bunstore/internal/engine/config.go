package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"strings"
	"text/template"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Config is what the options of package bunstore say, which has judged them.
type Config struct {
	Names         Names
	SoftDelete    bool
	Reserved      driver.ReservedIdentifiers
	MetadataCheck driver.MetadataCheck
	ClaimLifetime time.Duration
	// FormerLifetime is for how long an identifier that was given up is kept; 0: it is not.
	FormerLifetime time.Duration
	SearchIndex    bool
	SampleShare    int // see DefaultSampleShare; 0: take all trigrams for rare ones
	Retention      Retention
	PollInterval   time.Duration
	LockTimeout    time.Duration
	RetryTimeout   time.Duration
	Logger         *slog.Logger
	Reader         *bun.DB
	QueryHooks     []bun.QueryHook
	Listener       func(ctx context.Context, channel string, wake func())
	SessionsReady  bool
	OnClose        []func() error
	Sealer         seal.Sealer

	UpkeepInterval time.Duration // of trimming and looking for findings
	QueueAlert     float64       // how full the queue of NOTIFY may be, from 0 to 1
}

// Retention bounds the change log.
type Retention struct {
	Rows   int64
	Age    time.Duration
	Before tenancy.Revision // drop every older row
}

// Names are the plain names of what a store keeps in its database: they are pasted into
// statements.
type Names struct{ Schema, Table string }

// Channel is the name of NOTIFY's channel: 63 bytes at most, as PostgreSQL has it.
func (n Names) Channel() string {
	channel := n.Schema + "." + n.Table
	if len(channel) > 63 {
		sum := sha256.Sum256([]byte(channel))
		channel = "tenants." + hex.EncodeToString(sum[:16])
	}
	return channel
}

// Fill puts n into a file of text/template.
func (n Names) Fill(files fs.FS, file string, funcs template.FuncMap) (string, error) {
	t, err := template.New(file).Funcs(funcs).ParseFS(files, file)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, n); err != nil {
		return "", err
	}
	return b.String(), nil
}
