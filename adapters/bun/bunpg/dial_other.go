//go:build !linux

package bunpg

// setUserTimeout does nothing where there is no such option, as in libpq.
func setUserTimeout(uintptr, int) error { return nil }
