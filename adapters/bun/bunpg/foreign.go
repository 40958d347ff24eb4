package bunpg

import "strings"

// foreignParameters are what other libraries, and providers of databases, put into
// URLs, with what to do instead. PostgreSQL would refuse them as settings that it
// does not know, a pooler perhaps ignore them.
var foreignParameters = foreign(map[string]string{
	"schema currentschema": "the schema is an option, WithStore(bunstore.WithSchema(…))",
	"pgbouncer pool_mode":  "take it out, and use WithPgBouncer behind a pooler in transaction mode",
	"connection_limit pool_timeout pool_size pool_recycle pool_pre_ping pool max_overflow max_connections min_connections" +
		" pool_max_conns pool_min_conns pool_min_idle_conns pool_max_conn_lifetime pool_max_conn_lifetime_jitter" +
		" pool_max_conn_idle_time pool_health_check_period max_pool_size min_pool_size maxpoolsize minpoolsize" +
		" maximumpoolsize maximum_pool_size minimum_pool_size pooling conn_max_age conn_max_lifetime" +
		" max_open_conns max_idle_conns idle_timeout max_lifetime": "the pool is an option, WithPool",
	"socket_timeout sockettimeout read_timeout write_timeout command_timeout commandtimeout query_timeout querytimeout" +
		" timeout": "give the contexts of calls a deadline, or set statement_timeout",
	"connection_timeout connectiontimeout connecttimeout connect-timeout logintimeout": "the parameter is connect_timeout, in seconds",
	"ssl sslaccept sslidentity ssl_require ssl_mode usessl require_ssl tls trustservercertificate sslinline sslfactory" +
		" uselibpqcompat": "say what TLS is to do with sslmode and sslrootcert",
	"statement_cache_mode statement_cache_size statement-cache-capacity prepared_statement_cache_size" +
		" prepared_statement_name_func preparethreshold preparedstatementcachequeries prepared_statements prepare" +
		" prefer_simple_protocol prefersimpleprotocol binary_parameters disable_prepared_binary_result" +
		" prefer_binary_transfer": "the store itself chooses how statements are prepared; use WithPgBouncer behind a pooler in transaction mode",
	"applicationname application": "the parameter is application_name",
	"targetservertype":            "the parameter is target_session_attrs",
	"charset encoding":            "take it out: the store uses UTF8",
	"username userid uid pwd pass server dbn sslrootcertfile":                                        "the parameters are those of libpq: user, password, host, port, dbname, sslrootcert and so on",
	"dsn url uri database_url db_url postgres_url postgresql_url connection_string connectionstring": "give the URL alone",
})

func foreign(groups map[string]string) map[string]string {
	all := map[string]string{}
	for names, advice := range groups {
		for _, name := range strings.Fields(names) {
			all[name] = advice
		}
	}
	return all
}
