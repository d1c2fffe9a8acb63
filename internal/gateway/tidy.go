package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
)

// tidy takes frozen files away that nothing needs any more. First an entry says of a job that its files are kept no longer for its sake; then
// whatever file no job needs is removed, also one that no entry ever named: of a job that was denied at the last moment, or of a node that
// ended. A file that is put waits for its entry with files held for reading, so that none is taken away in between.
type tidy struct {
	files sync.RWMutex

	// What follows is the one's who tidies.
	looked time.Time               // when jobs were looked at last
	after  string                  // the place in the list of kept jobs from which that goes on
	walked time.Time               // when the walk over files began last
	walks  bool                    // whether it goes on
	due    bool                    // whether files became free since
	from   string                  // the file from which it does
	needed map[narthex.Digest]bool // the files that were needed when it began
	known  map[string]bool         // the jobs that were over then, of whose files that says all
}

const (
	pauseOfTidy = time.Minute    // between two looks at jobs
	pauseOfWalk = 24 * time.Hour // between two walks over all files, where no job's files became free
	clearedOnce = 64             // jobs in one change
	lookedAt    = 500            // jobs at a look
	walkedOnce  = 200            // files at a time, for which what wants to put some waits
	mostRows    = 1_000_000
)

// keep does what puts files and then has an entry name them, without any of them being taken away meanwhile.
func (t *tidy) keep(do func() error) error {
	t.files.RLock()
	defer t.files.RUnlock()
	return do()
}

// tidyUp does the next part of it, where it is time.
func (h *Hall) tidyUp(ctx context.Context) error {
	t, now := &h.tidy, h.Journal.Now()
	if _, err := h.Rules.Get(); err != nil {
		return nil // nothing is recorded before inception
	}
	if now.Sub(t.looked) >= pauseOfTidy {
		cleared, err := h.clearJobs(ctx)
		if err != nil {
			return err
		}
		if cleared < clearedOnce {
			t.looked = now
		}
		t.due = t.due || cleared > 0
	}
	if !t.due && !t.walks && now.Sub(t.walked) < pauseOfWalk || !t.files.TryLock() { // who puts a file goes first
		return nil
	}
	defer t.files.Unlock()
	if !t.walks {
		var err error
		if t.needed, t.known, err = h.neededFiles(ctx, nil, time.Time{}); err != nil {
			return err
		}
		t.walks, t.due, t.walked, t.from = true, false, now, ""
	}
	return h.walkFiles(ctx)
}

// clearJobs records of the next jobs whose files are needed no longer that they are kept no longer.
func (h *Hall) clearJobs(ctx context.Context) (cleared int, err error) {
	var due []narthex.JobID
	looked, after := 0, h.tidy.after
	err = h.Journal.View(ctx, func(tx *journal.Tx) error {
		due, looked, after = nil, 0, h.tidy.after
		releases := map[narthex.GrantID][]narthex.Release{}
		return book.Walk(tx, []string{listing.KeptJobs}, after, false, func(place, id string) (bool, error) {
			looked, after = looked+1, place
			job, err := journal.Get[book.Job](tx, store.Jobs, id)
			if err != nil || job == nil {
				return false, errors.Join(errors.New("a job that is listed is not there"), err)
			}
			if airlock.Clears(job.Job, nil, tx.Now()) {
				if _, read := releases[job.Grant]; !read {
					rows, err := book.Listed[book.Release](tx, store.Releases, listing.ReleasesOf(job.Grant), mostRows)
					if err != nil {
						return false, err
					}
					releases[job.Grant] = releasesOf(rows)
				}
				if airlock.Clears(job.Job, releases[job.Grant], tx.Now()) {
					due = append(due, job.ID)
				}
			}
			return looked == lookedAt || len(due) == clearedOnce, nil
		})
	})
	if err != nil {
		return 0, err
	}
	if h.tidy.after = after; looked < lookedAt && len(due) < clearedOnce {
		h.tidy.after = "" // the end of the list
	}
	if len(due) == 0 {
		return 0, nil
	}
	err = h.Journal.Update(ctx, func(tx *journal.Tx) error {
		for _, id := range due {
			job, err := journal.Get[book.Job](tx, store.Jobs, string(id))
			if err != nil || job == nil {
				return errors.Join(errors.New("a job that is listed is not there"), err)
			}
			rows, err := book.Listed[book.Release](tx, store.Releases, listing.ReleasesOf(job.Grant), mostRows)
			if err != nil {
				return err
			}
			if !airlock.Clears(job.Job, releasesOf(rows), tx.Now()) {
				continue
			}
			if _, err := h.Bell.ChangeJob(tx, *job, airlock.JobEvent{Act: airlock.JobClear}); err != nil {
				return err
			}
		}
		return nil
	})
	return len(due), err
}

// neededFiles gives the files that jobs need, of those that are not over, and of those that are over and whose files are kept but for the known
// ones; those of releases that were taken since then; and which of the jobs are over.
func (h *Hall) neededFiles(ctx context.Context, known map[string]bool, since time.Time) (needed map[narthex.Digest]bool, over map[string]bool, err error) {
	err = h.Journal.View(ctx, func(tx *journal.Tx) error {
		needed, over = map[narthex.Digest]bool{}, map[string]bool{}
		open, err := book.Listed[book.Job](tx, store.Jobs, listing.OpenJobs, mostRows)
		if err != nil {
			return err
		}
		for _, job := range open {
			if err := needs(tx, job.Job, needed); err != nil {
				return err
			}
		}
		err = book.Walk(tx, []string{listing.KeptJobs}, "", false, func(_, id string) (bool, error) {
			if known[id] {
				return false, nil
			}
			job, err := journal.Get[book.Job](tx, store.Jobs, id)
			if err != nil || job == nil {
				return false, errors.Join(errors.New("a job that is listed is not there"), err)
			}
			over[id] = true
			return false, needs(tx, job.Job, needed)
		})
		if err != nil {
			return err
		}
		return releasesNeed(tx, since, needed)
	})
	return needed, over, err
}

// releasesNeed adds the files of releases that were taken since then, as they would leave, and what is kept of them for comparison: all of
// which the job is kept. What waits, or left, keeps its job.
func releasesNeed(tx *journal.Tx, since time.Time, needed map[narthex.Digest]bool) error {
	return book.Walk(tx, []string{listing.AllReleases}, "", true, func(_, id string) (bool, error) {
		r, err := journal.Get[book.Release](tx, store.Releases, id)
		if err != nil || r == nil {
			return false, errors.Join(errors.New("a release that is listed is not there"), err)
		}
		if r.TakenAt.Before(since) {
			return true, nil
		}
		job, err := journal.Get[book.Job](tx, store.Jobs, string(r.Job))
		if err != nil || job == nil {
			return false, errors.Join(errors.New("the job of a release is not there"), err)
		}
		if !job.ClearedAt.IsZero() {
			return false, nil
		}
		for _, f := range r.Files {
			needed[f.Digest] = true
		}
		needed[r.Sketch.Digest] = true
		return false, nil
	})
}

// needs adds the files of a job.
func needs(tx *journal.Tx, j narthex.Job, needed map[narthex.Digest]bool) error {
	if !needed[j.Plan.Study] {
		form, err := book.ReadBlob(tx, j.Plan.Study)
		if err != nil {
			return fmt.Errorf("the study of a job: %w", err)
		}
		var files []narthex.Frozen
		if err := json.Unmarshal(form, &files); err != nil {
			return fmt.Errorf("the study of a job: %w", err)
		}
		for _, f := range files {
			needed[f.Digest] = true
		}
	}
	needed[j.Plan.Study] = true
	if j.Package != nil {
		for _, f := range j.Package.Files {
			needed[f.Digest] = true
		}
	}
	return nil
}

// walkFiles removes what nothing needs among the next files. Nothing is put meanwhile, and what was put since the walk began is of a job that
// was not known to be over then.
func (h *Hall) walkFiles(ctx context.Context) error {
	t := &h.tidy
	since, _, err := h.neededFiles(ctx, t.known, t.walked)
	if err != nil {
		return err
	}
	var free []narthex.Digest
	from, end := t.from, false
	err = h.Journal.View(ctx, func(tx *journal.Tx) error {
		free, from, end = nil, t.from, false
		for range walkedOnce {
			rows, err := tx.Reader().Scan(store.Blobs, store.Span{From: from, Limit: 1})
			if err != nil {
				return err
			}
			if end = len(rows) == 0; end {
				return nil
			}
			name, _, _ := strings.Cut(rows[0].Key, "/")
			digest, err := narthex.ParseDigest(name)
			if err != nil {
				return fmt.Errorf("a frozen file stands under no digest: %w", store.ErrDamaged)
			}
			if from = name + "0"; !t.needed[digest] && !since[digest] { // the key behind its pieces: after / comes 0
				free = append(free, digest)
			}
		}
		return nil
	})
	for _, digest := range free {
		if err == nil {
			err = book.RemoveBlob(ctx, h.Journal, digest)
		}
	}
	if err != nil {
		return err
	}
	if t.from = from; end {
		t.walks, t.needed, t.known = false, nil, nil
	}
	return nil
}

// errCleared answers for what a job left when it is kept no longer.
func errCleared() error {
	return narthex.Conflictf("What the job left was kept for %d days after its end, and is gone. Hand the study in again.", int(airlock.KeepFiles.Hours()/24)).For("job")
}

func releasesOf(rows []book.Release) []narthex.Release {
	list := make([]narthex.Release, len(rows))
	for i, r := range rows {
		list[i] = r.Release
	}
	return list
}
