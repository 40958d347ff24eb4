package address

import "testing"

func TestTrim(t *testing.T) {
	for given, want := range map[string]string{
		"":                  "",
		" \n":               "",
		"a b":               "a b",
		" a\r\n":            "a",
		"\ufeffa":           "a",
		`"a"`:               "a",
		"' \"a\"\n'":        "a",
		"“a”":               "a",
		`"`:                 `"`,
		`""`:                "",
		`"a'`:               `"a'`,
		`a "b"`:             `a "b"`,
		"password='a b'":    "password='a b'",
		"'a b'=password 'c": "'a b'=password 'c",
	} {
		if got := Trim(given); got != want {
			t.Errorf("Trim(%q) is %q, want %q", given, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for given, want := range map[string]struct {
		database string
		plain    bool
	}{
		"postgres://a":            {"PostgreSQL", true},
		"PostgreSQL://a":          {"PostgreSQL", true},
		"postgres:a":              {"PostgreSQL", false},
		"postgresql+asyncpg://a":  {"PostgreSQL", false},
		"jdbc:postgresql://a":     {"PostgreSQL", false},
		"pgx5://a":                {"PostgreSQL", false},
		"mysql://root:pw@host/a":  {"MySQL", true},
		"mysql+pymysql://a":       {"MySQL", false},
		"sqlite:///a.db":          {"SQLite", true},
		"sqlite+aiosqlite:///a":   {"SQLite", false},
		"sqlite:a.db":             {"SQLite", false},
		"file:a.db":               {"a file", false},
		"s3://bucket/a":           {"another database", false},
		"C:\\tenants.db":          {"", false},
		"C://tenants.db":          {"", false},
		"tenants.db":              {"", false},
		"v1:tenants.db":           {"", false},
		"/var/lib/x://tenants.db": {"", false},
		":memory:":                {"", false},
		"host=db password=a://b":  {"", false},
		"":                        {"", false},
	} {
		if database, plain := URL(given); database != want.database || plain != want.plain {
			t.Errorf("URL(%q) is %q, %t; want %q, %t", given, database, plain, want.database, want.plain)
		}
	}
}
