package backup_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"narthex"
	"narthex/internal/backup"
	"narthex/internal/store"
	"narthex/internal/store/memory"
)

// filled is a store with rows of every table, of odd keys and sizes.
func filled(t *testing.T) store.Store {
	t.Helper()
	s := memory.New()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		var errs []error
		for i, table := range store.Tables() {
			for n := range 2 * i {
				errs = append(errs, tx.Put(table, fmt.Sprintf("%03d/ü'%%", n), bytes.Repeat([]byte{byte(n)}, 7*n)))
			}
		}
		return errors.Join(append(errs, tx.Put(store.People, "a", []byte{}), tx.Put(store.Files, "large", bytes.Repeat([]byte("large"), 100_000)), tx.Put(store.People, "a\x01b", []byte("x")))...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, s store.Store) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.View(t.Context(), func(r store.Reader) error { _, err := backup.Write(&out, r); return err }); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fill(s store.Store, data []byte) error {
	return s.Update(context.Background(), func(tx store.Tx) error { _, err := backup.Fill(tx, bytes.NewReader(data)); return err })
}

func TestWhatWasBackedUpIsWhatIsFilled(t *testing.T) {
	from, to := filled(t), memory.New()
	data := write(t, from)
	if err := fill(to, data); err != nil {
		t.Fatal(err)
	}
	if again := write(t, to); !bytes.Equal(again, data) {
		t.Error("the filled store backs up to something else")
	}
	if err := fill(to, data); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a store that is not empty: %v", err)
	}
}

// TestAChangedBackupFillsNothing cuts a backup at many places and flips bits of what is inside its compression.
func TestAChangedBackupFillsNothing(t *testing.T) {
	data := write(t, filled(t))
	plain := unzip(t, data)
	draw := rand.New(rand.NewPCG(1, 2))
	try := func(what string, changed []byte) {
		t.Helper()
		to := memory.New()
		if err := fill(to, changed); err == nil {
			t.Fatalf("%s was taken", what)
		}
		if left := unzip(t, write(t, to)); len(left) > 60 {
			t.Fatalf("%s left something behind", what)
		}
	}
	for range 60 {
		at := draw.IntN(len(data))
		try(fmt.Sprintf("a file cut at %d", at), data[:at])
		at = draw.IntN(len(plain))
		flipped := bytes.Clone(plain)
		flipped[at] ^= 1 << draw.IntN(8)
		try(fmt.Sprintf("a bit flipped at %d", at), zip(t, flipped))
	}
	try("a byte more", zip(t, append(bytes.Clone(plain), 0)))
	try("nothing", nil)
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	in, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func zip(t *testing.T, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
