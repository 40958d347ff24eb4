// Package tenantio moves tenants between a store and a file: JSON Lines or CSV,
// as streams of any length in bounded memory.
//
//	n, err := tenantio.Export(ctx, store, file, tenantio.JSONLines, tenantio.ExportOptions{})
//	report, err := tenantio.Import(ctx, store, file, tenantio.JSONLines, tenantio.ImportOptions{})
//
// Files of another layout go through [MapCSV], or any sequence of [Record], to
// [ImportRecords].
//
// # Files
//
// Both formats hold the members of a tenant's JSON form under the same names:
// id, identifier, name, status, isolation, database_url, schema_name, metadata,
// created_at, updated_at (RFC 3339), revision and mark; and names, if wanted, which are a
// JSON array of [tenancy.Name] without tokens, in CSV as a text. Only identifier and name are
// required. Text is UTF-8; a byte order mark and empty lines are skipped; lines
// end in LF or CRLF; a line (in CSV: a record) has at most [MaxLineBytes], which
// is enough for every tenant.
//
// JSON Lines: one JSON object a line. A null member counts as absent.
//
// CSV: as RFC 4180 has it, commas and double quotes, CRLF, with a header line
// that names the columns, in any order. Metadata is JSON text.
//
// Spreadsheets run a cell that begins with = + - @ (or their full-width forms),
// perhaps after white space, a tab or a line break, as a formula; and a cell is
// what they find between commas, semicolons, tabs or vertical bars, as the language
// of the system has it. Export therefore puts an apostrophe before such a text,
// at the start of a cell and after each semicolon, tab, vertical bar and line
// break in it, and before one in which apostrophes precede such a text; Read takes
// one off again, so that every text comes back as it was. Other readers of the
// file find the apostrophes, in metadata too.
//
// # Import
//
// A line whose ID (without an ID: whose identifier) is not in the store yet
// creates a tenant. For one that is, the line is compared with what is stored:
//
//   - equal: counted as Unchanged. An interrupted import can so be run again.
//   - different: the line fails with ErrAlreadyExists, or with
//     [ImportOptions].Update changes the tenant. ID and created_at cannot change.
//
// Only what a line states counts: an absent column or member, and an empty id,
// status, created_at or database_url, match anything and change nothing.
// updated_at, revision and mark are for people; a store sets its own. Two lines of one
// file that state the same count as equal, too: what tells the rows of another
// list apart belongs into the metadata.
//
// # Secrets
//
// Export leaves database_url out, unless told otherwise. Import never wipes a
// stored one. The mask "***" stands for whatever is stored; a line that has it
// cannot create a tenant. Export writes it where the store cannot read what it
// holds (see [tenancy.ErrWithheld]), for metadata too.
//
// # Errors
//
// A bad line does not stop an import: it is counted, reported as a [*LineError]
// around a [*tenancy.Error], and the next line is read. A reader that fails, a CSV
// header that is wrong, a store that is unavailable or closed, and an ended
// context do stop it; the [Report] then says how far it came. No error holds a
// database_url.
package tenantio
