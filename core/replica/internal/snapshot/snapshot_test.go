package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

var current = time.Date(2026, 2, 3, 4, 5, 6, 789_000, time.UTC)

func tenant(i int) tenancy.Tenant {
	at := current.Add(time.Duration(i) * time.Microsecond)
	metadata, err := tenancy.NewMetadata(map[string]any{"plan": "pro", "seats": i})
	if err != nil {
		panic(err)
	}
	return tenancy.Tenant{
		ID: fmt.Sprintf("0198c0de-0000-7000-8000-%012d", i), Identifier: fmt.Sprintf("tenant-%d", i), Name: "Acmé " + fmt.Sprint(i),
		Status: tenancy.StatusActive, Isolation: "schema", SchemaName: "tenant_" + fmt.Sprint(i),
		Metadata: metadata, CreatedAt: at, UpdatedAt: at, Revision: tenancy.Revision(i + 1), Mark: int64(-i - 1),
	}
}

func tenants(n int) []tenancy.Tenant {
	rows := make([]tenancy.Tenant, n)
	for i := range rows {
		rows[i] = tenant(i)
	}
	return rows
}

func header(rows []tenancy.Tenant) Header {
	return Header{At: tenancy.Position{Revision: 1 << 40, Mark: math.MinInt64}, Current: current, Rows: len(rows)}
}

func write(tb testing.TB, path string, sealer seal.Sealer, rows []tenancy.Tenant) {
	tb.Helper()
	if err := Write(tb.Context(), path, sealer, header(rows), slices.Values(rows), nil); err != nil {
		tb.Fatal(err)
	}
}

// bytesOf returns what a file of these rows holds.
func bytesOf(tb testing.TB, rows []tenancy.Tenant) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := writeTo(tb.Context(), &b, nil, header(rows), slices.Values(rows), names); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// rowsOf reads rows to the end, or to the first error.
func rowsOf(r *Reader, sealer seal.Sealer) (rows []tenancy.Tenant, err error) {
	for t, err := range r.Rows(sealer) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, t)
	}
	return rows, nil
}

func read(path string, sealer seal.Sealer) (h Header, rows []tenancy.Tenant, err error) {
	r, err := Open(path)
	if err != nil {
		return Header{}, nil, err
	}
	rows, err = rowsOf(r, sealer)
	return r.Header(), rows, errors.Join(err, r.Close())
}

func readBytes(data []byte) (rows []tenancy.Tenant, err error) {
	r, err := newReader("file", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	return rowsOf(r, nil)
}

func same(a, b []tenancy.Tenant) bool {
	return slices.Equal(a, b)
}

func keyring(tb testing.TB, id string) *seal.Keyring {
	tb.Helper()
	k, err := seal.ParseKey(id, seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	r, err := seal.NewKeyring(k)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	large := tenant(3)
	large.Metadata = driver.MetadataFromStored([]byte(`{"a":"` + strings.Repeat("x", 3*blockSize) + `"}`))
	for name, rows := range map[string][]tenancy.Tenant{
		"none":         nil,
		"one":          tenants(1),
		"many blocks":  tenants(5000),
		"large":        {tenant(1), large, tenant(2)},
		"bare":         {{ID: "x"}},
		"large at end": {tenant(1), large},
	} {
		path := filepath.Join(t.TempDir(), "tenants.snap")
		for range 2 { // over the one before
			write(t, path, nil, rows)
			h, got, err := read(path, nil)
			if err != nil || h != header(rows) || !same(got, rows) {
				t.Errorf("%s: %+v, %d rows, %v, want %+v, %d rows", name, h, len(got), err, header(rows), len(rows))
			}
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v, want 0600", name, info.Mode(), err)
		}
		if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want that nothing else is left", name, err)
		}
	}
}

func TestSecretsAreSealedOrWithheld(t *testing.T) {
	const plain = "postgres://acme:s3cret@db/acme"
	rows := tenants(2)
	rows[0].DatabaseURL = tenancy.NewSecret(plain)
	k1 := keyring(t, "k1")
	for name, c := range map[string]struct {
		write, read seal.Sealer
		want        tenancy.Secret
	}{
		"sealed":      {k1, k1, tenancy.NewSecret(plain)},
		"no Sealer":   {nil, k1, driver.WithheldSecret("a DatabaseURL without a Sealer")},
		"key is gone": {k1, keyring(t, "k2"), driver.WithheldSecret(seal.ErrUnknownKey.Error() + " k1")},
	} {
		path := filepath.Join(t.TempDir(), "tenants.snap")
		write(t, path, c.write, rows)
		data, err := os.ReadFile(path)
		if err != nil || bytes.Contains(data, []byte("s3cret")) {
			t.Errorf("%s: the file shows the secret, or %v", name, err)
		}
		want := rows[0]
		want.DatabaseURL = c.want
		if _, got, err := read(path, c.read); err != nil || !same(got, []tenancy.Tenant{want, rows[1]}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func isFlaw(err error) bool {
	return errors.Is(err, ErrForeign) || errors.Is(err, ErrVersion) || errors.Is(err, ErrCorrupt)
}

func TestCutAnywhereIsRefused(t *testing.T) {
	rows := tenants(3)
	data := bytesOf(t, rows)
	for i := range data {
		got, err := readBytes(data[:i])
		if !errors.Is(err, ErrCorrupt) || !same(got, rows[:len(got)]) {
			t.Fatalf("cut at %d of %d: %d rows, %v, want ErrCorrupt", i, len(data), len(got), err)
		}
	}
}

func TestEveryBitCounts(t *testing.T) {
	rows := tenants(3)
	data := bytesOf(t, rows)
	for i := range data {
		for bit := range 8 {
			altered := slices.Clone(data)
			altered[i] ^= 1 << bit
			got, err := readBytes(altered)
			want := ErrCorrupt
			switch {
			case i < len(magic):
				want = ErrForeign
			case i < prefixSize:
				want = ErrVersion
			}
			if !errors.Is(err, want) || !same(got, rows[:len(got)]) {
				t.Fatalf("bit %d of byte %d flipped: %d rows, %v, want %v", bit, i, len(got), err, want)
			}
		}
	}
}

// blocksOf cuts a file into its prefix and its blocks.
func blocksOf(data []byte) (blocks [][]byte) {
	blocks = append(blocks, data[:prefixSize])
	for data = data[prefixSize:]; len(data) > 0; {
		end := lengthSize + int(binary.BigEndian.Uint32(data)) + checksumSize
		blocks = append(blocks, data[:end])
		data = data[end:]
	}
	return blocks
}

func TestBlocksAreInTheirPlace(t *testing.T) {
	blocks := blocksOf(bytesOf(t, tenants(1500)))
	other := blocksOf(bytesOf(t, tenants(1501)))
	if len(blocks) < 5 {
		t.Fatalf("%d blocks, want several of rows", len(blocks))
	}
	for name, b := range map[string][][]byte{
		"exchanged":     {blocks[0], blocks[1], blocks[3], blocks[2], blocks[4]},
		"twice":         slices.Insert(slices.Clone(blocks), 3, blocks[2]),
		"left out":      slices.Delete(slices.Clone(blocks), 2, 3),
		"of another":    append(slices.Clone(blocks[:len(blocks)-1]), other[len(other)-1]),
		"more at end":   append(slices.Clone(blocks), []byte("x")),
		"file at end":   append(slices.Clone(blocks), blocks...),
		"header only":   blocks[:2],
		"other header":  append([][]byte{other[0], other[1]}, blocks[2:]...),
		"without start": blocks[1:],
	} {
		if _, err := readBytes(slices.Concat(b...)); !isFlaw(err) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

// signed returns a file with these blocks, whose checksums are right.
func signed(blocks ...[]byte) []byte {
	data := append([]byte(magic), version)
	sum := crc32.Checksum(data, castagnoli)
	for _, b := range blocks {
		b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
		sum = crc32.Update(sum, castagnoli, b)
		data = binary.BigEndian.AppendUint32(append(data, b...), sum)
	}
	return data
}

func TestNoLengthIsTrusted(t *testing.T) {
	whole := bytesOf(t, tenants(1))
	row := blocksOf(whole)[2]
	row = row[lengthSize : len(row)-checksumSize]
	one := func(rows int) []byte { return Header{Current: current, Rows: rows}.append(nil) }
	if got, err := readBytes(signed(one(1), row)); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v: the cases prove nothing", got, err)
	}
	length := func(n uint32) []byte {
		return binary.BigEndian.AppendUint32(slices.Clone(whole[:prefixSize]), n)
	}
	for name, data := range map[string][]byte{
		"empty block":        length(0),
		"block of the limit": length(maxBlock),
		"block of 4 GiB":     length(1<<32 - 1),
		"short header":       signed(one(1)[1:], row),
		"long header":        signed(append(one(1), 0), row),
		"too many rows":      signed(one(math.MaxInt), row),
		"more rows":          signed(one(2), row),
		"fewer rows":         signed(one(0), row),
		"negative rows":      signed(one(-1), row),
		"row of 2^60 bytes":  signed(one(1), binary.AppendUvarint(nil, 1<<60)),
		"no names":           signed(one(1), row[:len(row)-len("\x01\x06domain\x06a.test")]),
		"name of 2^60 bytes": signed(one(1), binary.AppendUvarint(row[:len(row)-len("\x06a.test"):len(row)-len("\x06a.test")], 1<<60)),
		"2^60 names":         signed(one(1), binary.AppendUvarint(row[:len(row)-len("\x01\x06domain\x06a.test"):len(row)-len("\x01\x06domain\x06a.test")], 1<<60)),
		"row of 2^64 bytes":  signed(one(1), bytes.Repeat([]byte{0xff}, 11)),
		"row one too long":   signed(one(1), append(binary.AppendUvarint(nil, uint64(len(row)-1)), row[2:]...)),
		"row that is none":   signed(one(1), []byte("\x05hello")),
		"half a varint":      signed(one(1), []byte{0x80}),
	} {
		before := allocated()
		_, err := readBytes(data)
		if bytes := allocated() - before; !errors.Is(err, ErrCorrupt) || bytes > 4*blockSize {
			t.Errorf("%s: %v, %d bytes allocated, want ErrCorrupt and few", name, err, bytes)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestAge(t *testing.T) {
	const maxAge = time.Hour
	for name, c := range map[string]struct {
		age  time.Duration
		want error
	}{
		"new":                  {0, nil},
		"just allowed":         {maxAge - 1, nil},
		"too old":              {maxAge, ErrAge},
		"clock put back a bit": {-MaxSkew, nil},
		"of the future":        {-MaxSkew - 1, ErrAge},
		"of another epoch":     {-1 << 62, ErrAge},
	} {
		if err := (Header{Current: current}).CheckAge(current.Add(c.age), maxAge); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestAFailedWriteLeavesTheFileBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.snap")
	before := tenants(3)
	write(t, path, nil, before)
	ended, end := context.WithCancel(t.Context())
	end()
	huge := tenant(9)
	huge.Name = strings.Repeat("x", maxBlock)
	many := tenants(3000)
	for name, c := range map[string]struct {
		ctx  context.Context
		head Header
		rows []tenancy.Tenant
	}{
		"ended":             {ended, header(many), many},
		"fewer rows":        {t.Context(), header(many), many[1:]},
		"a newer row":       {t.Context(), Header{At: tenancy.Position{Revision: 2}, Rows: 3}, before},
		"a row of 16 MiB":   {t.Context(), header(many[:1]), []tenancy.Tenant{huge}},
		"more rows at once": {t.Context(), header(nil), many},
	} {
		if err := Write(c.ctx, path, nil, c.head, slices.Values(c.rows), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, got, err := read(path, nil); err != nil || !same(got, before) {
			t.Errorf("%s: %d rows, %v, want the file before", name, len(got), err)
		}
		if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the file under way is left: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	whole := bytesOf(f, tenants(2))
	f.Add(whole, []byte{})
	f.Add(bytesOf(f, nil), []byte("x"))
	row := blocksOf(whole)[2]
	f.Add(Header{Rows: 2}.append(nil), row[lengthSize:len(row)-checksumSize])
	f.Fuzz(func(t *testing.T, first, second []byte) {
		_, _ = readBytes(first)                                               // as it is
		for _, data := range [][]byte{signed(first, second), signed(first)} { // and with right checksums
			rows, err := readBytes(data)
			if err != nil && !isFlaw(err) {
				t.Fatalf("%v, want a reason", err)
			}
			if err == nil && len(rows) != parseHeader(first).Rows {
				t.Fatalf("%d rows without an error, and the header says %d", len(rows), parseHeader(first).Rows)
			}
		}
	})
}
