package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/order"
	"narthex/internal/study"
)

const (
	mostStudyFiles = 200             // as a node takes them
	mostStudyBytes = 16 << 20        // of all files together
	pause          = 3 * time.Second // between two looks: a key has a number of readings a minute
	jobNext        = "`narthex job list` shows identifiers"
)

func (a *app) job() *cobra.Command {
	return a.group("job", "Run a study beside an asset that never leaves", a.jobTry(), a.jobSubmit(),
		a.command(leaf{use: "list", short: "List the jobs of the grant", example: "NARTHEX_KEY=nx_… narthex job list",
			run: func(ctx context.Context, _ []string) error { return a.jobList(ctx) }}),
		a.jobShow(),
		a.command(leaf{use: "cancel JOB", short: "Cancel a job, or end it where it runs", example: "NARTHEX_KEY=nx_… narthex job cancel job_17",
			run: func(ctx context.Context, args []string) error { return a.jobCancel(ctx, args[0]) }}),
		a.command(leaf{use: "environments", short: "List what jobs of the grant may run in", example: "NARTHEX_KEY=nx_… narthex job environments",
			run: func(ctx context.Context, _ []string) error { return a.jobEnvironments(ctx) }}),
		a.jobReview())
}

// byKey asks a node with the API key in NARTHEX_KEY; a key is no argument, where others could read it.
func byKey[T any](a *app, ask func(*client.Client) (T, error)) (T, error) {
	var none T
	key := a.env.Getenv("NARTHEX_KEY")
	if key == "" {
		return none, problem(narthex.Invalid, "set NARTHEX_KEY to it; `narthex key mint` makes one", "jobs and releases are asked for with an API key of their grant")
	}
	c, err := a.visitor()
	if err != nil {
		return none, err
	}
	answer, err := ask(c.With(key))
	if narthex.IsKind(err, narthex.Unauthenticated) {
		err = errNoKey()
	}
	return answer, err
}

func errNoKey() error {
	return problem(narthex.Unauthenticated, "mint another with `narthex key mint`", "the node does not take the key in NARTHEX_KEY: it is mistyped, over or revoked")
}

func jobID(text string) (narthex.JobID, error) {
	if _, err := narthex.JobID(text).Index(); err != nil {
		return "", problem(narthex.Invalid, jobNext, "that names no job")
	}
	return narthex.JobID(text), nil
}

func (a *app) jobSubmit() *cobra.Command {
	var in client.SubmitJob
	var environment string
	var devices int64
	var c *cobra.Command
	c = a.command(leaf{
		use: "submit DIR|FILE", short: "Hand in a folder, or a request, that is to run beside an asset",
		long: `Hand in a folder with a study: its code and its study.yaml, which says what it runs and which files it will write. The folder, the
environment and the asset's version are frozen to their digests; a difference on the node when it starts refuses the job. It runs
without a network, with the asset at /asset, the folder at /study, and what it writes at /out. Nothing comes out of it by itself but how
it ended, and where in your own files. What it wrote leaves with "narthex release new".

The folder has at most 200 plain files of 16 MB together, without links. Hidden files and Python's caches are left out, and said.

In an environment that takes requests (narthex job environments) a file stands in the folder's place, and no code: its name, which
statistics, of which tensors (all where none are named; * is one part of a name between dots), and to how many digits. With --against,
those of one version are of what lies between the two. What it gives is a table:

  name: what-training-changed
  statistics: [shape, l2, distance, singular_values]
  tensors: ["layers.*.q.weight"]
  top: 4
  digits: 3`,
		example: "NARTHEX_KEY=nx_… narthex job submit ./study --asset minim-1@final --environment python-numpy\nNARTHEX_KEY=nx_… narthex job submit ./study --asset minim-1@final --environment python-numpy --minutes 30 --memory-mb 512\nNARTHEX_KEY=nx_… narthex job submit ./request.yaml --environment weights-diff --asset minim-1@final --against minim-1@early",
		run: func(ctx context.Context, args []string) error {
			in.Environment = narthex.EnvironmentName(environment)
			if c.Flags().Changed("devices") {
				in.Devices = &devices
			}
			return a.submitJob(ctx, args[0], in)
		}})
	f := c.Flags()
	f.StringVar(&in.Asset, "asset", "", "what it studies, as ASSET@VERSION")
	f.StringVar(&environment, "environment", "", "what it runs in")
	f.StringVar(&in.Against, "against", "", "the version that a request compares it with, as ASSET@VERSION")
	f.Int64Var(&in.WallMinutes, "minutes", 0, "for how many minutes at most (else the environment's usual)")
	f.Int64Var(&in.MemoryMB, "memory-mb", 0, "in how much memory, in megabytes (else the environment's usual)")
	f.Int64Var(&devices, "devices", 0, "with how many devices of the environment's kind, for which it waits (else the environment's usual)")
	return c
}

// study reads the folder of a study that is to run beside an asset in an environment, and says what it leaves out.
func (a *app) study(dir, asset, environment string) (studyFolder, error) {
	switch {
	case asset == "":
		return studyFolder{}, problem(narthex.Invalid, "name it with --asset; `narthex grant show --key` says what the grant covers", "a job studies an asset")
	case environment == "":
		return studyFolder{}, problem(narthex.Invalid, "name one with --environment; `narthex job environments` lists them", "a job runs in an environment")
	}
	folder, err := readStudy(dir)
	if err == nil && len(folder.left) > 0 {
		a.say("left out: %s (hidden files and Python's caches are no part of a study)", some(folder.left, 10))
	}
	return folder, err
}

func (a *app) submitJob(ctx context.Context, dir string, in client.SubmitJob) error {
	folder, err := a.study(dir, in.Asset, string(in.Environment))
	if isFile(dir) && in.Asset != "" && in.Environment != "" {
		folder, err = readRequest(dir, in.Against != "")
	}
	if err != nil {
		return err
	}
	in.Files = folder.files
	view, err := byKey(a, func(c *client.Client) (client.JobView, error) {
		job, err := c.SubmitJob(ctx, in)
		if err != nil {
			return client.JobView{}, err
		}
		if view, err := c.Job(ctx, job.ID); err == nil { // it has the place in the queue
			return view, nil
		}
		return client.JobView{Job: job}, nil // it is handed in, wherever it stands
	})
	if err != nil {
		return err
	}
	return a.show(view, func(p *page) {
		p.line("%s", view.ID)
		p.blank()
		for _, f := range folder.files {
			p.line("  %9d  %s", len(f.Data), f.Path)
		}
		p.line("frozen: %s, %d bytes, as %s", count(len(folder.files), "file"), folder.bytes, view.Plan.Study)
		p.line("beside %s, in %s, %s", beside(view.Plan, narthex.Digest.Short), view.Plan.Environment, view.Plan.EnvironmentDigest.Short())
		p.line("reserved: %s of processor time, for at most %s in %d MB; %s for how it ends. What it does not use is given back",
			count(int(view.Plan.CPUMinutes), "minute"), count(int(view.Plan.WallMinutes), "minute"), view.Plan.MemoryMB, count(int(view.Plan.OutcomeBytes), "byte"))
		if view.Plan.Devices > 0 {
			p.line("          %s of %s, for which it waits, and %s of them", count(int(view.Plan.Devices), "device"), view.Plan.Device, count(int(view.Plan.GPUMinutes), "minute"))
		}
		p.line("%s", jobStands(view))
		p.line("next: narthex job show %s --wait", view.ID)
	})
}

// studyFolder is a study as it is handed in.
type studyFolder struct {
	files []client.StudyFile // sorted by path
	bytes int
	left  []string // what was left out
}

// readStudy reads the folder of a study, and refuses what a node would.
func readStudy(dir string) (studyFolder, error) {
	var f studyFolder
	root, err := os.OpenRoot(dir)
	if err != nil {
		return f, fileError("opened", dir, err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fileError("read", path.Join(dir, name), err)
		case name == ".":
			return nil
		case strings.HasPrefix(entry.Name(), ".") || entry.Name() == "__pycache__":
			f.left = append(f.left, name)
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		return f.take(root, dir, name, entry)
	})
	if err != nil {
		return f, err
	}
	order.By(f.files, func(a, b client.StudyFile) int { return strings.Compare(a.Path, b.Path) })
	at := slices.IndexFunc(f.files, func(file client.StudyFile) bool { return file.Path == study.File })
	if at < 0 {
		return f, problem(narthex.Invalid, "write one: it has name, command and outputs, and each output has name, kind and says", "%s has no %s, which says what the study runs and writes", dir, study.File)
	}
	parsed, err := study.Parse(f.files[at].Data)
	if err != nil {
		return f, advise(err, "mend it, and hand the folder in again")
	}
	for _, file := range f.files {
		if err := airlock.CheckImport(file.Path, file.Data, airlock.ProgramOf(parsed.Command)); err != nil {
			said, next, _ := strings.Cut(narthex.AsError(err).Public, ". ")
			return f, hinted{narthex.Invalidf("%s: %s", path.Join(dir, file.Path), tidy(said)), tidy(next)}
		}
	}
	return f, nil
}

// take reads one file of the folder.
func (f *studyFolder) take(root *os.Root, dir, name string, entry fs.DirEntry) error {
	shown := path.Join(dir, name)
	if !entry.Type().IsRegular() {
		return problem(narthex.Invalid, "put a copy of the file in its place", "%s is a link, or no plain file, and a study has none", shown)
	}
	if err := airlock.CheckPath(name); err != nil {
		return hinted{narthex.Invalidf("%s: %s", shown, tidy(narthex.AsError(err).Public)), "rename it"}
	}
	if len(f.files) == mostStudyFiles {
		return problem(narthex.Invalid, "take out what it does not need, or put small files together", "%s has more than %d files", dir, mostStudyFiles)
	}
	file, err := root.Open(name)
	if err != nil {
		return fileError("read", shown, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return problem(narthex.Conflict, "keep others from writing to it, and try again", "%s changed while it was read", shown)
	}
	data, err := io.ReadAll(io.LimitReader(file, int64(mostStudyBytes-f.bytes)+1))
	if err != nil {
		return fileError("read", shown, err)
	}
	if f.bytes += len(data); f.bytes > mostStudyBytes {
		return problem(narthex.Invalid, "take out what it does not need; what lies beside the asset need not be brought", "%s has more than %d bytes", dir, mostStudyBytes)
	}
	f.files = append(f.files, client.StudyFile{Path: name, Data: data})
	return nil
}

func (a *app) jobList(ctx context.Context) error {
	list, err := byKey(a, func(c *client.Client) (client.JobList, error) { return c.Jobs(ctx) })
	if err != nil {
		return err
	}
	t := newTable("JOB", "STATE", "PLACE", "ASSET", "ENVIRONMENT", "HANDED IN", "ENDED AS", "FILES")
	for _, j := range list.Jobs {
		place, ended, files := "", "", ""
		if j.Place > 0 {
			place = fmt.Sprint(j.Place)
		}
		if j.End != nil {
			ended = strings.ReplaceAll(string(j.End.Class), "_", " ")
		}
		if j.Package != nil {
			files = fmt.Sprint(len(j.Package.Files))
		}
		t.row(string(j.ID), string(j.State), place, string(j.Plan.Asset)+"@"+string(j.Plan.Version), string(j.Plan.Environment), day(j.TakenAt), ended, files)
	}
	return a.list(list, t, "no job yet; `narthex job submit` hands one in")
}

func (a *app) jobShow() *cobra.Command {
	var wait bool
	c := a.command(leaf{
		use: "show JOB", short: "Show a job: where it stands, how it ended, what it left",
		long: `Show a job. Of its end you are told a class, a place in your own files and minutes rounded up, and nothing else: what it printed and
what it wrote leave through the airlock alone. With --wait, look every few seconds until it is over.`,
		example: "NARTHEX_KEY=nx_… narthex job show job_17\nNARTHEX_KEY=nx_… narthex job show job_17 --wait",
		run: func(ctx context.Context, args []string) error {
			id, err := jobID(args[0])
			if err != nil {
				return err
			}
			view, err := byKey(a, func(c *client.Client) (client.JobView, error) {
				if wait {
					return a.waitFor(ctx, c, id)
				}
				return c.Job(ctx, id)
			})
			if err != nil {
				return err
			}
			return a.show(view, func(p *page) { writeJob(p, view) })
		}})
	c.Flags().BoolVar(&wait, "wait", false, "until it is over")
	return c
}

// waitFor looks at a job until it is over, and says where it stands when that changes.
func (a *app) waitFor(ctx context.Context, c *client.Client, id narthex.JobID) (client.JobView, error) {
	said := ""
	for {
		view, err := c.Job(ctx, id)
		if err == nil && view.State.Over() || err != nil && !narthex.IsKind(err, narthex.Exhausted) {
			return view, err
		}
		if stands := jobStands(view); err == nil && stands != said {
			a.say("%s", stands)
			said = stands
		}
		next := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			next.Stop()
			return view, ctx.Err()
		case <-next.C:
		}
	}
}

// jobStands says in one line where a job stands.
func jobStands(j client.JobView) string {
	switch {
	case j.State == narthex.JobQueued && j.Place == 1:
		return fmt.Sprintf("it waits, and is the next for %s", j.Plan.Asset)
	case j.State == narthex.JobQueued && j.Place > 1:
		return fmt.Sprintf("it waits, with %s before it for %s", count(j.Place-1, "job"), j.Plan.Asset)
	case j.State == narthex.JobQueued:
		return "it waits"
	case j.State == narthex.JobInReview:
		return fmt.Sprintf("its study waits for the approval of %s of the lab, as clause %s says", people(airlock.MustApprove(j.Plan)), approvalClause(j.Plan))
	case j.State == narthex.JobReturned:
		return "its study came back, and it did not run"
	}
	return "it is " + string(j.State)
}

func approvalClause(p narthex.Plan) string {
	if p.Approval == nil {
		return ""
	}
	return p.Approval.Clause
}

// endings says what an end means, and what to do then.
var endings = map[narthex.EndClass][2]string{
	"done":          {"it ended by itself, without an error", ""},
	"failed":        {"it ended with an error", "look at the place named; what it prints is not given, so have it write what you want to know to an output of its own"},
	"out_of_time":   {"its time was over", "ask for more with --minutes, or do less"},
	"out_of_memory": {"its memory was used up", "ask for more with --memory-mb, or read the asset in parts"},
	"out_of_space":  {"what it wrote did not fit", "write less to /out and /scratch"},
	"cancelled":     {"it was cancelled", ""},
	"lost":          {"the node that ran it went away; all that was reserved is charged", "hand it in again, and tell the lab"},
}

// refusals says why a file that a job left has no form, and what to do.
var refusals = map[string][2]string{
	"kind":       {"its kind has no form that may leave", "write csv, json, text, markdown or png"},
	"size":       {"it has too many bytes, rows, columns or pixels", "write less: a summary in the place of the values"},
	"shape":      {"it is not what its kind says", "look whether the file is whole, plain, and what study.yaml says of it"},
	"characters": {"it holds a character that may not leave", "write letters, digits and common signs only"},
}

func writeJob(p *page, j client.JobView) {
	pairs := [][2]string{{"job", string(j.ID)}, {"stands", jobStands(j)}, {"beside", beside(j.Plan, whole)},
		{"in", fmt.Sprintf("%s, %s", j.Plan.Environment, j.Plan.EnvironmentDigest)}, {"study", string(j.Plan.Study)}, {"command", strings.Join(j.Plan.Command, " ")},
		{"handed in", day(j.TakenAt)}, {"reserved", fmt.Sprintf("%s, %s of processor time, %d MB", count(int(j.Plan.WallMinutes), "minute"), count(int(j.Plan.CPUMinutes), "minute"), j.Plan.MemoryMB)}}
	if j.Plan.Devices > 0 {
		pairs = append(pairs, [2]string{"devices", fmt.Sprintf("%d of %s, reserved for %s together", j.Plan.Devices, j.Plan.Device, count(int(j.Plan.GPUMinutes), "minute"))})
	}
	if !j.StartedAt.IsZero() {
		pairs = append(pairs, [2]string{"started", day(j.StartedAt)})
	}
	if !j.EndedAt.IsZero() {
		pairs = append(pairs, [2]string{"ended", day(j.EndedAt)})
	}
	next := ""
	if j.End != nil {
		says, known := endings[j.End.Class]
		if !known {
			says[0] = string(j.End.Class)
		}
		next = says[1]
		pairs = append(pairs, [2]string{"how", says[0]})
		if j.End.File != "" {
			pairs = append(pairs, [2]string{"at", fmt.Sprintf("%s, line %d", j.End.File, j.End.Line)})
		}
		took := fmt.Sprintf("%s, %s of processor time", count(int(j.End.WallMinutes), "minute"), count(int(j.End.CPUMinutes), "minute"))
		if j.Plan.Devices > 0 {
			took += fmt.Sprintf(", %s of devices", count(int(j.End.GPUMinutes), "minute"))
		}
		pairs = append(pairs, [2]string{"took", took})
	} else if j.State == narthex.JobCancelled {
		pairs = append(pairs, [2]string{"how", "it never began: one of you cancelled it, nobody approved its study in time, or what it rests on is locked, over or no longer what was frozen"})
		next = "`narthex grant show --key` says what holds; then hand it in again"
	}
	if !j.ClearedAt.IsZero() {
		pairs = append(pairs, [2]string{"files", "kept no longer since " + day(j.ClearedAt)})
	}
	p.fields(pairs...)
	for _, v := range j.Votes {
		p.heading(fmt.Sprintf("Said of its study as %s, %s", strings.ReplaceAll(string(v.As), "_", " "), day(v.At)))
		p.line("  %s", map[bool]string{true: "it may run", false: "it comes back"}[v.Approves])
		if v.Comment != "" {
			p.block(visible(v.Comment))
		}
	}
	if j.State == narthex.JobReturned {
		next = "change what is said, try it with `narthex job try`, and hand it in again"
	}
	if j.Package != nil {
		writePackage(p, *j.Package)
	}
	if next != "" {
		p.blank()
		p.line("next: %s", next)
	}
	switch {
	case j.Package != nil && len(j.Package.Files) > 0 && j.ClearedAt.IsZero():
		p.blank()
		p.line("next: narthex release new %s --context FILE='what its values are, of how many, and how they came about'", j.ID)
	case j.State.Waits() || j.State == narthex.JobRunning:
		p.blank()
		p.line("next: narthex job show %s --wait", j.ID)
	}
}

// writePackage writes what a job left.
func writePackage(p *page, pack narthex.Package) {
	if len(pack.Files) > 0 {
		p.heading("What it left, each file in its form; what is in them is not told before it is released")
		t := newTable("FILE", "KIND")
		for _, f := range pack.Files {
			t.row(f.Name, f.Kind)
		}
		p.table(t)
	}
	if len(pack.Missing)+len(pack.Refused) == 0 {
		return
	}
	p.heading("What may not leave")
	t := newTable("FILE", "WHY", "DO")
	for _, name := range pack.Missing {
		t.row(name, "it was not written", "write it to /out, or take it out of study.yaml")
	}
	for _, f := range pack.Refused {
		says, known := refusals[f.Class]
		if !known {
			says = [2]string{f.Class, "ask the lab"}
		}
		t.row(f.Name, says[0], says[1])
	}
	p.table(t)
}

func (a *app) jobCancel(ctx context.Context, named string) error {
	id, err := jobID(named)
	if err != nil {
		return err
	}
	view, err := byKey(a, func(c *client.Client) (client.JobView, error) { return c.CancelJob(ctx, id) })
	if err != nil {
		return err
	}
	return a.show(view, func(p *page) {
		switch {
		case view.State == narthex.JobRunning:
			p.line("%s is being ended; `narthex job show %s --wait` says when it is over and what it took", id, id)
		case view.End == nil && view.State == narthex.JobCancelled:
			p.line("cancelled %s before it began; what was reserved for it is given back", id)
		default:
			p.line("%s was over before: it is %s", id, view.State)
		}
	})
}

func (a *app) jobEnvironments(ctx context.Context) error {
	list, err := byKey(a, func(c *client.Client) (client.EnvironmentList, error) { return c.Environments(ctx) })
	if err != nil {
		return err
	}
	t := newTable("NAME", "TITLE", "MINUTES", "MEMORY MB", "CPUS", "OUT MB", "DEVICES", "BEGINS WITH", "DIGEST")
	for _, e := range list.Environments {
		begins := strings.Join(e.Command, " ")
		if e.Computes != "" {
			begins = fmt.Sprintf("a request by %s: %s", e.Computes, strings.Join(e.Statistics, ", "))
		}
		t.row(string(e.Name), e.Title, fmt.Sprint(e.Limits.WallMinutes), fmt.Sprint(e.Limits.MemoryMB), fmt.Sprint(e.Limits.CPUs), fmt.Sprint(e.Limits.OutMB), devicesIn(e), begins, e.Digest.Short())
	}
	for _, e := range list.Environments {
		if e.Unready != "" {
			a.say("no job begins in %s now: %s", e.Name, tidy(visible(e.Unready)))
		}
	}
	return a.list(list, t, "no environment is for grants of your pathway; ask the lab")
}

// devicesIn says which devices jobs of an environment may have.
func devicesIn(e client.EnvironmentView) string {
	if e.Device == "" {
		return "none"
	}
	said := fmt.Sprintf("%d of %s, of %d", e.Devices, e.Device, e.OnHost)
	if e.OutOfUse > 0 {
		said += fmt.Sprintf(" (%d out of use)", e.OutOfUse)
	}
	return said
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// some writes the first of many names.
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
