package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// path returns the file of the database, "" for one in memory.
func (s *store) path(ctx context.Context) (string, error) {
	var path engine.Text
	_, err := s.Read.One(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'", nil, &path)
	return string(path), err
}

// openFile is the file of a database as it was when somebody first looked. A process
// goes on with the file that it has opened, whatever happens to its name.
type openFile struct {
	mu   sync.Mutex
	info os.FileInfo
}

// moved finds that the name does not lead to the file any more.
func (f *openFile) moved(ctx context.Context, s *store) ([]engine.Finding, error) {
	path, err := s.path(ctx)
	if err != nil || path == "" {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch now, err := os.Stat(path); {
	case err == nil && f.info == nil:
		f.info = now
		return nil, nil
	case err == nil && os.SameFile(now, f.info):
		return nil, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist): // who knows
		return nil, nil
	}
	return []engine.Finding{{
		Kind: engine.FindingFile, Text: "the file of the database was moved, removed or replaced while it was open, so that what is written is lost when the process ends:" +
			" stop it, put the right file in its place, and start it again", Details: []string{path},
	}}, nil
}
