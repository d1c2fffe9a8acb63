package airlock

import (
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// ReleaseDue gives by when the reviewers of a release should have decided, who have so many business days, as its agreement says; or the zero
// time where it is not with them.
func ReleaseDue(r narthex.Release, calendar workflow.Calendar, days int) time.Time {
	if !WithReviewers(r) {
		return time.Time{}
	}
	return calendar.Add(r.Since(), days)
}

// ReleaseTick gives what the clock of a release says at now and has not said, or "": its reviewers are reminded when their days are over, and
// after twice as many the programme is told. Nothing else comes of silence. A clock that stood still says the last of what it missed.
func ReleaseTick(r narthex.Release, calendar workflow.Calendar, days int, now time.Time) ReleaseAct {
	switch {
	case !WithReviewers(r) || !r.EscalatedAt.IsZero():
	case !now.Before(calendar.Add(r.Since(), 2*days)):
		return Escalate
	case r.RemindedAt.IsZero() && !now.Before(ReleaseDue(r, calendar, days)):
		return Remind
	}
	return ""
}
