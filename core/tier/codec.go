package tier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Codec writes entries as shared caches keep them, and reads them back. Its
// zero value refuses tenants with a DatabaseURL.
//
// The form is binary and compact. It begins with a header that no version
// changes, so that a program inside the cache's server can compare entries:
//
//	byte 0      'E'
//	byte 1      the version of what follows the header
//	bytes 2-9   AsOf.Revision, big-endian
//	bytes 10-17 AsOf.Mark, big-endian
//
// The fields follow, each a tag and a length as varints and so many bytes, then
// a CRC-32C of everything before. Readers skip fields that they do not know:
// only what they must not ignore needs a new version. A cache is shared by the
// old and the new processes of a rolling upgrade.
type Codec struct {
	// Sealer seals the DatabaseURL, bound to its tenant. Without one, and without
	// PlainSecrets, a tenant that has one is ErrUncacheable.
	Sealer seal.Sealer
	// PlainSecrets keeps the DatabaseURL as plain text where there is no Sealer,
	// for whoever can read the cache. With it, plain ones are also accepted
	// where there is a Sealer: set both to begin sealing in a cache that is in
	// use.
	PlainSecrets bool
}

// HeaderSize is the length in bytes of the header that all versions share.
const HeaderSize = 18

const (
	codecEntry   = 'E'
	codecVersion = 1
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
)

// Errors of Decode, besides ErrUncacheable and those of package seal.
var (
	// ErrCorrupt: the value is no entry, or was altered or cut.
	ErrCorrupt = errors.New("tier: corrupt entry")
	// ErrCodecVersion: a newer version of this package wrote the entry.
	ErrCodecVersion = errors.New("tier: entry has an unknown codec version")
)

// AppendHeader appends the header of an entry as of p to dst.
func AppendHeader(dst []byte, p tenancy.Position) []byte {
	dst = append(dst, codecEntry, codecVersion)
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Revision))
	return binary.BigEndian.AppendUint64(dst, uint64(p.Mark))
}

// Encode returns e in the form of the codec. It returns ErrUncacheable for a
// DatabaseURL that must not be kept, that cannot be sealed, or that the store
// withholds, or for metadata that it withholds. TTL is not kept.
func (c Codec) Encode(e *Entry) (string, error) {
	t := &e.Versioned.Tenant
	w := make(fieldWriter, 0, 160+len(e.Key.Value)+len(t.ID)+len(t.Name)+len(t.Metadata.String()))
	w = AppendHeader(w, e.Versioned.AsOf)
	w.text(tagKeyKind, string(e.Key.Kind))
	w.text(tagKeyValue, e.Key.Value)
	if e.Versioned.Found {
		w = append(w, tagFound, 0)
		w.text(tagID, t.ID)
		w.text(tagIdentifier, t.Identifier)
		w.text(tagName, t.Name)
		w.text(tagStatus, string(t.Status))
		w.text(tagIsolation, string(t.Isolation))
		if err := c.encodeURL(&w, t); err != nil {
			return "", err
		}
		w.text(tagSchemaName, t.SchemaName)
		if err := t.Metadata.Err(); err != nil {
			return "", fmt.Errorf("%w: metadata: %w", ErrUncacheable, err)
		}
		if t.Metadata != (tenancy.Metadata{}) {
			w.text(tagMetadata, t.Metadata.String())
		}
		w.time(tagCreatedAt, t.CreatedAt)
		w.time(tagUpdatedAt, t.UpdatedAt)
		w.number(tagRevision, int64(t.Revision))
		w.number(tagMark, t.Mark)
	}
	return w.end(), nil
}

func (c Codec) encodeURL(w *fieldWriter, t *tenancy.Tenant) error {
	switch {
	case t.DatabaseURL.IsZero():
	case t.DatabaseURL.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUncacheable, t.DatabaseURL.Err())
	case c.Sealer != nil:
		sealed, err := c.Sealer.Seal(t.DatabaseURL.Reveal(), place(t.ID))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUncacheable, err)
		}
		w.text(tagSealedURL, sealed)
	case c.PlainSecrets:
		w.text(tagPlainURL, t.DatabaseURL.Reveal())
	default:
		return fmt.Errorf("%w: it has a DatabaseURL, and the cache has no Sealer", ErrUncacheable)
	}
	return nil
}

// Decode returns the entry that Encode made value of, without TTL. The entry
// keeps value in memory. Errors wrap ErrCorrupt, ErrCodecVersion, ErrUncacheable
// (a plain DatabaseURL that the codec does not accept), or those of
// [seal.Sealer.Open]; they hold nothing of the value.
//
// Whether the entry is the one that was asked for is left to the caller: see
// Entry.Key.
func (c Codec) Decode(value string) (*Entry, error) {
	if len(value) < HeaderSize+checksumSize || value[0] != codecEntry {
		return nil, fmt.Errorf("%w: it has no header", ErrCorrupt)
	}
	if value[1] != codecVersion {
		return nil, fmt.Errorf("%w %d", ErrCodecVersion, value[1])
	}
	end := len(value) - checksumSize
	if checksum(value[:end]) != uint32(bigEndian(value[end:])) {
		return nil, fmt.Errorf("%w: its checksum does not match", ErrCorrupt)
	}
	e := &Entry{Versioned: tenancy.Versioned{AsOf: tenancy.Position{
		Revision: tenancy.Revision(bigEndian(value[2:10])), Mark: int64(bigEndian(value[10:18])),
	}}}
	r := fieldReader{rest: value[HeaderSize:end]}
	var url urlField
	for len(r.rest) > 0 {
		tag, text := r.next()
		if tag == tagSealedURL || tag == tagPlainURL {
			url = urlField{tag, text}
			continue
		}
		if err := e.setField(tag, text); err != nil {
			return nil, err
		}
	}
	if r.failed {
		return nil, fmt.Errorf("%w: a field is cut", ErrCorrupt)
	}
	if !e.Versioned.Found {
		e.Versioned.Tenant = tenancy.Tenant{}
		return e, nil
	}
	return e, c.decodeURL(&e.Versioned.Tenant, url)
}

// urlField is read last: it opens only with the ID of its tenant.
type urlField struct {
	tag  uint64
	text string
}

func (c Codec) decodeURL(t *tenancy.Tenant, url urlField) error {
	switch {
	case url.tag == 0:
		return nil
	case url.tag == tagPlainURL && !c.PlainSecrets:
		return fmt.Errorf("%w: it holds a DatabaseURL in plain text", ErrUncacheable)
	case url.tag == tagPlainURL:
		t.DatabaseURL = tenancy.NewSecret(strings.Clone(url.text))
		return nil
	case c.Sealer == nil:
		return fmt.Errorf("%w: it holds a sealed DatabaseURL, and the cache has no Sealer", ErrUncacheable)
	}
	text, err := c.Sealer.Open(url.text, place(t.ID))
	t.DatabaseURL = tenancy.NewSecret(text)
	return err
}

func place(id string) seal.Place { return seal.Place{TenantID: id, Field: "database_url"} }

// setField sets what tag stands for. It ignores tags that it does not know.
func (e *Entry) setField(tag uint64, text string) (err error) {
	t := &e.Versioned.Tenant
	switch tag {
	case tagKeyKind:
		e.Key.Kind = kindOf(text)
	case tagKeyValue:
		e.Key.Value = text
	case tagFound:
		e.Versioned.Found = true
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
		if t.Metadata, err = driver.MetadataFromCanonical(text); err != nil {
			return fmt.Errorf("%w: its metadata is no JSON object", ErrCorrupt)
		}
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
	for _, k := range [...]tenancy.KeyKind{tenancy.KindID, tenancy.KindIdentifier} {
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
