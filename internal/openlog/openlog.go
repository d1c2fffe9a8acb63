// Package openlog is the ledger as published data: checkpoints, tiles, bundles of records, and the openings that concern no
// person, for anyone and with anyone's tools. docs/ledger.md says what stands under which path.
//
// It promises that a checkpoint over an entry is published within ledger.PromiseTime of the entry, also after a crash; that
// whatever a published checkpoint counts can be read, in partial tiles of every width, for ever; and that nothing beyond the
// published checkpoint is shown. Each published checkpoint is kept in the anchor, a file outside the database, before it is
// shown: a database that is behind its anchor is not served.
//
// It trusts the journal's head. It does not trust witnesses: what they answer is checked under their keys, and none of them
// can hold up the others. Read next: publish.go, panel.go for the witnesses, anchor.go.
package openlog

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
)

// width is how many hashes or records stand in a full tile or bundle.
const width = 256

// place is a tile or a bundle of records, whole or in part.
type place struct {
	entries bool
	level   int
	index   uint64
	count   int // 1 to 256
}

// parsePlace reads what stands after "/tile/", in the one form of c2sp.org/tlog-tiles.
func parsePlace(path string) (place, bool) {
	head, rest, found := strings.Cut(path, "/")
	p := place{entries: head == "entries", count: width}
	if !found {
		return p, false
	}
	if !p.entries {
		level, err := strconv.Atoi(head)
		if err != nil || level < 0 || level > 63/8 || strconv.Itoa(level) != head {
			return p, false
		}
		p.level = level
	}
	if whole, part, partial := strings.Cut(rest, ".p/"); partial {
		count, err := strconv.Atoi(part)
		if err != nil || count < 1 || count >= width || strconv.Itoa(count) != part {
			return p, false
		}
		p.count, rest = count, whole
	}
	groups := strings.Split(rest, "/")
	for i, group := range groups {
		digits, more := strings.CutPrefix(group, "x")
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || len(digits) != 3 || digits[0] == '+' || more != (i < len(groups)-1) || p.index > 1<<50 {
			return p, false
		}
		p.index = p.index*1000 + n
	}
	return p, nPath(p.index) == rest
}

// nPath writes a number as tlog-tiles does.
func nPath(n uint64) string {
	path := pad(n % 1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = "x" + pad(n%1000) + "/" + path
	}
	return path
}

func pad(n uint64) string { return strconv.FormatUint(1000+n, 10)[1:] }

// available is how many hashes or records of the place a log of that size has.
func (p place) available(size uint64) int {
	total, first := size>>(8*p.level), p.index*width
	if p.index > total || total <= first {
		return 0
	}
	return int(min(width, total-first))
}

// Tile gives a tile or a bundle; what the published checkpoint does not count is as if absent. Whole says that it is full and
// so never changes.
func (l *Log) Tile(ctx context.Context, path string) (data []byte, err error) {
	p, canonical := parsePlace(path)
	if !canonical || p.available(l.Size()) < p.count {
		return nil, narthex.WithheldError()
	}
	err = l.config.Journal.View(ctx, func(tx *journal.Tx) error {
		if p.entries {
			data, err = bundle(tx.Reader(), p)
			return err
		}
		if data, err = (journal.Tiles{Reader: tx.Reader()}).Tile(p.level, p.index); err == nil && len(data) < 32*p.count {
			err = store.ErrDamaged
		}
		if err == nil {
			data = data[:32*p.count]
		}
		return err
	})
	return data, err
}

// bundle gives records, each with its length before it.
func bundle(r store.Reader, p place) ([]byte, error) {
	data := make([]byte, 0, p.count*(2+len(ledger.Record{})))
	err := journal.EachRecord(r, p.index*width, p.index*width+uint64(p.count), func(_ uint64, record ledger.Record) error {
		data = append(binary.BigEndian.AppendUint16(data, uint16(len(record))), record[:]...)
		return nil
	})
	return data, err
}
