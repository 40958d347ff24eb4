package frameworks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// headers of an Asynq task, as a carry.Carrier.
type headers map[string]string

func (h headers) Get(key string) string { return h[key] }
func (h headers) Set(key, value string) { h[key] = value }

// newTask is a task for the tenant of ctx.
func newTask(ctx context.Context, kind string, payload []byte) (*asynq.Task, error) {
	h := headers{}
	if err := carry.Inject(ctx, h); err != nil {
		return nil, err
	}
	return asynq.NewTaskWithHeaders(kind, payload, h), nil
}

// isFinal reports whether work for a carried tenant need not be tried again. Whatever else Extract
// fails with, such as an outage or a store that is being closed, may be over next time.
func isFinal(err error) bool {
	return errors.Is(err, resolve.ErrNotServed) || errors.Is(err, resolve.ErrAbsent) || errors.Is(err, tenancy.ErrInvalid)
}

// forTenants is a middleware of Asynq: the task's tenant is in the context, as it is now. The
// task of one that is not served is set aside, and what fails because the store cannot answer is
// tried again.
func forTenants(store tenancy.Store) asynq.MiddlewareFunc {
	return func(next asynq.Handler) asynq.Handler {
		return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
			ctx, err := carry.Extract(ctx, store, resolve.Policy{}, headers(task.Headers()))
			switch {
			case isFinal(err):
				return fmt.Errorf("%w: %w", asynq.SkipRetry, err)
			case err != nil:
				return err
			}
			return next.ProcessTask(ctx, task)
		})
	}
}

// quiet keeps what Asynq logs out of the tests' output.
type quiet struct{}

func (quiet) Debug(...any) {}
func (quiet) Info(...any)  {}
func (quiet) Warn(...any)  {}
func (quiet) Error(...any) {}
func (quiet) Fatal(...any) {}

// journal is a log that handlers write to.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// logger writes log records with their tenant, as in a request.
func (j *journal) logger() *slog.Logger {
	return slog.New(tenancy.NewLogHandler(slog.NewTextHandler(j, nil)))
}

// wantLogged expects that work was done for acme, and for nobody else.
func (j *journal) wantLogged(t *testing.T) {
	t.Helper()
	if got := j.String(); strings.Count(got, "invoice sent") != 1 || !strings.Contains(got, tenancy.TenantIDKey+"=id-acme") {
		t.Errorf("the worker has logged %s", got)
	}
}

// Tasks of Asynq wait while one of their tenants is suspended.
func TestAsynq(t *testing.T) {
	store := newStore(t)
	queue := asynq.RedisClientOpt{Addr: servers.NewValkey(t, servers.ValkeyOptions{}).Addr()}
	client := asynq.NewClient(queue)
	defer client.Close()
	for _, tenant := range []string{"acme", "globex"} {
		task := must(newTask(inTenant(t, store, tenant), "invoice", nil))
		must(client.EnqueueContext(t.Context(), task))
	}
	must(client.Enqueue(asynq.NewTask("invoice", nil))) // forgot its tenant
	must(store.SetStatus(t.Context(), "id-globex", tenancy.StatusSuspended))

	var log journal
	logger := log.logger()
	worker := asynq.NewServer(queue, asynq.Config{Concurrency: 2, Logger: quiet{}, TaskCheckInterval: 10 * time.Millisecond})
	mux := asynq.NewServeMux()
	mux.Use(forTenants(store))
	mux.HandleFunc("invoice", func(ctx context.Context, _ *asynq.Task) error {
		logger.InfoContext(ctx, "invoice sent")
		return nil
	})
	if err := worker.Start(mux); err != nil {
		t.Fatal(err)
	}
	defer worker.Shutdown()
	inspector := asynq.NewInspector(queue)
	defer inspector.Close()
	servers.Eventually(t, "one task is done and two are set aside", func() bool {
		info, err := inspector.GetQueueInfo("default")
		return err == nil && info.Processed == 3 && info.Archived == 2 && info.Size == 2
	})
	for _, task := range must(inspector.ListArchivedTasks("default")) {
		suspended := task.Headers[carry.KeyID] == "id-globex" && strings.Contains(task.LastErr, resolve.ErrNotServed.Error())
		without := task.Headers[carry.KeyID] == "" && strings.Contains(task.LastErr, resolve.ErrAbsent.Error())
		if !suspended && !without {
			t.Errorf("set aside: %v, %s", task.Headers, task.LastErr)
		}
	}
	log.wantLogged(t)
}

// consume handles messages of NATS for their tenants. The message of one that is not served ends
// there; one that cannot be judged comes again.
func consume(store tenancy.Store, handle func(ctx context.Context, m jetstream.Msg) error) jetstream.MessageHandler {
	return func(m jetstream.Msg) {
		ctx, err := carry.Extract(context.Background(), store, resolve.Policy{}, m.Headers())
		if err == nil {
			err = handle(ctx, m)
		} else if isFinal(err) {
			_ = m.TermWithReason(err.Error())
			return
		}
		if err != nil {
			_ = m.NakWithDelay(time.Second)
			return
		}
		_ = m.Ack()
	}
}

// Messages of NATS wait while one of their tenants is suspended.
func TestNATS(t *testing.T) {
	store := newStore(t)
	broker := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}))
	broker.Start()
	defer broker.WaitForShutdown()
	defer broker.Shutdown()
	if !broker.ReadyForConnections(5 * time.Minute) {
		t.Fatal("the broker does not start")
	}
	conn := must(nats.Connect(broker.ClientURL(), nats.Timeout(time.Minute)))
	defer conn.Close()
	js := must(jetstream.New(conn))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	stream := must(js.CreateStream(ctx, jetstream.StreamConfig{Name: "invoices", Subjects: []string{"invoices"}, Retention: jetstream.WorkQueuePolicy}))
	for _, tenant := range []string{"acme", "globex"} {
		m := nats.NewMsg("invoices")
		if err := carry.Inject(inTenant(t, store, tenant), m.Header); err != nil {
			t.Fatal(err)
		}
		must(js.PublishMsg(ctx, m))
	}
	must(js.Publish(ctx, "invoices", nil)) // forgot its tenant
	must(store.SetStatus(t.Context(), "id-globex", tenancy.StatusSuspended))

	var log journal
	logger := log.logger()
	consumer := must(stream.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}))
	work := must(consumer.Consume(consume(store, func(ctx context.Context, _ jetstream.Msg) error {
		logger.InfoContext(ctx, "invoice sent")
		return nil
	})))
	servers.Eventually(t, "no message is left", func() bool {
		info, err := stream.Info(ctx)
		return err == nil && info.State.Msgs == 0
	})
	work.Stop()
	<-work.Closed()
	log.wantLogged(t)
}
