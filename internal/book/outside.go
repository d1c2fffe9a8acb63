package book

import (
	"crypto/sha256"
	"errors"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// Outside is the file of the outside document that is bound to an engagement's agreement, under the engagement.
type Outside struct {
	File []byte `json:"file"`
}

// Fits says whether the file is the one that was bound.
func (o Outside) Fits(bound narthex.OutsideDocument) bool {
	return int64(len(o.File)) == bound.Size && narthex.MakeDigest(sha256.Sum256(o.File)) == bound.Digest
}

// KeepOutside keeps the file of the outside document that an engagement's agreement was just bound to, in the place of what was bound before.
func KeepOutside(tx *journal.Tx, id narthex.EngagementID, file []byte) error {
	return journal.Put(tx, store.Outsides, string(id), &Outside{file})
}

// DropOutside takes away the file that is kept for an engagement, if any.
func DropOutside(tx *journal.Tx, id narthex.EngagementID) error {
	return journal.Delete[Outside](tx, store.Outsides, string(id))
}

// OutsideOf gives the file of the outside document that is bound to an engagement's agreement and that the node keeps. One that is not
// there, or is not what was bound, is Unavailable, and nothing of it is given.
func OutsideOf(tx *journal.Tx, e narthex.Engagement) ([]byte, error) {
	row, err := journal.Get[Outside](tx, store.Outsides, string(e.ID))
	switch {
	case err != nil:
		return nil, err
	case e.Outside == nil || row == nil:
		return nil, narthex.Unavailablef("The outside document is no longer in the store. Where its applicant was erased before anyone signed, it went with them; otherwise tell the operators.").For("outside").Because(errors.New("read an outside document: there is no row"))
	case !row.Fits(*e.Outside):
		return nil, narthex.Unavailablef("The store holds another file than the outside document that was bound: its digest is not %s. Nothing of it is given. Tell the operators; whoever signed has a copy.", e.Outside.Digest).For("outside").Because(errors.New("read an outside document: the digest differs"))
	}
	return row.File, nil
}
