package storetest

import (
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func metadataRules() []Rule {
	return []Rule{
		{
			Name: "metadata-shallow-merge",
			Says: "UpdateMetadata puts the top-level members of the patch over those stored; a nested object is replaced whole.",
			check: func(p *probe) {
				t := tenant(0)
				t.Metadata = metadata(`{"keep":[1,2],"replace":"old","nested":{"a":1,"b":{"c":2}},"list":[1,2,3]}`)
				t = p.create(t)
				after := p.patch(t.ID, `{"replace":{"now":"an object"},"nested":{"b":{"d":3}},"list":[4],"new":true}`)
				want := metadata(`{"keep":[1,2],"replace":{"now":"an object"},"nested":{"b":{"d":3}},"list":[4],"new":true}`)
				equal(p, after.Metadata, want, "the metadata that UpdateMetadata returns")
				p.stored(after, "UpdateMetadata")
			},
		},
		{
			Name: "metadata-patch-of-nothing",
			Says: "A patch that changes nothing writes nothing: UpdateMetadata returns the tenant as it is.",
			check: func(p *probe) {
				t := tenant(0)
				t.Metadata = metadata(`{"a":1.5,"b":{"c":[1,null,"é"]},"d":null}`)
				t = p.create(t)
				for _, patch := range []string{`{}`, `{"a":1.50}`, `{"d":null,"a":15e-1}`, `{"b":{"c":[1.0,null,"\u00e9"]}}`, t.Metadata.String()} {
					p.same(p.patch(t.ID, patch), t, "UpdateMetadata by %s", patch)
				}
				p.stored(t, "patches that change nothing")
				empty := p.create(tenant(1))
				p.same(p.patch(empty.ID, `{}`), empty, "UpdateMetadata of no metadata by {}")
				if after := p.patch(t.ID, `{"a":1.51}`); after.Position() == t.Position() {
					p.Errorf("a patch that changes something left the tenant at %s", t.Position())
				}
			},
		},
		{
			Name: "metadata-null-stays",
			Says: "A null in metadata or in a patch is stored as null; it removes nothing.",
			check: func(p *probe) {
				t := tenant(0)
				t.Metadata = metadata(`{"a":null,"b":1,"c":{"d":null}}`)
				t = p.create(t)
				p.stored(t, "Create with nulls")
				equal(p, t.Metadata, metadata(`{"a":null,"b":1,"c":{"d":null}}`), "metadata after Create")
				after := p.patch(t.ID, `{"b":null,"e":null,"f":[null]}`)
				equal(p, after.Metadata, metadata(`{"a":null,"b":null,"c":{"d":null},"e":null,"f":[null]}`), "metadata after a patch with nulls")
				p.stored(after, "UpdateMetadata with nulls")
			},
		},
		{
			Name: "metadata-numbers-exact",
			Says: "Numbers in metadata keep their value exactly, whatever their size and precision, through Create, Update and UpdateMetadata.",
			check: func(p *probe) {
				numbers := []string{
					"0", "-0", "-0.0", "1", "-1", "1.10", "0.1", "1e2", "1E+2", "1e-300", "-2.5e-7", "1e308", "-1e308", "1e-308",
					"9007199254740993", "9223372036854775808", "18446744073709551617", "-170141183460469231731687303715884105729",
					"3.141592653589793238462643383279502884197169399375105820974944592307816406286",
					"0.30000000000000004", "123456789012345678901234567890.000000000000000000000000000001",
					"1" + strings.Repeat("0", 300), strings.Repeat("7", 300), "0." + strings.Repeat("0", 299) + "7",
				}
				for i, n := range numbers {
					want := metadata(fmt.Sprintf(`{"n":%s,"list":[%s,{"deep":%s}]}`, n, n, n))
					t := tenant(i)
					t.Metadata = want
					t = p.create(t)
					equal(p, t.Metadata, want, "the metadata that Create returns for the number %s", n)
					equal(p, p.get(t.ID).Metadata, want, "metadata after Create with the number %s", n)

					after := p.patch(t.ID, fmt.Sprintf(`{"patched":%s}`, n))
					merged, err := want.Merge(metadata(fmt.Sprintf(`{"patched":%s}`, n)))
					p.OK(err, "Metadata.Merge")
					equal(p, after.Metadata, merged, "the metadata that UpdateMetadata returns for the number %s", n)
					equal(p, p.get(t.ID).Metadata, merged, "metadata after UpdateMetadata with the number %s", n)

					after.Metadata = metadata(fmt.Sprintf(`{"updated":%s}`, n))
					equal(p, p.update(after).Metadata, after.Metadata, "the metadata that Update returns for the number %s", n)
					equal(p, p.get(t.ID).Metadata, after.Metadata, "metadata after Update with the number %s", n)
				}
			},
		},
		{
			Name: "metadata-canonical",
			Says: "Metadata is read back == to what was given, whatever order, spelling or white space the store keeps it in.",
			check: func(p *probe) {
				for i, object := range []string{
					`{"b":1,"a":2,"aa":3,"B":4,"":5}`,
					"{ \"spaced\" : [ 1 ,\t2 ] ,\n \"x\" : { } }",
					`{"twice":1,"twice":2}`,
					`{"escaped":"\u0041\u00e9\/\ud83d\ude00\t"}`,
					`{"empty":{},"none":[],"text":"","yes":true,"no":false}`,
					`{}`,
				} {
					t := tenant(i)
					t.Metadata = metadata(object)
					want := t.Metadata
					t = p.create(t)
					equal(p, t.Metadata, want, "the metadata that Create of %s returns", object)
					p.stored(t, "Create")
				}
			},
		},
		{
			Name: "metadata-any-key",
			Says: "Any text is a metadata key, and means itself: no character of it is special.",
			check: func(p *probe) {
				keys := []string{"", ".", "a.b", "$", "$.a", "$[0]", "[0]", "0", "-1", `"`, `a"b`, `\`, "'", "''; --", "{a,b}", "#", "*", "🙂", "é", "e\u0301", "a b", "\t", "__proto__", "%s", "?", "$1", ":x", "@x"}
				t := p.create(tenant(0))
				want := tenancy.Metadata{}
				for i, key := range keys {
					patch, err := tenancy.Metadata{}.With(key, map[string]int{key: i})
					p.OK(err, "Metadata.With %q", key)
					t, err = p.s.UpdateMetadata(p.ctx, t.ID, patch)
					p.OK(err, "UpdateMetadata with the key %q", key)
					want, err = want.Merge(patch)
					p.OK(err, "Metadata.Merge")
					equal(p, t.Metadata, want, "the metadata that UpdateMetadata returns for the key %q", key)
				}
				p.stored(t, "patches with odd keys")
				other := tenant(1)
				other.Metadata = want
				p.stored(p.create(other), "Create with odd keys")
			},
		},
		{
			Name: "metadata-patch-touches-metadata-only",
			Says: "UpdateMetadata changes the metadata, UpdatedAt and Revision and nothing else.",
			check: func(p *probe) {
				before := p.create(fullTenant())
				after := p.patch(before.ID, `{"x":1}`)
				want := before
				want.Metadata = after.Metadata
				want = writtenLike(want, after)
				p.same(after, want, "UpdateMetadata")
				p.stored(after, "UpdateMetadata")
			},
		},
		{
			Name: "metadata-patch-missing",
			Says: "UpdateMetadata of a tenant that is not there is ErrNotFound.",
			check: func(p *probe) {
				for _, patch := range []string{`{}`, `{"a":1}`} {
					_, err := p.s.UpdateMetadata(p.ctx, "missing", metadata(patch))
					p.fails(err, tenancy.ErrNotFound, "UpdateMetadata of a missing tenant by %s", patch)
				}
				equal(p, p.count(), 0, "Count")
			},
		},
		{
			Name: "metadata-size",
			Says: "Metadata of exactly 256 KiB is stored; a patch whose result is larger is ErrInvalid with the field metadata and changes nothing.",
			check: func(p *probe) {
				t := tenant(0)
				t.Metadata = metadata(`{"big":"` + strings.Repeat("x", tenancy.MaxMetadataBytes-len(`{"big":""}`)) + `"}`)
				t = p.create(t)
				p.stored(t, "Create with the largest metadata")
				_, err := p.s.UpdateMetadata(p.ctx, t.ID, metadata(`{"one":"more"}`))
				p.failsIn(err, tenancy.ErrInvalid, "metadata", "UpdateMetadata beyond the limit")
				p.stored(t, "an UpdateMetadata that failed")
				after := p.patch(t.ID, `{"big":"small"}`)
				equal(p, after.Metadata, metadata(`{"big":"small"}`), "metadata after a patch that makes it smaller")

				almost := `{"big":"small","more":"` + strings.Repeat("é", (tenancy.MaxMetadataBytes-len(`{"big":"small","more":"??"}`))/2) + `"}`
				after = p.patch(t.ID, almost)
				equal(p, after.Metadata == metadata(almost), true, "a patch with many two-byte characters up to the limit is stored")
			},
		},
	}
}
