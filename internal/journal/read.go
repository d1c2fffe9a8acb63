package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"narthex"
	"narthex/internal/store"
	"narthex/ledger"
)

// entryKey orders entries by index.
func entryKey(index uint64) string { return fmt.Sprintf("%016x", index) }

func tileKey(level int, index uint64) string { return fmt.Sprintf("%02d/%016x", level, index) }

// encodeOpenings writes a run of openings: each its type, its seed and its values, lengths before texts. The names of the
// fields are the type's. An opening that was erased is an empty type and nothing more.
func encodeOpenings(openings []ledger.Opening) []byte {
	out := make([]byte, 0, 512*len(openings))
	for _, o := range openings {
		out = appendText(out, string(o.Type))
		if o.Type == "" {
			continue // it was erased
		}
		out = append(out, o.Seed[:]...)
		out = binary.AppendUvarint(out, uint64(len(o.Fields)))
		for _, field := range o.Fields {
			out = appendText(out, field.Value)
		}
	}
	return out
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

var errRun = fmt.Errorf("%w: a run of openings does not read", store.ErrDamaged)

func decodeOpenings(data []byte) ([]ledger.Opening, error) {
	var openings []ledger.Opening
	for len(data) > 0 {
		kind, rest, ok := takeText(data)
		if ok && kind == "" {
			openings, data = append(openings, ledger.Opening{}), rest
			continue
		}
		names := narthex.EntryType(kind).Fields()
		if !ok || len(rest) < 32 || narthex.EntryType(kind).Class() == 0 {
			return nil, errRun
		}
		o := ledger.Opening{Type: narthex.EntryType(kind), Seed: [32]byte(rest[:32])}
		count, n := binary.Uvarint(rest[32:])
		if n <= 0 || count != uint64(len(names)) {
			return nil, errRun
		}
		data = rest[32+n:]
		for _, name := range names {
			var value string
			if value, data, ok = takeText(data); !ok {
				return nil, errRun
			}
			o.Fields = append(o.Fields, narthex.Field{Name: name, Value: value})
		}
		openings = append(openings, o)
	}
	return openings, nil
}

func takeText(data []byte) (string, []byte, bool) {
	length, n := binary.Uvarint(data)
	if n <= 0 || length > uint64(len(data)-n) {
		return "", nil, false
	}
	return string(data[n : n+int(length)]), data[n+int(length):], true
}

// run is entries that were committed together.
type run struct {
	first    uint64
	records  []ledger.Record
	openings []ledger.Opening
}

func parseRun(key string, records, openings []byte) (r run, err error) {
	if r.first, r.records, err = parseRecords(key, records); err != nil {
		return run{}, err
	}
	if r.openings, err = decodeOpenings(openings); err != nil {
		return run{}, err
	}
	if len(r.openings) != len(r.records) {
		return run{}, fmt.Errorf("%w: the run of entries at %s has not an opening for each", store.ErrDamaged, key)
	}
	return r, nil
}

func parseRecords(key string, data []byte) (uint64, []ledger.Record, error) {
	first, err := strconv.ParseUint(key, 16, 64)
	if err != nil || len(data) == 0 || len(data)%len(ledger.Record{}) != 0 {
		return 0, nil, fmt.Errorf("%w: the run of entries at %s does not read", store.ErrDamaged, key)
	}
	records := make([]ledger.Record, 0, len(data)/len(ledger.Record{}))
	for ; len(data) > 0; data = data[len(ledger.Record{}):] {
		records = append(records, ledger.Record(data[:len(ledger.Record{})]))
	}
	return first, records, nil
}

// eachRun gives the runs that hold the entries [from, to), in order and without a gap.
func eachRun(r store.Reader, from, to uint64, visit func(run) error) error {
	return scanRuns(r, from, to, func(row store.Row) (uint64, error) {
		openings, err := r.Get(store.Openings, row.Key)
		if err != nil {
			return 0, err
		}
		found, err := parseRun(row.Key, row.Value, openings)
		if err != nil {
			return 0, err
		}
		return found.first + uint64(len(found.records)), visit(found)
	})
}

// scanRuns gives the rows that hold the entries [from, to) to visit, which says where the next run must begin.
func scanRuns(r store.Reader, from, to uint64, visit func(store.Row) (uint64, error)) error {
	if from >= to {
		return nil
	}
	start, err := r.Scan(store.Entries, store.Span{To: entryKey(from + 1), Reverse: true, Limit: 1})
	if err != nil {
		return err
	}
	if len(start) == 0 {
		return fmt.Errorf("%w: the entries do not reach back to %d", store.ErrDamaged, from)
	}
	for next, key := uint64(0), start[0].Key; next < to; key = entryKey(next) {
		rows, err := r.Scan(store.Entries, store.Span{From: key, Limit: 64})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%w: the entries end before %d", store.ErrDamaged, to)
		}
		for _, row := range rows {
			if next != 0 && row.Key != entryKey(next) {
				return fmt.Errorf("%w: entries are missing before %s", store.ErrDamaged, row.Key)
			}
			if next, err = visit(row); err != nil {
				return err
			}
			if next >= to {
				return nil
			}
		}
	}
	return nil
}

// eachOpening gives the openings of the entries [from, to).
func eachOpening(r store.Reader, from, to uint64, visit func(uint64, ledger.Opening) error) error {
	return EachEntry(r, from, to, func(index uint64, _ ledger.Record, opening ledger.Opening) error { return visit(index, opening) })
}

// EachEntry gives the entries [from, to) with their openings, in order. An opening that was erased has no type.
func EachEntry(r store.Reader, from, to uint64, visit func(uint64, ledger.Record, ledger.Opening) error) error {
	return eachRun(r, from, to, func(found run) error {
		for i, record := range found.records {
			index := found.first + uint64(i)
			if index < from || index >= to {
				continue
			}
			if err := visit(index, record, found.openings[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// FindOutcome looks for the outcome of the call whose intent stands at index, among the entries below size. It reads on from the
// intent: the nearer the outcome, the cheaper.
func FindOutcome(r store.Reader, intent, size uint64) (index uint64, record ledger.Record, opening ledger.Opening, found bool, err error) {
	call := string(narthex.MakeCallID(intent))
	err = EachEntry(r, intent+1, size, func(i uint64, rec ledger.Record, o ledger.Opening) error {
		if o.Type == narthex.EntryCallOutcome && o.Text("call") == call {
			index, record, opening, found = i, rec, o, true
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return index, record, opening, found, err
}

var errFound = errors.New("found")

// EachRecord gives the records of the entries [from, to) in order, without what they say.
func EachRecord(r store.Reader, from, to uint64, visit func(uint64, ledger.Record) error) error {
	return scanRuns(r, from, to, func(row store.Row) (uint64, error) {
		first, records, err := parseRecords(row.Key, row.Value)
		if err != nil {
			return 0, err
		}
		for i, record := range records {
			if index := first + uint64(i); index >= from && index < to {
				if err := visit(index, record); err != nil {
					return 0, err
				}
			}
		}
		return first + uint64(len(records)), nil
	})
}

// PublicEntries lists the entries below size whose openings are published.
func PublicEntries(r store.Reader, size uint64) ([]uint64, error) {
	indexes := []uint64{}
	for from := uint64(0); ; {
		rows, err := r.Scan(store.Public, store.Span{From: entryKey(from), To: entryKey(size), Limit: 1000})
		if err != nil || len(rows) == 0 {
			return indexes, err
		}
		for _, row := range rows {
			index, err := strconv.ParseUint(row.Key, 16, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: the list of public entries does not read", store.ErrDamaged)
			}
			indexes = append(indexes, index)
			from = index + 1
		}
	}
}

// ReadHead gives the last commit's head. On a store without a ledger it is ErrEmpty.
func ReadHead(r store.Reader) (Head, error) {
	head, err := Get[Head](&Tx{reader: r}, store.Meta, headKey)
	if err != nil {
		return Head{}, err
	}
	if head == nil {
		return Head{}, ErrEmpty
	}
	return *head, nil
}

// ErrEmpty says that a store has no ledger yet.
var ErrEmpty = errors.New("there is no ledger in this store yet")

// Tiles reads the ledger's tiles, for proofs.
type Tiles struct{ Reader store.Reader }

// Tile gives the hashes of a tile, as many as are stored.
func (t Tiles) Tile(level int, index uint64) ([]byte, error) {
	return t.Reader.Get(store.Tiles, tileKey(level, index))
}

// IsEmpty says whether a store has no ledger yet.
func IsEmpty(ctx context.Context, s store.Store) (bool, error) {
	err := s.View(ctx, func(r store.Reader) error { _, err := ReadHead(r); return err })
	if errors.Is(err, ErrEmpty) {
		return true, nil
	}
	return false, err
}

// Read runs a reading on a store that no journal holds.
func Read(r store.Reader, read func(*Tx) error) error { return read(&Tx{reader: r}) }
