//go:build unix

// Command withservers runs a command with throwaway database servers:
//
//	withservers [command [argument ...]]
//
// The command finds the servers through its environment: TENANTSTORE_POSTGRES
// is the DSN of a PostgreSQL server, TENANTSTORE_MYSQL the URL of a MariaDB server,
// TENANTSTORE_VALKEY and TENANTSTORE_REDIS are the host:port of a Valkey and of a Redis
// server. A server that the environment
// names already is used as it is, and must answer. Without a command, the servers run
// until they are interrupted.
//
// The servers stop when the command ends, or when withservers gets SIGINT,
// SIGTERM or SIGHUP, which it passes on to the command first; see package
// servers for kill -9 and for where servers come from. The exit status is that of
// the command, or 1 if that is 0 and a server has ended meanwhile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

// patience is how long an interrupted command may take to end.
const patience = 20 * time.Second

func main() {
	flag.Parse()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	status, err := run(signals, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withservers:", err)
	}
	os.Exit(status)
}

// service is a kind of server that tests use.
type service struct {
	env string // names the variable that says where the server is
	// start returns what goes into the variable.
	start func(ctx context.Context) (where string, server io.Closer, err error)
	// answers fails if there is no server where the variable says.
	answers func(ctx context.Context, where string) error
}

func services() []service {
	return []service{
		{servers.PostgresEnv, startPostgres, postgresAnswers},
		{servers.MySQLEnv, startMariaDB, servers.MySQLAnswers},
		valkey(servers.ValkeyEnv, servers.ValkeyOptions{}),
		valkey(servers.RedisEnv, servers.ValkeyOptions{Redis: true}),
	}
}

func startPostgres(ctx context.Context) (string, io.Closer, error) {
	p, err := servers.StartPostgres(ctx, servers.PostgresOptions{})
	if err != nil {
		return "", nil, err
	}
	return p.DSN(), p, nil
}

func startMariaDB(ctx context.Context) (string, io.Closer, error) {
	m, err := servers.StartMariaDB(ctx, servers.MariaDBOptions{})
	if err != nil {
		return "", nil, err
	}
	return m.DSN(), m, nil
}

func valkey(env string, options servers.ValkeyOptions) service {
	start := func(ctx context.Context) (string, io.Closer, error) {
		v, err := servers.StartValkey(ctx, options)
		if err != nil {
			return "", nil, err
		}
		return v.Addr(), v, nil
	}
	return service{env, start, valkeyAnswers}
}

// fleet is the servers that run, and the environment that names them.
type fleet struct {
	running []io.Closer
	env     []string
}

// start starts every server that the environment does not name already.
func (f *fleet) start(ctx context.Context) error {
	var wanted []service
	for _, service := range services() {
		if where := os.Getenv(service.env); where == "" {
			wanted = append(wanted, service)
		} else if err := checkNamed(ctx, service, where); err != nil {
			return err
		}
	}
	for _, service := range wanted {
		where, server, err := service.start(ctx)
		if err != nil {
			return err
		}
		f.running = append(f.running, server)
		f.env = append(f.env, service.env+"="+where)
	}
	return nil
}

func (f *fleet) close() error {
	var errs []error
	for _, s := range f.running {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func run(signals <-chan os.Signal, command []string) (status int, err error) {
	var f fleet
	defer func() {
		if err = errors.Join(err, f.close()); err != nil && status == 0 {
			status = 1
		}
	}()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var startErr error
	started := make(chan struct{})
	go func() {
		defer close(started)
		startErr = f.start(ctx)
	}()
	select {
	case s := <-signals:
		cancel()
		<-started
		return interrupted(s), nil
	case <-started:
		if startErr != nil {
			return 1, startErr
		}
	}

	if len(command) == 0 {
		for _, setting := range f.env {
			name, value, _ := strings.Cut(setting, "=")
			fmt.Printf("export %s='%s'\n", name, value)
		}
		fmt.Fprintln(os.Stderr, "the servers run until interrupted")
		return interrupted(<-signals), nil
	}
	return execute(command, append(os.Environ(), f.env...), signals)
}

// execute runs the command in a process group of its own, so that a signal
// reaches all that it started.
func execute(command, env []string, signals <-chan os.Signal) (status int, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var kill <-chan time.Time
	for {
		select {
		case err = <-ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return statusOf(exit), nil
			}
			return 0, err
		case s := <-signals:
			err = syscall.Kill(-cmd.Process.Pid, s.(syscall.Signal))
			kill = time.After(patience)
		case <-kill:
			err = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return 1, err
		}
	}
}

func statusOf(exit *exec.ExitError) int {
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return interrupted(ws.Signal())
	}
	return exit.ExitCode()
}

// interrupted is the status that a shell gives for a command that a signal
// ended.
func interrupted(s os.Signal) int { return 128 + int(s.(syscall.Signal)) }
