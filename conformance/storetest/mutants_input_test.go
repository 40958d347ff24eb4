package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func inputMutants() []mutant {
	return []mutant{
		{rule: "status-known-only", how: "makes an unknown status active", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				if !s.Known() {
					s = tenancy.StatusActive
				}
				return f.Store.SetStatus(ctx, id, s)
			}
		}},
		{rule: "status-known-only", how: "counts nobody for an unknown status", spoil: func(f *faulty) {
			f.count = func(ctx context.Context, filter tenancy.Filter) (int, error) {
				n, err := f.Store.Count(ctx, filter)
				if errors.Is(err, tenancy.ErrInvalid) {
					err = nil
				}
				return n, err
			}
		}},
		{rule: "id-length", how: "measures an ID in bytes", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if len(t.ID) > 255 {
					return tenancy.Tenant{}, invalid("id")
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "id-length", how: "looks an ID up that nobody can have", spoil: func(f *faulty) {
			f.exists = func(ctx context.Context, id string) (bool, error) {
				found, err := f.Store.Exists(ctx, id)
				if errors.Is(err, tenancy.ErrInvalid) {
					return false, nil
				}
				return found, err
			}
		}},
		{rule: "name-length", how: "measures a name in bytes", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if len(t.Name) > 255 {
					return tenancy.Tenant{}, invalid("name")
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "identifier-syntax", how: "matches up to a trailing newline", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.Identifier = strings.TrimSuffix(t.Identifier, "\n")
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "identifier-syntax", how: "makes an identifier lower case", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.Identifier = strings.ToLower(t.Identifier)
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "identifier-syntax-lookup", how: "asks the database for it", spoil: func(f *faulty) {
			f.getByIdentifier = func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByIdentifier(ctx, identifier)
				if errors.Is(err, tenancy.ErrInvalid) {
					err = driver.ErrorIn("GetByIdentifier", tenancy.Key{}, tenancy.ErrNotFound)
				}
				return t, err
			}
		}},
		{rule: "field-limits", how: "cuts a DatabaseURL that is too long", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if url := t.DatabaseURL.Reveal(); len(url) > tenancy.MaxDatabaseURLBytes {
					t.DatabaseURL = tenancy.NewSecret(url[:tenancy.MaxDatabaseURLBytes])
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "field-limits", how: "stores the mask of a secret", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if t.DatabaseURL.Reveal() == "***" {
					t.DatabaseURL = tenancy.Secret{}
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "text-round-trips", how: "trims names", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if name := strings.TrimSpace(t.Name); name != "" {
					t.Name = name
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "text-round-trips", how: "composes characters at update", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.Name = strings.ReplaceAll(t.Name, "e\u0301", "é")
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "id-is-printable", how: "takes the slashes out of a path", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				if err != nil && strings.Contains(t.ID, "/") {
					t.ID = strings.ReplaceAll(t.ID, "/", "")
					return f.Store.Create(ctx, t)
				}
				return created, err
			}
		}},
		{rule: "text-refused-in-writes", how: "strips NUL", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.SchemaName = strings.ReplaceAll(t.SchemaName, "\x00", "")
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "text-refused-in-writes", how: "replaces invalid UTF-8", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if len(t.Name) < 100 {
					t.Name = strings.ToValidUTF8(t.Name, "?")
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "text-harmless-in-reads", how: "builds statements out of queries", spoil: func(f *faulty) {
			f.search = func(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
				if strings.Count(query, "'")%2 == 1 {
					return nil, driver.ErrorIn("Search", tenancy.Key{}, errors.New("syntax error"))
				}
				return f.Store.Search(ctx, query, opts)
			}
		}},
		{rule: "times-are-utc-microseconds", how: "returns local time", spoil: func(f *faulty) {
			f.getByID = func(ctx context.Context, id string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				t.CreatedAt = t.CreatedAt.In(time.FixedZone("CET", 3600))
				return t, err
			}
		}},
		{rule: "times-are-utc-microseconds", how: "keeps milliseconds", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.CreatedAt = t.CreatedAt.Truncate(time.Millisecond)
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "secret-never-in-errors", how: "quotes its input", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				updated, err := f.Store.Update(ctx, t)
				if err != nil {
					err = fmt.Errorf("%w: parameters: %s, %s", err, t.Name, t.DatabaseURL.Reveal())
				}
				return updated, err
			}
		}},
		{rule: "secret-never-in-errors", how: "wraps an error that quotes its input", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				if err != nil {
					driver := errors.New("duplicate key: " + t.DatabaseURL.Reveal())
					err = &tenancy.Error{Op: "Create", Err: quiet{errors.Join(err, driver)}}
				}
				return created, err
			}
		}},
		{rule: "errors-are-typed", how: "returns bare sentinels", spoil: func(f *faulty) {
			f.getByID = func(ctx context.Context, id string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if errors.Is(err, tenancy.ErrNotFound) {
					err = tenancy.ErrNotFound
				}
				return t, err
			}
		}},
		{rule: "errors-are-typed", how: "does not say which tenant it is about", spoil: func(f *faulty) {
			f.delete = func(ctx context.Context, id string) error {
				if err := f.Store.Delete(ctx, id); err != nil {
					return &tenancy.Error{Op: "Delete", Err: tenancy.ErrNotFound}
				}
				return nil
			}
		}},
	}
}

func invalid(field string) error { return &tenancy.Error{Field: field, Err: tenancy.ErrInvalid} }

// quiet is an error whose own text shows nothing of what it wraps.
type quiet struct{ err error }

func (quiet) Error() string   { return "it failed" }
func (q quiet) Unwrap() error { return q.err }
