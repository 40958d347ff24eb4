package main

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// whoami answers GET /whoami: whose host is this? It says what the public may
// know, which is less than the record.
func (s *service) whoami(w http.ResponseWriter, r *http.Request) error {
	t := tenancy.MustFromContext(r.Context())
	about, err := s.about.Of(t)
	if err != nil {
		about = institution{} // somebody put something else there, by hand
	}
	s.write(w, r, http.StatusOK, struct {
		Identifier string `json:"identifier"`
		Name       string `json:"name"`
		Domain     string `json:"domain,omitempty"`
	}{t.Identifier, t.Name, about.Domain})
	return nil
}
