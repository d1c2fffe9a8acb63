package airlock

import (
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// ReviewDays is how many business days a release may wait for its reviewers before they are reminded of it; after twice as many the programme
// is told. Nothing else comes of silence.
const ReviewDays = 5

// ReleaseDue gives by when the reviewers of a release should have decided, or the zero time where it is not with them.
func ReleaseDue(r narthex.Release, calendar workflow.Calendar) time.Time {
	if !WithReviewers(r) {
		return time.Time{}
	}
	return calendar.Add(r.Since(), ReviewDays)
}

// ReleaseTick gives what the clock of a release says at now and has not said, or "". A clock that stood still says the last of what it missed.
func ReleaseTick(r narthex.Release, calendar workflow.Calendar, now time.Time) ReleaseAct {
	switch {
	case !WithReviewers(r) || !r.EscalatedAt.IsZero():
	case !now.Before(calendar.Add(r.Since(), 2*ReviewDays)):
		return Escalate
	case r.RemindedAt.IsZero() && !now.Before(ReleaseDue(r, calendar)):
		return Remind
	}
	return ""
}
