package snapshot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/go-tenancy/tenantstore/core/entrycodec"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Why a file is not written, though another one is there or will be.
var (
	// ErrBusy: another process, or another goroutine, is writing a file to the same path.
	ErrBusy = errors.New("another process is writing it")
	// ErrNewer: the rows of the file that is there were current later.
	ErrNewer = errors.New("another process has written a newer one")
)

// Write replaces the file at path by one with h and rows, which are as of h.At. It is
// durable when Write returns nil. If Write fails, the file before is still there, or the new
// one, if the directory alone could not be synced.
//
// A DatabaseURL is sealed by sealer; if that is nil, it is withheld in the file. names
// returns the names of the tenant with an ID; nil if they are not known.
//
// Writers of one path exclude each other by a lock of path.lock, which ends with its
// process: one that comes meanwhile gets ErrBusy. Systems without flock do not lock, and
// there two writers may leave a file that is ErrCorrupt. A writer that has lost contact with
// the database does not replace what another one wrote that has not: it gets ErrNewer.
func Write(ctx context.Context, path string, sealer seal.Sealer, h Header, rows iter.Seq[tenancy.Tenant], names func(id string) []tenancy.Key) (err error) {
	if err := checkReplaceable(path, time.Time{}); err != nil { // before there is a lock beside it
		return err
	}
	unlock, err := lock(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := checkReplaceable(path, h.Current); err != nil {
		return err
	}
	next := path + ".tmp"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a writer that was killed
		return err
	}
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next)
		}
	}()
	err = writeTo(ctx, file, sealer, h, rows, names)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// checkReplaceable refuses a path that leads to something else than a file of this package,
// which may be a damaged one, and a file that was current later, unless by a clock that was
// put back since.
func checkReplaceable(path string, current time.Time) error {
	file, err := Open(path)
	if err == nil {
		there := file.Header().Current
		if !current.IsZero() && there.After(current) && there.Before(time.Now().Add(MaxSkew)) {
			err = fmt.Errorf("%s: %w", path, ErrNewer)
		}
		return errors.Join(err, file.Close())
	}
	if errors.Is(err, ErrForeign) {
		return err
	}
	return nil
}

// checkRegular refuses what opening might hang at.
func checkRegular(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w, and no regular file", path, ErrForeign)
	}
	return err
}

func writeTo(ctx context.Context, to io.Writer, sealer seal.Sealer, h Header, rows iter.Seq[tenancy.Tenant], names func(id string) []tenancy.Key) error {
	codec := entrycodec.Codec{Sealer: sealer, Withhold: true}
	w := newWriter(to)
	if h.Named = names != nil; !h.Named {
		names = func(string) []tenancy.Key { return nil }
	}
	w.block = h.append(w.block)
	if err := w.end(); err != nil {
		return err
	}
	n := 0
	for t := range rows {
		if t.Revision > h.At.Revision { // and so perhaps of a history that the log will not show
			return fmt.Errorf("tenant %q is of revision %d, and the rows are said to be as of %d", t.ID, t.Revision, h.At.Revision)
		}
		row, err := codec.Encode(tenancy.Key{}, &tenancy.Versioned{AsOf: h.At, Tenant: t, Found: true})
		if err == nil {
			err = w.row(ctx, row, names(t.ID))
		}
		if err != nil {
			return fmt.Errorf("tenant %q: %w", t.ID, err)
		}
		n++
	}
	if n != h.Rows {
		return fmt.Errorf("%d rows, and the header says %d", n, h.Rows)
	}
	return w.end()
}

// writer writes blocks.
type writer struct {
	to    io.Writer
	sum   uint32
	block []byte // behind what stands before it: the prefix, the length
	start int    // of the block
}

func newWriter(to io.Writer) *writer {
	w := &writer{to: to, block: append(make([]byte, 0, 2*blockSize), magic...)}
	w.block = append(w.block, version)
	w.begin()
	return w
}

func (w *writer) begin() {
	w.block = append(w.block, make([]byte, lengthSize)...)
	w.start = len(w.block)
}

// row puts a row into the block, and writes that when it is full.
func (w *writer) row(ctx context.Context, row string, names []tenancy.Key) error {
	w.text(row)
	w.block = binary.AppendUvarint(w.block, uint64(len(names)))
	for _, k := range names {
		w.text(string(k.Kind))
		w.text(k.Value)
	}
	if len(w.block) < blockSize {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.end()
}

func (w *writer) text(s string) {
	w.block = append(binary.AppendUvarint(w.block, uint64(len(s))), s...)
}

// end writes the block, unless it is empty, and begins the next.
func (w *writer) end() error {
	size := len(w.block) - w.start
	switch {
	case size == 0:
		return nil
	case size > maxBlock:
		return fmt.Errorf("a row of %d bytes is more than the %d of a block", size, maxBlock)
	}
	binary.BigEndian.PutUint32(w.block[w.start-lengthSize:], uint32(size))
	w.sum = crc32.Update(w.sum, castagnoli, w.block)
	w.block = binary.BigEndian.AppendUint32(w.block, w.sum)
	_, err := w.to.Write(w.block)
	w.block = w.block[:0]
	w.begin()
	return err
}
