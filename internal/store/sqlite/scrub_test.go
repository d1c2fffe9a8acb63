package sqlite_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"narthex/internal/store"
	"narthex/internal/store/sqlite"
)

// TestWhatRowsHeldIsGoneAfterAScrub grows, moves and overwrites rows until a page keeps, in the room that it does not use, what
// no row holds any more. A scrub leaves none of it in any file, and every row as it was.
func TestWhatRowsHeldIsGoneAfterAScrub(t *testing.T) {
	const word = "what-was-said-of-a-person"
	for seed := range uint64(200) {
		dir := t.TempDir()
		random := rand.New(rand.NewPCG(seed, 1))
		s, err := sqlite.Open(t.Context(), dir)
		must(t, err)
		put := func(text string) {
			must(t, s.Update(t.Context(), func(tx store.Tx) error {
				for range 20 {
					key := fmt.Sprintf("%03d", random.IntN(60))
					if err := tx.Put(store.Openings, key, bytes.Repeat([]byte(text), 1+random.IntN(40))); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		for range 10 {
			put(word)
		}
		for i := range 60 { // each is overwritten by what says nothing, so that no row holds the word
			must(t, s.Update(t.Context(), func(tx store.Tx) error {
				return tx.Put(store.Openings, fmt.Sprintf("%03d", i), bytes.Repeat([]byte("nothing-of-that"), 1+random.IntN(40)))
			}))
		}
		must(t, s.Close()) // all is in the database now, and nothing in its log
		if !holds(t, dir, word) {
			continue
		}
		s, err = sqlite.Open(t.Context(), dir)
		must(t, err)
		before := openings(t, s)
		must(t, s.Scrub(t.Context()))
		if holds(t, dir, word) {
			t.Errorf("seed %d: a file holds, after a scrub, what no row holds", seed)
		}
		if after := openings(t, s); after != before {
			t.Errorf("seed %d: a scrub changed what rows hold", seed)
		}
		must(t, s.Close())
		return
	}
	t.Error("no database kept what its rows held before: the test sees nothing, and is to be made anew")
}

// holds says whether any file of a folder has a word in it.
func holds(t *testing.T, dir, word string) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		must(t, err)
		if bytes.Contains(data, []byte(word)) {
			return true
		}
	}
	return false
}

func openings(t *testing.T, s *sqlite.Store) string {
	t.Helper()
	var all string
	must(t, s.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Scan(store.Openings, store.Span{Limit: 99})
		all = fmt.Sprintf("%d %q", len(rows), rows)
		return err
	}))
	return all
}
