package entrycodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Codec writes entries, and reads them back. Its zero value refuses tenants with a
// DatabaseURL.
//
// The form is binary and compact. It begins with a header that no version
// changes, so that a program inside a cache's server can compare entries:
//
//	byte 0      'E'
//	byte 1      the version of what follows the header
//	bytes 2-9   AsOf.Revision, big-endian
//	bytes 10-17 AsOf.Mark, big-endian
//
// The fields follow, each a tag and a length as varints and that many bytes, then a CRC-32C
// of everything before. Readers skip unknown fields, since old and new processes share a
// cache during a rolling upgrade. Only a field that they must not ignore needs a new
// version.
type Codec struct {
	// Sealer seals the DatabaseURL, bound to its tenant. Without a Sealer, and without
	// PlainSecrets, a tenant with a DatabaseURL is refused.
	Sealer seal.Sealer
	// PlainSecrets writes the DatabaseURL as plain text if there is no Sealer: anyone who
	// can read the entries can read it. With a Sealer, plain ones are still accepted: set
	// both to begin sealing in a cache that is in use.
	PlainSecrets bool
	// Withhold writes and reads a tenant without a DatabaseURL that would otherwise be
	// refused: it is withheld, with the reason. It is for a copy of all tenants. A cache
	// must not set it, since it would hide stored secrets.
	Withhold bool
}

// HeaderSize is the length in bytes of the header that all versions share.
const HeaderSize = 18

const (
	entryMark    = 'E'
	version      = 1
	checksumSize = 4
)

// The tags of the fields. They are never used again for something else.
const (
	tagKeyKind = iota + 1
	tagKeyValue
	tagFound // and what follows is the tenant
	tagID
	tagIdentifier
	tagName
	tagStatus
	tagIsolation
	tagSealedURL
	tagPlainURL
	tagSchemaName
	tagMetadata
	tagCreatedAt
	tagUpdatedAt
	tagRevision
	tagMark
	tagWithheldURL // and why
	tagWithheldMetadata
)

// Errors of Encode and Decode.
var (
	// ErrRefused: the entry has a secret that must not be written or read in this way, that
	// cannot be sealed or opened, or that is withheld.
	ErrRefused = errors.New("entrycodec: entry refused")
	// ErrCorrupt: the value is not an entry, or was altered or truncated.
	ErrCorrupt = errors.New("entrycodec: corrupt entry")
	// ErrVersion: a newer version of this package wrote the entry.
	ErrVersion = errors.New("entrycodec: entry has an unknown version")
)

// AppendHeader appends the header of an entry as of p to dst.
func AppendHeader(dst []byte, p tenancy.Position) []byte {
	dst = append(dst, entryMark, version)
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Revision))
	return binary.BigEndian.AppendUint64(dst, uint64(p.Mark))
}

// Encode returns the binary form of v, the entry of key. Its only error is ErrRefused.
func (c Codec) Encode(key tenancy.Key, v *tenancy.Versioned) (string, error) {
	t := &v.Tenant
	w := make(fieldWriter, 0, 160+len(key.Value)+len(t.ID)+len(t.Name)+len(t.Metadata.String()))
	w = AppendHeader(w, v.AsOf)
	if v.Found { // first what the texts of a tenant need not be kept with: see DecodeBytes
		w.field(tagFound, "")
		w.time(tagCreatedAt, t.CreatedAt)
		w.time(tagUpdatedAt, t.UpdatedAt)
		w.number(tagRevision, int64(t.Revision))
		w.number(tagMark, t.Mark)
		if err := c.encodeURL(&w, t); err != nil {
			return "", err
		}
	}
	w.text(tagKeyKind, string(key.Kind))
	w.text(tagKeyValue, key.Value)
	if v.Found {
		w.text(tagID, t.ID)
		w.text(tagIdentifier, t.Identifier)
		w.text(tagName, t.Name)
		w.text(tagStatus, string(t.Status))
		w.text(tagIsolation, string(t.Isolation))
		w.text(tagSchemaName, t.SchemaName)
		if err := c.encodeMetadata(&w, t.Metadata); err != nil {
			return "", err
		}
	}
	return w.end(), nil
}

func (c Codec) encodeMetadata(w *fieldWriter, m tenancy.Metadata) error {
	switch err := m.Err(); {
	case err == nil && m != tenancy.Metadata{}:
		w.text(tagMetadata, m.String())
	case err != nil && c.Withhold:
		w.field(tagWithheldMetadata, "")
	case err != nil:
		return fmt.Errorf("%w: metadata: %w", ErrRefused, err)
	}
	return nil
}

// Decode is the inverse of Encode. The result keeps value in memory. Errors wrap
// ErrCorrupt, ErrVersion or ErrRefused, and the error of [seal.Sealer.Open]; their texts
// contain nothing of the value.
//
// The caller must compare the key with the one it asked for.
func (c Codec) Decode(value string) (tenancy.Key, tenancy.Versioned, error) {
	return c.decode(value, false)
}

// DecodeBytes is Decode for a value that the caller may change later: the result keeps a
// copy of its texts.
func (c Codec) DecodeBytes(value []byte) (tenancy.Key, tenancy.Versioned, error) {
	return c.decode(unsafe.String(unsafe.SliceData(value), len(value)), true)
}

type entry struct {
	key tenancy.Key
	tenancy.Versioned
}

func (c Codec) decode(value string, clone bool) (tenancy.Key, tenancy.Versioned, error) {
	var e entry
	if err := c.decodeTo(&e, value, clone); err != nil {
		return tenancy.Key{}, tenancy.Versioned{}, err
	}
	return e.key, e.Versioned, nil
}

func (c Codec) decodeTo(e *entry, value string, clone bool) error {
	if len(value) < HeaderSize+checksumSize || value[0] != entryMark {
		return fmt.Errorf("%w: it has no header", ErrCorrupt)
	}
	if value[1] != version {
		return fmt.Errorf("%w %d", ErrVersion, value[1])
	}
	end := len(value) - checksumSize
	if checksum(value[:end]) != uint32(bigEndian(value[end:])) {
		return fmt.Errorf("%w: its checksum does not match", ErrCorrupt)
	}
	e.AsOf = tenancy.Position{
		Revision: tenancy.Revision(bigEndian(value[2:10])), Mark: int64(bigEndian(value[10:18])),
	}
	r := fieldReader{rest: value[HeaderSize:end]}
	var url urlField
	for len(r.rest) > 0 {
		tag, text := r.next()
		if clone && keepsText(tag) {
			rest := strings.Clone(value[end-len(r.rest)-len(text) : end])
			text, r.rest, clone = rest[:len(text)], rest[len(text):], false
		}
		switch {
		case tag == tagSealedURL || tag == tagPlainURL || tag == tagWithheldURL:
			url = urlField{tag, text}
		case tag == tagWithheldMetadata && !c.Withhold:
			return fmt.Errorf("%w: its metadata is withheld", ErrRefused)
		default:
			if err := e.setField(tag, text); err != nil {
				return err
			}
		}
	}
	if r.failed {
		return fmt.Errorf("%w: a field is cut", ErrCorrupt)
	}
	if !e.Found {
		e.Tenant = tenancy.Tenant{}
		return nil
	}
	return c.decodeURL(&e.Tenant, url)
}

// keepsText reports whether the tenant has the text of this field.
func keepsText(tag uint64) bool {
	switch tag {
	case tagKeyKind, tagKeyValue, tagID, tagIdentifier, tagName, tagStatus, tagIsolation, tagSchemaName, tagMetadata:
		return true
	}
	return false
}

// setField sets what tag stands for. It ignores tags that it does not know.
func (e *entry) setField(tag uint64, text string) (err error) {
	t := &e.Tenant
	switch tag {
	case tagKeyKind:
		e.key.Kind = kindOf(text)
	case tagKeyValue:
		e.key.Value = text
	case tagFound:
		e.Found = true
	case tagID:
		t.ID = text
	case tagIdentifier:
		t.Identifier = text
	case tagName:
		t.Name = text
	case tagStatus:
		t.Status = tenancy.Status(text)
	case tagIsolation:
		t.Isolation = tenancy.Isolation(text)
	case tagSchemaName:
		t.SchemaName = text
	case tagMetadata:
		if t.Metadata = driver.MetadataFromStored(text); t.Metadata.Err() != nil {
			return fmt.Errorf("%w: its metadata is no JSON object", ErrCorrupt)
		}
	case tagWithheldMetadata:
		t.Metadata = driver.MetadataFromStored("withheld")
	case tagCreatedAt:
		t.CreatedAt, err = decodeTime(text)
	case tagUpdatedAt:
		t.UpdatedAt, err = decodeTime(text)
	case tagRevision:
		var n int64
		n, err = decodeNumber(text)
		t.Revision = tenancy.Revision(n)
	case tagMark:
		t.Mark, err = decodeNumber(text)
	}
	return err
}

// kindOf returns the constant for a known kind, so that the value need not be
// kept for it.
func kindOf(text string) tenancy.KeyKind {
	for _, k := range [...]tenancy.KeyKind{tenancy.KindID, tenancy.KindIdentifier, tenancy.KindDomain, tenancy.KindFormer} {
		if text == string(k) {
			return k
		}
	}
	return tenancy.KeyKind(text)
}

func decodeTime(text string) (time.Time, error) {
	micros, err := decodeNumber(text)
	return time.UnixMicro(micros).UTC(), err
}

func decodeNumber(text string) (int64, error) {
	if len(text) != 8 {
		return 0, fmt.Errorf("%w: a number has %d bytes", ErrCorrupt, len(text))
	}
	return int64(bigEndian(text)), nil
}
