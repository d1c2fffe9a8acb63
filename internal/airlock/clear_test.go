package airlock_test

import (
	"testing"
	"time"

	"narthex"
	"narthex/internal/airlock"
)

// TestFilesAreKeptAsLongAsSomethingNeedsThem: at once none of a job that never began; of others thirty days after the last of it; of what was
// released always.
func TestFilesAreKeptAsLongAsSomethingNeedsThem(t *testing.T) {
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	job := narthex.Job{ID: "job_1", State: narthex.JobDone, StartedAt: end.Add(-time.Hour), EndedAt: end}
	keep := airlock.KeepFiles
	release := func(of narthex.JobID, state narthex.ReleaseState, decided time.Duration) narthex.Release {
		return narthex.Release{Job: of, State: state, DecidedAt: end.Add(decided)}
	}
	never, running, cleared := job, job, job
	never.StartedAt, never.State = time.Time{}, narthex.JobCancelled
	running.State = narthex.JobRunning
	cleared.ClearedAt = end
	for name, c := range map[string]struct {
		job      narthex.Job
		releases []narthex.Release
		after    time.Duration
		clears   bool
	}{
		"no job":                              {narthex.Job{}, nil, 100 * keep, false},
		"it waits":                            {narthex.Job{State: narthex.JobQueued}, nil, 100 * keep, false},
		"it runs":                             {running, nil, 100 * keep, false},
		"it was cleared":                      {cleared, nil, 100 * keep, false},
		"it never began":                      {never, nil, 0, true},
		"the last moment":                     {job, nil, keep - 1, false},
		"then":                                {job, nil, keep, true},
		"something waits":                     {job, []narthex.Release{release("job_1", narthex.ReleaseReturned, 0)}, 100 * keep, false},
		"another's waits":                     {job, []narthex.Release{release("job_2", narthex.ReleaseReturned, 0)}, keep, true},
		"something was released":              {job, []narthex.Release{release("job_1", narthex.ReleaseWithdrawn, 0), release("job_1", narthex.ReleaseReleased, 0)}, 100 * keep, false},
		"something was refused a while ago":   {job, []narthex.Release{release("job_1", narthex.ReleaseRefused, keep/2)}, keep + keep/2 - 1, false},
		"something was refused longer ago":    {job, []narthex.Release{release("job_1", narthex.ReleaseRefused, keep/2)}, keep + keep/2, true},
		"the later of two that are withdrawn": {job, []narthex.Release{release("job_1", narthex.ReleaseWithdrawn, keep), release("job_1", narthex.ReleaseWithdrawn, 0)}, 2*keep - 1, false},
	} {
		if got := airlock.Clears(c.job, c.releases, end.Add(c.after)); got != c.clears {
			t.Errorf("%s: its files are free: %v", name, got)
		}
	}
	if next, err := airlock.NextJob(job, airlock.JobEvent{Act: airlock.JobClear}, end.Add(keep)); err != nil || !next.ClearedAt.Equal(end.Add(keep)) || next.State != narthex.JobDone {
		t.Errorf("it becomes %+v: %v", next, err)
	}
	for name, c := range map[string]struct {
		job narthex.Job
		e   airlock.JobEvent
		at  time.Duration
	}{
		"early":         {job, airlock.JobEvent{Act: airlock.JobClear}, keep - 1},
		"twice":         {cleared, airlock.JobEvent{Act: airlock.JobClear}, keep},
		"while it runs": {running, airlock.JobEvent{Act: airlock.JobClear}, keep},
		"by somebody":   {job, airlock.JobEvent{Act: airlock.JobClear, By: "per_1"}, keep},
		"with an end":   {job, airlock.JobEvent{Act: airlock.JobClear, End: &narthex.JobEnd{Class: "done"}}, keep},
	} {
		if _, err := airlock.NextJob(c.job, c.e, end.Add(c.at)); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
