package engine

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// Prepared is a pool that prepares each text once per connection and keeps it.
// The texts of a store are few. It is for drivers that do not keep statements
// themselves, as pgx does.
type Prepared struct {
	db *sql.DB

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
	wanted     []string // by transactions, which cannot prepare for others
}

// NewPrepared returns one over db.
func NewPrepared(db *sql.DB) *Prepared {
	return &Prepared{db: db, statements: map[string]*sql.Stmt{}}
}

// QueryContext implements [Runner].
func (p *Prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := p.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// ExecContext implements [Runner].
func (p *Prepared) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := p.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (p *Prepared) lookup(text string) *sql.Stmt {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.statements[text]
}

func (p *Prepared) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := p.lookup(text); stmt != nil {
		return stmt, nil
	}
	stmt, err := p.db.PrepareContext(ctx, text) // not under mu: it may wait for a connection
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.statements[text]; first != nil {
		return first, stmt.Close()
	}
	p.statements[text] = stmt
	return stmt, nil
}

// PrepareWanted prepares what transactions have used and was not prepared. It is
// called before one begins, which may occupy the only connection.
func (p *Prepared) PrepareWanted(ctx context.Context) error {
	p.mu.Lock()
	wanted := p.wanted
	p.wanted = nil
	p.mu.Unlock()
	for _, text := range wanted {
		if _, err := p.prepare(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Close gives up all statements.
func (p *Prepared) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, stmt := range p.statements {
		errs = append(errs, stmt.Close())
	}
	clear(p.statements)
	return errors.Join(errs...)
}

// In returns tx, with the statements of the pool.
func (p *Prepared) In(tx *sql.Tx) Runner { return preparedTx{tx, p} }

// preparedTx is a transaction that uses the statements of the pool.
type preparedTx struct {
	tx   *sql.Tx
	pool *Prepared
}

// QueryContext implements [Runner].
func (p preparedTx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if stmt := p.statement(ctx, text); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return p.tx.QueryContext(ctx, text, args...)
}

// ExecContext implements [Runner].
func (p preparedTx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if stmt := p.statement(ctx, text); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return p.tx.ExecContext(ctx, text, args...)
}

func (p preparedTx) statement(ctx context.Context, text string) *sql.Stmt {
	stmt := p.pool.lookup(text)
	if stmt == nil {
		p.pool.mu.Lock()
		p.pool.wanted = append(p.pool.wanted, text)
		p.pool.mu.Unlock()
		return nil
	}
	return p.tx.StmtContext(ctx, stmt)
}
