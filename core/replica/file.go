package replica

import (
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// File is a snapshot file that is open for reading, for tools. See [WithSnapshotFile].
type File struct{ reader *snapshot.Reader }

// FileInfo describes a snapshot file.
type FileInfo struct {
	Position tenancy.Position // that the tenants are as of
	Current  time.Time        // when they were last known to be those of the database
	Tenants  int
	Names    bool // it has the names of the tenants, too
}

// OpenFile opens a snapshot file, which the caller closes. It checks no more than the
// beginning of the file; All checks the rest. Errors wrap [fs.ErrNotExist], another error of
// the file system, or say why it is no snapshot file that this release can read.
func OpenFile(path string) (*File, error) {
	r, err := snapshot.Open(path)
	if err != nil {
		return nil, err
	}
	return &File{r}, nil
}

// Info returns what the file says of itself.
func (f *File) Info() FileInfo {
	h := f.reader.Header()
	return FileInfo{Position: h.At, Current: h.Current, Tenants: h.Rows, Names: h.Named}
}

// All yields the tenants with their verified domains and former identifiers, once. An error,
// the last thing that it yields, says that the file is damaged. Secrets that sealer, which may
// be nil, does not open are withheld.
func (f *File) All(sealer seal.Sealer) iter.Seq2[FileTenant, error] {
	return func(yield func(FileTenant, error) bool) {
		for t, err := range f.reader.Rows(sealer) {
			if !yield(FileTenant{t, f.reader.Names()}, err) || err != nil {
				return
			}
		}
	}
}

// FileTenant is a tenant of a snapshot file.
type FileTenant struct {
	tenancy.Tenant
	Names []tenancy.Key
}

// Close closes the file.
func (f *File) Close() error { return f.reader.Close() }
