// Package snapshot keeps all tenants of a store in a file, as of a position of its change
// log, for a process that starts without the database.
//
// A file is written beside the one before and then takes its place, so that there is a
// whole one at each moment, and a reader of the old one goes on reading it. It is for the
// owner alone (0600). Who can write to its directory can put another file there: give it a
// directory of its own.
//
// # Format
//
// "TENANTS", a byte for the version of the format, and blocks. A block is
//
//	4 bytes   the length of what follows, without the checksum, big-endian
//	…         what the block holds
//	4 bytes   the CRC-32C of all bytes of the file up to here, other checksums left out
//
// So a block that was altered, lost or moved is found before it is believed, and reading
// needs memory for one block. The first holds the [Header]: five numbers of 8 bytes.
// The others hold rows, each a length as a varint and a tenant in the form of
// core/entrycodec, under no key; then the number of its names as a varint, and for each its
// kind and its value, each a length as a varint and a text. There are as many rows as the header says, and then the
// file ends.
package snapshot
