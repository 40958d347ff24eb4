// Package apptest has the tests that docs/testing.md shows: how an application that
// uses a tenancy.Store is tested.
package apptest
