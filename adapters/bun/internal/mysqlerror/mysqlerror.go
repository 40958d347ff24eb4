// Package mysqlerror says what the error numbers of MariaDB and MySQL mean to a store:
// the one table of them.
package mysqlerror

import (
	"errors"
	"reflect"
	"strconv"
)

// Of returns the number and the message of the server's error in err, which
// go-sql-driver/mysql has in fields; 0 if there is none.
func Of(err error) (number uint16, message string) {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct {
			continue
		}
		n, m := v.FieldByName("Number"), v.FieldByName("Message")
		if n.IsValid() && n.Kind() == reflect.Uint16 && m.IsValid() && m.Kind() == reflect.String {
			return uint16(n.Uint()), m.String() //nolint:gosec // it was a uint16
		}
	}
	return 0, ""
}

// Explain returns what number means and what to do about it, with the number itself, by
// which operators search.
func Explain(number uint16) string {
	code := "MySQL error " + strconv.Itoa(int(number))
	if meaning := meanings[number]; meaning != "" {
		return meaning + " (" + code + ")"
	}
	return code
}

// ReadOnly is what a server means that is a replica.
const ReadOnly = "the server is read-only, as a replica is; a store needs the primary"

var meanings = map[uint16]string{
	1020: "the row was changed since the transaction began",
	1040: "the server has no connection left",
	1044: "the user may not use the database",
	1045: "the server refuses the user or the password",
	1046: "no database is chosen: name one in the DSN",
	1048: "a column must not be NULL",
	1049: "the database does not exist",
	1053: "the server shuts down",
	1054: "a column is missing: run Migrate",
	1062: "duplicate key",
	1142: "the user lacks a privilege on a table",
	1143: "the user lacks a privilege on a column",
	1146: "a table is missing: run Migrate",
	1153: "max_allowed_packet of the server is too small",
	1203: "the user has no connection left",
	1205: "lock wait timeout",
	1213: "deadlock",
	1226: "the user has used up a limit",
	1227: "the user lacks a privilege",
	1290: ReadOnly,
	1305: "the savepoint or the routine does not exist",
	1317: "the statement was cancelled",
	1364: "a column has no default",
	1366: "a value does not fit its column",
	1370: "the user lacks a privilege on a routine",
	1406: "a value is too long for its column",
	1419: "with the binary log on, this user may not create triggers: have an administrator set log_bin_trust_function_creators = 1," +
		" or grant SUPER for the migration, or run the DDL",
	1449: "the user who has created the triggers is gone: run Migrate as another",
	1451: "a foreign key refers to the row",
	1452: "a foreign key refers to nothing",
	1461: "max_prepared_stmt_count of the server is used up",
	1586: "duplicate key",
	1644: "a trigger has refused it",
	1792: "the transaction is read-only",
	1836: ReadOnly,
	1927: "an administrator has ended the connection",
	1969: "max_statement_time",
	3024: "max_execution_time",
	3819: "check constraint",
	4025: "check constraint",
}
