// Package console tests tenantconsole in Chromium: what people see, type and press, over a
// store that other processes write.
//
//	go test ./integration/console -run Pictures -pictures DIR
//
// writes pictures of its views into DIR.
package console
