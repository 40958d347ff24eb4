package bunmysql

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

func TestParseDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"mysql://app:secret@db.example.com/app":                           "app secret tcp db.example.com:3306 app",
		"mariadb://app:s%40%2F%3Ac@127.0.0.1:3307/app":                    "app s@/:c tcp 127.0.0.1:3307 app",
		"MySQL://app@[::1]/app?timeout=2s":                                "app  tcp [::1]:3306 app",
		" 'mysql://app:secret@db/app' \n":                                 "app secret tcp db:3306 app",
		"app:secret@tcp(db.example.com:3307)/app?charset=utf8mb4":         "app secret tcp db.example.com:3307 app",
		"app:secret@unix(/run/mysqld/mysqld.sock)/app":                    "app secret unix /run/mysqld/mysqld.sock app",
		"\"app:se:cr@et@tcp(db.example.com)/app?parseTime=true\"":         "app se:cr@et tcp db.example.com:3306 app",
		"mysql://app:secret@db.example.com/b%C3%BCcher":                   "app secret tcp db.example.com:3306 bücher",
		"mysql://app:secret@db.example.com/app?sql_mode='ANSI'&tls=false": "app secret tcp db.example.com:3306 app",
	} {
		c, err := parseDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if got := strings.Join([]string{c.User, c.Passwd, c.Net, c.Addr, c.DBName}, " "); got != want {
			t.Errorf("%s: %q, want %q", dsn, got, want)
		}
	}
}

// Whatever is wrong with a DSN, nothing of it is shown.
func TestWrongDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                                                   "is empty",
		"  ":                                                 "is empty",
		"postgres://u:" + canary + "@h/d":                    "for PostgreSQL",
		"jdbc:mysql://u:" + canary + "@h/d":                  "must begin with mysql://",
		"mysql2://u:" + canary + "@h/d":                      "must begin with mysql://",
		"mysql:u:" + canary + "@h/d":                         "must begin with mysql://",
		"mysql://u:" + canary + "@h":                         "names no database",
		"mysql://u:" + canary + "@h/":                        "names no database",
		"mysql://u:" + canary + "/x@h/d":                     "percent-encode",
		"mysql://u:" + canary + "#x@h/d":                     "percent-encode",
		"mysql://u:%zz" + canary + "@h/d":                    "percent-encode",
		"mysql://u@h/d?parseTime=" + canary:                  "parameter",
		"mysql://u@h/d?interpolateParams=true":               "interpolateParams",
		"u:" + canary + "@tcp(h:1)/d?interpolateParams=true": "interpolateParams",
		"u:" + canary + "@h/d":                               "must be mysql://",
		canary:                                               "must be mysql://",
		"u:p@tcp(h:1)/d?tls=" + canary:                       "must be mysql://",
	} {
		_, err := Open(context.Background(), dsn)
		var typed *tenancy.Error
		if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &typed) || typed.Field != "dsn" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dsn, err, want)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s is shown: %v", dsn, err)
		}
	}
}

func TestTLSIsForTheHostOfTheDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"mysql://app@db.example.com/app?tls=true":      "db.example.com",
		"app@tcp(db.example.com:3306)/app?tls=true":    "db.example.com",
		"mysql://app@db.example.com/app":               "",
		"mysql://app@db.example.com/app?tls=preferred": "",
	} {
		c, err := parseDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if c.TLS == nil {
			c.TLS = &tls.Config{}
		}
		if c.TLS.ServerName != want {
			t.Errorf("%s: %q, want %q", dsn, c.TLS.ServerName, want)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for field, o := range map[string]Option{
		"options":         nil,
		"pool.size":       WithPool(Pool{}),
		"pool.overflow":   WithPool(Pool{Size: 1, Overflow: -1}),
		"connect_timeout": WithConnectTimeout(time.Microsecond),
	} {
		_, err := Open(context.Background(), "mysql://u@127.0.0.1:1/d", o)
		var typed *tenancy.Error
		if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &typed) || typed.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestNoServer(t *testing.T) {
	_, err := Open(context.Background(), "mysql://u:"+canary+"@127.0.0.1:1/d")
	if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), canary) {
		t.Errorf("Open: %v", err)
	}
	refused := errors.New("no token today")
	_, err = Open(context.Background(), "mysql://u@127.0.0.1:1/d", WithBeforeConnect(func(context.Context, *mysql.Config) error { return refused }))
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "WithBeforeConnect: no token today") {
		t.Errorf("WithBeforeConnect: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, "mysql://u@127.0.0.1:1/d"); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}
