package tenancy

// Isolation says how a tenant's data is kept apart from that of others. The
// store only keeps it; the application acts on it. Like an unknown [Status], an
// unknown value is returned but never written.
type Isolation string

// The known isolation levels.
const (
	IsolationDefault  Isolation = ""         // the application's default
	IsolationRow      Isolation = "row"      // shared tables, row-level security
	IsolationSchema   Isolation = "schema"   // a schema of its own: SchemaName
	IsolationDatabase Isolation = "database" // a database of its own: DatabaseURL
	IsolationHybrid   Isolation = "hybrid"   // a mixture that the application defines
)

// Known reports whether i is one of the constants of this package.
func (i Isolation) Known() bool {
	switch i {
	case IsolationDefault, IsolationRow, IsolationSchema, IsolationDatabase, IsolationHybrid:
		return true
	}
	return false
}
