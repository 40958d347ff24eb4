package main

import "runtime/debug"

// version returns the version of the module, and of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "tenantctl (unknown)"
	}
	return "tenantctl " + info.Main.Version + " " + info.GoVersion
}
