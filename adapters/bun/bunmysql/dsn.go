package bunmysql

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/address"
)

// parseDSN returns the settings that dsn holds. Its errors quote no part of it.
func parseDSN(dsn string) (*mysql.Config, error) {
	dsn = address.Trim(dsn)
	if dsn == "" {
		return nil, errors.New("is empty: is a variable of the environment not set?")
	}
	database, plain := address.URL(dsn)
	var (
		config *mysql.Config
		err    error
	)
	switch {
	case database == "":
		if config, err = mysql.ParseDSN(dsn); err != nil {
			return nil, errors.New("must be mysql://user:password@host:port/database, or user:password@tcp(host:port)/database as for go-sql-driver/mysql," +
				" with parameters that this driver takes")
		}
	case database != "MySQL" && database != "MariaDB":
		return nil, fmt.Errorf("is a URL for %s, not for MySQL", database)
	case !plain:
		return nil, errors.New("is a URL in the form of another language's or library's driver, or lacks slashes: it must begin with mysql://")
	default:
		if config, err = parseURL(dsn); err != nil {
			return nil, err
		}
	}
	return config, check(config)
}

const percentEncode = "percent-encode what is special in user, password and database: @ as %40, / as %2F"

func parseURL(dsn string) (*mysql.Config, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("is no URL: " + percentEncode)
	}
	if strings.ContainsAny(strings.TrimPrefix(u.EscapedPath(), "/"), "@/") || u.Fragment != "" {
		return nil, errors.New("has an @, a / or a # after the host, where only the name of the database may be: " + percentEncode)
	}
	config, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, errors.New("has a parameter that go-sql-driver/mysql does not take")
	}
	config.User, config.DBName = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	config.Passwd, _ = u.User.Password()
	if u.Host != "" {
		host, port := u.Hostname(), u.Port()
		if port == "" {
			port = "3306"
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		config.Net, config.Addr = "tcp", host+":"+port
	}
	if config.TLS != nil && !config.TLS.InsecureSkipVerify {
		config.TLS.ServerName = u.Hostname() // that of the default address, until here
	}
	return config, nil
}

// check refuses what would break promises of the store.
func check(config *mysql.Config) error {
	switch {
	case config.DBName == "":
		return errors.New("names no database")
	case config.InterpolateParams:
		return errors.New("has interpolateParams, by which arguments would reach the server's log: take it out")
	}
	return nil
}
