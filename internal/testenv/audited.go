package testenv

import (
	"context"
	"errors"
	"testing"
	"time"

	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/journal"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
)

// audited holds what a test left in the store to the ledger: the tables are what the entries say, and every decision follows
// from what was signed.
func (e *Env) audited(t testing.TB) {
	if t.Failed() || e.Node == nil || e.Tampered {
		return
	}
	found, again, err := e.audit(context.Background()) // the test's own context has ended
	if errors.Is(err, journal.ErrEmpty) {
		return // the lab never opened
	}
	if err != nil {
		t.Fatalf("audit what the test left: %v", err)
	}
	for _, d := range append(found.Differences, again.Impossible...) {
		t.Error(audit.InWords(d))
	}
	for _, d := range again.Differences {
		t.Error(d.InWords())
	}
	if len(again.Missing) > 0 {
		t.Errorf("%d documents that entries name are missing", len(again.Missing))
	}
}

func (e *Env) audit(ctx context.Context) (found client.Audit, again audit.Replayed, err error) {
	if e.config.Store == "" {
		if found, err = server.AuditDir(ctx, e.config.Data); err == nil {
			again, err = server.ReplayDir(ctx, e.config.Data)
		}
		return found, again, err
	}
	s, err := postgres.Open(ctx, e.config.Store, postgres.Handover(time.Millisecond))
	if err != nil {
		return found, again, err
	}
	if found, err = audit.Once(ctx, s, e.Node.LogKey(), e.Clock.Now); err == nil {
		err = s.View(ctx, func(r store.Reader) (err error) { again, err = audit.ReplayStore(r); return err })
	}
	return found, again, errors.Join(err, s.Close())
}
