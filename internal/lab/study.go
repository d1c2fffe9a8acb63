package lab

import (
	"fmt"
	"slices"

	"narthex"
)

// studyApproval is the clause on the approval of studies before they run.
const studyApproval narthex.ClauseName = "study-approval"

// StudyOf reads what an agreement says of the approval of studies before they run, as it was signed; nil where it has no such clause. A
// clause that does not read is an error, never no clause.
func StudyOf(a narthex.Agreement) (*narthex.StudyApproval, error) {
	at := slices.IndexFunc(a.Clauses, func(c narthex.AgreedClause) bool { return c.Name == studyApproval })
	if at < 0 {
		return nil, nil
	}
	agreed := a.Clauses[at]
	reviewers, ok := whole(agreed.Values["reviewers"])
	days, is := whole(agreed.Values["review_days"])
	if !ok || !is || reviewers < 2 || reviewers > 100 || days < 1 || days > 3650 {
		return nil, fmt.Errorf("read the agreement's clause %s: it does not say how many people approve a study, or in how many days", studyApproval)
	}
	return &narthex.StudyApproval{Clause: agreed.Number, Reviewers: int(reviewers), Days: int(days)}, nil
}

// studiesRun holds the clause to a pathway that lets studies run.
func studiesRun(u use) string {
	for _, offer := range u.pathway.Offers {
		if offer.Attribute == "weights.compute" || offer.Attribute == "data.job" {
			return ""
		}
	}
	return "the pathway offers no jobs, so there is no study to approve"
}
