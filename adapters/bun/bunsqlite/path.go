package bunsqlite

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/address"
)

var (
	// An address of SQLite: the scheme, the driver of SQLAlchemy, and the rest.
	sqliteURL = regexp.MustCompile(`^(?is)(?:jdbc:)?(file|sqlite3?)(\+[a-z0-9]+)?:(.*)$`)
	// What drivers of other databases take: user:password@host, user@tcp(host:port),
	// host=… password=….
	// Behind a misspelt scheme there are two slashes still.
	otherAddress = regexp.MustCompile(`://|(?:^|//)[^/\\]*:[^/\\]*@|^(?i)([^/\\]*@[a-z0-9]*\(|` +
		`(host|hostaddr|addr|address|server|data source|datasource|filename|user|user id|uid|username|password|pwd|dbname|database|initial catalog|port|service|sslmode|dsn)\s*=)`)
	parameters = regexp.MustCompile(`\?[A-Za-z_]+=`)
	parameter  = regexp.MustCompile(`^[A-Za-z_]{1,40}$`)
)

const fileNameOnly = "name the file alone, as in /var/lib/app/tenants.db"

// fileOf returns the file that path means, or Memory: a name, or an address of
// SQLite in a form that has one meaning. For everything else it returns an error,
// before anything is created; the text holds nothing of path, in which there may be a
// password.
func fileOf(path string) (string, error) {
	path = address.Trim(path)
	database, _ := address.URL(path)
	m := sqliteURL.FindStringSubmatch(path)
	var err error
	switch {
	case m != nil:
		path, err = fileOfURL(strings.ToLower(m[1]), m[2] != "", m[3])
	case database != "":
		return "", fmt.Errorf("is an address for %s, and bunsqlite opens a file: %s", database, fileNameOnly)
	case otherAddress.MatchString(path):
		return "", fmt.Errorf("looks like the address of a database server, and bunsqlite opens a file: %s; one that is named so, as ./name", fileNameOnly)
	case parameters.MatchString(path):
		return "", errors.New("has parameters behind a question mark: the options of Open take their place")
	}
	switch {
	case err != nil:
		return "", err
	case path == "":
		return "", fmt.Errorf("must name a file, or be %q", Memory)
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", errors.New("has a line break or another control character in the middle")
	case strings.HasSuffix(path, "/"):
		return "", errors.New("ends with a slash: name a file, not a directory")
	}
	return path, nil
}

// fileOfURL returns the file of an address, of which rest is what comes after the
// scheme; alchemy says that it named a driver, as SQLAlchemy's do.
func fileOfURL(scheme string, alchemy bool, rest string) (string, error) {
	rest, query, _ := strings.Cut(rest, "?")
	if err := checkParameters(query); err != nil {
		return "", err
	}
	if scheme == "file" {
		if after, ok := strings.CutPrefix(rest, "//"); ok {
			if after = strings.TrimPrefix(after, "localhost"); !strings.HasPrefix(after, "/") {
				return "", errors.New("is a URL with a host: file: is followed by the path, or by three slashes before an absolute one")
			}
			rest = after
		}
		path, err := url.PathUnescape(rest)
		if err != nil || strings.Contains(rest, "#") {
			return "", fmt.Errorf("is a URL with a fragment, or with a percent sign that begins no escape: %s", fileNameOnly)
		}
		return path, nil
	}
	if strings.ContainsAny(rest, "%#@") {
		return "", fmt.Errorf("is a URL with a character that programs read in different ways: %s", fileNameOnly)
	}
	slashes := len(rest) - len(strings.TrimLeft(rest, "/"))
	switch {
	case alchemy && slashes < 3:
		return "", fmt.Errorf("is a URL without a path, or with a host: %s", fileNameOnly)
	case alchemy:
		return rest[3:], nil
	case slashes == 3:
		return "", fmt.Errorf("is a URL with three slashes, behind which some programs read a relative path and others an absolute one: %s", fileNameOnly)
	case slashes == 2:
		return rest[2:], nil
	}
	return rest, nil
}

// checkParameters refuses what is not the default in any case.
func checkParameters(query string) error {
	for _, p := range strings.Split(query, "&") {
		switch name, _, _ := strings.Cut(p, "="); {
		case p == "" || p == "mode=rwc" || p == "cache=private":
		case parameter.MatchString(name):
			return fmt.Errorf("has the parameter %s: the options of Open take the place of parameters", name)
		default:
			return errors.New("has parameters: the options of Open take their place")
		}
	}
	return nil
}
