package cli

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/ledger"
)

func (a *app) jobReview() *cobra.Command {
	return a.group("review", "Read studies before they run, as one of those who decide",
		a.command(leaf{use: "list", short: "List the studies that wait for approval, as far as you may decide on them", example: "narthex job review list",
			run: func(ctx context.Context, _ []string) error { return a.studyList(ctx) }}),
		a.studyView(), a.studyVote())
}

func (a *app) studyList(ctx context.Context) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.Studies(ctx)
	if err != nil {
		return err
	}
	t := newTable("JOB", "ENGAGEMENT", "BESIDE", "ENVIRONMENT", "SINCE", "NEXT")
	for _, j := range list.Jobs {
		next := "narthex job review view " + string(j.ID)
		if len(j.Votes) > 0 {
			next = "others decide: you have voted"
		}
		t.row(string(j.ID), string(j.Engagement), string(j.Plan.Asset)+"@"+string(j.Plan.Version), string(j.Plan.Environment), day(j.TakenAt), next)
	}
	return a.list(list, t, "no study waits for approval; `narthex work` shows what else waits for you")
}

func (a *app) studyView() *cobra.Command {
	var l looking
	c := a.command(leaf{
		use: "view JOB", short: "Look at a study as it is frozen, as one of those who decide",
		long: `Look at a study as it is frozen: what it runs and in what, what it may write, and its files. Every character of a file but printable ASCII
is shown as \u{…}, so that nothing in it moves the cursor, hides, or passes for something else. With --out, all of it is written so to a
new folder, under names that end in .txt.

That you look is an entry of the ledger. A vote names the digest of the plan, which binds all of this. It is remembered where you were
shown all of it, or had it written; else copy it to --saw.`,
		example: "narthex job review view job_17 --out look\nnarthex job review view job_17 --file study.py --from 201",
		run: func(ctx context.Context, args []string) error {
			id, err := jobID(args[0])
			if err != nil {
				return err
			}
			return a.viewStudy(ctx, id, l)
		}})
	f := c.Flags()
	f.StringVar(&l.file, "file", "", "this file only")
	f.StringVar(&l.out, "out", "", "write what is looked at to this new folder")
	f.IntVar(&l.from, "from", 1, "from which line of a file")
	f.IntVar(&l.lines, "lines", usualLines, "how many lines of a file at once")
	return c
}

func (a *app) viewStudy(ctx context.Context, id narthex.JobID, l looking) error {
	if l.from < 1 || l.lines < 1 || l.lines > mostLines {
		return problem(narthex.Invalid, fmt.Sprintf("give --from a line from 1 on, and --lines at most %d", mostLines), "that is no part of a file")
	}
	if l.out != "" {
		if err := newFolder(l.out); err != nil {
			return err
		}
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	pack, err := c.Study(ctx, id)
	if err != nil {
		return err
	}
	if err := checkStudy(pack); err != nil {
		return err
	}
	if pack.Job.ID != id {
		return problem(narthex.Conflict, "look again, and tell the operators", "the node shows another job than %s", id)
	}
	part, err := l.chooseOf(pack)
	if err != nil {
		return err
	}
	if l.out != "" {
		if err := writeFolder(l.out, flat(safeForms(part))); err != nil {
			return err
		}
	}
	whole := len(part) == len(pack.Files) && (a.json || l.out != "")
	err = a.show(pack, func(page *page) {
		cut := writeStudy(page, pack, part, l)
		whole = whole || len(part) == len(pack.Files) && !cut
		writeHowToApprove(page, pack, whole)
	})
	if err == nil && whole {
		err = p.saw(studySeen(id), pack.Plan)
	}
	return err
}

// studySeen is the name under which the digest of a plan that was shown is kept.
func studySeen(id narthex.JobID) string { return "study " + string(id) }

// flat gives files names without folders.
func flat(files []client.StudyFile) []client.StudyFile {
	for i, f := range files {
		files[i].Path = strings.ReplaceAll(f.Path, "/", "__")
	}
	return files
}

// chooseOf gives the files of a study that are looked at.
func (l looking) chooseOf(pack client.StudyPackage) ([]shownFile, error) {
	var part []shownFile
	var names []string
	for _, f := range pack.Files {
		names = append(names, f.Path)
		if l.file == "" || l.file == f.Path {
			part = append(part, shownFile{narthex.ReleaseFile{Frozen: narthex.Frozen{Name: f.Path, Bytes: int64(len(f.Data)), Digest: digestOfBytes(f.Data)}}, f.Data})
		}
	}
	if len(part) == 0 {
		return nil, problem(narthex.Invalid, "it has "+some(names, 20), "%s has no file %q", pack.Job.ID, l.file)
	}
	return part, nil
}

// checkStudy holds what a node shows to the digests that it would have people vote on.
func checkStudy(pack client.StudyPackage) error {
	var list []narthex.Frozen
	wrong := false
	for _, f := range pack.Files {
		list = append(list, narthex.Frozen{Name: f.Path, Bytes: int64(len(f.Data)), Digest: digestOfBytes(f.Data)})
		for part := range strings.SplitSeq(f.Path, "/") {
			wrong = wrong || !plainName(part)
		}
		wrong = wrong || path.Clean(f.Path) != f.Path
	}
	study, err := airlock.FrozenDigest(list)
	wrong = wrong || err != nil || study != pack.Job.Plan.Study
	plan, err := airlock.PlanDigest(pack.Job.Plan)
	if wrong || err != nil || plan != pack.Plan {
		return &ledger.TamperError{Index: -1, What: "The node shows another study than the one that it would have you vote on"}
	}
	return nil
}

// writeStudy writes a study for a reviewer, and says whether something of its files was not shown.
func writeStudy(p *page, pack client.StudyPackage, part []shownFile, l looking) (cut bool) {
	j := pack.Job
	plan := j.Plan
	pairs := [][2]string{{"job", string(j.ID)}, {"state", strings.ReplaceAll(string(j.State), "_", " ")}, {"engagement", string(j.Engagement)}, {"author", string(j.Person)},
		{"beside", beside(plan, whole)}, {"in", fmt.Sprintf("%s, %s", plan.Environment, plan.EnvironmentDigest)},
		{"runs", visible(strings.Join(plan.Command, " "))}, {"for", fmt.Sprintf("%s, %s of processor time, %d MB", count(int(plan.WallMinutes), "minute"), count(int(plan.CPUMinutes), "minute"), plan.MemoryMB)}}
	if plan.Devices > 0 {
		pairs = append(pairs, [2]string{"devices", fmt.Sprintf("%d of %s", plan.Devices, plan.Device)})
	}
	p.fields(append(pairs, [2]string{"decided by", people(airlock.MustApprove(plan))}, [2]string{"since", day(j.TakenAt)})...)
	p.heading("What it may write; it leaves by a release alone")
	t := newTable("FILE", "KIND", "SAYS")
	for _, o := range plan.Outputs {
		t.row(o.Name, o.Kind, visible(o.Says))
	}
	p.table(t)
	for _, f := range part {
		p.heading(fmt.Sprintf("%s, %s, %s", f.Name, count(int(f.Bytes), "byte"), f.Digest))
		cut = writeText(p, f, l) || cut
	}
	for _, v := range j.Votes {
		p.heading(strings.TrimSpace(fmt.Sprintf("%s as %s, %s %s", map[bool]string{true: "Approved", false: "Returned"}[v.Approves], strings.ReplaceAll(string(v.As), "_", " "), day(v.At), v.By)))
		for _, said := range []string{v.Comment, v.Note} {
			if said != "" {
				p.block(visible(said))
			}
		}
	}
	return cut
}

// writeHowToApprove says on what a vote is, and how it is cast.
func writeHowToApprove(p *page, pack client.StudyPackage, whole bool) {
	p.blank()
	p.fields([2]string{"plan", string(pack.Plan)})
	if pack.Job.State != narthex.JobInReview {
		p.line("nothing is to be decided of it now: it is %s", pack.Job.State)
		return
	}
	saw := ""
	if !whole {
		p.line("you were not shown all of it: have it written with --out DIR, or name the digest in the vote")
		saw = " --saw " + string(pack.Plan)
	}
	p.line("next: narthex job review vote %s%s --approve", pack.Job.ID, saw)
	p.line("      narthex job review vote %s%s --return --comment 'what stands against it'", pack.Job.ID, saw)
}

func (a *app) studyVote() *cobra.Command {
	var saw, comment, note string
	var approve, back bool
	c := a.command(leaf{
		use: "vote JOB", short: "Say that a study may run, or return it",
		long: `Say of the study that you looked at that it may run, or return it with words to its author: then it does not run, and they hand in
another. Two people approve, or as many as the agreement says, and none is shown what the others said. The comment is for the author,
the note for reviewers.

The vote names the digest of the plan that "narthex job review view" showed you whole, or the one that you give with --saw. With it you
declare that you have no interest in its author, a member or their organisation; where you have one, declare that instead: narthex
interests add.`,
		example: "narthex job review view job_17 --out look\nnarthex job review vote job_17 --approve\nnarthex job review vote job_17 --return --comment 'line 40 writes the weights themselves'",
		run: func(ctx context.Context, args []string) error {
			id, err := jobID(args[0])
			switch {
			case err != nil:
				return err
			case approve == back:
				return problem(narthex.Invalid, "give --approve, or --return with --comment", "a vote says one thing of a study")
			case back && comment == "":
				return problem(narthex.Invalid, "give it with --comment; the author reads it", "what is sent back says what stands against it")
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			digest, err := seen(p, studySeen(id), saw, "narthex job review view "+string(id)+" --out DIR")
			if err != nil {
				return err
			}
			a.say("you declare with it that you have no interest in the author, a member or their organisation")
			in, do := client.VoteStudy{Saw: digest, Comment: comment, Note: note}, c.ApproveStudy
			if back {
				do = c.ReturnStudy
			}
			job, err := do(ctx, id, in)
			if err != nil {
				return err
			}
			return a.show(job, func(page *page) {
				switch job.State {
				case narthex.JobQueued:
					page.line("approved %s: it waits for its turn", id)
				case narthex.JobReturned:
					page.line("sent %s back to its author; it does not run, and what was reserved for it is given back", id)
				default:
					page.line("approved %s; it waits for %s in all", id, people(airlock.MustApprove(job.Plan)))
				}
			})
		}})
	f := c.Flags()
	f.StringVar(&saw, "saw", "", "the digest of the plan that you looked at")
	f.BoolVar(&approve, "approve", false, "it may run")
	f.BoolVar(&back, "return", false, "it does not run; its author reads why")
	f.StringVar(&comment, "comment", "", "for the author")
	f.StringVar(&note, "note", "", "for reviewers")
	return c
}
