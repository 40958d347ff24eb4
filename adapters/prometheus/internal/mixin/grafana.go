package mixin

import (
	"bytes"
	"encoding/json"
	"strings"
)

// The parts of a Grafana dashboard that are used here.
type (
	grafanaDashboard struct {
		UID           string         `json:"uid"`
		Title         string         `json:"title"`
		Description   string         `json:"description"`
		Tags          []string       `json:"tags"`
		Editable      bool           `json:"editable"`
		SchemaVersion int            `json:"schemaVersion"`
		Refresh       string         `json:"refresh"`
		Time          grafanaTime    `json:"time"`
		Templating    grafanaVars    `json:"templating"`
		Links         []grafanaLink  `json:"links"`
		Panels        []grafanaPanel `json:"panels"`
	}
	grafanaTime struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	grafanaVars struct {
		List []grafanaVar `json:"list"`
	}
	grafanaVar struct {
		Name       string             `json:"name"`
		Label      string             `json:"label"`
		Type       string             `json:"type"`
		Query      string             `json:"query"`
		Datasource *grafanaDatasource `json:"datasource,omitempty"`
		Refresh    int                `json:"refresh"`
		Multi      bool               `json:"multi"`
		IncludeAll bool               `json:"includeAll"`
		AllValue   string             `json:"allValue,omitempty"`
		Current    map[string]any     `json:"current"`
	}
	grafanaDatasource struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	grafanaLink struct {
		Title string `json:"title"`
		Type  string `json:"type"`
		URL   string `json:"url"`
	}
	grafanaPanel struct {
		ID          int                `json:"id"`
		Type        string             `json:"type"`
		Title       string             `json:"title"`
		Description string             `json:"description,omitempty"`
		GridPos     grafanaPlace       `json:"gridPos"`
		Datasource  *grafanaDatasource `json:"datasource,omitempty"`
		FieldConfig *grafanaFields     `json:"fieldConfig,omitempty"`
		Options     map[string]any     `json:"options,omitempty"`
		Targets     []grafanaTarget    `json:"targets,omitempty"`
		Collapsed   *bool              `json:"collapsed,omitempty"`
	}
	grafanaPlace struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	grafanaFields struct {
		Defaults  grafanaDefaults `json:"defaults"`
		Overrides []any           `json:"overrides"`
	}
	grafanaDefaults struct {
		Unit   string         `json:"unit"`
		Min    int            `json:"min"`
		Custom map[string]any `json:"custom,omitempty"`
	}
	grafanaTarget struct {
		RefID        string `json:"refId"`
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"`
		Range        bool   `json:"range"`
		Format       string `json:"format,omitempty"`
	}
)

// A Grafana page is 24 units wide.
const pageWidth, statWidth, statHeight, graphWidth, graphHeight = 24, 4, 4, 8, 8

// Dashboard returns the JSON of the dashboard, for Grafana 10 and later.
func Dashboard() (string, error) {
	source := &grafanaDatasource{"prometheus", "${datasource}"}
	d := grafanaDashboard{
		UID: "tenantstore", Title: "Tenant store", Tags: []string{"tenantstore"}, Editable: true, SchemaVersion: 39, Refresh: "30s",
		Description: "Made by `go generate` in adapters/prometheus of tenantstore.",
		Time:        grafanaTime{"now-1h", "now"},
		Links:       []grafanaLink{{"Runbooks", "link", strings.TrimSuffix(runbooks, "#")}},
	}
	d.Templating.List = append(d.Templating.List, grafanaVar{
		Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1, Current: map[string]any{},
	})
	for _, v := range []struct{ name, label, query string }{
		{"job", "Job", "label_values(tenancy_operations_total, job)"},
		{"instance", "Instance", `label_values(tenancy_operations_total{job=~"$job"}, instance)`},
		{"store", "Store", `label_values(tenancy_operations_total{job=~"$job"}, tenancy_store)`},
	} {
		d.Templating.List = append(d.Templating.List, grafanaVar{
			Name: v.name, Label: v.label, Type: "query", Query: v.query, Datasource: source, Refresh: 2,
			Multi: true, IncludeAll: true, AllValue: ".*", Current: map[string]any{"text": "All", "value": "$__all"},
		})
	}
	id, y := 0, 0
	open := false
	for _, row := range Rows() {
		id++
		d.Panels = append(d.Panels, grafanaPanel{ID: id, Type: "row", Title: row.Title, GridPos: grafanaPlace{1, pageWidth, 0, y}, Collapsed: &open})
		y++
		x, height := 0, 0
		for _, p := range row.Panels {
			id++
			panel := panelOf(p)
			panel.ID, panel.Datasource = id, source
			if x+panel.GridPos.W > pageWidth {
				x, y = 0, y+height
			}
			panel.GridPos.X, panel.GridPos.Y = x, y
			x, height = x+panel.GridPos.W, panel.GridPos.H
			d.Panels = append(d.Panels, panel)
		}
		y += height
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return b.String(), err
}

// selected spells an expression for panels, which select by variables.
func selected(expr string) string {
	return strings.ReplaceAll(expr, "<sel>", `job=~"$job", instance=~"$instance", tenancy_store=~"$store"`)
}

func panelOf(p Panel) grafanaPanel {
	g := grafanaPanel{
		Type: string(Lines), Title: p.Title, Description: p.Description, GridPos: grafanaPlace{H: graphHeight, W: graphWidth},
		FieldConfig: &grafanaFields{Defaults: grafanaDefaults{Unit: p.Unit}, Overrides: []any{}},
	}
	format := ""
	switch p.Kind {
	case Stat:
		g.Type, g.GridPos = "stat", grafanaPlace{H: statHeight, W: statWidth}
		g.Options = map[string]any{"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}}, "graphMode": "area"}
	case Heatmap:
		g.Type, format = "heatmap", "heatmap"
		g.Options = map[string]any{"calculate": false, "yAxis": map[string]any{"unit": p.Unit}}
	case Stacked:
		g.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 30, "stacking": map[string]any{"mode": "normal"}}
	case Lines:
		g.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 5}
	}
	for i, q := range p.Queries {
		g.Targets = append(g.Targets, grafanaTarget{
			RefID: string(rune('A' + i)), Expr: selected(q.Expr), LegendFormat: q.Legend, Range: true, Format: format,
		})
	}
	return g
}
