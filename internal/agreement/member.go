package agreement

import "narthex"

// BindAlike says whether two agreements bind a member to the same: their clauses, their terms, what their grants rest on and all else
// that they say, but for what only tells one from the other: who signs, in what order, by which application and directory, from when
// and until when. A member may leave on any day, so more days alone ask nothing new of them.
func BindAlike(a, b narthex.Agreement) (bool, error) {
	b.Engagement, b.Application, b.Directory = a.Engagement, a.Application, a.Directory
	b.Parties, b.SigningOrder, b.Approvals, b.SingleCustodian = a.Parties, a.SigningOrder, a.Approvals, a.SingleCustodian
	b.NotBefore, b.NotAfter, b.Amends, b.Redline = a.NotBefore, a.NotAfter, a.Amends, a.Redline
	of, err := Digest(a)
	if err != nil {
		return false, err
	}
	is, err := Digest(b)
	return err == nil && of == is, err
}
