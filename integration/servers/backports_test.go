//go:build unix

package servers

import "testing"

func TestBackportsLike(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"deb822": {
			"Types: deb\n# a comment\nURIs: http://mirror.test/debian-security\nSuites: bookworm-security\nComponents: main\n\n" +
				"Types: deb deb-src\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /k.gpg\n",
			"Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /k.gpg\n",
		},
		"one line": {
			"# deb http://old.test/debian bookworm main\ndeb http://mirror.test/debian bookworm main contrib\n",
			"Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm-backports\nComponents: main\n",
		},
		"one line with options": {
			"deb [ arch=amd64 signed-by=/k.gpg ] http://mirror.test/debian bookworm main\n",
			"Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /k.gpg\n",
		},
		"another vendor": {"Types: deb\nURIs: http://vendor.test\nSuites: stable\nComponents: main\n", ""},
		"sources only":   {"deb-src http://mirror.test/debian bookworm main\n", ""},
	} {
		if got := backportsLike(c.text, "bookworm"); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, c.want)
		}
	}
}

func TestOSRelease(t *testing.T) {
	text := "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n"
	if id, codename := osRelease(text, "ID"), osRelease(text, "VERSION_CODENAME"); id != "debian" || codename != "bookworm" {
		t.Errorf("%q, %q", id, codename)
	}
}
