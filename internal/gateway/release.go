package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
	"narthex/policy"
)

const (
	mostContext  = 2000 // of what is said of a file, in characters
	mostReleases = 4    // of a grant that wait at once
)

// releaseCall is a package that wants to leave.
type releaseCall struct {
	asset     narthex.AssetName
	version   narthex.VersionName
	against   narthex.VersionName   // the second that the job had beside it
	attribute narthex.AttributeName // by which the job ran; empty where the asset's kind says it
	artefacts []string
	unread    bool // whether it is of artefacts that no person can check
	charge    int64
}

func (c releaseCall) Names() (narthex.AssetName, narthex.VersionName) { return c.asset, c.version }

func (c releaseCall) Against() narthex.VersionName { return c.against }

func (releaseCall) Missing() string { return "job" }

func (releaseCall) Param(*narthex.Reason) string { return "" }

func (c releaseCall) Uses(asset narthex.Asset, taxonomy *narthex.Taxonomy) ([]narthex.Use, error) {
	if c.attribute == "" {
		c.attribute, _ = taxonomy.StudiesBeside(asset.Kind)
	}
	if c.unread {
		return []narthex.Use{{Attribute: takeArtefacts}, {Attribute: c.attribute}}, nil
	}
	return []narthex.Use{
		{Attribute: takeOut, Facts: []narthex.Fact{{Limit: "artefacts", Value: narthex.NamesValue(c.artefacts...)}}},
		{Attribute: c.attribute},
	}, nil
}

func (c releaseCall) Take(narthex.Asset, *narthex.Taxonomy, []policy.Layer) ([]narthex.Demand, error) {
	return []narthex.Demand{{Unit: narthex.Calls, Least: 1, Most: 1}, {Unit: narthex.CPUMinutes}, {Unit: narthex.GPUMinutes},
		{Unit: narthex.Bytes, Least: c.charge, Most: c.charge, Bits: bitsOfOneByte}}, nil
}

// artefactOf gives the artefact that a kind of file is, as terms name them.
func artefactOf(kind string) string {
	switch kind {
	case "csv":
		return "table"
	case "png":
		return "figure"
	case "json":
		return "data"
	}
	return "text"
}

// SubmitRelease serves POST /v1/releases: files of a job that wants them to leave.
func (d *Door) SubmitRelease() http.Handler {
	return d.Handler(func(v *visit) error {
		if err := d.Published.Ready(); err != nil {
			return err
		}
		in, err := readBody[client.SubmitRelease](v, 256<<10)
		if err != nil {
			return err
		}
		release, err := v.ask(in)
		if err != nil {
			return err
		}
		return v.json(airlock.Told(release))
	})
}

// gathered is what a release is made of, before it is decided.
type gathered struct {
	job   book.Job
	files []narthex.ReleaseFile
	raw   []airlock.Raw // as the job left them
	leave []airlock.Raw // as they would leave
	mark  string        // the print of the secret with which artefacts were marked
	call  releaseCall
	seen  map[narthex.ReleaseID]bool // the releases that it was compared with
	rules []ruled                    // standing rules by which it might leave
}

// reader is who a release would be for, and the secret with which artefacts are marked for them.
type reader struct {
	holder
	secret narthex.Secret
}

func (v *visit) ask(in client.SubmitRelease) (narthex.Release, error) {
	var none narthex.Release
	if no := v.door.noJobs(); no != nil {
		return none, v.denyUnread(no)
	}
	if err := person(v.key); err != nil {
		return none, v.denyUnread(err)
	}
	g, err := v.gather(in)
	if err != nil {
		return none, v.denyUnread(err)
	}
	// What is handed in meanwhile would have to be compared with it, so nothing is: else who asks again and again would keep others from it.
	var release narthex.Release
	err = v.door.Hall.alone(v.r.Context(), g.call.asset, func() error {
		release, err = v.look(g)
		return err
	})
	if err != nil && v.r.Context().Err() != nil {
		err = narthex.Unavailablef("It was not its turn before the time was over, so nothing may have been submitted. `narthex release list` says; try again.").Because(err)
	}
	return release, err
}

// look has files looked into, and records that they want to leave.
func (v *visit) look(g gathered) (release narthex.Release, err error) {
	none := release
	// A look takes time and memory of this host, so what is denied is not looked into; it is decided again when it is recorded.
	task, folders := airlock.Task{Look: true, Files: g.raw}, []string(nil)
	allowed, err := v.wouldAllow(g.call, func(a *attempt) (err error) {
		folders, task.Held = []string{a.version.Folder}, a.asset.Canaries
		if a.against.Name != "" {
			folders = append(folders, a.against.Folder)
		}
		task.People = a.tellsOfPeople(g.call.attribute)
		if err := a.roomForRelease(g); err != nil {
			return err
		}
		g.seen, err = compareWith(a.tx, &task, a.asset.Name, a.h.person.ID)
		return err
	})
	if err != nil {
		return none, err
	}
	var answer airlock.Answer
	if allowed {
		if err := v.door.Hall.takeTurn(g.job.Grant, v.door.Journal.Now()); err != nil {
			return none, v.denyUnread(err)
		}
		if answer, err = v.door.Hall.examine(v.r.Context(), task, folders...); err != nil {
			return none, v.denyUnread(narthex.Unavailablef("The files could not be looked into, so nothing was submitted. Try again; tell the lab if it stays so.").Because(err))
		}
	}
	err = v.door.Hall.tidy.keep(func() error { // what is stored waits for its entry
		if allowed {
			if err := v.keepMarked(g); err != nil {
				return err
			}
		}
		kept, err := v.keepSketch(answer.Sketch)
		if err != nil {
			return v.denyUnread(err)
		}
		return v.decide(g.call, func(a *attempt) (err error) {
			if !allowed {
				return narthex.Unavailablef("What the release rests on changed at this moment; try again.")
			}
			release, err = a.takeRelease(g, answer.Findings, kept)
			return err
		})
	})
	return release, err
}

// tellsOfPeople says whether records of people may lie behind what a job gives: by the asset, or by how the job ran beside it.
func (a *attempt) tellsOfPeople(attribute narthex.AttributeName) bool {
	by, _ := a.rules.Directory.Taxonomy.Attribute(attribute)
	return slices.ContainsFunc(slices.Concat(a.asset.Leak, by.Leak), func(class narthex.LeakClass) bool { return class == "stat" || class == "pers" })
}

// person refuses the key of an agent.
func person(key *narthex.Key) error {
	if key.Actor != narthex.Human {
		return narthex.Refusedf("An agent's key takes nothing out. A person does, with a key of their own: `narthex key mint`.")
	}
	return nil
}

// gather reads what the request names, and holds it to what was frozen.
func (v *visit) gather(in client.SubmitRelease) (g gathered, err error) {
	err = v.door.Journal.View(v.r.Context(), func(tx *journal.Tx) error {
		g = gathered{}
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		if g.job, err = jobOf(tx, h, string(in.Job)); err != nil {
			return narthex.AsError(err).For("job")
		}
		if !g.job.ClearedAt.IsZero() {
			return errCleared()
		}
		if g.job.Package == nil || len(g.job.Package.Files) == 0 {
			return narthex.Conflictf("The job left nothing that may leave. `narthex job show %s` says what became of it.", g.job.ID).For("job")
		}
		return g.chooseByRule(tx, reader{h, v.door.Marks}, in)
	})
	g.call.charge = airlock.Charge(g.leave) // which takes its time, and no transaction waits for it
	return g, err
}

// choose takes the files that are named, with what is said of each.
func (g *gathered) choose(tx *journal.Tx, of reader, wanted []client.WantedFile) error {
	if len(wanted) == 0 {
		return narthex.Invalidf("Name at least one file of the job's package, and say of each what it holds.").For("files")
	}
	at := -1
	for i, w := range wanted {
		field := "files." + strconv.Itoa(i)
		n := slices.IndexFunc(g.job.Package.Files, func(f narthex.Frozen) bool { return f.Name == w.Name })
		if n < 0 {
			return narthex.Invalidf("The job's package has no such file.").For(field + ".name")
		}
		if n <= at {
			return narthex.Invalidf("Files stand in the package's order, each once.").For(field + ".name")
		}
		if length := utf8.RuneCountInString(w.Context); length < 20 || length > mostContext || airlock.CheckWords(w.Context) != nil {
			return narthex.Invalidf("Of each file say in 20 to %d plain characters what its values are, of how many, and how they follow from earlier releases.", mostContext).For(field + ".context")
		}
		at = n
		file := g.job.Package.Files[n]
		data, err := book.ReadBlob(tx, file.Digest)
		if err != nil {
			return err
		}
		raw, unread := airlock.Raw{Name: file.Name, Kind: file.Kind, Data: data}, !airlock.Checkable(file.Kind)
		if i > 0 && unread != g.call.unread {
			return narthex.Invalidf("Artefacts leave in a release of their own, for more people look at it and it costs of another budget. Ask for %s apart from the others.", file.Name).For(field + ".name")
		}
		g.raw, g.call.unread = append(g.raw, raw), unread
		if unread {
			if err := g.marked(of, raw, w.Context, file); err != nil {
				return err
			}
			continue
		}
		g.leave, g.files = append(g.leave, raw), append(g.files, narthex.ReleaseFile{Frozen: file, Context: w.Context})
		if artefact := artefactOf(file.Kind); !slices.Contains(g.call.artefacts, artefact) {
			g.call.artefacts = append(g.call.artefacts, artefact)
		}
	}
	slices.Sort(g.call.artefacts)
	g.call.asset, g.call.version, g.call.attribute = g.job.Plan.Asset, g.job.Plan.Version, g.job.Plan.Attribute
	g.call.against = g.job.Plan.Against
	return nil
}

// ReleaseBytes gives the files of a release as they were frozen; bytes that are not those are an error, and so are files that are not the
// package's, or of which another package was voted on.
func ReleaseBytes(tx *journal.Tx, r narthex.Release) ([]airlock.Raw, error) {
	if digest, err := airlock.PackageDigest(r.Files); err != nil || digest != r.Package || slices.ContainsFunc(r.Votes, func(v narthex.ReleaseVote) bool { return v.Saw != r.Package }) {
		return nil, fmt.Errorf("a release is not the package that it was: %w", errors.Join(store.ErrDamaged, err))
	}
	files := make([]airlock.Raw, 0, len(r.Files))
	for _, f := range r.Files {
		data, err := book.ReadBlob(tx, f.Digest)
		if err != nil {
			return nil, err
		}
		files = append(files, airlock.Raw{Name: f.Name, Kind: f.Kind, Data: data})
	}
	return files, nil
}

// takeRelease records a release that is allowed.
func (a *attempt) takeRelease(g gathered, findings []narthex.Finding, kept narthex.Frozen) (narthex.Release, error) {
	var none narthex.Release
	if err := a.roomForRelease(g); err != nil {
		return none, err
	}
	job, err := journal.Get[book.Job](a.tx, store.Jobs, string(g.job.ID))
	if err != nil {
		return none, err
	}
	if job == nil || !job.ClearedAt.IsZero() { // while it was looked into
		return none, errCleared()
	}
	if err := sawAll(a.tx, g.call.asset, g.seen); err != nil {
		return none, err
	}
	if finding, large := a.small(g); large {
		findings = append(slices.Clone(findings), finding)
	}
	rule, unfit, err := a.byRule(g, findings, a.reviewers(g))
	if err != nil {
		return none, err
	}
	if rule != nil {
		g.files = inRule(g.files, rule.RuleTerms)
	}
	digest, err := airlock.PackageDigest(g.files)
	if err != nil {
		return none, err
	}
	holds, fields, err := a.take()
	if err != nil {
		return none, err
	}
	row := book.Release{Release: narthex.Release{Job: g.job.ID, Grant: a.h.grant.ID, Engagement: a.h.grant.Engagement, Agreement: a.h.grant.Agreement, Key: a.h.key.ID, Author: a.h.person.ID,
		Asset: g.call.asset, Version: g.job.Plan.Version, Package: digest, Files: g.files, Mark: g.mark, Charge: g.call.charge, Reviewers: a.reviewers(g), Findings: append([]narthex.Finding{}, findings...), Sketch: kept, State: narthex.ReleaseSubmitted, Unfit: unfit}, Holds: holds}
	form, err := canon.JSON(airlock.Taken(row.Release))
	if err != nil {
		return none, err
	}
	index, err := a.tx.Append(narthex.EntryReleaseTaken, append(fields, narthex.CanonicalField("release", string(form)))...)
	if err != nil {
		return none, err
	}
	row.ID, row.TakenAt = narthex.MakeReleaseID(index), a.tx.Now()
	if rule != nil {
		return a.leave(row, *rule)
	}
	if err := a.v.door.Bell.tellRelease(a.tx, row.Release, "", row.Author, index); err != nil {
		return none, err
	}
	if err := journal.Put(a.tx, store.Releases, string(row.ID), &row); err != nil {
		return none, err
	}
	reviewers, err := a.v.door.Bell.Reviewers(a.tx)
	if err != nil {
		return none, err
	}
	row, _, err = a.v.door.Bell.Attend(a.tx, row, reviewers)
	return row.Release, err
}

// roomForRelease refuses one more release where as many wait as may, or where files of the same job wait.
func (a *attempt) roomForRelease(g gathered) error {
	open, err := book.Listed[book.Release](a.tx, store.Releases, listing.OpenReleases, mostListed)
	if err != nil {
		return err
	}
	mine := 0
	for _, r := range open {
		if r.Grant != a.h.grant.ID {
			continue
		}
		if mine++; r.Job == g.job.ID && r.Author == a.h.person.ID {
			return narthex.Conflictf("Files of this job wait in %s. Edit that release, or withdraw it.", r.ID).For("job")
		} else if r.Job == g.job.ID {
			return narthex.Conflictf("Files of this job wait in a release of another member's. Ask them.").For("job")
		}
	}
	if mine >= mostReleases {
		return &narthex.Error{Kind: narthex.Exhausted, Code: "too_many_at_once", Public: "As many releases of this grant wait as may. Let one be decided, or withdraw one."}
	}
	if len(open) >= mostListed {
		return narthex.Unavailablef("As many releases wait on this node as may. Try again when some are decided.")
	}
	return nil
}

// ChangeRelease does an act on a release with its entry, settles what it holds once it is decided, and tells of it.
func (b Bell) ChangeRelease(tx *journal.Tx, row book.Release, e airlock.ReleaseEvent) (book.Release, error) {
	next, err := airlock.NextRelease(row.Release, e, tx.Now())
	if err != nil {
		return row, err
	}
	form, err := canon.JSON(airlock.RecordedEvent(e))
	if err != nil {
		return row, err
	}
	index, err := tx.Append(narthex.EntryReleaseChanged, narthex.TextField("release", row.ID), narthex.TextField("grant", row.Grant), narthex.CanonicalField("event", string(form)))
	if err != nil {
		return row, err
	}
	was := row.State
	row.Release = next
	if next.State.Over() && !was.Over() {
		if err := book.Settle(tx, row.Author, row.Holds, airlock.ReleaseUsed(next)); err != nil {
			return row, err
		}
	}
	if err := b.tellRelease(tx, next, e.Act, e.By, index); err != nil {
		return row, err
	}
	return row, journal.Put(tx, store.Releases, string(row.ID), &row)
}

// ReleaseStopped gives the code of what stops a release from being decided or fetched, or "".
func ReleaseStopped(tx *journal.Tx, r narthex.Release) string {
	return stops(tx, r.Grant, r.Key, r.Asset)
}

// stopReleases withdraws the releases that wait and whose key may be used no longer.
func (h *Hall) stopReleases(ctx context.Context) error {
	var stopped []narthex.ReleaseID
	err := h.Journal.View(ctx, func(tx *journal.Tx) error {
		stopped = nil
		open, err := book.Listed[book.Release](tx, store.Releases, listing.OpenReleases, mostListed)
		for _, r := range open {
			if ReleaseStopped(tx, r.Release) != "" {
				stopped = append(stopped, r.ID)
			}
		}
		return err
	})
	for _, id := range stopped {
		if err != nil {
			break
		}
		err = h.Journal.Update(ctx, func(tx *journal.Tx) error {
			r, err := journal.Get[book.Release](tx, store.Releases, string(id))
			if err != nil || r == nil || r.State.Over() {
				return err
			}
			code := ReleaseStopped(tx, r.Release)
			if code == "" || code == narthex.Unavailable.String() {
				return nil
			}
			_, err = h.Bell.ChangeRelease(tx, *r, airlock.ReleaseEvent{Act: airlock.Stop, Code: code})
			return err
		})
	}
	return err
}

// releaseOf gives a release of the holder's own; any other is as if absent.
func releaseOf(tx *journal.Tx, h holder, id string) (book.Release, error) {
	if _, err := narthex.ReleaseID(id).Index(); err != nil {
		return book.Release{}, narthex.WithheldError()
	}
	row, err := journal.Get[book.Release](tx, store.Releases, id)
	if err != nil {
		return book.Release{}, err
	}
	if row == nil || row.Grant != h.grant.ID || row.Author != h.person.ID || !h.sees(row.Asset) {
		return book.Release{}, narthex.WithheldError()
	}
	return *row, nil
}

// Releases serves GET /v1/releases: those of the key's person under its grant.
func (d *Door) Releases() http.Handler {
	return d.Handler(func(v *visit) error {
		list := client.ReleaseList{}
		err := v.read("releases", func(tx *journal.Tx, h holder) *narthex.Error {
			list.Releases = []narthex.Release{}
			rows, err := book.Latest[book.Release](tx, store.Releases, listing.ReleasesOf(h.grant.ID), mostListed)
			for _, r := range rows {
				if r.Author == h.person.ID && h.sees(r.Asset) {
					list.Releases = append(list.Releases, airlock.Told(r.Release))
				}
			}
			if err != nil {
				return narthex.AsError(err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(list)
	})
}

// Release serves GET /v1/releases/{release}.
func (d *Door) Release() http.Handler {
	return d.Handler(func(v *visit) error {
		var release narthex.Release
		err := v.read("release", func(tx *journal.Tx, h holder) *narthex.Error {
			row, err := releaseOf(tx, h, path.Base(v.r.URL.Path))
			if err != nil {
				return narthex.AsError(err)
			}
			release = airlock.Told(row.Release)
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(release)
	})
}

// WithdrawRelease serves POST /v1/releases/{release}/withdraw.
func (d *Door) WithdrawRelease() http.Handler {
	return d.Handler(func(v *visit) error {
		if _, err := readBody[struct{}](v, 1<<10); err != nil {
			return err
		}
		return v.changeRelease(func(_ *journal.Tx, _ book.Release, h holder) (airlock.ReleaseEvent, error) {
			return airlock.ReleaseEvent{Act: airlock.Withdraw, By: h.person.ID}, nil
		})
	})
}

// EditRelease serves POST /v1/releases/{release}/edit: files are left out, or more is said of them, and what reviewers said is void.
func (d *Door) EditRelease() http.Handler {
	return d.Handler(func(v *visit) error {
		in, err := readBody[client.EditRelease](v, 256<<10)
		if err != nil {
			return err
		}
		// What a job left is what it is, so its files are read and charged before the change: nobody waits for that.
		g, unread := v.regather(path.Base(path.Dir(v.r.URL.Path)), in.Files)
		return v.changeRelease(func(tx *journal.Tx, row book.Release, h holder) (airlock.ReleaseEvent, error) {
			if err := person(h.key); err != nil {
				return airlock.ReleaseEvent{}, err
			}
			if unread != nil {
				return airlock.ReleaseEvent{}, unread
			}
			digest, err := airlock.PackageDigest(g.files)
			return airlock.ReleaseEvent{Act: airlock.Edit, By: h.person.ID, Package: digest, Files: g.files, Charge: min(g.call.charge, row.Charge)}, err
		})
	})
}

// regather reads files of the job of a release, and what they cost.
func (v *visit) regather(id string, wanted []client.WantedFile) (g gathered, err error) {
	err = v.door.Journal.View(v.r.Context(), func(tx *journal.Tx) error {
		g = gathered{}
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		row, err := releaseOf(tx, h, id)
		if err != nil {
			return err
		}
		if g.job, err = jobOf(tx, h, string(row.Job)); err != nil {
			return err
		}
		return g.choose(tx, reader{h, v.door.Marks}, wanted)
	})
	g.call.charge = airlock.Charge(g.leave)
	return g, err
}

// changeRelease does an act of the author's on a release.
func (v *visit) changeRelease(event func(*journal.Tx, book.Release, holder) (airlock.ReleaseEvent, error)) error {
	id := path.Base(path.Dir(v.r.URL.Path))
	var row book.Release
	err := v.update(func(tx *journal.Tx) error {
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		if err := v.paced(tx, h); err != nil {
			return err
		}
		if err := h.usable(tx, ""); err != nil {
			return err
		}
		if row, err = releaseOf(tx, h, id); err != nil {
			return err
		}
		e, err := event(tx, row, h)
		if err == nil {
			row, err = v.door.Bell.ChangeRelease(tx, row, e)
		}
		if err != nil || e.Act != airlock.Edit {
			return err
		}
		reviewers, err := v.door.Bell.Reviewers(tx)
		if err == nil {
			row, _, err = v.door.Bell.Attend(tx, row, reviewers)
		}
		return err
	})
	if err != nil {
		return err
	}
	return v.json(airlock.Told(row.Release))
}

// FetchRelease serves GET /v1/releases/{release}/package: the bytes that were reviewed, to the key of their author, with the record of what
// was checked.
func (d *Door) FetchRelease() http.Handler {
	return d.Handler(func(v *visit) error {
		if err := d.Published.Ready(); err != nil {
			return err
		}
		id := path.Base(path.Dir(v.r.URL.Path))
		out := client.ReleasePackage{Files: []client.StudyFile{}}
		files, of, unread := v.released(id)
		for _, f := range files {
			out.Files = append(out.Files, client.StudyFile{Path: f.Name, Data: f.Data})
		}
		err := v.update(func(tx *journal.Tx) error {
			h, err := v.hold(tx)
			if err != nil {
				return err
			}
			if err := v.paced(tx, h); err != nil {
				return err
			}
			row, err := releaseOf(tx, h, id)
			if err != nil {
				return err
			}
			if err := person(h.key); err != nil {
				return err
			}
			if err := h.usable(tx, row.Asset); err != nil {
				return err
			}
			if row, err = d.Bell.ChangeRelease(tx, row, airlock.ReleaseEvent{Act: airlock.Fetch, By: h.person.ID}); err != nil {
				return err
			}
			if unread != nil {
				return narthex.Unavailablef("The files are not those that were reviewed, so nothing is given out. Tell the lab.").Because(unread)
			}
			if of != row.Package {
				return narthex.Unavailablef("It was released at this moment, so its files were not read yet; try again.")
			}
			job, err := jobOf(tx, h, string(row.Job))
			if err != nil {
				return err
			}
			out.Release = airlock.Told(row.Release)
			out.Record, err = d.record(row.Release, job.Job)
			return err
		})
		if err != nil {
			return err
		}
		return v.json(out)
	})
}

// released reads the bytes of a release and the digest of their package, before it is known whether they may be given out: nobody waits for
// that.
func (v *visit) released(id string) (files []airlock.Raw, of narthex.Digest, err error) {
	err = v.door.Journal.View(v.r.Context(), func(tx *journal.Tx) error {
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		row, err := releaseOf(tx, h, id)
		if err != nil || row.State != narthex.ReleaseReleased {
			return err
		}
		of = row.Package
		files, err = ReleaseBytes(tx, row.Release)
		return err
	})
	return files, of, err
}

// record makes the signed record of a release.
func (d *Door) record(r narthex.Release, job narthex.Job) ([]byte, error) {
	return airlock.Record(r, job, d.LogKey, d.Journal.Sign)
}
