// Package versions reads versions.txt, the list of the modules of the repository.
package versions

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Prefix is what the path of every module of the repository begins with; its
// directory follows.
const Prefix = "github.com/go-tenancy/tenantstore/"

// Listing is a line of versions.txt.
type Listing struct {
	Version  string // "-" for a module that nobody requires
	Released bool
}

// Tag returns the tag of a version of the module in dir.
func Tag(dir, version string) string { return dir + "/" + version }

// Read reads the versions.txt in root. Keys are directories relative to root,
// with slashes.
func Read(root string) (map[string]Listing, error) {
	text, err := os.ReadFile(filepath.Join(root, "versions.txt"))
	if err != nil {
		return nil, err
	}
	return parse(string(text))
}

// parse reads lines of directory, version and yes or no.
func parse(text string) (map[string]Listing, error) {
	listed := make(map[string]Listing)
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 || fields[2] != "yes" && fields[2] != "no" {
			return nil, fmt.Errorf("versions.txt:%d: want a directory, a version, and yes or no", i+1)
		}
		if _, twice := listed[fields[0]]; twice {
			return nil, fmt.Errorf("versions.txt:%d: %s stands there twice", i+1, fields[0])
		}
		listed[fields[0]] = Listing{Version: fields[1], Released: fields[2] == "yes"}
	}
	return listed, nil
}
