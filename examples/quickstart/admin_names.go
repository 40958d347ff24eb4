package main

import (
	"net/http"
	"net/url"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

type nameList struct {
	Names []tenancy.Name `json:"names"`
}

// names answers GET /admin/names/{id}: domains, claims and former identifiers.
func (s *service) names(w http.ResponseWriter, r *http.Request) error {
	names, err := s.store.NamesOf(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if names == nil {
		names = []tenancy.Name{} // [], not null
	}
	s.write(w, r, http.StatusOK, nameList{names})
	return nil
}

// addDomain answers POST /admin/tenants/{id}/domains with the claim. Its token is what the
// customer puts into a TXT record.
func (s *service) addDomain(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Domain string `json:"domain"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	id := r.PathValue("id")
	claim, err := s.store.AddDomain(r.Context(), id, in.Domain)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/admin/tenants/"+url.PathEscape(id)+"/domains/"+claim.Value)
	s.write(w, r, http.StatusCreated, claim)
	return nil
}

// verifyDomain answers POST /admin/tenants/{id}/domains/{domain}/verify. This sample
// believes its operator. A service checks the proof here: see docs/custom-domains.md.
func (s *service) verifyDomain(w http.ResponseWriter, r *http.Request) error {
	if err := readNothing(w, r); err != nil {
		return err
	}
	t, err := s.store.VerifyDomain(r.Context(), r.PathValue("id"), r.PathValue("domain"))
	if err != nil {
		return err
	}
	s.writeTenant(w, r, http.StatusOK, t)
	return nil
}

// setPrimaryDomain answers PUT /admin/tenants/{id}/primary-domain; "" is none.
func (s *service) setPrimaryDomain(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Domain string `json:"domain"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	t, err := s.store.SetPrimaryDomain(r.Context(), r.PathValue("id"), in.Domain)
	if err != nil {
		return err
	}
	s.writeTenant(w, r, http.StatusOK, t)
	return nil
}

// removeDomain answers DELETE /admin/tenants/{id}/domains/{domain}.
func (s *service) removeDomain(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.store.RemoveDomain(r.Context(), r.PathValue("id"), r.PathValue("domain")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
