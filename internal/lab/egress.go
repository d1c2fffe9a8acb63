package lab

import (
	"fmt"
	"slices"

	"narthex"
)

// egress is the clause on what may leave.
const egress narthex.ClauseName = "egress"

// usualReleaseDays is how many business days a release may wait where its agreement does not say.
const usualReleaseDays = 5

// ReleaseDaysOf reads after how many business days an agreement has the reviewers of what wants to leave reminded, as it was signed: 1 to 20, and
// five where it was signed without saying. A clause that does not read is an error, with five, for a reminder decides nothing.
func ReleaseDaysOf(a narthex.Agreement) (int, error) {
	at := slices.IndexFunc(a.Clauses, func(c narthex.AgreedClause) bool { return c.Name == egress })
	if at < 0 {
		return usualReleaseDays, nil
	}
	value, said := a.Clauses[at].Values["review_days"]
	if !said {
		return usualReleaseDays, nil
	}
	days, ok := whole(value)
	if !ok || days < 1 || days > 20 {
		return usualReleaseDays, fmt.Errorf("read the agreement's clause %s: it does not say after how many days reviewers are reminded", egress)
	}
	return int(days), nil
}
