package ledger_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"narthex"
	"narthex/ledger"
)

// rigSize is the least size of the export and of the published log that the rig tampers with, in bytes.
const rigSize = 64 << 10

// rigSeed is NARTHEX_SEED, or 1.
func rigSeed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(1)
	if text := os.Getenv("NARTHEX_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("NARTHEX_SEED is no whole number: %v", err)
		}
	}
	t.Logf("NARTHEX_SEED=%d go test ./ledger -run '^%s$' -v repeats this run; NARTHEX_RIG=long is the long form", n, t.Name())
	return n
}

func rigLong() bool { return os.Getenv("NARTHEX_RIG") == "long" }

// noEntry stands for a change that is not one entry's: any index will do.
const noEntry = -2

// TestRigTamper changes an export and a published log of 64 KiB: single bits, and random edits of bytes and of whole entries.
// Every change is found, and the entry is named wherever the change is one entry's. The short form flips 30,000 bits of each,
// and makes 10,000 edits; the long form flips every bit of both and makes 200,000 edits.
func TestRigTamper(t *testing.T) {
	seed := rigSeed(t)
	export, published := newExportTarget(t), newLogTarget(t)
	for _, target := range []target{export, published} {
		total := 8 * target.bytes()
		flips := total
		if !rigLong() {
			flips = 30_000
		}
		random := rand.New(rand.NewPCG(seed, 1))
		spread(flips, func(check *checker, i int) error {
			bit := i
			if flips < total {
				bit = int(check.random.Uint64N(uint64(total)))
			}
			return target.flip(check, bit)
		}, random, t)
		t.Logf("%s: %d of its %d bits flipped, each found", target.name(), flips, total)
		edits := 5_000
		if rigLong() {
			edits = 100_000
		}
		spread(edits, func(check *checker, _ int) error { return target.edit(check) }, random, t)
		t.Logf("%s: %d random edits, each found", target.name(), edits)
	}
}

// target is what the rig tampers with.
type target interface {
	name() string
	bytes() int
	flip(c *checker, bit int) error
	edit(c *checker) error
}

// checker is one of the rig's workers.
type checker struct {
	random *rand.Rand
	in     *bufio.Reader // Verify uses it as its own, so that a flip costs no buffer
}

// spread does the work in two goroutines, whose randomness is their own.
func spread(n int, do func(*checker, int) error, random *rand.Rand, t *testing.T) {
	t.Helper()
	var group sync.WaitGroup
	for worker := range 2 {
		c := &checker{rand.New(rand.NewPCG(random.Uint64(), random.Uint64())), bufio.NewReaderSize(nil, 1<<20)}
		group.Go(func() {
			for i := worker; i < n; i += 2 {
				if err := do(c, i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// found holds what a verifier says of a change to the entry that it must name.
func found(what string, err error, want int64) error {
	var tamper *ledger.TamperError
	if !errors.As(err, &tamper) {
		return fmt.Errorf("%s is not found: %v", what, err)
	}
	if want != noEntry && tamper.Index != want {
		return fmt.Errorf("%s is in entry %d, and the verifier names %d: %v", what, want, tamper.Index, err)
	}
	return nil
}

// exportTarget is an export, with the entry that each byte belongs to.
type exportTarget struct {
	text    string
	key     string
	lines   []string // of entries
	starts  []int    // of their lines
	other   string   // another log's line
	trailer int
}

func newExportTarget(t *testing.T) *exportTarget {
	all := long(t, 400)
	text, key := "", ""
	for n := 60; len(text) < rigSize; n += 2 {
		text, key = all.first(n).export(t)
	}
	other, _ := seal(t, story()[:3]).export(t)
	e := &exportTarget{text: text, key: key, other: linesOf(other)[2]}
	lines := linesOf(text)
	at := len(lines[0])
	for _, line := range lines[1 : len(lines)-1] {
		e.lines, e.starts = append(e.lines, line), append(e.starts, at)
		at += len(line)
	}
	e.trailer = at
	return e
}

func (e *exportTarget) name() string { return "an export" }
func (e *exportTarget) bytes() int   { return len(e.text) }

// entryAt gives the entry that a byte belongs to, -1 for the header and noEntry for the trailer.
func (e *exportTarget) entryAt(at int) int64 {
	if at >= e.trailer {
		return noEntry
	}
	n, exact := slices.BinarySearch(e.starts, at)
	if exact {
		return int64(n)
	}
	return int64(n - 1)
}

func (e *exportTarget) verify(c *checker, what string, want int64, parts ...[]byte) error {
	readers := bytes.NewReader(slices.Concat(parts...))
	c.in.Reset(readers)
	_, err := ledger.Verify(c.in, e.key)
	return found(what, err, want)
}

func (e *exportTarget) flip(c *checker, bit int) error {
	data := []byte(e.text)
	data[bit/8] ^= 1 << (bit % 8)
	want := e.entryAt(bit / 8)
	if want == -1 {
		want = noEntry // the header is no entry
	}
	return e.verify(c, fmt.Sprintf("bit %d of byte %d of an export", bit%8, bit/8), want, data)
}

func (e *exportTarget) edit(c *checker) error {
	n := len(e.lines)
	i, j := c.random.IntN(n), c.random.IntN(n)
	if i > j {
		i, j = j, i
	}
	line := func(i int) []byte { return []byte(e.lines[i]) }
	upTo := func(i int) []byte { return []byte(e.text[:e.starts[i]]) }
	after := func(i int) []byte { return []byte(e.text[e.starts[i]+len(e.lines[i]):]) }
	between := func(i, j int) []byte { return []byte(e.text[e.starts[i]+len(e.lines[i]) : e.starts[j]]) }
	what := func(kind string) string { return fmt.Sprintf("%s, entries %d and %d", kind, i, j) }
	switch c.random.IntN(9) {
	case 0:
		if i == j {
			return nil
		}
		return e.verify(c, what("a swap"), int64(i), upTo(i), line(j), between(i, j), line(i), after(j))
	case 1:
		return e.verify(c, what("a deletion"), int64(i), upTo(i), after(i))
	case 2:
		return e.verify(c, what("a deletion of several"), int64(i), upTo(i), after(j))
	case 3:
		if i == j {
			return e.verify(c, what("a repetition"), int64(i+1), upTo(i), line(i), line(i), after(i))
		}
		return e.verify(c, what("a replay"), int64(j), upTo(j), line(i), line(j), after(j))
	case 4:
		forged := strings.Replace(e.lines[i], fmt.Sprintf(`"index":%d,`, i), fmt.Sprintf(`"index":%d,`, j), 1)
		if i == j {
			return nil
		}
		return e.verify(c, what("a replay with the index of another"), noEntry, upTo(j), []byte(forged), after(j))
	case 5:
		return e.verify(c, what("an insertion of another log's"), noEntry, upTo(i), []byte(e.other), line(i), after(i))
	case 6:
		at := c.random.IntN(len(e.text))
		want := e.entryAt(at)
		return e.verify(c, fmt.Sprintf("a truncation at %d", at), max(want, noEntry), []byte(e.text[:at]))
	case 7: // bytes put into a line
		at := e.starts[i] + c.random.IntN(len(e.lines[i]))
		return e.verify(c, fmt.Sprintf("bytes put in at %d", at), int64(i), []byte(e.text[:at]), c.junk(), []byte(e.text[at:]))
	}
	at, from := e.starts[i]+c.random.IntN(len(e.lines[i])), c.random.IntN(len(e.text))
	size := 1 + c.random.IntN(min(40, len(e.text)-from, e.starts[i]+len(e.lines[i])-at))
	if e.text[at:at+size] == e.text[from:from+size] {
		return nil
	}
	return e.verify(c, fmt.Sprintf("%d bytes of %d written over those at %d", size, from, at), int64(i), []byte(e.text[:at]), []byte(e.text[from:from+size]), []byte(e.text[at+size:]))
}

// junk is a few bytes that begin no line of an export.
func (c *checker) junk() []byte {
	data := make([]byte, 1+c.random.IntN(8))
	for i := range data {
		data[i] = byte(c.random.Uint32())
	}
	if data[0] == '{' {
		data[0] = ' '
	}
	return data
}

// logTarget is a published log; bytes are those of its files one after the other, by path.
type logTarget struct {
	files
	key   string
	since string // a checkpoint that the verifier kept
	older files  // what the log was before
	paths []string
	size  int
	total int
}

func newLogTarget(t *testing.T) *logTarget {
	all := long(t, 1200)
	l := &logTarget{}
	for n := 700; l.total < rigSize; n += 5 {
		l.files, l.key = all.first(n).publish(t)
		l.size, l.total = n, 0
		for _, data := range l.files {
			l.total += len(data)
		}
	}
	l.older, _ = all.first(l.size - 100).publish(t)
	l.since = string(l.files["checkpoint"])
	l.paths = slices.Sorted(maps.Keys(l.files))
	return l
}

func (l *logTarget) name() string { return "a published log" }
func (l *logTarget) bytes() int   { return l.total }

// verify verifies the log with some files changed.
func (l *logTarget) verify(what string, want int64, changed files, since ...string) error {
	_, err := ledger.VerifyLog(func(path string) ([]byte, error) {
		if data, is := changed[path]; is {
			if data == nil {
				return nil, ledger.ErrAbsent
			}
			return data, nil
		}
		return l.files.source(path)
	}, l.key, since...)
	return found(what, err, want)
}

// entryAt gives the entry that a byte of a file belongs to, or noEntry.
func entryAt(path string, at int) int64 {
	for prefix, width := range map[string]int{"tile/entries/": 44, "tile/0/": 32} {
		if rest, is := strings.CutPrefix(path, prefix); is {
			index, _, _ := strings.Cut(rest, ".")
			n, err := strconv.Atoi(index)
			if err != nil {
				return noEntry
			}
			return int64(256*n + at/width)
		}
	}
	if rest, is := strings.CutPrefix(path, "openings/"); is {
		n, err := strconv.ParseInt(rest, 10, 64)
		if err == nil {
			return n
		}
	}
	return noEntry
}

func (l *logTarget) flip(_ *checker, bit int) error {
	at := bit / 8
	for _, path := range l.paths {
		if at < len(l.files[path]) {
			data := slices.Clone(l.files[path])
			data[at] ^= 1 << (bit % 8)
			return l.verify(fmt.Sprintf("bit %d of byte %d of %s", bit%8, at, path), entryAt(path, at), files{path: data})
		}
		at -= len(l.files[path])
	}
	return errors.New("there is no such bit")
}

// where gives the bundle and the tile of an entry, and its place in them.
func (l *logTarget) where(i int) (bundle, tile string, at int) {
	count := min(256, l.size-i/256*256)
	return ledger.TilePath("entries", uint64(i/256), count), ledger.TilePath("0", uint64(i/256), count), i % 256
}

// swap gives the files with two entries exchanged, and with their hashes where those go with them.
func (l *logTarget) swap(i, j int, hashes bool) files {
	changed := files{}
	exchange := func(a, b string, x, y, width int) {
		for _, path := range []string{a, b} {
			if changed[path] == nil {
				changed[path] = slices.Clone(l.files[path])
			}
		}
		copy(changed[a][x*width:(x+1)*width], l.files[b][y*width:])
		copy(changed[b][y*width:(y+1)*width], l.files[a][x*width:])
	}
	bundleI, tileI, atI := l.where(i)
	bundleJ, tileJ, atJ := l.where(j)
	exchange(bundleI, bundleJ, atI, atJ, 44)
	if hashes {
		exchange(tileI, tileJ, atI, atJ, 32)
	}
	return changed
}

func (l *logTarget) edit(c *checker) error {
	i, j := c.random.IntN(l.size), c.random.IntN(l.size)
	if i > j {
		i, j = j, i
	}
	path := l.paths[c.random.IntN(len(l.paths))]
	data := l.files[path]
	at := c.random.IntN(len(data))
	bundle, _, place := l.where(i)
	what := func(kind string) string { return fmt.Sprintf("%s, entries %d and %d, %s at %d", kind, i, j, path, at) }
	switch c.random.IntN(10) {
	case 0:
		if i == j {
			return nil
		}
		return l.verify(what("a swap"), int64(i), l.swap(i, j, false))
	case 1:
		if i == j {
			return nil
		}
		return l.verify(what("a swap with its hashes"), noEntry, l.swap(i, j, true))
	case 2:
		return l.verify(what("a deletion"), int64(i), files{bundle: slices.Delete(slices.Clone(l.files[bundle]), 44*place, 44*place+44)})
	case 3:
		other, _, from := l.where(j)
		if i == j {
			return nil
		}
		replayed := slices.Clone(l.files[bundle])
		copy(replayed[44*place:44*place+44], l.files[other][44*from:])
		return l.verify(what("a replay"), int64(i), files{bundle: replayed})
	case 4:
		return l.verify(what("a truncation"), entryAt(path, at), files{path: data[:at]})
	case 5:
		return l.verify(what("a file gone"), noEntry, files{path: nil})
	case 6:
		return l.verify(what("bytes put in"), noEntry, files{path: slices.Insert(slices.Clone(data), at, c.junk()...)})
	case 7:
		other := l.paths[c.random.IntN(len(l.paths))]
		if bytes.Equal(l.files[other], data) {
			return nil
		}
		return l.verify(what("another file in its place: "+other), noEntry, files{path: l.files[other]})
	case 8:
		older := maps.Clone(l.older)
		if c.random.IntN(2) == 0 { // a rollback of the whole log, which only an earlier checkpoint tells
			return l.verify(what("a rollback"), -1, older, l.since)
		}
		return l.verify(what("an older checkpoint"), noEntry, files{"checkpoint": older["checkpoint"]})
	}
	forged, _, err := ledger.Seal(with(narthex.EntryCallRead, i, nil), seed(c.random.IntN(1<<30)))
	if err != nil {
		return err
	}
	inserted := slices.Clone(l.files[bundle])
	copy(inserted[44*place+2:], forged[:])
	return l.verify(what("a forged entry"), int64(i), files{bundle: inserted})
}
