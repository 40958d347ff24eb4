package http_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
)

// serveHTTP2 serves h over HTTP/2 without TLS.
func serveHTTP2(t *testing.T, h http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	server.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return listener.Addr().String()
}

// answer2 is a status and a body; reset says that the server refused to read.
type answer2 struct {
	status, body string
	reset        bool
}

// send2 sends header fields, pseudo ones too, as they are.
func send2(t *testing.T, address string, fields ...hpack.HeaderField) answer2 {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range fields {
		if err := encoder.WriteField(field); err != nil {
			t.Fatal(err)
		}
	}
	err = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	if err != nil {
		t.Fatal(err)
	}
	var got answer2
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			got.status = frame.PseudoValue("status")
		case *http2.DataFrame:
			got.body += string(frame.Data())
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			got.reset = true
			return got
		}
		if frame.Header().StreamID == 1 && frame.Header().Flags.Has(http2.FlagDataEndStream) {
			return got
		}
	}
}

// What comes out of a socket as :authority, net/http passes on as it is: the
// resolver must refuse it.
func TestAuthority(t *testing.T) {
	address := serveHTTP2(t, must(tenancyhttp.NewMiddleware(newStore(t), tenancyhttp.Subdomain("example.com"), silent))(whoami))
	pseudo := func(authority string) []hpack.HeaderField {
		return []hpack.HeaderField{
			{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: authority},
		}
	}
	for authority, want := range map[string]string{
		"acme.example.com":                "200",
		"ACME.example.com.:80":            "200",
		"xn--bcher-kva.example.com":       "200",
		"bücher.example.com":              "400",
		"a.example.com/x":                 "400",
		"acme.example.com/":               "400",
		"user@acme.example.com":           "400",
		"acme.example.com:80:80":          "400",
		"acme.example.com#":               "400",
		"acme.example.com?x":              "400",
		"acme example.com":                "400",
		"acme.example.com,globex":         "400",
		"acme%2eexample.com":              "400",
		"аcme.example.com":                "400", // Cyrillic
		"ａcme.example.com":                "400", // fullwidth
		"acme。example.com":                "400", // ideographic full stop
		"acme..example.com":               "400",
		"acme.example.com..":              "400",
		"acme.example.com\\x":             "400",
		"[acme.example.com]":              "400",
		"[::1]":                           "400",
		"a_b.example.com":                 "400",
		"acme.evilexample.com":            "421",
		"nobody.example.com":              "404",
		strings.Repeat("a", 300) + ".com": "400",
	} {
		got := send2(t, address, pseudo(authority)...)
		if got.reset && want == "400" {
			continue // by net/http
		}
		if got.status != want || want == "200" && !strings.HasSuffix(got.body, " /") {
			t.Errorf("%q: got %+v, want %s", authority, got, want)
		}
	}

	// :authority beats host, which stays among the headers.
	got := send2(t, address, append(pseudo("acme.example.com"), hpack.HeaderField{Name: "host", Value: "globex.example.com"})...)
	if got.status != "200" || !strings.HasPrefix(got.body, "acme ") {
		t.Errorf("authority and host: got %+v", got)
	}
	// Without :authority, host counts (RFC 9113, section 8.3.1).
	got = send2(t, address, append(pseudo("")[:3], hpack.HeaderField{Name: "host", Value: "acme.example.com"})...)
	if !got.reset && (got.status != "200" || !strings.HasPrefix(got.body, "acme ")) {
		t.Errorf("host alone: got %+v", got)
	}
	// Two of them are malformed, as in HTTP/1, whichever it is that net/http takes.
	for _, hosts := range [][2]string{{"acme.example.com", "globex.example.com"}, {"acme.example.com", "acme.example.com"}, {"acme.example.com", ""}} {
		two := []hpack.HeaderField{{Name: "host", Value: hosts[0]}, {Name: "host", Value: hosts[1]}}
		for _, fields := range [][]hpack.HeaderField{pseudo("")[:3], pseudo("acme.example.com")} {
			if got := send2(t, address, append(fields, two...)...); !got.reset && got.status != "400" {
				t.Errorf("hosts %q behind %d pseudo fields: got %+v", hosts, len(fields), got)
			}
		}
	}
	if got := send2(t, address, pseudo("")[:3]...); !got.reset && got.status != "400" {
		t.Errorf("neither: got %+v", got)
	}
}
