package witness_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/witness"
	"narthex/ledger"
)

// published gives a log of that size in its published form; the tiles are those of a tree that may be larger.
func published(t *testing.T, checkpoint string, kept tiles, size uint64) ledger.Source {
	t.Helper()
	files := map[string][]byte{"checkpoint": []byte(checkpoint)}
	for at, data := range kept {
		for width := 1; width <= len(data)/32; width++ {
			files[ledger.TilePath(fmt.Sprint(at[0]), at[1], width)] = data[:32*width]
		}
	}
	return func(path string) ([]byte, error) {
		if data, here := files[path]; here {
			return data, nil
		}
		return nil, ledger.ErrAbsent
	}
}

// TestAnyoneFeedsAWitness: with what is published alone, from nothing and from what it has signed; a fork and a cut are told.
func TestAnyoneFeedsAWitness(t *testing.T) {
	l := newLog(t, "log.example")
	dir, key := newWitness(t)
	server := httptest.NewServer(open(t, dir, l.key).Handler(slog.New(slog.DiscardHandler)))
	defer server.Close()
	remote, err := witness.NewRemote(server.URL, key)
	if err != nil {
		t.Fatal(err)
	}
	feed := func(size, fork int, text string) error {
		checkpoint, kept := l.tree(t, size, fork, text)
		signed, err := witness.Feed(t.Context(), remote, published(t, checkpoint, kept, uint64(size)))
		if err != nil {
			return err
		}
		found, err := ledger.Cosignatures(signed, key)
		if err != nil || len(found) != 1 || !strings.HasPrefix(signed, checkpoint) {
			return fmt.Errorf("the checkpoint comes back with %v: %w", found, err)
		}
		return nil
	}
	for _, size := range []int{3, 3, 300, 700} {
		if err := feed(size, size, ""); err != nil {
			t.Errorf("of %d entries: %v", size, err)
		}
	}
	if err := feed(800, 2, "b"); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("another history: %v", err)
	}
	if err := feed(700, 2, "b"); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("another history of the same size: %v", err)
	}
	if err := feed(600, 600, ""); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a ledger that was cut: %v", err)
	}
	stranger := newLog(t, "other.example")
	checkpoint, kept := stranger.tree(t, 3, 3, "")
	if _, err := witness.Feed(t.Context(), remote, published(t, checkpoint, kept, 3)); err == nil {
		t.Error("a log that the witness does not know was signed")
	}
	if _, err := witness.Feed(t.Context(), remote, func(string) ([]byte, error) { return nil, errors.New("gone") }); !narthex.IsKind(err, narthex.Unavailable) {
		t.Errorf("a log that cannot be read: %v", err)
	}
}

// TestAWitnessThatIsAheadForAMomentIsNoAlarm: a lab shows its witnesses what it publishes next, and another feeds it at the same time.
func TestAWitnessThatIsAheadForAMomentIsNoAlarm(t *testing.T) {
	l := newLog(t, "log.example")
	dir, key := newWitness(t)
	w := open(t, dir, l.key)
	server := httptest.NewServer(w.Handler(slog.New(slog.DiscardHandler)))
	defer server.Close()
	remote, err := witness.NewRemote(server.URL, key)
	if err != nil {
		t.Fatal(err)
	}
	sources := map[int]ledger.Source{}
	for _, size := range []int{2, 3, 4, 5} {
		checkpoint, kept := l.tree(t, size, size, "")
		sources[size] = published(t, checkpoint, kept, uint64(size))
	}
	feed := func(size int) {
		if _, err := witness.Feed(t.Context(), remote, sources[size]); err != nil {
			t.Fatalf("of %d entries: %v", size, err)
		}
	}
	feed(3)
	asked, shows := 0, sources[2]
	late := func(path string) ([]byte, error) {
		if path == "checkpoint" {
			if asked++; asked == 2 {
				shows = sources[4]
			}
		} else if shows != nil && asked == 2 {
			feed(5) // between the proof and the question
			shows = sources[5]
			return sources[4](path)
		}
		return shows(path)
	}
	if _, err := witness.Feed(t.Context(), remote, late); err != nil || asked != 3 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}
