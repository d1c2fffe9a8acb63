package witness_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/witness"
	"narthex/ledger"
)

// log is a log that can tell more than one history.
type log struct {
	signer note.Signer
	key    string
}

func newLog(t *testing.T, origin string) *log {
	t.Helper()
	secret, public, err := ledger.NewKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return &log{signer, public}
}

// tiles keeps every tile of a tree in memory.
type tiles map[[2]uint64][]byte

func (t tiles) Tile(level int, index uint64) ([]byte, error) {
	return t[[2]uint64{uint64(level), index}], nil
}

// tree makes a tree of records that differ by the text from the entry at fork on.
func (l *log) tree(t *testing.T, size, fork int, text string) (string, tiles) {
	t.Helper()
	var tree ledger.Tree
	kept := tiles{}
	for i := range size {
		what := "a"
		if i >= fork {
			what = text
		}
		entry := narthex.Entry{Type: narthex.EntrySessionEnded, At: time.UnixMilli(int64(i)), Fields: []narthex.Field{narthex.TextField("person", what), narthex.TextField("session", "b")}}
		record, _, err := ledger.Seal(entry, [32]byte{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		for _, tile := range tree.Append(record) {
			kept[[2]uint64{uint64(tile.Level), tile.Index}] = tile.Data
		}
	}
	checkpoint, err := ledger.SignCheckpoint(l.signer, tree.Size(), tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint, kept
}

func prove(t *testing.T, kept tiles, older, newer uint64) []ledger.Hash {
	t.Helper()
	proof, err := ledger.ProveConsistency(kept, older, newer)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func open(t *testing.T, dir string, keys ...string) *witness.Witness {
	t.Helper()
	w, err := witness.Open(dir, keys, func() time.Time { return time.Unix(1_800_000_000, 0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() }) // a test may have closed it
	return w
}

func newWitness(t *testing.T) (dir, key string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "w")
	key, err := witness.New(dir, "witness.example", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return dir, key
}

// TestAWitnessSignsNoTwoHistories shows two histories in every order, with a restart between: the second is never signed.
func TestAWitnessSignsNoTwoHistories(t *testing.T) {
	l := newLog(t, "log.example")
	for _, sizes := range [][2]int{{5, 9}, {9, 5}, {9, 9}, {1, 300}, {300, 299}} {
		first, _ := l.tree(t, sizes[0], 3, "one")
		second, kept := l.tree(t, sizes[1], min(3, sizes[0]-1), "two")
		dir, _ := newWitness(t)
		w := open(t, dir, l.key)
		if _, err := w.Add(0, nil, first); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w = open(t, dir, l.key)
		old := uint64(sizes[0])
		var proof []ledger.Hash
		if sizes[1] > sizes[0] {
			proof = prove(t, kept, old, uint64(sizes[1]))
		}
		for _, claimed := range []uint64{old, 0, uint64(sizes[1])} {
			line, err := w.Add(claimed, proof, second)
			if refusal := new(witness.Refusal); !errors.As(err, &refusal) || line != "" {
				t.Errorf("of sizes %v, claiming %d, another history was signed: %v", sizes, claimed, err)
			}
		}
	}
}

func TestAWitnessFollowsALogThatGrows(t *testing.T) {
	l := newLog(t, "log.example")
	dir, key := newWitness(t)
	w := open(t, dir, l.key)
	last := uint64(0)
	for _, size := range []int{1, 1, 2, 255, 256, 257, 600} {
		checkpoint, kept := l.tree(t, size, size, "")
		var proof []ledger.Hash
		if last > 0 && last < uint64(size) {
			proof = prove(t, kept, last, uint64(size))
		}
		line, err := w.Add(last, proof, checkpoint)
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		found, err := ledger.Cosignatures(checkpoint+line, key)
		if err != nil || len(found) != 1 || found[0].At.Unix() != 1_800_000_000 {
			t.Errorf("size %d: %v %v", size, found, err)
		}
		last = uint64(size)
	}
	if seen := w.Seen(); len(seen) != 1 || seen[0].Size != 600 {
		t.Errorf("it says that it has seen %v", seen)
	}
}

func TestAWitnessSignsForTheLogsThatItWasToldOf(t *testing.T) {
	l, stranger, impostor := newLog(t, "log.example"), newLog(t, "other.example"), newLog(t, "log.example")
	dir, _ := newWitness(t)
	w := open(t, dir, l.key)
	for status, of := range map[int]*log{404: stranger, 403: impostor} {
		checkpoint, _ := of.tree(t, 3, 3, "")
		refusal := new(witness.Refusal)
		if _, err := w.Add(0, nil, checkpoint); !errors.As(err, &refusal) || refusal.Status != status {
			t.Errorf("want %d, got %v", status, err)
		}
	}
}

// TestNothingIsSignedThatIsNotKept takes the witness's disk away.
func TestNothingIsSignedThatIsNotKept(t *testing.T) {
	l := newLog(t, "log.example")
	dir, _ := newWitness(t)
	w := open(t, dir, l.key)
	checkpoint, _ := l.tree(t, 3, 3, "")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if line, err := w.Add(0, nil, checkpoint); err == nil || line != "" {
		t.Error("it signed what it could not keep")
	}
	if seen := w.Seen(); seen[0].Size != 0 {
		t.Error("it remembers what is not on its disk")
	}
}

func TestAWitnessWithADamagedMemoryOrASecondProcessDoesNotStart(t *testing.T) {
	l := newLog(t, "log.example")
	dir, _ := newWitness(t)
	w := open(t, dir, l.key)
	checkpoint, _ := l.tree(t, 3, 3, "")
	if _, err := w.Add(0, nil, checkpoint); err != nil {
		t.Fatal(err)
	}
	again := func() error {
		second, err := witness.Open(dir, []string{l.key}, time.Now)
		if err == nil {
			second.Close()
		}
		return err
	}
	if err := again(); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a second process: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	memory, err := filepath.Glob(filepath.Join(dir, "log-*"))
	if err != nil || len(memory) != 1 {
		t.Fatal(memory, err)
	}
	if err := os.WriteFile(memory[0], []byte(strings.Replace(checkpoint, "\n3\n", "\n2\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again(); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a damaged memory: %v", err)
	}
	if _, err := witness.New(dir, "witness.example", rand.Reader); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a new witness over an old one: %v", err)
	}
}

// TestTheProtocolIsSpokenByBothSides has a log's side ask a witness over HTTP.
func TestTheProtocolIsSpokenByBothSides(t *testing.T) {
	l := newLog(t, "log.example")
	dir, key := newWitness(t)
	server := httptest.NewServer(open(t, dir, l.key).Handler(slog.New(slog.DiscardHandler)))
	defer server.Close()
	remote, err := witness.NewRemote(server.URL, key)
	if err != nil {
		t.Fatal(err)
	}
	small, _ := l.tree(t, 3, 3, "")
	large, kept := l.tree(t, 300, 300, "")
	forked, other := l.tree(t, 400, 2, "b")
	if line, err := remote.Cosign(t.Context(), 0, nil, small); err != nil || !strings.HasPrefix(line, "— witness.example ") {
		t.Fatal(line, err)
	}
	stale := new(witness.StaleError)
	if _, err := remote.Cosign(t.Context(), 0, nil, large); !errors.As(err, &stale) || stale.Size != 3 {
		t.Errorf("asked about another size: %v", err)
	}
	if _, err := remote.Cosign(t.Context(), 3, prove(t, kept, 3, 300), large); err != nil {
		t.Error(err)
	}
	if _, err := remote.Cosign(t.Context(), 300, prove(t, other, 300, 400), forked); err == nil {
		t.Error("another history was signed")
	}
	for _, body := range []string{"", "old 3", "old 03\n\n" + small, "old 3\nAAAA\n\n" + small, "new 3\n\n" + small, strings.Repeat("x", 70<<10)} {
		answer, err := http.Post(server.URL+"/add-checkpoint", "text/plain", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 400 {
			t.Errorf("a body of %d bytes: %d", len(body), answer.StatusCode)
		}
	}
}

// TestAWitnessIsNotBelievedOnItsWord has servers that answer with what is no signature of theirs over the checkpoint.
func TestAWitnessIsNotBelievedOnItsWord(t *testing.T) {
	l := newLog(t, "log.example")
	_, key := newWitness(t)
	strangerDir, _ := newWitness(t)
	stranger := open(t, strangerDir, l.key)
	small, _ := l.tree(t, 3, 3, "")
	foreign, err := stranger.Add(0, nil, small)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]string{"nothing": "", "another's": foreign, "the log's own": small[strings.Index(small, "\n\n")+2:], "words": "yes\n", "much": strings.Repeat("— a AAAA\n", 20000)} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }))
		remote, err := witness.NewRemote(server.URL, key)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := remote.Cosign(context.Background(), 0, nil, small); err == nil {
			t.Errorf("%s was taken: %q", name, line)
		}
		server.Close()
	}
	for _, address := range []string{"http://witness.example", "ftp://witness.example", "https://a@witness.example", "https://witness.example?x", "witness.example"} {
		if _, err := witness.NewRemote(address, key); err == nil {
			t.Errorf("%s may be asked", address)
		}
	}
}
