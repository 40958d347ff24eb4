//go:build unix

package monitoring_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/integration/servers"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// server asks a Prometheus.
type server struct {
	addr  string
	start time.Time
	known map[string]map[string]map[string]bool // metric, label, value
}

func (s *server) api(ctx context.Context, path string, query url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/api/v1/"+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var envelope struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(answer.Body).Decode(&envelope); err != nil {
		return err
	}
	if envelope.Status != "success" {
		return fmt.Errorf("%s: %s", path, envelope.Error)
	}
	return json.Unmarshal(envelope.Data, into)
}

// value is the largest value of an instant query, and whether it has any.
func (s *server) value(t *testing.T, expr string) (float64, bool) {
	t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	if err := s.api(t.Context(), "query", url.Values{"query": {expr}}, &data); err != nil {
		t.Fatal(err)
	}
	largest, found := 0.0, false
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		if v, err := strconv.ParseFloat(text, 64); err == nil && v == v && (!found || v > largest) {
			largest, found = v, true
		}
	}
	return largest, found
}

// points counts the values, NaN left out, that expr had since the start.
func (s *server) points(t *testing.T, expr string) (n int) {
	t.Helper()
	var data struct {
		Result []struct{ Values [][2]any }
	}
	query := url.Values{
		"query": {expr}, "step": {"1"},
		"start": {strconv.FormatInt(s.start.Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix(), 10)},
	}
	if err := s.api(t.Context(), "query_range", query, &data); err != nil {
		t.Errorf("%s: %v", expr, err)
		return 0
	}
	for _, r := range data.Result {
		for _, v := range r.Values {
			if v[1] != "NaN" {
				n++
			}
		}
	}
	return n
}

// learn notes every series that there is.
func (s *server) learn(t *testing.T) {
	t.Helper()
	var data []map[string]string
	query := url.Values{"match[]": {`{__name__!=""}`}, "start": {strconv.FormatInt(s.start.Unix(), 10)}}
	if err := s.api(t.Context(), "series", query, &data); err != nil {
		t.Fatal(err)
	}
	s.known = map[string]map[string]map[string]bool{}
	for _, series := range data {
		name := series["__name__"]
		if s.known[name] == nil {
			s.known[name] = map[string]map[string]bool{}
		}
		for label, value := range series {
			if s.known[name][label] == nil {
				s.known[name][label] = map[string]bool{}
			}
			s.known[name][label][value] = true
		}
	}
}

// check parses expr and says what it names that does not exist: metrics, labels, and
// values of labels.
func (s *server) check(expr string) (wrong []string) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	report := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			series, ok := s.known[n.Name]
			if !ok {
				report("there is no metric %s", n.Name)
				return nil
			}
			for _, m := range n.LabelMatchers {
				values, ok := series[m.Name]
				if !ok {
					report("%s has no label %s", n.Name, m.Name)
					continue
				}
				for _, v := range alternatives(m) {
					if !values[v] {
						report("%s{%s} is never %s", n.Name, m.Name, v)
					}
				}
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				if !s.below(n.Expr, label) {
					report("nothing in %s has the label %s", n.Expr, label)
				}
			}
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				for _, label := range n.VectorMatching.MatchingLabels {
					if !s.below(n, label) {
						report("nothing in %s has the label %s", n, label)
					}
				}
			}
		}
		return nil
	})
	return wrong
}

// alternatives are the values that a matcher names.
func alternatives(m *labels.Matcher) []string {
	switch {
	case m.Name == "__name__" || m.Value == "" || strings.ContainsAny(m.Value, ".*+["):
		return nil
	case m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp:
		return strings.Split(m.Value, "|")
	}
	return []string{m.Value}
}

// below reports whether a selector in expr has the label.
func (s *server) below(expr parser.Node, label string) bool {
	found := false
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if n, ok := node.(*parser.VectorSelector); ok && s.known[n.Name][label] != nil {
			found = true
		}
		return nil
	})
	return found
}

func TestCheckFindsWhatDoesNotExist(t *testing.T) {
	s := &server{known: map[string]map[string]map[string]bool{
		"up": {"__name__": {"up": true}, "job": {"a": true, "b": true}},
	}}
	for expr, want := range map[string]string{
		`sum by (job) (rate(up{job=~"a|b"}[5m]))`: "",
		`up{job=~".*"} + up`:                      "",
		`down`:                                    "no metric down",
		`up{instance="x"}`:                        "no label instance",
		`up{job=~"a|c"}`:                          "never c",
		`up{job!="d"}`:                            "never d",
		`up{job!=""}`:                             "",
		`up{store!=""}`:                           "no label store",
		`sum by (tier) (up)`:                      "label tier",
		`up / on (tier) up`:                       "label tier",
		`sum(`:                                    "parse error",
	} {
		got := strings.Join(s.check(expr), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

var eventually = servers.Eventually
