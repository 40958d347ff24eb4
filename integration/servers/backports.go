//go:build unix

package servers

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	aptSources       = "/etc/apt/sources.list.d"
	oneLineSources   = "/etc/apt/sources.list"
	backportsSources = "tenantstore-backports.sources"
)

// addBackports adds Debian's backports to the sources of apt, on the mirror that
// the release itself comes from. Packages come from backports only if there is
// no other candidate.
func addBackports() error {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return err
	}
	id, codename := osRelease(string(release), "ID"), osRelease(string(release), "VERSION_CODENAME")
	if id != "debian" || codename == "" {
		return fmt.Errorf("backports are for Debian, and this is %q", id)
	}
	files, err := filepath.Glob(filepath.Join(aptSources, "*"))
	if err != nil {
		return err
	}
	for _, path := range append(files, oneLineSources) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // there need not be a sources.list
		}
		if stanza := backportsLike(string(text), codename); stanza != "" {
			return os.WriteFile(filepath.Join(aptSources, backportsSources), []byte(stanza), 0o644)
		}
	}
	return fmt.Errorf("no source of apt has %s, from which the mirror of its backports could be learnt", codename)
}

// osRelease returns a value of os-release(5).
func osRelease(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// backportsLike returns a stanza of sources.list(5) for the backports of
// codename, modelled on the one for codename itself in text; "" if there is none.
func backportsLike(text, codename string) string {
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := deb822(stanza)
		if !slices.Contains(strings.Fields(fields["types"]), "deb") || !slices.Contains(strings.Fields(fields["suites"]), codename) {
			continue
		}
		out := "Types: deb\nURIs: " + fields["uris"] + "\nSuites: " + codename + "-backports\nComponents: main\n"
		if key := fields["signed-by"]; key != "" {
			out += "Signed-By: " + key + "\n"
		}
		return out
	}
	for line := range strings.Lines(text) { // deb [options] uri suite component ...
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "deb" {
			continue
		}
		key := ""
		if strings.HasPrefix(fields[1], "[") {
			end := slices.IndexFunc(fields, func(f string) bool { return strings.HasSuffix(f, "]") })
			if end < 0 {
				continue
			}
			for _, option := range fields[1 : end+1] {
				if path, ok := strings.CutPrefix(strings.Trim(option, "[]"), "signed-by="); ok {
					key = path
				}
			}
			fields = fields[end:]
		}
		if len(fields) < 4 || fields[2] != codename {
			continue
		}
		out := "Types: deb\nURIs: " + fields[1] + "\nSuites: " + codename + "-backports\nComponents: main\n"
		if key != "" {
			out += "Signed-By: " + key + "\n"
		}
		return out
	}
	return ""
}

// deb822 returns the fields of a stanza, by their names in lower case.
func deb822(stanza string) map[string]string {
	fields := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(stanza)); s.Scan(); {
		line := s.Text()
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, " ") {
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[strings.ToLower(name)] = strings.TrimSpace(value)
		}
	}
	return fields
}
