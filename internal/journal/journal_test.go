package journal_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/store/memory"
	"narthex/internal/store/sqlite"
	"narthex/internal/store/storetest"
	"narthex/ledger"
)

// counter is a row that changes count in.
type counter struct{ N int }

func open(t testing.TB, s store.Store, recover func(*journal.Tx, uint64, ledger.Opening) error) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), s, journal.Config{Clock: time.Now, Random: rand.Reader, Signer: fixed(t), Recover: recover})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

var keys sync.Map // a signer for each test, so that its ledger can be opened again

func fixed(t testing.TB) interface {
	Name() string
	KeyHash() uint32
	Sign(msg []byte) ([]byte, error)
} {
	t.Helper()
	s, _ := keys.LoadOrStore(t.Name(), signer(t))
	return s.(interface {
		Name() string
		KeyHash() uint32
		Sign(msg []byte) ([]byte, error)
	})
}

// add counts one up with an entry.
func add(tx *journal.Tx) error {
	row, err := journal.Get[counter](tx, store.Grants, "n")
	if err != nil {
		return err
	}
	next := counter{1}
	if row != nil {
		next.N = row.N + 1
	}
	if err := journal.Put(tx, store.Grants, "n", &next); err != nil {
		return err
	}
	return read(tx)
}

// stands gives the counter and how many entries there are beside the inception, as the store has them.
func stands(t testing.TB, s store.Store) (n, entries int) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		return journal.Read(r, func(tx *journal.Tx) error {
			row, err := journal.Get[counter](tx, store.Grants, "n")
			if row != nil {
				n = row.N
			}
			if err != nil {
				return err
			}
			head, err := journal.ReadHead(r)
			entries = int(head.Size) - 1
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, entries
}

func TestAChangeAndItsEntryAreOne(t *testing.T) {
	s := memory.New()
	j := open(t, s, nil)
	if err := j.Update(t.Context(), add); err == nil {
		t.Error("a ledger began without an inception")
	}
	if err := j.Update(t.Context(), inception); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	for name, change := range map[string]func(*journal.Tx) error{
		"an error after the change": func(tx *journal.Tx) error { return errors.Join(add(tx), no) },
		"a panic after the change":  func(tx *journal.Tx) error { _ = add(tx); panic("planned") },
		"a change without an entry": func(tx *journal.Tx) error { return journal.Put(tx, store.Grants, "n", &counter{99}) },
		"an entry of no type":       func(tx *journal.Tx) error { _, err := tx.Append("nothing"); return errors.Join(add(tx), err) },
		"an entry without fields": func(tx *journal.Tx) error {
			_, err := tx.Append(narthex.EntryKeyRevoked)
			return errors.Join(add(tx), err)
		},
		"a second outcome": func(tx *journal.Tx) error {
			_, err := tx.AppendOutcome(0)
			return errors.Join(add(tx), err)
		},
	} {
		if err := j.Update(t.Context(), change); err == nil {
			t.Errorf("%s was taken", name)
		}
		if n, entries := stands(t, s); n != 0 || entries != 0 {
			t.Errorf("after %s the counter is %d and there are %d entries", name, n, entries)
		}
	}
	for range 3 {
		if err := j.Update(t.Context(), add); err != nil {
			t.Fatal(err)
		}
	}
	if n, entries := stands(t, s); n != 3 || entries != 3 {
		t.Errorf("%d changes and %d entries", n, entries)
	}
}

// TestChangesThatShareACommitFailAlone: one that errs takes nothing of its neighbours with it.
func TestChangesThatShareACommitFailAlone(t *testing.T) {
	s := memory.New()
	j := open(t, s, nil)
	if err := j.Update(t.Context(), inception); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			err := j.Update(context.Background(), func(tx *journal.Tx) error {
				if err := add(tx); err != nil {
					return err
				}
				if i%3 == 0 {
					return errors.Join(journal.Put(tx, store.Grants, fmt.Sprint("refused ", i), &counter{}), no)
				}
				return nil
			})
			if (i%3 == 0) != errors.Is(err, no) {
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n, entries := stands(t, s); n != 200 || entries != 200 {
		t.Errorf("of 200 good changes %d count, with %d entries", n, entries)
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Scan(store.Grants, store.Prefix("refused ", 300))
		for _, row := range rows {
			t.Errorf("what change %s wrote stands although it was refused", row.Key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestACommitOfUnknownOutcomeIsReadBack fails every call of the store by number, before and after it did its work: what is
// answered as done is done, once, and nothing is done that was answered as failed.
func TestACommitOfUnknownOutcomeIsReadBack(t *testing.T) {
	for _, mode := range []storetest.Mode{storetest.Before, storetest.After} {
		faults := &storetest.Faults{Inner: memory.New()}
		j := open(t, faults, nil)
		if err := j.Update(t.Context(), inception); err != nil {
			t.Fatal(err)
		}
		done := 0
		for n := int64(1); n < 40; n++ {
			faults.Plan(n, mode)
			err := j.Update(t.Context(), add)
			faults.Plan(0, mode)
			if err == nil {
				done++
			} else if !errors.Is(err, storetest.ErrPlanned) {
				t.Errorf("mode %d, call %d: %v", mode, n, err)
			}
			if count, entries := stands(t, faults.Inner); count != done || entries != done {
				t.Fatalf("mode %d, call %d: %d were answered, the counter is %d with %d entries", mode, n, done, count, entries)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		again := open(t, faults, nil)
		if err := again.Update(t.Context(), add); err != nil {
			t.Fatal(err)
		}
		if count, entries := stands(t, faults.Inner); count != done+1 || entries != done+1 {
			t.Errorf("after opening again the counter is %d with %d entries, and %d were answered", count, entries, done+1)
		}
	}
}

// TestAWriterThatLostItsStoreRefusesEveryChange: another opens the store; what the first decides from then on is not done, and
// it does not come back.
func TestAWriterThatLostItsStoreRefusesEveryChange(t *testing.T) {
	dir := t.TempDir()
	first, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	j := open(t, first, nil)
	for _, change := range []func(*journal.Tx) error{inception, add} {
		if err := j.Update(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	second, err := sqlite.Open(t.Context(), dir, sqlite.UnlockedForTests())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	other := open(t, second, nil)
	for range 3 {
		err := j.Update(t.Context(), add)
		if public := narthex.AsError(err); public.Kind != narthex.Unavailable || !strings.Contains(public.Public, "no longer holds its store") || !errors.Is(err, store.ErrLost) {
			t.Errorf("it said %v", err)
		}
		if err := other.Update(t.Context(), add); err != nil {
			t.Fatal(err)
		}
	}
	if n, entries := stands(t, second); n != 4 || entries != 4 {
		t.Errorf("the counter is %d with %d entries", n, entries)
	}
}

// intent opens a call.
func intent(tx *journal.Tx) (uint64, error) {
	var fields []narthex.Field
	for _, name := range narthex.EntryCallIntent.Fields() {
		fields = append(fields, narthex.TextField(name, "x"))
	}
	return tx.AppendIntent(fields...)
}

func outcome(tx *journal.Tx, index uint64, status string) error {
	_, err := tx.AppendOutcome(index, narthex.TextField("grant", "g"), narthex.TextField("status", status), narthex.TextField("used", "x"), narthex.TextField("answer", "x"))
	return err
}

func TestACallHasOneOutcomeAndACrashClosesWhatIsOpen(t *testing.T) {
	s := memory.New()
	var recovered []uint64
	recover := func(tx *journal.Tx, index uint64, opening ledger.Opening) error {
		recovered = append(recovered, index)
		return outcome(tx, index, "unknown")
	}
	j := open(t, s, recover)
	if err := j.Update(t.Context(), inception); err != nil {
		t.Fatal(err)
	}
	var calls [20]uint64
	for i := range calls {
		if err := j.Update(t.Context(), func(tx *journal.Tx) (err error) { calls[i], err = intent(tx); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for i, index := range calls {
		if i%4 == 0 {
			continue
		}
		if err := j.Update(t.Context(), func(tx *journal.Tx) error { return outcome(tx, index, "served") }); err != nil {
			t.Fatal(err)
		}
		if err := j.Update(t.Context(), func(tx *journal.Tx) error { return outcome(tx, index, "served") }); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("a second outcome: %v", err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again := open(t, s, recover)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(recovered) != fmt.Sprint([]uint64{calls[0], calls[4], calls[8], calls[12], calls[16]}) {
		t.Errorf("%v were recovered of %v", recovered, calls)
	}
}

func TestAChangedStoreDoesNotOpen(t *testing.T) {
	s := memory.New()
	j := open(t, s, nil)
	for _, change := range []func(*journal.Tx) error{inception, add, add} {
		if err := j.Update(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	flip := func(table store.Table, at int) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error {
			rows, err := tx.Scan(table, store.Span{Limit: 1})
			if err != nil || len(rows) == 0 {
				return errors.Join(err, errors.New("there is no row"))
			}
			rows[0].Value[at%len(rows[0].Value)] ^= 1
			return tx.Put(table, rows[0].Key, rows[0].Value)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, table := range map[string]store.Table{"a tile": store.Tiles, "the head": store.Meta} {
		flip(table, 9)
		if again, err := journal.Open(t.Context(), s, journal.Config{Clock: time.Now, Random: rand.Reader, Signer: fixed(t)}); err == nil {
			again.Close()
			t.Errorf("it opened with a bit of %s changed", name)
		}
		flip(table, 9)
	}
	open(t, s, nil)
}

// TestWhatIsNotThereIsNotKept: callers name what is not there, as often as they like. A row that comes below the journal is
// seen, so its absence was not kept.
func TestWhatIsNotThereIsNotKept(t *testing.T) {
	s := memory.New()
	j := open(t, s, nil)
	if err := j.Update(t.Context(), inception); err != nil {
		t.Fatal(err)
	}
	for _, table := range []store.Table{store.Grants, store.People, store.Keys, store.Meta} {
		look := func() (found bool) {
			if err := j.Update(t.Context(), func(tx *journal.Tx) error {
				row, err := journal.Get[counter](tx, table, "absent")
				found = row != nil
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return found
		}
		if look() {
			t.Fatalf("%s has what nobody put there", table)
		}
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(table, "absent", []byte(`{"N":1}`)) }); err != nil {
			t.Fatal(err)
		}
		if !look() {
			t.Errorf("%s: that a key is absent is kept", table)
		}
	}
}
