package entrycodec

import (
	"encoding/binary"
	"hash/crc32"
	"time"
	"unsafe"
)

// bigEndian reads all of text as one number.
func bigEndian(text string) (n uint64) {
	for i := range len(text) {
		n = n<<8 | uint64(text[i])
	}
	return n
}

// checksum returns the CRC-32C of value, which it reads where it is: hash/crc32
// takes no strings, and a copy for each lookup would be the largest cost of it.
func checksum(value string) uint32 {
	return crc32.Checksum(unsafe.Slice(unsafe.StringData(value), len(value)), crc32.MakeTable(crc32.Castagnoli))
}

// fieldWriter is an encoded entry under way.
type fieldWriter []byte

func (w *fieldWriter) field(tag byte, text string) {
	*w = binary.AppendUvarint(append(*w, tag), uint64(len(text)))
	*w = append(*w, text...)
}

// text leaves out an empty field.
func (w *fieldWriter) text(tag byte, text string) {
	if text != "" {
		w.field(tag, text)
	}
}

func (w *fieldWriter) number(tag byte, n int64) {
	*w = binary.BigEndian.AppendUint64(append(*w, tag, 8), uint64(n))
}

// time keeps microseconds, as stores do; the zero Time is left out.
func (w *fieldWriter) time(tag byte, t time.Time) {
	if !t.IsZero() {
		w.number(tag, t.UnixMicro())
	}
}

// end appends the checksum. The caller no longer uses w.
func (w *fieldWriter) end() string {
	text := unsafe.String(unsafe.SliceData(*w), len(*w))
	*w = binary.BigEndian.AppendUint32(*w, checksum(text))
	return unsafe.String(unsafe.SliceData(*w), len(*w))
}

// fieldReader reads the fields one by one.
type fieldReader struct {
	rest   string
	failed bool
}

// next returns the next field. It ends the reading if the field is cut.
func (r *fieldReader) next() (tag uint64, text string) {
	tag, n := r.uvarint(), r.uvarint()
	if r.failed || n > uint64(len(r.rest)) {
		r.rest, r.failed = "", true
		return 0, ""
	}
	text, r.rest = r.rest[:n], r.rest[n:]
	return tag, text
}

func (r *fieldReader) uvarint() (n uint64) {
	for shift := 0; shift < 63 && shift/7 < len(r.rest); shift += 7 {
		b := r.rest[shift/7]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			r.rest = r.rest[shift/7+1:]
			return n
		}
	}
	r.failed = true
	return 0
}
