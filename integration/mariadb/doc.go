// Package mariadb is tests of stores on servers of MariaDB that are set up otherwise than
// the one that tests share.
package mariadb
