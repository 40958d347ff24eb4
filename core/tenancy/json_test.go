package tenancy_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func full(t testing.TB) tenancy.Tenant {
	tenant := valid()
	tenant.Isolation = tenancy.IsolationDatabase
	tenant.DatabaseURL = tenancy.NewSecret(canary)
	tenant.SchemaName = "acme"
	tenant.Metadata = mustParse(t, `{"plan":"pro","big":9007199254740993}`)
	tenant.UpdatedAt = tenant.CreatedAt.Add(time.Hour)
	tenant.Revision, tenant.Mark = 7, 0x00c0ffee00c0ffee
	return tenant
}

func TestTenantJSONForm(t *testing.T) {
	want := `{"id":"t1","identifier":"acme","name":"Acme","status":"active","isolation":"database",` +
		`"database_url":"***","schema_name":"acme","metadata":{"big":9007199254740993,"plan":"pro"},` +
		`"created_at":"2024-02-29T12:00:00.123456Z","updated_at":"2024-02-29T13:00:00.123456Z","revision":7,"mark":"00c0ffee00c0ffee"}`
	text, err := json.Marshal(full(t))
	if err != nil || string(text) != want {
		t.Errorf("%s, %v\nwant %s", text, err, want)
	}
	abroad := full(t)
	abroad.CreatedAt = abroad.CreatedAt.In(time.FixedZone("", 5*3600))
	if text, err := json.Marshal(abroad); err != nil || string(text) != want {
		t.Errorf("a time of another zone: %s, %v\nwant %s", text, err, want)
	}
	text, err = json.Marshal(tenancy.Tenant{})
	if want := `{"id":"","identifier":"","name":"","status":"","metadata":{}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v\nwant %s", text, err, want)
	}
}

func TestTenantJSONRoundTrip(t *testing.T) {
	text, err := json.Marshal(tenancy.Revealed(full(t)))
	if err != nil {
		t.Fatal(err)
	}
	var tenant tenancy.Tenant
	var revealed tenancy.Revealed
	if err := json.Unmarshal(text, &tenant); err != nil || tenant != full(t) {
		t.Errorf("a Tenant reads back as %+v, %v", tenant, err)
	}
	if err := json.Unmarshal(text, &revealed); err != nil || tenancy.Tenant(revealed) != full(t) {
		t.Errorf("a Revealed reads back as %+v, %v", revealed, err)
	}
	masked, err := json.Marshal(full(t))
	if err != nil {
		t.Fatal(err)
	}
	before := tenant
	wantInvalid(t, "the masked form", json.Unmarshal(masked, &tenant), "database_url")
	if tenant != before {
		t.Error("a failed UnmarshalJSON changed the tenant")
	}
	if err := json.Unmarshal([]byte(`{"id":"t2","unknown":1}`), &tenant); err != nil || tenant != (tenancy.Tenant{ID: "t2"}) {
		t.Errorf("an absent member is not empty: %+v, %v", tenant, err)
	}
}

func TestTenantJSONErrors(t *testing.T) {
	for in, field := range map[string]string{
		`{"id":1}`:                              "id",
		`{"status":[]}`:                         "status",
		`{"isolation":{}}`:                      "isolation",
		`{"revision":"1"}`:                      "revision",
		`{"revision":1.5}`:                      "revision",
		`{"mark":1}`:                            "mark",
		`{"mark":"c0ffee"}`:                     "mark",
		`{"mark":"00C0FFEE00C0FFEE"}`:           "mark",
		`{"mark":"00c0ffee00c0ffee0"}`:          "mark",
		`{"mark":""}`:                           "mark",
		`{"revision":9223372036854775808}`:      "revision",
		`{"metadata":[]}`:                       "metadata",
		`{"metadata":{"a":"\u0000"}}`:           "metadata",
		`{"created_at":"yesterday"}`:            "created_at",
		`{"updated_at":"yesterday"}`:            "updated_at",
		`{"updated_at":7}`:                      "updated_at",
		`{"created_at":"2024-02-30T00:00:00Z"}`: "created_at",
		`{"database_url":"***"}`:                "database_url",
		`{"database_url":7}`:                    "database_url",
		`{"database_url":{"canary":1}}`:         "database_url",
		`[]`:                                    "",
		`"x"`:                                   "",
		"{\"name\":\"a\xff\"}":                  "",
		`{"name":"a\ud800"}`:                    "",
		`{"name":"a\udc00b"}`:                   "",
	} {
		var tenant tenancy.Tenant
		err := json.Unmarshal([]byte(in), &tenant)
		wantInvalid(t, in, err, field)
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error quotes the document: %v", in, err)
		}
	}
	var tenant tenancy.Tenant
	if err := json.Unmarshal([]byte(`{"name":"a\\ud800 \ud83d\ude00","metadata":null,"created_at":null,"database_url":null}`), &tenant); err != nil || tenant != (tenancy.Tenant{Name: `a\ud800 😀`}) {
		t.Errorf("%+v, %v", tenant, err)
	}
}

func TestTenantJSONTimes(t *testing.T) {
	var tenant tenancy.Tenant
	if err := json.Unmarshal([]byte(`{"created_at":"2024-02-29T12:00:00.1234567+01:00","updated_at":"0001-01-01T00:00:00Z"}`), &tenant); err != nil {
		t.Fatal(err)
	}
	want := tenancy.Tenant{CreatedAt: time.Date(2024, 2, 29, 11, 0, 0, 123456000, time.UTC)}
	if tenant != want {
		t.Errorf("got %+v, want %+v", tenant, want)
	}
}

func FuzzTenantJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"id":"t1","identifier":"acme","name":"Acme","status":"active","metadata":{"a":1e2}}`,
		`{"id":"t1","identifier":"acme","name":"Acme","status":"active","created_at":"2024-02-29T12:00:00.1234567+01:00","updated_at":"9999-12-31T23:59:59Z","revision":-1}`,
		`{"ID":"x","database_url":"***"}`, `{"name":"\ud800"}`, `{"database_url":"a\u0000<>&\u2028"}`, `{"metadata":{"a":"\u2028"},"isolation":"row","schema_name":"s"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var tenant tenancy.Tenant
		if err := json.Unmarshal(data, &tenant); err != nil {
			if json.Valid(data) && !errors.Is(err, tenancy.ErrInvalid) {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		if tenant.Validate() != nil {
			return
		}
		text, err := json.Marshal(tenancy.Revealed(tenant))
		if err != nil {
			t.Fatalf("%q does not marshal: %v", data, err)
		}
		var back tenancy.Revealed
		if err := json.Unmarshal(text, &back); err != nil || tenancy.Tenant(back) != tenant {
			t.Fatalf("%q, written as %q, reads back as %+v (%v)", data, text, back, err)
		}
		masked, err := json.Marshal(tenant)
		if err != nil || !tenant.DatabaseURL.IsZero() && !strings.Contains(string(masked), `"database_url":"***"`) {
			t.Fatalf("%q is masked as %q (%v)", data, masked, err)
		}
	})
}
