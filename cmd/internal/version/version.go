// Package version says which version of a program runs.
package version

import "runtime/debug"

// Of returns the name of a program of this module with its version, and that of Go.
func Of(program string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return program + " (unknown)"
	}
	return program + " " + info.Main.Version + " " + info.GoVersion
}
