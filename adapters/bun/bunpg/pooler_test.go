package bunpg_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pooler does to its clients what PgBouncer does in transaction mode: each
// transaction, and each statement outside one, may run in another session, and a
// startup parameter that it does not track is refused. It is worse than
// PgBouncer: it changes the session after every transaction.
type pooler struct {
	dsn      string              // of the server
	url      string              // for clients
	standby  bool                // says that the server is one
	sessions chan *pgconn.PgConn // idle; nil for one that is not open yet
	ignores  atomic.Bool         // startup parameters, instead of refusing them

	mu      sync.Mutex
	clients map[uint32]*poolerClient // by process ID, as far as they know
}

type poolerClient struct {
	*pgproto3.Backend
	conn    net.Conn
	name    string         // application_name
	session *pgconn.PgConn // that runs its transaction
}

// newPooler starts a pooler in front of dsn, which ends with the test, and which
// may say that the server is a standby.
func newPooler(t testing.TB, dsn string, standby bool) *pooler {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("TENANTSTORE_POSTGRES is not a valid URL")
	}
	u.Host = listener.Addr().String()
	const sessions = 12
	p := &pooler{
		dsn: dsn, url: u.String(), standby: standby,
		sessions: make(chan *pgconn.PgConn, sessions), clients: map[uint32]*poolerClient{},
	}
	for range sessions {
		p.sessions <- nil
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			running.Go(func() {
				if err := p.serve(conn); err != nil {
					t.Log("pooler:", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		p.disconnect("")
		running.Wait()
		for range sessions {
			if session := <-p.sessions; session != nil {
				_ = session.Close(context.Background()) // it may be broken
			}
		}
	})
	return p
}

// disconnect cuts the connections of the clients with this name, or of all.
func (p *pooler) disconnect(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		if name == "" || c.name == name {
			_ = c.conn.Close()
		}
	}
}

// serve talks to one client until it leaves.
func (p *pooler) serve(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	client := &poolerClient{Backend: pgproto3.NewBackend(conn, conn), conn: conn}
	first, err := client.ReceiveStartupMessage()
	if err != nil {
		return nil // a client that only looked
	}
	startup, ok := first.(*pgproto3.StartupMessage)
	if !ok {
		return p.cancel(first)
	}
	for name := range startup.Parameters {
		switch name {
		case "user", "database", "application_name", "client_encoding":
		default:
			if p.ignores.Load() {
				continue
			}
			client.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: " + name})
			return client.Flush()
		}
	}
	client.name = startup.Parameters["application_name"]
	pid := p.add(client)
	defer p.remove(pid)

	client.Send(&pgproto3.AuthenticationOk{})
	for name, value := range map[string]string{
		"server_version": "15.0", "client_encoding": "UTF8", "standard_conforming_strings": "on",
	} {
		client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	client.Send(&pgproto3.BackendKeyData{ProcessID: pid, SecretKey: binary.BigEndian.AppendUint32(nil, pid)})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := client.Flush(); err != nil {
		return nil // gone already
	}
	for {
		message, err := client.Receive()
		if err != nil {
			return nil // the client has left
		}
		if _, bye := message.(*pgproto3.Terminate); bye {
			return nil
		}
		if query, ok := message.(*pgproto3.Query); ok && p.standby && strings.Contains(query.String, "pg_is_in_recovery") {
			client.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("pg_is_in_recovery"), DataTypeOID: 16, DataTypeSize: 1, TypeModifier: -1}}})
			client.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("t")}})
			client.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
			client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			if err := client.Flush(); err != nil {
				return err
			}
			continue
		}
		if err := p.transaction(client, message); err != nil {
			return err
		}
	}
}

func (p *pooler) add(c *poolerClient) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	pid := uint32(1)
	for ; p.clients[pid] != nil; pid++ {
	}
	p.clients[pid] = c
	return pid
}

func (p *pooler) remove(pid uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.clients, pid)
}

// cancel stops the statement of another client.
func (p *pooler) cancel(message pgproto3.FrontendMessage) error {
	request, ok := message.(*pgproto3.CancelRequest)
	if !ok {
		return fmt.Errorf("%T instead of a startup message", message)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[request.ProcessID]; c != nil && c.session != nil {
		return c.session.CancelRequest(context.Background())
	}
	return nil
}

func (p *pooler) assign(c *poolerClient, session *pgconn.PgConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.session = session
}

// transaction passes messages between client and some session until that is
// outside a transaction again.
func (p *pooler) transaction(client *poolerClient, message pgproto3.FrontendMessage) (err error) {
	session := <-p.sessions
	defer func() {
		p.assign(client, nil)
		if err != nil && session != nil {
			_ = session.Close(context.Background()) // it may be broken
			session = nil
		}
		p.sessions <- session
	}()
	if session == nil || session.Ping(context.Background()) != nil {
		if session, err = pgconn.Connect(context.Background(), p.dsn); err != nil {
			return err
		}
	}
	p.assign(client, session)
	server := session.Frontend()
	for {
		server.Send(message)
		if err := server.Flush(); err != nil {
			return err
		}
		switch message.(type) {
		case *pgproto3.Sync, *pgproto3.Query:
			status, err := answer(client, server)
			if err != nil || status == 'I' {
				return err
			}
		case *pgproto3.Terminate:
			return errors.New("the client left inside a transaction")
		}
		if message, err = client.Receive(); err != nil {
			return err
		}
	}
}

// answer passes what the server says to the client until it is ready again, and
// returns its state.
func answer(client *poolerClient, server *pgproto3.Frontend) (byte, error) {
	for {
		message, err := server.Receive()
		if err != nil {
			return 0, err
		}
		client.Send(message)
		if ready, ok := message.(*pgproto3.ReadyForQuery); ok {
			return ready.TxStatus, client.Flush()
		}
	}
}
