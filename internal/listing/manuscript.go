package listing

import (
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// Papers is the list of all engagements with manuscripts, by when each was begun.
const Papers = "papers/"

// Incidents is the list of all engagements with incidents, by when each was begun.
const Incidents = "incidents/"

// ManuscriptsOf is the list of engagements whose manuscripts may wait for a holder, by when they do no more: for the lab the last
// end of a time, for those who wrote them never.
func ManuscriptsOf(holder Holder) string { return "manuscripts/" + string(holder) + "/" }

// manuscripts gives the places of an engagement for its manuscripts.
func manuscripts(e narthex.Engagement) []string {
	if len(e.Manuscripts) == 0 {
		return nil
	}
	keys := []string{Papers + Place(e.CreatedAt, string(e.ID))}
	writers, lab := workflow.ManuscriptsWait(e)
	if writers {
		for _, person := range append([]narthex.PersonID{e.Application.Applicant}, e.Application.Members...) {
			keys = append(keys, ManuscriptsOf(Person(person))+Place(time.Time{}, string(e.ID)))
		}
	}
	if !lab.IsZero() {
		for _, role := range workflow.ExaminerRoles(e) {
			keys = append(keys, ManuscriptsOf(Role(role))+Place(lab, string(e.ID)))
		}
	}
	return keys
}
