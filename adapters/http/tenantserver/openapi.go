package tenantserver

import (
	_ "embed"
	"net/http"
)

// openAPIDocument describes the service. TestOpenAPI compares it with the handler.
//
//go:embed openapi.json
var openAPIDocument []byte

// openAPI answers GET /openapi.json. It tells nothing that the source code does not.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	(&call{Server: s, w: w, r: r}).write(http.StatusOK, openAPIDocument)
}
