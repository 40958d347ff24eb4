// Package valkey tests valkeytier where real servers are killed, stopped, emptied
// and promoted. It holds tests only.
package valkey
