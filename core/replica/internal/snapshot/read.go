package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/go-tenancy/tenantstore/core/entrycodec"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Reader reads a file.
type Reader struct {
	header Header
	name   string
	in     *bufio.Reader
	file   io.Closer
	left   int64 // how much of the file is not read yet
	sum    uint32
	block  []byte
	names  []tenancy.Key // of the last row
}

// Open opens the file at path and reads its header. Errors wrap [fs.ErrNotExist] if there
// is none, another error of the file system, or say why it is not used: ErrForeign,
// ErrVersion, ErrCorrupt.
func Open(path string) (*Reader, error) {
	if err := checkRegular(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		var r *Reader
		if r, err = newReader(path, file, info.Size()); err == nil {
			r.file = file
			return r, nil
		}
	}
	_ = file.Close()
	return nil, err
}

func newReader(name string, in io.Reader, size int64) (*Reader, error) {
	r := &Reader{name: name, in: bufio.NewReaderSize(in, blockSize), left: size}
	return r, r.readHeader()
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Header returns what the file says of itself.
func (r *Reader) Header() Header { return r.header }

func (r *Reader) readHeader() error {
	prefix := make([]byte, prefixSize)
	if err := r.read(prefix); err != nil {
		return err
	}
	switch {
	case string(prefix[:len(magic)]) != magic:
		return fmt.Errorf("%s: %w", r.name, ErrForeign)
	case prefix[len(magic)] != version:
		return fmt.Errorf("%s: %w: %d, and this one knows %d", r.name, ErrVersion, prefix[len(magic)], version)
	}
	r.sum = crc32.Checksum(prefix, castagnoli)
	block, err := r.nextBlock()
	if err != nil {
		return err
	}
	if len(block) != headerSize {
		return r.corrupt("its header has %d bytes", len(block))
	}
	r.header = parseHeader(block)
	if n := int64(r.header.Rows); n < 0 || n > r.left/entrycodec.HeaderSize {
		return r.corrupt("its header says %d rows", n)
	}
	return nil
}

// Rows reads the rows. It ends at the first error. What it has yielded is intact then
// too, but there may be more.
//
// A DatabaseURL that was withheld, or that sealer does not open, is withheld.
func (r *Reader) Rows(sealer seal.Sealer) iter.Seq2[tenancy.Tenant, error] {
	codec := entrycodec.Codec{Sealer: sealer, Withhold: true}
	return func(yield func(tenancy.Tenant, error) bool) {
		n := 0
		for r.left > 0 {
			block, err := r.nextBlock()
			for len(block) > 0 && err == nil {
				var t tenancy.Tenant
				t, block, err = r.row(codec, block)
				if err == nil && !yield(t, nil) {
					return
				}
				n++
			}
			if err != nil {
				yield(tenancy.Tenant{}, err)
				return
			}
		}
		if n != r.header.Rows {
			yield(tenancy.Tenant{}, r.corrupt("it has %d rows, and its header says %d", n, r.header.Rows))
		}
	}
}

// Names returns the names of the tenant that Rows has yielded last: its verified domains and
// former identifiers. There are none unless the file is Named.
func (r *Reader) Names() []tenancy.Key { return r.names }

// row returns the first row of a block, and the rest.
func (r *Reader) row(codec entrycodec.Codec, block []byte) (tenancy.Tenant, []byte, error) {
	row, block, err := r.text(block)
	if err != nil {
		return tenancy.Tenant{}, nil, err
	}
	_, v, err := codec.DecodeBytes(row)
	switch {
	case err != nil:
		return tenancy.Tenant{}, nil, r.corrupt("%w", err)
	case !v.Found:
		return tenancy.Tenant{}, nil, r.corrupt("a row without a tenant")
	}
	block, err = r.readNames(block)
	return v.Tenant, block, err
}

// readNames reads the names of a row, and returns the rest of the block.
func (r *Reader) readNames(block []byte) ([]byte, error) {
	count, n := binary.Uvarint(block)
	if n <= 0 || count > uint64(len(block)) { // believed only as far as there is a block
		return nil, r.corrupt("a row without its names")
	}
	r.names, block = nil, block[n:]
	for range count {
		kind, rest, err := r.text(block)
		if err != nil {
			return nil, err
		}
		value, rest, err := r.text(rest)
		if err != nil {
			return nil, err
		}
		r.names, block = append(r.names, tenancy.Key{Kind: tenancy.KeyKind(kind), Value: string(value)}), rest
	}
	return block, nil
}

// text returns a text with its length before it, and the rest of the block.
func (r *Reader) text(block []byte) (text, rest []byte, err error) {
	size, n := binary.Uvarint(block)
	if n <= 0 || size > uint64(len(block)-n) {
		return nil, nil, r.corrupt("a row is longer than its block")
	}
	end := n + int(size)
	return block[n:end], block[end:], nil
}

// nextBlock returns what the next block holds, until the next call.
func (r *Reader) nextBlock() ([]byte, error) {
	r.block = slices.Grow(r.block[:0], lengthSize)[:lengthSize]
	if err := r.read(r.block); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(r.block))
	if size == 0 || size > maxBlock || size > r.left { // believed only as far as there is a file
		return nil, r.corrupt("a block of %d bytes", size)
	}
	end := lengthSize + int(size)
	r.block = slices.Grow(r.block, int(size)+checksumSize)[:end+checksumSize]
	if err := r.read(r.block[lengthSize:]); err != nil {
		return nil, err
	}
	r.sum = crc32.Update(r.sum, castagnoli, r.block[:end])
	if binary.BigEndian.Uint32(r.block[end:]) != r.sum {
		return nil, r.corrupt("a checksum does not match")
	}
	return r.block[lengthSize:end], nil
}

// read fills b.
func (r *Reader) read(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.left -= int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.corrupt("it ends in the middle")
	}
	return err
}

func (r *Reader) corrupt(format string, args ...any) error {
	return fmt.Errorf("%s: %w: "+format, append([]any{r.name, ErrCorrupt}, args...)...)
}
