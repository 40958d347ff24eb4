package main

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

type tenantList struct {
	Tenants    []tenancy.Tenant `json:"tenants"`
	NextCursor string           `json:"next_cursor,omitempty"`
}

// list answers GET /admin/tenants?status=…&status=…&limit=…&cursor=…: a page,
// newest tenants first.
func (s *service) list(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "status", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := limitOf(q)
	if err != nil {
		return err
	}
	page, err := s.store.List(r.Context(), tenancy.ListOptions{Filter: filterOf(q), Limit: limit, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	s.writeList(w, r, page.Tenants, page.Next)
	return nil
}

// search answers GET /admin/tenants/search?q=…&status=…&limit=…: the best
// matches first.
func (s *service) search(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "q", "status", "limit")
	if err != nil {
		return err
	}
	limit, err := limitOf(q)
	if err != nil {
		return err
	}
	found, err := s.store.Search(r.Context(), q.Get("q"), tenancy.SearchOptions{Filter: filterOf(q), Limit: limit})
	if err != nil {
		return err
	}
	s.writeList(w, r, found, "")
	return nil
}

// getByID answers GET /admin/tenants/{id}.
func (s *service) getByID(w http.ResponseWriter, r *http.Request) error {
	t, err := s.store.GetByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	s.writeTenant(w, r, http.StatusOK, t)
	return nil
}

// getByIdentifier answers GET /admin/tenants/by-identifier/{identifier}.
func (s *service) getByIdentifier(w http.ResponseWriter, r *http.Request) error {
	t, err := s.store.GetByIdentifier(r.Context(), r.PathValue("identifier"))
	if err != nil {
		return err
	}
	s.writeTenant(w, r, http.StatusOK, t)
	return nil
}

// writeTenant answers with t, its secret masked, and the ETag that an update
// wants back.
func (s *service) writeTenant(w http.ResponseWriter, r *http.Request, status int, t tenancy.Tenant) {
	w.Header().Set("ETag", etag(t))
	s.write(w, r, status, t)
}

func (s *service) writeList(w http.ResponseWriter, r *http.Request, tenants []tenancy.Tenant, next string) {
	if tenants == nil {
		tenants = []tenancy.Tenant{} // [], not null
	}
	s.write(w, r, http.StatusOK, tenantList{tenants, next})
}

// query returns the parameters of r if it has none but known ones: a misspelt
// filter must not select everything.
func query(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badField("", "The query string is malformed.")
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return nil, badField("", "The query has a parameter that this endpoint does not know.")
		}
		if name != "status" && len(values) > 1 {
			return nil, badField(name, "The parameter is given more than once.")
		}
	}
	return q, nil
}

func filterOf(q url.Values) tenancy.Filter {
	var f tenancy.Filter
	for _, status := range q["status"] {
		f.Statuses = append(f.Statuses, tenancy.Status(status))
	}
	return f
}

func limitOf(q url.Values) (int, error) {
	if !q.Has("limit") {
		return 0, nil // the store's default
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 {
		return 0, badField("limit", "The limit must be a positive number.")
	}
	return limit, nil
}
