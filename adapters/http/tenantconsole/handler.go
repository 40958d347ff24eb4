package tenantconsole

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var page embed.FS

// policy allows the page its own files and the service beside it, and nothing else: no script
// or style in the page, no frame around it, no text that is taken for HTML.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"object-src 'none'; require-trusted-types-for 'script'"

// contentTypes does not leave the type of a script to the tables of the machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Handler returns the console, to be mounted at a path that ends with a slash: at "/", or with
// [http.StripPrefix] elsewhere. It answers GET and HEAD. It fails with [tenancy.ErrInvalid]
// for an option that is nil or has no path of this origin.
func Handler(opts ...Option) (http.Handler, error) {
	c := config{API: "/"}
	for _, o := range opts {
		if o == nil {
			return nil, invalidArgument("options", "one of them is nil")
		}
		o.apply(&c)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	files, err := read(c)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = "index.html"
		}
		f, found := files[name]
		switch {
		case !found:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "The console is only read.", http.StatusMethodNotAllowed)
		default:
			f.serve(w, r)
		}
	}), nil
}

// file is one of the page, as it is served.
type file struct {
	name, etag string
	content    []byte
}

// read returns the files of the page by their names; the page itself is a template.
func read(c config) (map[string]file, error) {
	files := map[string]file{}
	entries, err := page.ReadDir("page")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		f := file{name: e.Name()}
		if f.content, err = fs.ReadFile(page, path.Join("page", f.name)); err != nil {
			return nil, err
		}
		if f.name == "index.html" {
			shell, err := template.New(f.name).Parse(string(f.content))
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			if err := shell.Execute(&b, c); err != nil {
				return nil, err
			}
			f.content = b.Bytes()
		}
		f.etag = fmt.Sprintf(`"%x"`, sha256.Sum256(f.content))
		files[f.name] = f
	}
	return files, nil
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("Content-Type", contentTypes[path.Ext(f.name)])
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache") // the files of one version belong together
	header.Set("ETag", f.etag)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.content))
}
