//go:build unix

package processes

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// before is the last commit whose library makes version 1 of the schema.
const before = "093f95ce87c0"

// buildBefore builds testdata/before with the library of that commit.
func buildBefore(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	git := exec.CommandContext(t.Context(), "git", "archive", before)
	git.Dir = "../.."
	archive, err := git.Output()
	if err != nil {
		shallow := exec.CommandContext(t.Context(), "git", "rev-parse", "--is-shallow-repository")
		shallow.Dir = git.Dir
		if out, _ := shallow.Output(); servers.Required() && strings.TrimSpace(string(out)) == "false" {
			t.Fatalf("commit %s cannot be read, which a whole clone has: %v", before, err)
		}
		t.Skipf("commit %s cannot be read, as in a shallow clone or outside of one: %v", before, err)
	}
	extract := exec.Command("tar", "-x", "-C", dir)
	extract.Stdin = bytes.NewReader(archive)
	if out, err := extract.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	source, err := os.ReadFile("testdata/before/main.go")
	if err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(dir, "integration", "before")
	if err := errors.Join(os.Mkdir(command, 0o700), os.WriteFile(filepath.Join(command, "main.go"), source, 0o600)); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".") //nolint:gosec // see above
	build.Dir = command
	build.Env = append(os.Environ(), "GOWORK="+filepath.Join(dir, "go.work"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	return program
}

// old is a running program of the version before.
type old struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startOld(t *testing.T, program, where string) old {
	t.Helper()
	cmd := exec.Command(program, where) //nolint:gosec // built here
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the program of the version before: %v", err)
		}
	})
	o := old{t, in, bufio.NewReader(out)}
	o.answers("open")
	return o
}

// answer returns what the program prints next.
func (o old) answer() string {
	o.t.Helper()
	line, err := o.out.ReadString('\n')
	if err != nil {
		o.t.Fatalf("the program of the version before: %v", err)
	}
	return strings.TrimSpace(line)
}

func (o old) answers(want string) {
	o.t.Helper()
	if got := o.answer(); got != want {
		o.t.Fatalf("the program of the version before says %q, want %q", got, want)
	}
}

// do has the program do something, which succeeds, and returns its answer.
func (o old) do(format string, args ...any) string {
	o.t.Helper()
	command := fmt.Sprintf(format, args...)
	if _, err := fmt.Fprintln(o.in, command); err != nil {
		o.t.Fatal(err)
	}
	got := o.answer()
	if strings.HasPrefix(got, "error") {
		o.t.Fatalf("%s by the version before: %s", command, got)
	}
	return got
}

// A program of the version before goes on, and starts, on a schema that a new one has brought
// up to date under it; and what it does to tenants, it does to their names.
func TestUpgradeBesideTheVersionBefore(t *testing.T) {
	program := buildBefore(t)
	for database, where := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "tenants.db") },
		"postgres": func(t *testing.T) string { return servers.NewDatabase(t) },
	} {
		t.Run(database, func(t *testing.T) { testUpgrade(t, program, where(t)) })
	}
	t.Run("postgres, another role", func(t *testing.T) { testUpgradeKeepsPrivileges(t, program) })
}

// The owner migrates, and a program of the version before runs as a role that has the
// privileges that its version needs.
func testUpgradeKeepsPrivileges(t *testing.T, program string) {
	dsn := servers.NewDatabase(t)
	startOld(t, program, dsn) // migrates
	owner, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.Background()) }()
	role := "app_" + strings.ToLower(rand.Text())
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("not a URL")
	}
	u.User = url.UserPassword(role, "secret")
	_, err = owner.Exec(t.Context(), fmt.Sprintf(`CREATE ROLE %[1]s LOGIN PASSWORD 'secret'; GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO %[1]s;
		GRANT SELECT, INSERT, DELETE ON tenants_changes TO %[1]s; GRANT SELECT, UPDATE ON tenants_lock TO %[1]s; GRANT SELECT ON tenants_schema TO %[1]s`, role))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("upgrade", func(t *testing.T) {
		running := startOld(t, program, u.String())
		running.do("create acme")
		openFor(t, dsn) // migrates
		running.do("create beta")
		running.do("rename acme other")
		running.do("delete beta")
		s := openFor(t, u.String()) // has all that it needs
		other, err := s.GetByIdentifier(t.Context(), "other")
		if err == nil {
			_, err = s.AddDomain(t.Context(), other.ID, "acme.test")
		}
		if err == nil {
			_, err = s.VerifyDomain(t.Context(), other.ID, "acme.test")
		}
		if err != nil {
			t.Error(err)
		}
		running.do("delete other")
	})
	if _, err := owner.Exec(context.Background(), fmt.Sprintf(`DROP OWNED BY %[1]s; DROP ROLE %[1]s`, role)); err != nil {
		t.Error(err)
	}
}

func testUpgrade(t *testing.T, program, where string) {
	running, writing := startOld(t, program, where), startOld(t, program, where)
	acme, beta, gone := running.do("create acme"), running.do("create beta"), running.do("create gone")
	running.do("head")
	writing.do("begin")
	s := openFor(t, where) // migrates, while others write
	writing.do("end")
	if !slices.Contains(strings.Fields(running.do("changes")), "reset") {
		t.Error("the version before sees no reset after the upgrade")
	}
	starting := startOld(t, program, where)
	ctx := t.Context()
	verify := func(id, domain string) {
		t.Helper()
		_, err := s.AddDomain(ctx, id, domain)
		if err == nil {
			_, err = s.VerifyDomain(ctx, id, domain)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	verify(acme, "acme.test")
	verify(gone, "gone.test")
	if got := running.do("changes"); got != "update update update update" {
		t.Errorf("four writes of names are %q to the version before", got)
	}
	for i, o := range []old{running, starting} {
		head, err := s.Bounds(ctx)
		if err != nil {
			t.Fatal(err)
		}
		o.do("suspend acme")
		o.do("rename acme acme-%d", i)
		o.do("rename acme-%d acme", i)
		changes, err := s.Changes(ctx, head.Newest, 0)
		if err != nil || len(changes) != 3 {
			t.Fatalf("%+v, %v, want 3 changes", changes, err)
		}
		for _, c := range changes {
			if !c.Touches(tenancy.Key{Kind: tenancy.KindDomain, Value: "acme.test"}) {
				t.Errorf("%+v does not touch the domain", c)
			}
		}
		if got, err := s.GetByDomain(ctx, "acme.test"); err != nil || got.ID != acme || got.Status != tenancy.StatusSuspended {
			t.Errorf("GetByDomain: %+v, %v", got, err)
		}
		if _, err := s.SetStatus(ctx, acme, tenancy.StatusActive); err != nil {
			t.Fatal(err)
		}
	}
	running.do("delete gone")
	if got, err := s.GetByDomain(ctx, "gone.test"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("GetByDomain of a tenant that the version before has deleted: %+v, %v", got, err)
	}
	if page, err := s.ListNames(ctx, tenancy.TenantName{}, 0); err != nil || len(page.Names) != 1 {
		t.Errorf("names: %+v, %v, want one", page.Names, err)
	}
	verify(beta, "gone.test")
	if got := starting.do("count"); got != "2" {
		t.Errorf("the version before counts %s tenants", got)
	}
	readHistory(t, s) // checks it
}
