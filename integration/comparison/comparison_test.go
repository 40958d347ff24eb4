//go:build unix

package comparison

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// TestComparison makes every measurement with every contender: small ones, or with -full those
// of docs/comparison.md. What it asserts is that this library is not stale where its contract
// says so, and that the measurements find those stale that are.
func TestComparison(t *testing.T) {
	small, large := sizes()
	s := small
	if *full {
		s = large
	}
	r := newReport(t, s)
	t.Run("hot", func(t *testing.T) { measureHot(t, s, r) })
	t.Run("cold", func(t *testing.T) { measureCold(t, s, r) })
	t.Run("each", func(t *testing.T) {
		for i, c := range Contenders() {
			t.Run(c.Name, func(t *testing.T) {
				if !*full {
					t.Parallel() // nothing is timed
				}
				row, f := &r.Results[i], newFloor(t)
				for _, measure := range []func(*testing.T, size, *floor, Contender, *result){
					measureMissing, measureStampede, measureWrites, measureSuspended, measureEdited, measureCreated, measureRace,
				} {
					measure(t, s, f, c, row)
				}
				measureOutage(t, s, c, row)
			})
		}
	})
	for _, row := range r.Results {
		if row.Ours {
			assertCoherent(t, s, row)
		}
	}
	assertFound(t, r)
	if *full && !t.Failed() {
		r.write(t)
	}
}

// newReport returns a report with a line for each contender.
func newReport(t *testing.T, s size) *report {
	t.Helper()
	f := newFloor(t)
	r := &report{
		Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(),
		Machine: fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Size: s,
	}
	if err := f.db.QueryRowContext(t.Context(), "SHOW server_version").Scan(&r.PostgreSQL); err != nil {
		t.Fatal(err)
	}
	r.PostgreSQL, _, _ = strings.Cut(r.PostgreSQL, " ")
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{f.valkey.Addr()}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	info, err := client.Do(t.Context(), client.B().Info().Section("server").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if version, ok := strings.CutPrefix(line, "valkey_version:"); ok {
			r.Valkey = strings.TrimSpace(version)
		}
	}
	linked := linkedVersions(t)
	for _, c := range Contenders() {
		row := result{Name: c.Name, Place: c.Place, Ours: c.Ours}
		for _, module := range c.Modules {
			row.Versions = append(row.Versions, module+" "+linked[module])
		}
		r.Results = append(r.Results, row)
	}
	return r
}

// linkedVersions returns the versions of the modules in this program.
func linkedVersions(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	versions := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			versions[path] = version
		}
	}
	return versions
}

// assertCoherent checks what the contract promises.
func assertCoherent(t *testing.T, s size, row result) {
	t.Helper()
	for name, w := range map[string]watched{
		"suspended": row.Suspended, "race on A": row.RaceOnA, "race on B": row.RaceOnB,
	} {
		if w.A.Stale > 0 || w.A.Cut > 0 {
			t.Errorf("%s, %s: the writer's node: %+v", row.Name, name, w.A)
		}
	}
	for name, w := range map[string]watched{
		"suspended": row.Suspended, "edited": row.Edited, "created": row.Created, "race on A": row.RaceOnA, "race on B": row.RaceOnB,
	} {
		if w.A.Back > 0 || w.B.Back > 0 {
			t.Errorf("%s, %s: reads went back: %+v", row.Name, name, w)
		}
	}
	// One, and one more each time that Valkey misses its deadline on a busy machine.
	if n := row.Missing.Repeated; n.Tenants >= int64(s.Repeated) {
		t.Errorf("%s: one missing slug cost %+v", row.Name, n)
	}
}

// stuck reports whether a node was stale, and stayed so until nobody looked any more.
func stuck(s sight) bool { return s.Tenants > 0 && s.Cut == s.Tenants }

// assertFound checks that what is known to be stale was found to be.
func assertFound(t *testing.T, r *report) {
	t.Helper()
	rows := make(map[string]result)
	for _, row := range r.Results {
		rows[row.Name] = row
	}
	if w := rows["otter"].Suspended; !stuck(w.B) || w.A.Stale > 0 {
		t.Errorf("nobody tells otter's other node, and yet: %+v", w)
	}
	if w := rows["otter"].Edited; !stuck(w.A) || !stuck(w.B) {
		t.Errorf("nobody tells otter of an edit in SQL, and yet: %+v", w)
	}
	if w := rows["sturdyc"].Created; !stuck(w.A) {
		t.Errorf("sturdyc keeps that there was no tenant, and yet: %+v", w)
	}
	if w := rows["valkey-go"].RaceOnB; !stuck(w.A) || !stuck(w.B) {
		t.Errorf("a slow reader fills valkey-go with what was, and yet: %+v", w)
	}
	for _, row := range r.Results {
		if row.Place == Nowhere && (row.Missing.Repeated.Tenants != int64(r.Size.Repeated) || row.Stampede.OneNode.Tenants != int64(r.Size.Stampede)) {
			t.Errorf("the wire does not count: %+v", row)
		}
		if row.Place == Nowhere && row.Suspended.B.Stale > 0 {
			t.Errorf("the database answers what was: %+v", row.Suspended)
		}
	}
}

func (r *report) write(t *testing.T) {
	t.Helper()
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(figures, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	rewrite(t)
}

// TestNotStaleOnceFollowed: as soon as a node has followed the log to a suspension, it answers
// with it.
func TestNotStaleOnceFollowed(t *testing.T) {
	for _, c := range Contenders() {
		if !c.Ours {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t)
			tenants := f.seed(t, "followed", 20)
			p := f.pair(t, c, 100)
			warm(t, p.a, tenants)
			warm(t, p.b, tenants)
			followed := func() tenancy.Position { return p.b.(ours).Store.(*replica.Store).State().Position }
			if stack, ok := tier.Of(p.b.(ours).Store); ok {
				followed = func() tenancy.Position { return stack.Stats().Position }
			}
			for _, tenant := range tenants {
				revision, err := p.a.SetStatus(t.Context(), tenant.id, "suspended")
				if err != nil {
					t.Fatal(err)
				}
				eventually(t, "node B follows", func() bool { return int64(followed().Revision) >= revision })
				if a, err := p.b.Get(t.Context(), tenant.slug); err != nil || a != (Answer{"suspended", revision}) {
					t.Errorf("%+v, %v", a, err)
				}
			}
		})
	}
}
