package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"narthex"
)

// Source gives the files of a published log by their paths below its address: "checkpoint", "tile/entries/000". One that is
// not there is ErrAbsent; with any other error the verification ends as it is. Whoever reads from outside bounds what is read:
// no tile or bundle is longer than LongestFile bytes.
type Source func(path string) ([]byte, error)

// ErrAbsent says that a published log has no such file.
var ErrAbsent = errors.New("the log has no such file")

// LongestFile bounds every file of a published log but its list of openings, in bytes.
const LongestFile = 1 << 20

const (
	framed     = 2 + len(Record{}) // a record in a bundle, with its length before it
	publicList = "openings"        // the file that lists them
)

// VerifyLog checks a log in its published form against the key. In this order: the public openings, which tell the key in
// force, and that it has signed the checkpoint; every record in its bundle, its time, its public opening and its hash in its
// tile; every tile above; the tree's root; and that the log goes on from each checkpoint in since, which the verifier kept.
// Memory grows with the public openings only. The error is a *TamperError where the log is at fault.
func VerifyLog(source Source, verifierKey string, since ...string) (Report, error) {
	v, err := newVerification(verifierKey, since)
	if err != nil {
		return Report{}, err
	}
	p := &publication{verification: v, source: source}
	if err := p.begin(); err != nil {
		return v.report, err
	}
	for p.tree.Size() < p.size {
		if err := p.bundle(); err != nil {
			return v.report, err
		}
	}
	if err := p.edges(); err != nil {
		return v.report, err
	}
	return v.report, p.finish(p.checkpoint, p.stated, p.key)
}

// publication is the state of a VerifyLog.
type publication struct {
	*verification
	source     Source
	checkpoint string
	stated     string // the key that the log states
	key        string // the one in force
	size       uint64
	public     []publicEntry // those still to come
	fault      error         // of a tile that was filled
}

// publicEntry is what a record must be for its public opening.
type publicEntry struct {
	index uint64
	class narthex.EntryClass
	root  Hash
}

// file reads a file, which must be there; without it, the fault is the entry's of that index.
func (p *publication) file(path string, index int64) ([]byte, error) {
	data, err := p.source(path)
	if errors.Is(err, ErrAbsent) {
		return nil, &TamperError{index, "the log has no " + path}
	}
	return data, err
}

// begin reads all that is small, and finds the key in force.
func (p *publication) begin() error {
	text, err := p.file("checkpoint", -1)
	if err != nil {
		return err
	}
	p.checkpoint = string(text)
	claimed, err := ParseCheckpoint(p.checkpoint)
	if err != nil || claimed.Size == 0 {
		return &TamperError{-1, "its checkpoint does not read as that of a log with entries"}
	}
	p.size = claimed.Size
	stated, err := p.file("key", -1)
	if err != nil {
		return err
	}
	var line bool
	if p.stated, line = strings.CutSuffix(string(stated), "\n"); !line {
		return &TamperError{-1, "the key that it states is not a line"}
	}
	if err := p.openings(); err != nil {
		return p.blame(err)
	}
	if p.key, err = p.story.keys.Last(); err != nil {
		return p.blame(&TamperError{-1, err.Error()})
	}
	if _, err = openStated(p.checkpoint, p.stated, p.key); err != nil {
		return p.blame(err)
	}
	return nil
}

// blame gives a fault of the keys, or that of the public opening before it that is not its record's.
func (p *publication) blame(fault error) error {
	if tamper := new(TamperError); !errors.As(fault, &tamper) {
		return fault
	}
	for _, public := range p.public {
		first := public.index / tileWidth * tileWidth
		records, err := p.source(TilePath("entries", first/tileWidth, int(min(tileWidth, p.size-first))))
		at := framed * int(public.index-first)
		if err == nil && len(records) >= at+framed && !public.opens(Record(records[at+2:at+framed])) {
			return &TamperError{int64(public.index), errNotRecorded.Error()}
		}
	}
	return fault
}

func (e publicEntry) opens(r Record) bool { return e.class == r.Class() && e.root == r.Root() }

var errNotRecorded = errors.New("what it says is not what was recorded")

// openings reads every public opening below the checkpoint.
func (p *publication) openings() error {
	indexes, err := p.list()
	if err != nil {
		return err
	}
	if len(indexes) == 0 || indexes[0] != 0 {
		return &TamperError{0, "its opening is not public, and a log's first must be"}
	}
	for _, index := range indexes {
		at := func(what string) error { return &TamperError{int64(index), what} }
		data, err := p.file("openings/"+strconv.FormatUint(index, 10), int64(index))
		if err != nil {
			return err
		}
		f := form{rest: data}
		opening := f.opening(nil)
		if !f.whole() {
			return at("its opening does not read as one")
		}
		if !opening.Type.Public() {
			return at("its opening is public, and it is of a type that is not")
		}
		if (index == 0) != (opening.Type == narthex.EntryInception) {
			return at(errInception.Error())
		}
		if err := p.story.keys.See(index, opening); err != nil {
			return at(err.Error())
		}
		p.opened(opening.Type)
		p.public = append(p.public, publicEntry{index, opening.Type.Class(), p.hasher.root(&opening)})
	}
	return nil
}

// list reads which openings are public. A log that runs may list some that are newer than the checkpoint.
func (p *publication) list() ([]uint64, error) {
	data, err := p.file(publicList, -1)
	if err != nil {
		return nil, err
	}
	f := form{rest: data}
	f.must(`{"openings":[`)
	var indexes []uint64
	for last := int64(-1); !f.bad && !f.has("]"); {
		if last >= 0 {
			f.must(",")
		}
		index := f.natural()
		if int64(index) <= last {
			f.fail()
		}
		if last = int64(index); index < p.size {
			indexes = append(indexes, index)
		}
	}
	if f.must("}\n"); !f.whole() {
		return nil, &TamperError{-1, "its list of public openings does not read as one"}
	}
	return indexes, nil
}

// bundle checks the next bundle of records and the tile of their hashes.
func (p *publication) bundle() error {
	first := p.tree.Size()
	count := int(min(tileWidth, p.size-first))
	records, err := p.file(TilePath("entries", first/tileWidth, count), int64(first))
	if err != nil {
		return err
	}
	hashes, err := p.file(TilePath("0", first/tileWidth, count), int64(first))
	if err != nil {
		return err
	}
	for range count {
		if records, hashes, err = p.record(records, hashes); err != nil {
			return err
		}
	}
	if len(records) > 0 || len(hashes) > 0 {
		return &TamperError{-1, fmt.Sprintf("the bundle or the tile that begins with entry %d holds more than it should", first)}
	}
	return p.fault
}

// record checks the first record of a bundle, and gives the rest of the bundle and of its tile.
func (p *publication) record(records, hashes []byte) ([]byte, []byte, error) {
	if len(records) < framed || int(binary.BigEndian.Uint16(records)) != len(Record{}) {
		return nil, nil, p.tampered("its record does not stand in its bundle")
	}
	record, err := ParseRecord(records[2:framed])
	if err != nil {
		return nil, nil, p.tampered("its record is not well formed")
	}
	if err := p.time(record); err != nil {
		return nil, nil, err
	}
	if len(p.public) > 0 && p.public[0].index == p.tree.Size() {
		if !p.public[0].opens(record) {
			return nil, nil, p.tampered("%s", errNotRecorded)
		}
		p.public = p.public[1:]
	}
	leaf := record.Leaf()
	if len(hashes) < len(leaf) || leaf != Hash(hashes[:len(leaf)]) {
		return nil, nil, p.tampered("its record and its hash in the tile do not match")
	}
	p.add(record, leaf, p.filled)
	return records[framed:], hashes[len(leaf):], nil
}

// filled compares a tile that was just filled with the published one. The lowest level was compared hash by hash.
func (p *publication) filled(level int, index uint64, hashes []Hash) {
	if level > 0 && p.fault == nil {
		p.fault = p.tile(level, index, hashes)
	}
}

func (p *publication) tile(level int, index uint64, hashes []Hash) error {
	path := TilePath(strconv.Itoa(level), index, len(hashes))
	data, err := p.file(path, -1)
	if err == nil && !bytes.Equal(data, tileData(hashes)) {
		err = &TamperError{-1, path + " does not hold the hashes of the records below it"}
	}
	return err
}

// edges compares the tiles that are not full.
func (p *publication) edges() error {
	for level := 1; level < len(p.tree.edge); level++ {
		if hashes := p.tree.edge[level]; len(hashes) > 0 {
			if err := p.tile(level, p.tree.tileIndex(level), hashes); err != nil {
				return err
			}
		}
	}
	return nil
}

// TilePath gives the path of a tile of a level, or of a bundle where the level is "entries", as c2sp.org/tlog-tiles says. It
// holds count hashes or records, 256 when it is full.
func TilePath(level string, index uint64, count int) string {
	path := fmt.Sprintf("%03d", index%1000)
	for n := index / 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if path = "tile/" + level + "/" + path; count < tileWidth {
		path += fmt.Sprintf(".p/%d", count)
	}
	return path
}

// Published reads the tiles of a published log of so many entries, for proofs.
type Published struct {
	Source Source
	Size   uint64
}

// Tile gives the hashes of a tile, as many as a log of that size has.
func (p Published) Tile(level int, index uint64) ([]byte, error) {
	count := uint64(0)
	if all := p.Size >> (8 * level); all > index*tileWidth {
		count = min(tileWidth, all-index*tileWidth)
	}
	if count == 0 {
		return nil, ErrAbsent
	}
	return p.Source(TilePath(strconv.Itoa(level), index, int(count)))
}
