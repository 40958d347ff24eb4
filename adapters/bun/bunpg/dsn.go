package bunpg

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/address"
)

// pgx takes whatever is no URL of PostgreSQL for keyword=value, and what it finds
// there and does not know for settings of the session: a misspelt URL then goes to
// the default server, as the name of a setting, into that server's log. So nothing is
// sent before the connection string has been judged here.

// parseDSN returns what connects to dsn, which was given as field.
func parseDSN(field, dsn string) (*pgx.ConnConfig, error) {
	dsn, err := canonical(dsn)
	if err != nil {
		return nil, invalid(field, err.Error())
	}
	conn, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, invalidDSN(field) // err quotes the DSN
	}
	if err := checkTarget(conn); err != nil {
		return nil, invalid(field, err.Error())
	}
	if err := settle(conn); err != nil {
		return nil, invalid(field, err.Error())
	}
	return conn, nil
}

const percentEncode = "percent-encode what is special in user, password and database: @ as %40, / as %2F"

// canonical returns dsn without what surrounds it, and a URL with its scheme in lower
// case.
func canonical(dsn string) (string, error) {
	dsn = address.Trim(dsn)
	database, plain := address.URL(dsn)
	switch {
	case database == "":
		if dsn != "" && !keywordFirst.MatchString(dsn) {
			return "", errors.New("must begin with postgres://, or with a keyword, as in host=db.example.com")
		}
		return dsn, nil
	case database != "PostgreSQL":
		return "", fmt.Errorf("is a URL for %s, not for PostgreSQL", database)
	case !plain:
		return "", errors.New("is a URL in the form of another language's or library's driver, or lacks slashes: it must begin with postgres://")
	}
	scheme, rest, _ := strings.Cut(dsn, "://")
	if strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", errors.New("has a blank or a line break in the middle of the URL")
	}
	before, _, _ := strings.Cut(rest, "?")
	if _, path, _ := strings.Cut(before, "/"); strings.ContainsAny(path, "@/") {
		return "", errors.New("has an @ or a / after the host, where only the name of the database may be: " + percentEncode)
	}
	return strings.ToLower(scheme) + "://" + rest, nil
}

var (
	keywordFirst    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*\s*=`)
	settingName     = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)
	parameterInName = regexp.MustCompile(`[&;][A-Za-z_]+=`)
	hostName        = regexp.MustCompile(`^[\pL\pN._:%-]+$`)
)

// checkTarget refuses a connection string of which a part, the password perhaps, has
// ended up as a host, which would be looked up, or as the name of a user or database,
// which would be logged.
func checkTarget(conn *pgx.ConnConfig) error {
	hosts := []string{conn.Host}
	for _, f := range conn.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, host := range hosts {
		if !filepath.IsAbs(host) && !hostName.MatchString(host) {
			return errors.New("has characters in the place of the host that no host name has: " + percentEncode)
		}
	}
	if parameterInName.MatchString(conn.Database) {
		return errors.New("has a parameter in the name of the database: the first parameter comes after a ?, the others after a &")
	}
	if strings.Contains(conn.Database, "://") || strings.Contains(conn.User, "://") {
		return errors.New("has a URL as the name of user or database: give that URL alone")
	}
	return nil
}

// settle applies the parameters of libpq that pgx leaves to its caller, and refuses
// those of others: what stays in RuntimeParams are settings of PostgreSQL.
func settle(conn *pgx.ConnConfig) error {
	params := conn.RuntimeParams
	for _, given := range slices.Sorted(maps.Keys(params)) {
		value := params[given]
		name := strings.ToLower(given)
		if name != given { // as in TimeZone; PostgreSQL does not care
			delete(params, given)
			if keywords[name] || libpqOnly[name] != nil {
				return errors.New("has a keyword in capitals: the keywords of libpq are in lower case (host, user, password, dbname, …)")
			}
			params[name] = value
		}
		if advice, foreign := foreignParameters[name]; foreign {
			return fmt.Errorf("has the parameter %s, which is not one of PostgreSQL's: %s", name, advice)
		}
		if apply := libpqOnly[name]; apply != nil {
			delete(params, name)
			if err := apply(conn, value); err != nil {
				return fmt.Errorf("parameter %s: %w", name, err)
			}
			continue
		}
		free := name == "options" || name == "application_name" || strings.Contains(name, ".")
		if !settingName.MatchString(name) || !free && strings.ContainsAny(value, "@;") || !free && strings.Contains(value, "://") {
			return errors.New("has something in the place of a parameter that is neither one of libpq's nor a setting of PostgreSQL: " + percentEncode)
		}
	}
	return settleDialer(conn)
}

// keywords are those that pgx takes itself.
var keywords = setOf("host port dbname database user password passfile connect_timeout sslmode sslkey sslcert sslcertmode sslrootcert" +
	" sslnegotiation sslpassword sslsni krbspn krbsrvname target_session_attrs service servicefile min_protocol_version" +
	" max_protocol_version channel_binding require_auth")

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// libpqOnly are parameters of libpq that pgx does not know, and takes for settings of
// PostgreSQL. One that restricts what may be connected to is refused where it cannot
// be kept.
var libpqOnly = map[string]func(conn *pgx.ConnConfig, value string) error{
	"fallback_application_name": func(conn *pgx.ConnConfig, value string) error {
		if conn.RuntimeParams["application_name"] == "" {
			conn.RuntimeParams["application_name"] = value
		}
		return nil
	},
	"gssencmode":         only("is not supported; use sslmode", "disable", "prefer"),
	"requiressl":         only("use sslmode=require", "0"),
	"requirepeer":        only("is not supported", ""),
	"replication":        only("is not for a store", "false", "off", "no", "0"),
	"load_balance_hosts": only("must be disable or random", "disable", "random"), // there is one primary
	"sslcrl":             only("is not supported", ""),
	"sslcrldir":          only("is not supported", ""),
	"hostaddr":           lookUp,
	"sslcompression":     ignored, // so does libpq
	"sslkeylogfile":      ignored,
	"gsslib":             ignored,
	"gssdelegation":      ignored,
	"ssl_min_protocol_version": func(conn *pgx.ConnConfig, value string) error {
		return eachTLS(conn, value, func(c *tls.Config, version uint16) { c.MinVersion = version })
	},
	"ssl_max_protocol_version": func(conn *pgx.ConnConfig, value string) error {
		return eachTLS(conn, value, func(c *tls.Config, version uint16) { c.MaxVersion = version })
	},
}

func ignored(*pgx.ConnConfig, string) error { return nil }

// only takes the values that change nothing.
func only(otherwise string, values ...string) func(*pgx.ConnConfig, string) error {
	return func(_ *pgx.ConnConfig, value string) error {
		if !slices.Contains(values, value) {
			return errors.New(otherwise)
		}
		return nil
	}
}

func eachTLS(conn *pgx.ConnConfig, value string, set func(*tls.Config, uint16)) error {
	if value == "" {
		return nil
	}
	version, known := map[string]uint16{
		"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
	}[value]
	if !known {
		return errors.New("must be TLSv1.2 or TLSv1.3")
	}
	if conn.TLSConfig != nil {
		set(conn.TLSConfig, version)
	}
	for _, f := range conn.Fallbacks {
		if f.TLSConfig != nil {
			set(f.TLSConfig, version)
		}
	}
	return nil
}
