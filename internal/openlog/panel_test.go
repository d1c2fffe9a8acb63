package openlog_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/openlog"
	"narthex/internal/store/memory"
	"narthex/ledger"
)

// eager is a witness that signs whatever it is shown.
type eager struct {
	*ledger.Cosigner
	key string
}

func (w eager) Key() string { return w.key }

func (w eager) Cosign(_ context.Context, _ uint64, _ []ledger.Hash, checkpoint string) (string, error) {
	return w.Sign(checkpoint, time.Now())
}

// named gives a witness of that name whose key is drawn from the letter.
func named(t *testing.T, name, letter string) openlog.Witness {
	t.Helper()
	secret, key, err := ledger.NewWitnessKey(strings.NewReader(strings.Repeat(letter, 32)), name)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := ledger.NewCosigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return eager{cosigner, key}
}

// ledgerOf makes the ledger of one entry that a panel watches.
func ledgerOf(t *testing.T, panel *openlog.Panel) *openlog.Log {
	t.Helper()
	secret, public, err := ledger.NewKey(rand.Reader, "lab.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), memory.New(), journal.Config{Clock: time.Now, Random: rand.Reader, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	err = j.Update(t.Context(), func(tx *journal.Tx) error {
		var fields []narthex.Field
		for _, name := range narthex.EntryInception.Fields() {
			fields = append(fields, narthex.TextField(name, map[string]string{"log_key": public, "origin": signer.Name()}[name]))
		}
		_, err := tx.Append(narthex.EntryInception, fields...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := openlog.New(t.Context(), openlog.Config{Journal: j, Anchor: openlog.NewAnchor(filepath.Join(t.TempDir(), "anchor")), Panel: func() openlog.Panel { return *panel }, Alarm: time.Minute, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestAWitnessHoldsTheDoorOnce: two are required, and a key that is listed twice or goes by two names is one.
func TestAWitnessHoldsTheDoorOnce(t *testing.T) {
	one, alias, other := named(t, "one.example", "a"), named(t, "alias.example", "a"), named(t, "other.example", "b")
	for name, c := range map[string]struct {
		witnesses []openlog.Witness
		count     int
	}{
		"a key listed twice":          {[]openlog.Witness{one, one}, 1},
		"two names of one key":        {[]openlog.Witness{one, alias}, 1},
		"two keys":                    {[]openlog.Witness{one, other}, 2},
		"two keys, one by two names":  {[]openlog.Witness{alias, one, other}, 2},
		"two keys, one listed thrice": {[]openlog.Witness{other, one, other, other}, 2},
	} {
		l := ledgerOf(t, &openlog.Panel{Witnesses: c.witnesses, Require: 2})
		if err := l.Ready(); (err == nil) != (c.count == 2) {
			t.Errorf("%s: the door says %v", name, err)
		}
		if views := l.Witnesses(); len(views) != c.count {
			t.Errorf("%s: %d witnesses are shown", name, len(views))
		}
		checkpoint, _ := l.Published()
		if lines := strings.Count(checkpoint, "\n\u2014 ") - 1; lines != c.count {
			t.Errorf("%s: %d cosignatures are published", name, lines)
		}
	}
}

// slow is a witness that says when it was asked, and signs when it may.
type slow struct {
	openlog.Witness
	asked, may chan struct{}
}

func (w slow) Cosign(ctx context.Context, older uint64, proof []ledger.Hash, checkpoint string) (string, error) {
	w.asked <- struct{}{}
	select {
	case <-w.may:
		return w.Witness.Cosign(ctx, older, proof, checkpoint)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// TestWhoGoesAwaySilencesNoWitness: a publication that somebody asked for and did not wait for is heard out, and the witness counts.
func TestWhoGoesAwaySilencesNoWitness(t *testing.T) {
	w := slow{named(t, "one.example", "a"), make(chan struct{}, 2), make(chan struct{})}
	panel := openlog.Panel{}
	l := ledgerOf(t, &panel)
	panel = openlog.Panel{Witnesses: []openlog.Witness{w}, Require: 1}
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Publish(ctx) }()
	<-w.asked
	leave()
	close(w.may)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if view := l.Witnesses()[0]; view.Size != 1 || view.Wrong != "" || !view.SilentSince.IsZero() || l.Ready() != nil {
		t.Errorf("who went away left a witness with %+v, and the door says %v", view, l.Ready())
	}
}
