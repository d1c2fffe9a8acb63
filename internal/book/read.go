package book

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"narthex"
	"narthex/internal/evidence"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
)

// Read is what of an engagement somebody read.
type Read string

const (
	ReadApplication Read = "application"
	ReadAgreement   Read = "agreement"
	ReadHistory     Read = "history"
	ReadManuscript  Read = "manuscript"
	ReadCalls       Read = "calls"
	ReadOutside     Read = "outside document"
)

// ReadKinds lists them all.
func ReadKinds() []Read {
	return []Read{ReadApplication, ReadAgreement, ReadHistory, ReadManuscript, ReadCalls, ReadOutside}
}

// Known says whether a reading is one of those, or of a folder of evidence, whose manifest's digest it then names.
func (r Read) Known() bool { return slices.Contains(ReadKinds(), r) || evidence.IsHandedOut(string(r)) }

// ReadKey is where the row of a reading stands.
func ReadKey(engagement narthex.EngagementID, index uint64) string {
	return fmt.Sprintf("%s/%016x", engagement, index)
}

// AddRead records that a person, or a specialist by their invitation, read something of an engagement.
func AddRead[ID narthex.PersonID | narthex.InviteID](tx *journal.Tx, engagement narthex.EngagementID, by ID, what Read) error {
	index, err := tx.Append(narthex.EntryEngagementRead, narthex.TextField("engagement", engagement), narthex.TextField("by", by), narthex.TextField("what", what))
	if err != nil {
		return err
	}
	return journal.Put(tx, store.Reads, ReadKey(engagement, index), &Placed{})
}

// ReadsOf gives the latest readings of an engagement before an entry, the last first, as their entries tell them,
// as many as most; of one whose opening was erased there is the entry's time and nothing else.
func ReadsOf(tx *journal.Tx, engagement narthex.EngagementID, before uint64, most int, visit func(index uint64, record ledger.Record, o ledger.Opening)) error {
	span := store.Prefix(string(engagement)+"/", most)
	span.To, span.Reverse = ReadKey(engagement, before), true
	rows, err := tx.Reader().Scan(store.Reads, span)
	if err != nil {
		return err
	}
	for _, row := range rows {
		_, digits, _ := strings.Cut(row.Key, "/")
		index, err := strconv.ParseUint(digits, 16, 64)
		if err != nil {
			return fmt.Errorf("%w: a row of readings names no entry", store.ErrDamaged)
		}
		err = journal.EachEntry(tx.Reader(), index, index+1, func(_ uint64, record ledger.Record, o ledger.Opening) error {
			visit(index, record, o)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
