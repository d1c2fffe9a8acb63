package office

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/listing"
	"narthex/internal/store"
)

const (
	mostReleases    = 1000 // that wait on a node
	mostReleaseSaid = 2000 // of what a reviewer says, in characters
)

// Releases lists what waits to leave and the person may say something of.
func (o *Office) Releases(ctx context.Context, by narthex.PersonID) (client.ReleaseList, error) {
	list := client.ReleaseList{Releases: []narthex.Release{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := insider(p); err != nil {
			return err
		}
		open, err := book.Listed[book.Release](tx, store.Releases, listing.OpenReleases, mostReleases)
		if err != nil {
			return err
		}
		for _, r := range open {
			if _, may, err := o.reviews(tx, r.Release, p); err != nil {
				return err
			} else if may {
				list.Releases = append(list.Releases, airlock.Shown(r.Release, p))
			}
		}
		return nil
	})
	return list, err
}

// addReleases adds what wants to leave and waits for the person's word.
func (o *Office) addReleases(tx *journal.Tx, p narthex.Person, list *client.WorkList, most int) error {
	if !p.InLab() {
		return nil
	}
	rules, err := o.Rules.Get()
	if err != nil {
		return err
	}
	open, err := book.Listed[book.Release](tx, store.Releases, listing.OpenReleases, mostReleases)
	if err != nil {
		return err
	}
	for _, r := range open {
		_, may, err := o.reviews(tx, r.Release, p)
		if err != nil {
			return err
		}
		if !may || !airlock.WaitsFor(r.Release, p.ID) {
			continue
		}
		author, err := journal.Get[narthex.Person](tx, store.People, string(r.Author))
		if err != nil || author == nil {
			return narthex.Unavailablef("A list could not be read.").Because(err)
		}
		if len(list.Work) == most {
			list.More = true
			return nil
		}
		days, err := o.releaseDays(tx, r.Release)
		if err != nil {
			return err
		}
		due := airlock.ReleaseDue(r.Release, rules.Directory.Calendar, days)
		list.Work = append(list.Work, client.WorkItem{Do: "review_release", Release: r.ID, Engagement: r.Engagement, Title: fmt.Sprintf("what wants to leave from %s@%s", r.Asset, r.Version), Applicant: author.Name, Since: r.Since(), Due: due, Late: tx.Now().After(due)})
	}
	return nil
}

// sweepReleases lets the clocks of releases say what they have to say and have not said, and gives how many spoke. Of what is stopped none
// speaks.
func (o *Office) sweepReleases(ctx context.Context) (spoke int, err error) {
	due := map[narthex.ReleaseID]bool{}
	err = o.Journal.View(ctx, func(tx *journal.Tx) error {
		clear(due)
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		open, err := book.Listed[book.Release](tx, store.Releases, listing.OpenReleases, mostReleases)
		if err != nil || len(open) == 0 {
			return err
		}
		reviewers, err := o.bell().Reviewers(tx)
		if err != nil {
			return err
		}
		for _, r := range open {
			if !airlock.WithReviewers(r.Release) {
				continue
			}
			few, stale, err := o.bell().Lacks(tx, reviewers, r.Release)
			if err != nil {
				return err
			}
			days, err := o.releaseDays(tx, r.Release)
			if err != nil {
				return err
			}
			if airlock.ReleaseTick(r.Release, rules.Directory.Calendar, days, tx.Now()) != "" || few && r.FewAt.IsZero() || len(stale) > 0 {
				due[r.ID] = true
			}
		}
		return nil
	})
	for part := range slices.Chunk(slices.Sorted(maps.Keys(due)), sweptAtOnce) {
		said := 0
		if err == nil {
			err = o.Journal.Update(ctx, func(tx *journal.Tx) (err error) {
				said, err = o.speakReleases(tx, part)
				return err
			})
			spoke += said
		}
	}
	return spoke, err
}

func (o *Office) speakReleases(tx *journal.Tx, ids []narthex.ReleaseID) (said int, err error) {
	rules, err := o.Rules.Check(tx)
	if err != nil {
		return 0, err
	}
	reviewers, err := o.bell().Reviewers(tx)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		row, err := journal.Get[book.Release](tx, store.Releases, string(id))
		if err != nil {
			return 0, err
		}
		if row == nil {
			continue
		}
		if gateway.ReleaseStopped(tx, row.Release) != "" {
			continue
		}
		next, spoke, err := o.bell().Attend(tx, *row, reviewers)
		if err != nil {
			return 0, err
		}
		days, err := o.releaseDays(tx, next.Release)
		if err != nil {
			return 0, err
		}
		if tick := airlock.ReleaseTick(next.Release, rules.Directory.Calendar, days, tx.Now()); tick != "" {
			if _, err := o.bell().ChangeRelease(tx, next, airlock.ReleaseEvent{Act: tick}); err != nil {
				return 0, err
			}
			spoke++
		}
		if spoke > 0 {
			said++
		}
	}
	return said, nil
}

// releaseDays gives after how many business days those who review a release are reminded of it, as its agreement says. Where that does not read
// it is as if it did not say: the log tells of it, and a reminder decides nothing.
func (o *Office) releaseDays(tx *journal.Tx, r narthex.Release) (int, error) {
	row, err := journal.Get[book.Agreement](tx, store.Agreements, string(r.Agreement))
	if err != nil {
		return 0, err
	}
	var signed narthex.Agreement
	if row != nil {
		signed = row.Agreement
	}
	days, err := lab.ReleaseDaysOf(signed)
	if err != nil {
		o.Log.Warn("the clause of an agreement does not read", "release", string(r.ID), "cause", err.Error())
	}
	return days, nil
}

// reviews says in which role a person may say something of a release.
func (o *Office) reviews(tx *journal.Tx, r narthex.Release, p narthex.Person) (narthex.Role, bool, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return "", false, err
	}
	e, err := engagementOf(tx, r.Engagement)
	if err != nil {
		return "", false, err
	}
	role, may := airlock.ReviewsAs(r, e, p, rules.Directory.Owns(r.Asset, p))
	return role, may, nil
}

func (o *Office) bell() gateway.Bell { return gateway.Bell{Rules: o.Rules, Channels: o.Channels} }

// released gives a release that the person may say something of; any other is as if absent.
func (o *Office) released(tx *journal.Tx, id narthex.ReleaseID, p narthex.Person) (book.Release, narthex.Role, error) {
	if _, err := id.Index(); err != nil {
		return book.Release{}, "", narthex.WithheldError()
	}
	row, err := journal.Get[book.Release](tx, store.Releases, string(id))
	if err != nil {
		return book.Release{}, "", err
	}
	if row == nil {
		return book.Release{}, "", narthex.WithheldError()
	}
	role, may, err := o.reviews(tx, row.Release, p)
	if err == nil && !may {
		err = narthex.WithheldError()
	}
	return *row, role, err
}

// Release gives what waits to leave to one of its reviewers, with its bytes; that they looked is an entry.
func (o *Office) Release(ctx context.Context, by narthex.PersonID, id narthex.ReleaseID) (client.ReleasePackage, error) {
	var out client.ReleasePackage
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		out = client.ReleasePackage{Files: []client.StudyFile{}}
		row, _, err := o.released(tx, id, p)
		if err != nil {
			return err
		}
		job, err := journal.Get[book.Job](tx, store.Jobs, string(row.Job))
		if err != nil {
			return err
		}
		if job != nil && !job.ClearedAt.IsZero() {
			return notKept()
		}
		files, err := gateway.ReleaseBytes(tx, row.Release)
		if err != nil {
			return narthex.Unavailablef("The files are not those that were frozen, so they are not shown. Tell the operators.").Because(err)
		}
		for _, f := range files {
			out.Files = append(out.Files, client.StudyFile{Path: f.Name, Data: f.Data})
		}
		out.Release = airlock.Shown(row.Release, p)
		_, err = o.bell().ChangeRelease(tx, row, airlock.ReleaseEvent{Act: airlock.Read, By: p.ID})
		return err
	})
	return out, err
}

// notKept answers for files of a job that are kept no longer.
func notKept() error {
	return narthex.Conflictf("The files were kept for %d days after what became of them, and are gone. Their digests stand in the ledger.", int(airlock.KeepFiles.Hours()/24))
}

// VoteRelease takes in what a reviewer says of each file.
func (o *Office) VoteRelease(ctx context.Context, by narthex.PersonID, id narthex.ReleaseID, in client.VoteRelease) (narthex.Release, error) {
	return o.judge(ctx, by, id, in, airlock.Vote)
}

// ReturnRelease sends a release back to its author.
func (o *Office) ReturnRelease(ctx context.Context, by narthex.PersonID, id narthex.ReleaseID, in client.VoteRelease) (narthex.Release, error) {
	if in.Comment == "" || len(in.Verdicts) > 0 {
		return narthex.Release{}, narthex.Invalidf("To send it back say in the comment what its author is to change or answer, and give no verdicts.").For("comment")
	}
	return o.judge(ctx, by, id, in, airlock.Return)
}

func (o *Office) judge(ctx context.Context, by narthex.PersonID, id narthex.ReleaseID, in client.VoteRelease, act airlock.ReleaseAct) (narthex.Release, error) {
	var out narthex.Release
	for field, text := range map[string]string{"comment": in.Comment, "note": in.Note} {
		if utf8.RuneCountInString(text) > mostReleaseSaid || airlock.CheckWords(text) != nil {
			return out, narthex.Invalidf("A comment has at most %d characters, all of them to be seen.", mostReleaseSaid).For(field)
		}
	}
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		row, role, err := o.released(tx, id, p)
		if err != nil {
			return err
		}
		code := gateway.ReleaseStopped(tx, row.Release)
		if code == narthex.UnauthenticatedError().Code || code == narthex.Unavailable.String() {
			return journal.Unrecorded() // it may be a lock of which nobody may tell, or what could not be read
		}
		if code != "" {
			return narthex.Conflictf("What the release rests on is stopped (%s), so nothing is decided of it now.", code)
		}
		if act == airlock.Vote {
			if row, err = o.voided(tx, row, p.ID); err != nil {
				return err
			}
		}
		vote := narthex.ReleaseVote{By: p.ID, As: role, At: tx.Now(), Saw: in.Saw, Verdicts: in.Verdicts, Comment: in.Comment, Note: in.Note}
		row, err = o.bell().ChangeRelease(tx, row, airlock.ReleaseEvent{Act: act, By: p.ID, Vote: &vote})
		if err == nil {
			out = airlock.Shown(row.Release, p)
		}
		return err
	})
	return out, err
}

// voided gives a release without the votes of those who may review it no longer, so that nobody's is counted beside theirs; by is who votes.
func (o *Office) voided(tx *journal.Tx, row book.Release, by narthex.PersonID) (book.Release, error) {
	for _, was := range row.Votes {
		may, err := o.maySay(tx, was.By, func(voter narthex.Person) (bool, error) {
			_, may, err := o.reviews(tx, row.Release, voter)
			return may, err
		})
		if err != nil {
			return row, err
		}
		if may {
			continue
		}
		if row, err = o.bell().ChangeRelease(tx, row, airlock.ReleaseEvent{Act: airlock.Void, By: by, Of: was.By}); err != nil {
			return row, err
		}
	}
	return row, nil
}

// maySay says whether somebody who voted may still say something of it: they are there, without a lock, and reviews says so of them with their
// interests.
func (o *Office) maySay(tx *journal.Tx, id narthex.PersonID, reviews func(narthex.Person) (bool, error)) (bool, error) {
	p, err := journal.Get[narthex.Person](tx, store.People, string(id))
	if err != nil || p == nil {
		return false, narthex.Unavailablef("A reviewer could not be read.").Because(err)
	}
	locks, err := book.LocksOnPerson(tx, *p)
	if err != nil {
		return false, err
	}
	voter, err := book.WithInterests(tx, *p)
	if err != nil {
		return false, err
	}
	may, err := reviews(voter)
	return may && p.State == narthex.PersonActive && len(locks) == 0, err
}
