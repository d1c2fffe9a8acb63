package agreement

import (
	"time"

	"narthex"
	"narthex/internal/canon"
)

// BindAlike says whether two agreements bind a member to the same: their clauses, their terms, what their grants rest on and all else
// that they say, but for what only tells one from the other: who signs, in what order, by which application and directory, from when
// and until when. A member may leave on any day, so more days alone ask nothing new of them.
func BindAlike(a, b narthex.Agreement) (bool, error) {
	of, err := binding(a)
	if err != nil {
		return false, err
	}
	is, err := binding(b)
	return err == nil && of == is, err
}

func binding(a narthex.Agreement) (narthex.Digest, error) {
	a.Engagement, a.Application, a.Directory = "", "", ""
	a.Parties, a.SigningOrder, a.Approvals, a.SingleCustodian = nil, nil, 0, false
	a.NotBefore, a.NotAfter, a.Amends, a.Redline = time.Time{}, time.Time{}, nil, nil
	return canon.Digest(a)
}
