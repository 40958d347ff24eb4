package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Header says what a file holds.
type Header struct {
	// At is the position that the rows are as of: they hold every change up to it, and none
	// after it.
	At tenancy.Position
	// Current is when the rows were last known to be those of the database. It is not when
	// the file was written, which may have been after an outage of hours.
	Current time.Time
	// Rows is how many tenants there are.
	Rows int
	// Named says that the file has the names of the tenants, too. Write sets it.
	Named bool
}

const (
	magic        = "TENANTS"
	version      = 2 // 1 had no names
	prefixSize   = len(magic) + 1
	lengthSize   = 4
	checksumSize = 4
	headerSize   = 5 * 8
	// blockSize is what blocks of several rows hold, about.
	blockSize = 64 << 10
	// maxBlock is what a block may hold: a row of 16 MiB. The metadata of a row are at
	// most 256 KiB, unless they were edited by hand.
	maxBlock = 16 << 20
)

// Why a file is not used.
var (
	// ErrForeign: the path leads to no file of this package.
	ErrForeign = errors.New("it is no snapshot of tenants")
	// ErrVersion: another release wrote it, in a format that this one does not know.
	ErrVersion = errors.New("it has a format of another release")
	// ErrCorrupt: it was cut or altered.
	ErrCorrupt = errors.New("it is cut or altered")
	// ErrAge: it is older than allowed, or says that it is of the future.
	ErrAge = errors.New("its age is not allowed")
)

// MaxSkew is how far the clock may have been put back since a file was written. If it is
// more, its age cannot be told.
const MaxSkew = time.Minute

// CheckAge returns ErrAge if the rows may have been out of date for longer than maxAge.
func (h Header) CheckAge(now time.Time, maxAge time.Duration) error {
	switch age := now.Sub(h.Current); {
	case age >= maxAge:
		return fmt.Errorf("%w: it was current at %s, longer ago than %s", ErrAge, h.Current.Format(time.RFC3339), maxAge)
	case age < -MaxSkew:
		return fmt.Errorf("%w: it was current at %s, and now it is %s", ErrAge, h.Current.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

func (h Header) append(b []byte) []byte {
	named := int64(0)
	if h.Named {
		named = 1
	}
	for _, n := range [...]int64{int64(h.At.Revision), h.At.Mark, h.Current.UnixMicro(), int64(h.Rows), named} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// parseHeader reads headerSize bytes.
func parseHeader(b []byte) Header {
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[8*i:])) }
	return Header{
		At:      tenancy.Position{Revision: tenancy.Revision(number(0)), Mark: number(1)},
		Current: time.UnixMicro(number(2)).UTC(),
		Rows:    int(number(3)),
		Named:   number(4) != 0,
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
