package airlock

import (
	"slices"
	"time"

	"narthex"
)

// JobClear is the act with which a job's frozen files, its study and what it left, are kept no longer for its sake. What they were stays in the
// ledger, by their digests.
const JobClear JobAct = "clear"

// KeepFiles is how long the frozen files of a job that began are kept after its end, and after the end of what was asked to leave of them.
const KeepFiles = 30 * 24 * time.Hour

// Clears says whether the frozen files of a job are needed no longer: of one that never began at once, of another [KeepFiles] after it and every
// release of it was over, and never where anything of it was released. Releases are those of its grant, or all.
func Clears(j narthex.Job, releases []narthex.Release, now time.Time) bool {
	if !clearable(j, now) {
		return false
	}
	return !slices.ContainsFunc(releases, func(r narthex.Release) bool {
		return r.Job == j.ID && (!r.State.Over() || r.State == narthex.ReleaseReleased || now.Before(r.DecidedAt.Add(KeepFiles)))
	})
}

// clearable says it as far as the job alone says it.
func clearable(j narthex.Job, now time.Time) bool {
	return j.State.Over() && j.ClearedAt.IsZero() && (j.StartedAt.IsZero() || !now.Before(j.EndedAt.Add(KeepFiles)))
}
