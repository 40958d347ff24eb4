// Package seal encrypts the secrets of tenants where they are kept: in a
// database column, in a shared cache.
//
// [Sealer] is the port; [Keyring] implements it with AES-256-GCM from the
// standard library. A sealed text names its key, so keys can be rotated: put a
// new key first, keep the old ones behind it, seal everything again where
// [Keyring.Stale] says so, then drop the old ones.
//
// A sealed text is bound to its [Place], the tenant and the field that it belongs to:
// moved to another tenant or field, it does not open. It is not bound to a
// version: whoever can write to the database can put an older sealed text of
// the same place back.
package seal
