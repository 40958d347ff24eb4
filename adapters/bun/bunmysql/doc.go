// Package bunmysql opens stores in MariaDB 10.6 or MySQL 8.0.21, or later, through
// go-sql-driver/mysql.
package bunmysql
