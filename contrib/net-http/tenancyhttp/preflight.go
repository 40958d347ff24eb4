package tenancyhttp

import "net/http"

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// bodiless answers with a header alone. Browsers read no more of the answer to a
// preflight request. A file server answers OPTIONS as it does GET, and would give any
// tenant's file to whoever calls the request a preflight.
type bodiless struct{ http.ResponseWriter }

func (w bodiless) WriteHeader(status int) {
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

func (w bodiless) Write(b []byte) (int, error) {
	w.Header().Del("Content-Length")
	return len(b), nil
}
