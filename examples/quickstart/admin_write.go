package main

import (
	"net/http"
	"net/url"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// create answers POST /admin/tenants. The service gives the ID.
func (s *service) create(w http.ResponseWriter, r *http.Request) error {
	var in tenantFields
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	var t tenancy.Tenant
	in.applyTo(&t)
	t, err := s.store.Create(r.Context(), t)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/admin/tenants/"+url.PathEscape(t.ID))
	s.writeTenant(w, r, http.StatusCreated, t)
	return nil
}

// update answers PUT /admin/tenants/{id}: it replaces every field, left-out ones
// by nothing, except database_url, which no answer shows and so no client could
// send back. The client says which state it edited, by If-Match (412 if it is
// another by now) or by the members revision and mark (409).
func (s *service) update(w http.ResponseWriter, r *http.Request) error {
	var in replacement
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	t, err := tenancy.Fresh(s.store).GetByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := checkEdited(r, in, t); err != nil {
		return err
	}
	if in.ID != "" && in.ID != t.ID {
		return badField("id", "The id in the body is not the one in the path.")
	}
	in.applyTo(&t)
	t, err = s.store.Update(r.Context(), t) // compares the position once more, atomically
	if err != nil {
		return err
	}
	s.writeTenant(w, r, http.StatusOK, t)
	return nil
}

// rename answers POST /admin/tenants/{id}/rename. The old identifier is free at
// once.
func (s *service) rename(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Identifier string `json:"identifier"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	t, err := tenancy.Modify(r.Context(), s.store, r.PathValue("id"), func(t *tenancy.Tenant) error {
		t.Identifier = in.Identifier
		return nil
	})
	if err != nil {
		return err
	}
	s.writeTenant(w, r, http.StatusOK, t)
	return nil
}

// setStatus answers POST /admin/tenants/{id}/suspend and …/activate.
func (s *service) setStatus(status tenancy.Status) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := readNothing(w, r); err != nil {
			return err
		}
		t, err := s.store.SetStatus(r.Context(), r.PathValue("id"), status)
		if err != nil {
			return err
		}
		s.writeTenant(w, r, http.StatusOK, t)
		return nil
	}
}

// patchMetadata answers PATCH /admin/tenants/{id}/metadata: the top-level
// members of the body are put over those that are there. Unlike in a JSON merge
// patch (RFC 7396), null is a value.
func (s *service) patchMetadata(w http.ResponseWriter, r *http.Request) error {
	var patch tenancy.Metadata
	if err := readJSON(w, r, &patch); err != nil {
		return err
	}
	t, err := s.store.UpdateMetadata(r.Context(), r.PathValue("id"), patch)
	if err != nil {
		return err
	}
	s.writeTenant(w, r, http.StatusOK, t)
	return nil
}

// delete answers DELETE /admin/tenants/{id}.
func (s *service) delete(w http.ResponseWriter, r *http.Request) error {
	if err := s.store.Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
