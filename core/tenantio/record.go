package tenantio

import (
	"io"
	"iter"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const mask = "***" // what is withheld marshals to

// Record is one line of a file: a tenant, or the reason why it is none. In a
// Record made by hand, a field of Tenant that is not zero is one that the line
// states.
type Record struct {
	Line   int // where the record begins, from 1
	Tenant tenancy.Tenant
	Names  []tenancy.Name // that the line states
	Err    error          // this line is bad; the next ones may be good

	stated fieldSet // by Read; otherwise empty
	masked string   // a field for which the line has the mask
}

// fieldSet holds indexes of fields().
type fieldSet uint16

func (s fieldSet) has(i int) bool { return s&(1<<i) != 0 }

// Read yields the records of r. An error, the second value, ends the sequence:
// r failed, or the CSV header is wrong. A line that is bad is a Record with Err.
// The sequence can be ranged over once.
func Read(r io.Reader, format Format) iter.Seq2[Record, error] {
	if err := format.validate(); err != nil {
		return func(yield func(Record, error) bool) { yield(Record{}, err) }
	}
	if format == CSV {
		return readCSV(r)
	}
	return readJSONLines(r)
}

// set parses text into the field with index i of all.
func (r *Record) set(all []field, i int, text string) error {
	f := all[i]
	if f.mask != "" && text == f.mask {
		r.masked = f.name
		return nil
	}
	if f.name == namesField && text != "" {
		var err error
		r.Names, err = parseNames(text)
		return err
	}
	if text != "" {
		if err := f.parse(&r.Tenant, text); err != nil {
			return inField(f.name, err)
		}
	}
	if !f.keep || f.text(r.Tenant) != "" { // the zero time is an empty one, too
		r.stated |= 1 << i
	}
	return nil
}

// merge returns stored with what r states put over it, and the names of the
// fields in which that differs from stored.
func (r Record) merge(stored tenancy.Tenant) (merged tenancy.Tenant, differs []string) {
	merged = stored
	for i, f := range fields() {
		if f.copy == nil {
			continue
		}
		stated := r.stated.has(i)
		if r.stated == 0 { // made by hand
			zero := tenancy.Tenant{}
			f.copy(&zero, r.Tenant)
			stated = zero != tenancy.Tenant{}
		}
		if !stated {
			continue
		}
		before := merged
		f.copy(&merged, r.Tenant)
		if merged != before {
			differs = append(differs, f.name)
		}
	}
	return merged, differs
}
