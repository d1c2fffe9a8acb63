package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/environment"
	"narthex/internal/examine"
	"narthex/internal/inspect"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/bubblewrap"
	"narthex/internal/study"
)

const (
	mostPrinted = 64 << 10 // of each of stdout and stderr that is shown, in bytes
	mostHead    = 2000     // of each other file
	mostOdd     = 64       // of one that is no text
	mostHeads   = 60       // files
	tryMinutes  = 10       // of wall time where nothing is said, as on a node
	tryFiles    = 1000     // below /out, as on a node
)

// tryFlags is how a study is tried.
type tryFlags struct {
	asset, environment, root string
	minutes, memory          int64
}

func (a *app) jobTry() *cobra.Command {
	var in tryFlags
	c := a.command(leaf{
		use: "try DIR", short: "Run a study here, beside the mock twin of an asset",
		long: `Run a study on this machine beside the mock twin of an asset, in a sandbox like the node's, and show all of its output and what the
airlock would say of it. The twin has the names, shapes and types of the asset's weights, and random values of the same scale; of JSON
lines it has the fields, with random words and numbers. Files of another kind have none, so a study that is to be tried reads those alone.
Nothing is charged, and nobody sees the study but you.

It needs bubblewrap here, and the packages of the environment, or with --root a copy of its root, which must have the digest that the node
states: ` + "`narthex environment build`" + ` makes one of what ` + "`narthex job environments --json`" + ` says. What runs is the command of your study.yaml, and nothing
that the node names alone; and it has no more than half of this machine's memory, unless --memory-mb says so. The node looks for more than
can be looked for here: what left before, marks and texts of the lab. It exits with 0 where the study ended well and each output that it
declares has a form.`,
		example: "NARTHEX_KEY=nx_… narthex job try ./study --asset minim-1@final --environment python-numpy",
		run:     func(ctx context.Context, args []string) error { return a.tryJob(ctx, args[0], in) }})
	f := c.Flags()
	f.StringVar(&in.asset, "asset", "", "what it studies, as ASSET@VERSION")
	f.StringVar(&in.environment, "environment", "", "what it runs in")
	f.StringVar(&in.root, "root", "", "a copy of the environment's root on this machine (else this machine's /usr)")
	f.Int64Var(&in.minutes, "minutes", 0, "for how many minutes at most (else the environment's usual)")
	f.Int64Var(&in.memory, "memory-mb", 0, "in how much memory, in megabytes (else the environment's, or half of this machine's)")
	return c
}

// tried is what came of a study that was tried.
type tried struct {
	Study   string              `json:"study"`
	Command []string            `json:"command"`
	Asset   narthex.AssetName   `json:"asset"`
	Version narthex.VersionName `json:"version"`
	Twins   []string            `json:"twins"`       // the files that have a twin
	Absent  int                 `json:"absent"`      // how many have none
	In      string              `json:"environment"` // the environment's name, and what stands for it here
	End     sandbox.Class       `json:"end"`
	File    string              `json:"file,omitempty"` // where it failed
	Line    int                 `json:"line,omitempty"`
	Stdout  printed             `json:"stdout"`
	Stderr  printed             `json:"stderr"`
	Wrote   []written           `json:"wrote"`
	More    int                 `json:"more,omitempty"` // files that it wrote and that are not listed

	Forms    []formed              `json:"forms"`
	Missing  []string              `json:"missing,omitempty"`
	Refused  []narthex.RefusedFile `json:"refused,omitempty"`
	Findings []narthex.Finding     `json:"findings"`
	Charge   int64                 `json:"charge_bytes"` // of all forms together
}

// printed is the beginning of what was printed or written.
type printed struct {
	Bytes int64  `json:"bytes"`
	Head  string `json:"head"` // made safe for a terminal
	Cut   bool   `json:"cut,omitempty"`
}

// written is a file that a study wrote.
type written struct {
	Name     string `json:"name"` // made safe for a terminal
	Declared bool   `json:"declared"`
	printed
}

// formed is an output in the form in which it would leave.
type formed struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Bytes int    `json:"bytes"`
}

func (a *app) tryJob(ctx context.Context, dir string, in tryFlags) (err error) {
	folder, err := a.study(dir, in.asset, string(in.environment))
	if err != nil {
		return err
	}
	around, err := a.around(ctx, in)
	if err != nil {
		return err
	}
	t := trial{around: around, files: map[string][]byte{}}
	for _, f := range folder.files {
		t.files[f.Path] = f.Data
	}
	if t.study, err = study.Parse(t.files[study.File]); err != nil {
		return err
	}
	if t.command, err = ownCommand(around, t.study); err != nil {
		return err
	}
	if t.root, t.in, err = rootHere(ctx, around, in.root); err != nil {
		return err
	}
	if t.twin, err = byKey(a, func(c *client.Client) (client.Twin, error) { return c.Twin(ctx, in.asset) }); err != nil {
		return err
	}
	if t.dir, err = os.MkdirTemp("", "narthex-try-"); err != nil {
		return fmt.Errorf("a folder to try the study in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(t.dir)) }()
	if t.dir, err = filepath.Abs(t.dir); err != nil {
		return err
	}
	got, err := t.run(ctx)
	if err != nil {
		return err
	}
	if err := a.show(got, func(p *page) { writeTried(p, got) }); err != nil {
		return err
	}
	return got.problem()
}

// around gives the environment with the limits that were asked for, where this machine has what it is made of.
func (a *app) around(ctx context.Context, in tryFlags) (client.EnvironmentView, error) {
	var none client.EnvironmentView
	list, err := byKey(a, func(c *client.Client) (client.EnvironmentList, error) { return c.Environments(ctx) })
	if err != nil {
		return none, err
	}
	at := slices.IndexFunc(list.Environments, func(e client.EnvironmentView) bool { return string(e.Name) == in.environment })
	if at < 0 {
		return none, problem(narthex.Invalid, "`narthex job environments` lists them", "no environment for grants of your pathway has that name")
	}
	e := list.Environments[at]
	if e.Computes != "" {
		return none, problem(narthex.Invalid, "hand it in with `narthex job submit`", "in the environment %s a program of the lab's software runs, and no study, so there is nothing to try", e.Name)
	}
	usualMemory, err := boundLimits(&e.Limits)
	if err != nil {
		return none, err
	}
	for _, limit := range []struct {
		flag         string
		asked, usual int64
		least        int64
		most         *int64
	}{{"minutes", in.minutes, min(tryMinutes, e.Limits.WallMinutes), 1, &e.Limits.WallMinutes}, {"memory-mb", in.memory, usualMemory, 16, &e.Limits.MemoryMB}} {
		switch {
		case limit.asked == 0:
			*limit.most = limit.usual
		case limit.asked < limit.least || limit.asked > *limit.most:
			return none, problem(narthex.Invalid, fmt.Sprintf("say from %d to %d", limit.least, *limit.most), "--%s is outside of what the environment has", limit.flag)
		default:
			*limit.most = limit.asked
		}
	}
	e.Limits.ScratchMB, e.Limits.OutMB = min(e.Limits.ScratchMB, e.Limits.MemoryMB), min(e.Limits.OutMB, e.Limits.MemoryMB)
	if lacks := lacking(e.Packages); len(lacks) > 0 && in.root == "" {
		return none, problem(narthex.Unavailable, "apt-get install "+strings.Join(lacks, " "), "this machine lacks %s, of which the environment %s is made", strings.Join(lacks, " and "), e.Name)
	}
	return e, nil
}

// lacking gives those of Debian's packages that are not installed. Where the system is none of Debian's, nothing is known to be lacking.
func lacking(packages []string) (lacks []string) {
	const installed = "/var/lib/dpkg/info"
	if _, err := os.Stat(installed); err != nil {
		return nil
	}
	for _, name := range packages {
		if found, err := filepath.Glob(filepath.Join(installed, name+":*.list")); err == nil && len(found) > 0 {
			continue
		}
		if _, err := os.Stat(filepath.Join(installed, name+".list")); err != nil {
			lacks = append(lacks, name)
		}
	}
	return lacks
}

// trial is a study that is tried.
type trial struct {
	around  client.EnvironmentView
	study   study.Study
	command []string
	files   map[string][]byte
	twin    client.Twin
	dir     string // of this trial alone
	root    string // of the environment here
	in      string // what that is, in words
}

// run runs the study to its end and looks at what it left.
func (t trial) run(ctx context.Context) (got tried, err error) {
	driver, err := bubblewrap.Open(ctx, bubblewrap.Config{Dir: filepath.Join(t.dir, "sandbox")})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, driver.Close()) }()
	job, err := t.lay()
	if err != nil {
		return got, err
	}
	if err := driver.Submit(ctx, job); err != nil {
		return got, err
	}
	ended, err := driver.Watch(ctx, job.ID)
	if err != nil {
		return got, err
	}
	got = tried{Study: t.study.Name, Command: t.command, Asset: t.twin.Asset, Version: t.twin.Version, Absent: t.twin.Others, In: string(t.around.Name) + ", " + t.in,
		End: ended.Class, File: ended.File, Line: ended.Line, Wrote: []written{}, Forms: []formed{}, Findings: []narthex.Finding{}}
	for _, f := range t.twin.Files {
		got.Twins = append(got.Twins, f.Path)
	}
	err = driver.Collect(ctx, job.ID, func(left sandbox.Left) error { return t.take(&got, left) })
	return got, err
}

// lay writes the study, the twin and the reader of weights where the sandbox finds them.
func (t trial) lay() (sandbox.Job, error) {
	twins := map[string][]byte{}
	for _, f := range t.twin.Files {
		if err := airlock.CheckPath(f.Path); err != nil {
			return sandbox.Job{}, problem(narthex.Refused, "tell the lab", "the node names a file of the twin in a way that no file has, so nothing was written")
		}
		twins[f.Path] = f.Data
	}
	at := func(name string) string { return filepath.Join(t.dir, name) }
	_, err := sandbox.Lay(at("asset"), twins)
	if err == nil {
		_, err = sandbox.Lay(at("library"), map[string][]byte{environment.ReaderName: environment.Reader()})
	}
	if err != nil {
		return sandbox.Job{}, err
	}
	lines, err := sandbox.Lay(at("study"), t.files)
	l := t.around.Limits
	wall := time.Duration(l.WallMinutes) * time.Minute
	return sandbox.Job{ID: "try", Root: t.root, Command: t.command, Asset: at("asset"), Study: at("study"), Library: at("library"), Lines: lines, Limits: sandbox.Limits{
		Wall: wall, CPU: wall * time.Duration(l.CPUs), Memory: l.MemoryMB << 20, Scratch: l.ScratchMB << 20, Out: l.OutMB << 20, Processes: int(l.Processes), Files: tryFiles}}, err
}

// take reads what the study left, and has the airlock's checks say what they say of it.
func (t trial) take(got *tried, left sandbox.Left) (err error) {
	if got.Stdout, err = head(left.Printed, "stdout", mostPrinted); err != nil {
		return err
	}
	if got.Stderr, err = head(left.Printed, "stderr", mostPrinted); err != nil {
		return err
	}
	if err := t.list(got, left.Out); err != nil {
		return err
	}
	task := airlock.Task{Files: []airlock.Raw{}}
	for _, o := range t.study.Outputs {
		data, class, err := sandbox.Freeze(left.Out, o.Name)
		switch {
		case err != nil:
			return err
		case class == "missing":
			got.Missing = append(got.Missing, o.Name)
		case class != "":
			got.Refused = append(got.Refused, narthex.RefusedFile{Name: o.Name, Class: class})
		default:
			task.Files = append(task.Files, airlock.Raw{Name: o.Name, Kind: string(o.Kind), Data: data})
		}
	}
	return t.judge(got, task)
}

// list reads the beginning of every file that the study wrote.
func (t trial) list(got *tried, out *os.Root) error {
	return fs.WalkDir(out.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case name == ".", err == nil && entry.IsDir():
			return err
		case len(got.Wrote) == mostHeads:
			got.More++
			return nil
		}
		declared := slices.ContainsFunc(t.study.Outputs, func(o study.Output) bool { return o.Name == name })
		w := written{Name: visible(name), Declared: declared, printed: printed{Head: "(no plain file, or none that can be read)"}}
		if err == nil && entry.Type().IsRegular() {
			if shown, err := head(out, name, mostHead); err == nil {
				w.printed = shown
			}
		}
		got.Wrote = append(got.Wrote, w)
		return nil
	})
}

// head reads the beginning of a plain file that nothing writes to any more.
func head(root *os.Root, name string, most int64) (printed, error) {
	file, err := root.Open(name)
	if err != nil {
		return printed{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return printed{}, err
	}
	data, err := io.ReadAll(io.LimitReader(file, most))
	if bytes.IndexByte(data, 0) >= 0 { // no text
		data = data[:min(len(data), mostOdd)]
	}
	return printed{Bytes: info.Size(), Head: visible(string(data)), Cut: info.Size() > int64(len(data))}, err
}

// judge has the airlock's checks done here, with the twin in the place of the asset.
func (t trial) judge(got *tried, task airlock.Task) error {
	forms, err := examine.Do(task, inspect.Held{})
	if err != nil {
		return err
	}
	got.Refused = append(got.Refused, forms.Formed.Refused...)
	for _, f := range forms.Formed.Files {
		got.Forms = append(got.Forms, formed{f.Name, f.Kind, len(f.Data)})
	}
	if len(got.Forms) == 0 {
		return nil
	}
	var held inspect.Held
	for _, f := range t.twin.Files {
		if err := examine.Hold(f.Path, f.Data, &held); err != nil {
			return fmt.Errorf("the twin does not read: %w", err)
		}
	}
	looked, err := examine.Do(airlock.Task{Files: forms.Formed.Files, Look: true}, held)
	got.Findings, got.Charge = looked.Findings, airlock.Charge(forms.Formed.Files)
	return err
}

// problem says why the study should not be handed in as it is, or nil.
func (got tried) problem() error {
	next := "mend the study, and try it again"
	lacks := len(got.Missing) + len(got.Refused)
	switch {
	case got.End == sandbox.OutOfTime || got.End == sandbox.OutOfMemory || got.End == sandbox.OutOfSpace:
		ending := endings[got.End]
		return problem(narthex.Invalid, ending[1], "the study did not end well: %s", ending[0])
	case got.End != sandbox.Done && got.Absent > 0:
		next = fmt.Sprintf("mend the study, and try it again; a twin is without %s of which none is made, and so is the study", count(got.Absent, "file"))
		fallthrough
	case got.End != sandbox.Done:
		at := ""
		if got.File != "" {
			at = fmt.Sprintf(" at %s, line %d", got.File, got.Line)
		}
		return problem(narthex.Invalid, next, "the study did not end well: it ended with an error%s", at)
	case lacks > 0:
		return problem(narthex.Invalid, next, "%s that study.yaml declares could not leave", count(lacks, "file"))
	}
	return nil
}

func writeTried(p *page, got tried) {
	ending, known := endings[got.End]
	if !known {
		ending[0] = string(got.End)
	}
	if got.File != "" {
		ending[0] = fmt.Sprintf("%s at %s, line %d", ending[0], got.File, got.Line)
	}
	beside := fmt.Sprintf("the mock twin of %s@%s: %s, with random values", got.Asset, got.Version, some(got.Twins, 5))
	if got.Absent > 0 {
		beside += fmt.Sprintf("; without %s of another kind", count(got.Absent, "file"))
	}
	p.fields([2]string{"study", got.Study}, [2]string{"command", strings.Join(got.Command, " ")}, [2]string{"beside", beside},
		[2]string{"in", got.In}, [2]string{"how", ending[0]})
	writeHead(p, "Printed to stdout", got.Stdout)
	writeHead(p, "Printed to stderr", got.Stderr)
	for _, w := range got.Wrote {
		title := "Wrote " + w.Name
		if !w.Declared {
			title += ", which study.yaml does not declare, so it never leaves"
		}
		writeHead(p, title, w.printed)
	}
	if got.More > 0 {
		p.line("and %s more", count(got.More, "file"))
	}
	writeJudged(p, got)
}

// writeHead writes the beginning of what was printed or written.
func writeHead(p *page, title string, what printed) {
	p.heading(fmt.Sprintf("%s, %s", title, count(int(what.Bytes), "byte")))
	if what.Head != "" {
		p.block(what.Head)
	}
	if what.Cut {
		p.line("  and so on")
	}
}

// writeJudged writes what the airlock's checks say.
func writeJudged(p *page, got tried) {
	pack := narthex.Package{Missing: got.Missing, Refused: got.Refused}
	if len(got.Forms) > 0 {
		p.heading("What would leave, each file in its form")
		t := newTable("FILE", "KIND", "BYTES")
		for _, f := range got.Forms {
			t.row(f.Name, f.Kind, fmt.Sprint(f.Bytes))
		}
		p.table(t)
		p.line("a release of all of them is charged %s", count(int(got.Charge), "byte"))
	}
	writePackage(p, pack)
	if len(got.Findings) > 0 {
		p.heading("What a look at them finds; reviewers see it beside the files")
		t := newTable("FILE", "LINE", "KIND", "THAT IS", "SAYS")
		for _, f := range got.Findings {
			t.row(f.File, fmt.Sprint(f.Line), f.Kind, found[f.Kind], f.Says)
		}
		p.table(t)
	} else if len(got.Forms) > 0 {
		p.blank()
		p.line("a look at them finds nothing here; the node compares with more")
	}
}
