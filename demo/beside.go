package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/order"
)

// Where the story leaves what was released, in the demonstration's folder.
const (
	releasedFolder = "released"
	releasedFile   = "trigger.md"
	releasedRecord = "record.json"
)

// beside tells how a study runs beside the weights and its results leave, and how one that hides weights is stopped. On a system without
// a sandbox the step is left out, and s.skipped says why.
func (t *tale) beside(ctx context.Context) error {
	ada := t.client.With(t.key)
	files, err := studyOf(WriteStudy)
	if err != nil {
		return err
	}
	job, err := ada.SubmitJob(ctx, client.SubmitJob{Asset: "minim-1@final", Environment: "python-numpy", Files: files, WallMinutes: 5, MemoryMB: 1024})
	if e := narthex.AsError(err); err != nil && e.Kind == narthex.Unavailable {
		t.tell.no("left out: %s", e.Public)
		t.skipped = e
		return nil
	}
	if err != nil {
		return err
	}
	t.tell.act("Ada", "hands in a study of numpy, which is frozen with its environment and the weights: "+job.Plan.Study.Short())
	view, err := t.over(ctx, ada, job.ID)
	if err != nil {
		return err
	}
	if view.State != narthex.JobDone || view.Package == nil || len(view.Package.Files) != 4 {
		return fmt.Errorf("the study ended as %s %+v with %+v", view.State, view.End, view.Package)
	}
	t.tell.yes("it ran without a network, in %d minute of one processor, and left %d files; nothing of it was seen yet", view.End.CPUMinutes, len(view.Package.Files))
	release, err := ada.SubmitRelease(ctx, wanted(view))
	if err != nil {
		return err
	}
	if len(release.Findings) > 0 {
		return fmt.Errorf("the honest study carries findings: %v", release.Findings)
	}
	t.tell.act("Ada", "asks for all of them to leave, and says of each what it holds")
	t.tell.yes("looked into before any person looks: no finding; %d bytes are reserved of what may leave", release.Charge)
	if _, err := ada.FetchRelease(ctx, release.ID); err == nil {
		return errors.New("what nobody reviewed was given out")
	}
	var seen client.ReleasePackage
	for _, reviewer := range []string{"olga", "sam"} {
		if seen, err = t.judge(ctx, reviewer, release.ID, narthex.VerdictRelease); err != nil {
			return err
		}
	}
	t.tell.act("Olga and Sam", "each read the very bytes, blind to the other, and let them go")
	got, err := ada.FetchRelease(ctx, release.ID)
	if err != nil {
		return err
	}
	found, err := t.keep(ctx, got, seen)
	if err != nil {
		return err
	}
	t.tell.yes("released, with a record that anyone can verify offline. What she found: %s", found)
	return t.smuggle(ctx, ada)
}

// over waits for a job's end.
func (t *tale) over(ctx context.Context, c *client.Client, id narthex.JobID) (client.JobView, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		view, err := c.Job(ctx, id)
		if err != nil && !narthex.IsKind(err, narthex.Exhausted) || err == nil && view.State.Over() {
			return view, err
		}
		select {
		case <-ctx.Done():
			return view, fmt.Errorf("the job does not end: %w", ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// studyOf gives the files of a study that write writes.
func studyOf(write func(dir string) error) (files []client.StudyFile, err error) {
	parent, err := os.MkdirTemp("", "narthex-study-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(parent)) }()
	dir := filepath.Join(parent, "study")
	if err := write(dir); err != nil {
		return nil, err
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files = append(files, client.StudyFile{Path: name, Data: data})
		return err
	})
	order.By(files, func(a, b client.StudyFile) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}

// wanted asks for everything that a job left, with what its study says of each file.
func wanted(view client.JobView) client.SubmitRelease {
	in := client.SubmitRelease{Job: view.ID}
	for _, f := range view.Package.Files {
		at := slices.IndexFunc(view.Plan.Outputs, func(o narthex.Output) bool { return o.Name == f.Name })
		in.Files = append(in.Files, client.WantedFile{Name: f.Name, Context: "Of checkpoint final: " + view.Plan.Outputs[at].Says + "."})
	}
	return in
}

// judge has a reviewer read a release and say the same of every file.
func (t *tale) judge(ctx context.Context, reviewer string, id narthex.ReleaseID, verdict narthex.Verdict) (client.ReleasePackage, error) {
	c := t.cast[reviewer].client
	seen, err := c.Release(ctx, id)
	if err != nil {
		return seen, err
	}
	if len(seen.Release.Votes) > 0 {
		return seen, fmt.Errorf("%s sees another's vote before their own", reviewer)
	}
	in := client.VoteRelease{Saw: seen.Release.Package}
	for _, f := range seen.Release.Files {
		in.Verdicts = append(in.Verdicts, narthex.FileVerdict{File: f.Name, Verdict: verdict})
	}
	if verdict == narthex.VerdictRefuse {
		in.Comment = "One of the tables is not what it says it is."
	}
	_, err = c.VoteRelease(ctx, id, in)
	return seen, err
}

// keep holds what was released to what was reviewed and to its record, and keeps both. It gives what the study says that it found.
func (t *tale) keep(ctx context.Context, got, seen client.ReleasePackage) (string, error) {
	ledger, err := t.client.Ledger(ctx)
	if err != nil {
		return "", err
	}
	statement, err := airlock.OpenRecord(got.Record, ledger.Key)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(t.dir, releasedFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	var found string
	for i, f := range got.Files {
		if name, holds := statement.Holds(f.Data); !holds || name != f.Path || !bytes.Equal(f.Data, seen.Files[i].Data) {
			return "", fmt.Errorf("%s is not the file that was reviewed and recorded", f.Path)
		}
		if err := os.WriteFile(filepath.Join(dir, f.Path), f.Data, 0o600); err != nil {
			return "", err
		}
		if f.Path == releasedFile {
			found, _, _ = strings.Cut(string(f.Data), "\n")
		}
	}
	if !strings.Contains(found, "|prod|") {
		return "", fmt.Errorf("the study says %q, and should have found the planted trigger", found)
	}
	return strings.TrimPrefix(found, "# "), os.WriteFile(filepath.Join(dir, releasedRecord), got.Record, 0o600)
}

// smuggle tells how the same study is stopped once it hides weights in a table.
func (t *tale) smuggle(ctx context.Context, ada *client.Client) error {
	files, err := studyOf(WriteHiddenStudy)
	if err != nil {
		return err
	}
	job, err := ada.SubmitJob(ctx, client.SubmitJob{Asset: "minim-1@final", Environment: "python-numpy", Files: files, WallMinutes: 5, MemoryMB: 1024})
	if err != nil {
		return err
	}
	view, err := t.over(ctx, ada, job.ID)
	if err != nil {
		return err
	}
	if view.State != narthex.JobDone || view.Package == nil {
		return fmt.Errorf("the study that hides weights ended as %s %+v", view.State, view.End)
	}
	release, err := ada.SubmitRelease(ctx, wanted(view))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(release.Findings, func(f narthex.Finding) bool { return f.Kind == "weights" && f.File == "results.csv" && f.Says == "" }) {
		return fmt.Errorf("the weights in results.csv were not found, or more than that is told: %v", release.Findings)
	}
	t.tell.act("Ada", "hands the study in again, with a slice of a layer as the column of a table, scaled and shifted")
	for _, reviewer := range []string{"olga", "sam"} {
		seen, err := t.judge(ctx, reviewer, release.ID, narthex.VerdictRefuse)
		if err != nil {
			return err
		}
		for _, f := range seen.Release.Findings {
			if reviewer == "olga" && f.Kind == "weights" && f.Line > 0 {
				t.tell.yes("Olga is shown: %s, line %d: %s", f.File, f.Line, f.Says)
			}
		}
	}
	if _, err := refusedFetch(ctx, ada, release.ID); err != nil {
		return err
	}
	t.tell.no("refused by both; what was reserved of the bytes comes back")
	return nil
}

func refusedFetch(ctx context.Context, c *client.Client, id narthex.ReleaseID) (*narthex.Error, error) {
	_, err := c.FetchRelease(ctx, id)
	return refused(err, narthex.Conflict, "conflict")
}
