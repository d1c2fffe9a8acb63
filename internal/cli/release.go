package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/ledger"
)

const (
	recordFile  = "record.json" // beside the files of a release
	contextNext = "write FILE='what its values are, of how many, and how they came about'"
)

func (a *app) release() *cobra.Command {
	return a.group("release", "What leaves: asked for, looked at by two people, and taken out", a.releaseNew(),
		a.command(leaf{use: "list", short: "List what you asked to take out", example: "NARTHEX_KEY=nx_… narthex release list",
			run: func(ctx context.Context, _ []string) error { return a.releaseList(ctx) }}),
		a.command(leaf{use: "show RELEASE", short: "Show what you asked to take out: where it stands, and what was said", example: "NARTHEX_KEY=nx_… narthex release show rel_21",
			run: func(ctx context.Context, args []string) error {
				return a.ownRelease(args[0], func(c *client.Client, id narthex.ReleaseID) (narthex.Release, error) { return c.OwnRelease(ctx, id) }, writeRelease)
			}}),
		a.releaseEdit(),
		a.command(leaf{use: "withdraw RELEASE", short: "Take back what you asked for", example: "NARTHEX_KEY=nx_… narthex release withdraw rel_21",
			run: func(ctx context.Context, args []string) error {
				return a.ownRelease(args[0], func(c *client.Client, id narthex.ReleaseID) (narthex.Release, error) {
					return c.WithdrawRelease(ctx, id)
				}, func(p *page, r narthex.Release) {
					p.line("withdrew %s; what was reserved for it is given back, but for what you were told of it", r.ID)
				})
			}}),
		a.releaseFetch(), a.releaseVerify(), a.releaseTrace(), a.releaseReview(), a.releaseView(), a.releaseVote(), a.releaseReturn(), a.releaseRule())
}

func releaseID(text string) (narthex.ReleaseID, error) {
	if _, err := narthex.ReleaseID(text).Index(); err != nil {
		return "", problem(narthex.Invalid, "`narthex release list` shows yours, `narthex release review` those that wait for you", "that names no release")
	}
	return narthex.ReleaseID(text), nil
}

// ownRelease does something with a release of the key's person, and shows what it is then.
func (a *app) ownRelease(named string, do func(*client.Client, narthex.ReleaseID) (narthex.Release, error), words func(*page, narthex.Release)) error {
	id, err := releaseID(named)
	if err != nil {
		return err
	}
	r, err := byKey(a, func(c *client.Client) (narthex.Release, error) { return do(c, id) })
	if err != nil {
		return err
	}
	return a.show(r, func(p *page) { words(p, r) })
}

// contexts is what is said of files, by their names.
type contexts map[string]string

// contextFlags are the two ways to say something of files.
type contextFlags struct {
	each []string
	file string
}

func (f *contextFlags) of(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.each, "context", nil, "what a file holds, as FILE=TEXT; repeat for each")
	c.Flags().StringVar(&f.file, "contexts", "", "the same from a YAML file, a line for each file: NAME: TEXT")
}

// read gives what was said, or nothing.
func (f *contextFlags) read(a *app) (contexts, error) {
	said := contexts{}
	if f.file != "" {
		from, err := readYAML[contexts](a, f.file)
		if err != nil {
			return nil, hinted{err, "check its path and rights; it holds a line for each file, as table.csv: what its values are"}
		}
		maps.Copy(said, from)
	}
	for _, text := range f.each {
		name, context, is := strings.Cut(text, "=")
		if _, twice := said[name]; !is || name == "" || twice {
			return nil, problem(narthex.Invalid, contextNext, "what a file holds is said once, as FILE=TEXT, and %q is not", text)
		}
		said[name] = context
	}
	return said, nil
}

func (a *app) releaseNew() *cobra.Command {
	var flags contextFlags
	var rule string
	c := a.command(leaf{
		use: "new JOB", short: "Ask for files of a job to leave",
		long: `Ask for files that a job left to leave. Say of each, in 20 to 2,000 characters, what its values are, of how many they tell, and how it
follows from what left before; two people read that beside the file. What you say nothing of stays. Without flags you are asked for each.
The bytes that it costs are reserved. Where it is refused or withdrawn they are given back but for a few: what the look found, how
large it is and that it was tried tells something of the asset too.

Where a standing rule is in force for the job's study and the files fit it, they leave at once. With --rule RULE they are the rule's files, and
what is said of them is the rule's; what does not fit it goes to people.`,
		example: "NARTHEX_KEY=nx_… narthex release new job_17 --context 'singular-values.csv=the eight largest singular values of each of 14 matrices'\nNARTHEX_KEY=nx_… narthex release new job_17 --contexts contexts.yaml\nNARTHEX_KEY=nx_… narthex release new job_17 --rule rul_12",
		run: func(ctx context.Context, args []string) error {
			id, err := jobID(args[0])
			if err != nil {
				return err
			}
			said, err := flags.read(a)
			if err != nil {
				return err
			}
			by := narthex.RuleID("")
			if rule != "" {
				if by, err = ruleID(rule); err != nil {
					return err
				}
			}
			if len(said) == 0 && by == "" && !a.interactive() {
				return problem(narthex.Invalid, "give it with --context FILE=TEXT or --contexts FILE; `narthex job show "+string(id)+"` lists the files", "of each file that is to leave it is said what it holds")
			}
			r, err := byKey(a, func(c *client.Client) (narthex.Release, error) {
				if len(said) == 0 && by != "" {
					return c.SubmitRelease(ctx, client.SubmitRelease{Job: id, Rule: by})
				}
				view, err := c.Job(ctx, id)
				if err != nil {
					return narthex.Release{}, err
				}
				wanted, err := a.wantedOf(view.Job, said)
				if err != nil {
					return narthex.Release{}, err
				}
				return c.SubmitRelease(ctx, client.SubmitRelease{Job: id, Files: wanted, Rule: by})
			})
			if err != nil {
				return err
			}
			return a.show(r, func(p *page) {
				p.line("%s", r.ID)
				if r.Rule != nil {
					p.line("%s of %s left by the standing rule %s; %s are charged", count(len(r.Files), "file"), r.Job, r.Rule.Rule, count(int(r.Charge), "byte"))
					p.line("next: narthex release fetch %s --out DIR", r.ID)
					return
				}
				writeUnfit(p, r)
				p.line("%s of %s wait for %s of the lab; %s are reserved", count(len(r.Files), "file"), r.Job, people(r.Reviewers), count(int(r.Charge), "byte"))
				if len(r.Findings) > 0 {
					p.line("the look at them found: %s. The people are shown where; you can leave a file out with `narthex release edit %s --drop FILE`", byKind(r.Findings), r.ID)
				}
				p.line("next: narthex release show %s", r.ID)
			})
		}})
	flags.of(c)
	c.Flags().StringVar(&rule, "rule", "", "the standing rule by which it is to leave")
	return c
}

// writeUnfit says why a release did not leave by a standing rule.
func writeUnfit(p *page, r narthex.Release) {
	if r.Unfit == nil {
		return
	}
	p.line("it does not leave by the standing rule %s: %s", r.Unfit.Rule, unfits[r.Unfit.Code])
	if r.Unfit.Says != "" {
		p.line("  %s", visible(r.Unfit.Says))
	}
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// wantedOf chooses the files of a job's package that something is said of, in the package's order.
func (a *app) wantedOf(job narthex.Job, said contexts) ([]client.WantedFile, error) {
	if job.Package == nil || len(job.Package.Files) == 0 {
		return nil, problem(narthex.Conflict, "`narthex job show "+string(job.ID)+"` says what became of it", "%s left nothing that may leave", job.ID)
	}
	var wanted []client.WantedFile
	var names []string
	for _, f := range job.Package.Files {
		names = append(names, f.Name)
		context, is := said[f.Name]
		if !is && len(said) == 0 {
			var err error
			if context, err = a.ask(fmt.Sprintf("%s, %s. What does it hold? (nothing leaves it here)", f.Name, f.Kind)); err != nil {
				return nil, err
			}
			is = context != ""
		}
		if is {
			wanted = append(wanted, client.WantedFile{Name: f.Name, Context: context})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !slices.Contains(names, name) {
			return nil, problem(narthex.Invalid, "it has "+strings.Join(names, ", ")+"; `narthex job show "+string(job.ID)+"` says why another is not there", "the package of %s has no file %q", job.ID, name)
		}
	}
	if len(wanted) == 0 {
		return nil, problem(narthex.Invalid, "say what at least one file holds", "no file is to leave, so nothing was asked for")
	}
	return wanted, nil
}

// byKind counts findings by their kinds.
func byKind(findings []narthex.Finding) string {
	counts := map[string]int{}
	for _, f := range findings {
		counts[f.Kind]++
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.Join(parts, ", ")
}

func (a *app) releaseList(ctx context.Context) error {
	list, err := byKey(a, func(c *client.Client) (client.ReleaseList, error) { return c.OwnReleases(ctx) })
	if err != nil {
		return err
	}
	t := newTable("RELEASE", "STATE", "JOB", "FROM", "FILES", "BYTES", "FOUND", "ASKED FOR", "TAKEN OUT")
	for _, r := range list.Releases {
		fetched := ""
		if !r.FetchedAt.IsZero() {
			fetched = day(r.FetchedAt)
		}
		t.row(string(r.ID), string(r.State), string(r.Job), string(r.Asset)+"@"+string(r.Version), fmt.Sprint(len(r.Files)), charged(r, ""), byKind(r.Findings), day(r.TakenAt), fetched)
	}
	return a.list(list, t, "you asked for nothing yet; `narthex release new` asks for files of a job")
}

// found says what the author of a file is told of what was found in it.
var found = map[string]string{
	"secret": "something like a credential", "canary": "a mark of the lab", "protected": "text that is held back", "weights": "values like those of the weights", "personal": "something that identifies a person",
	"encoded": "bytes in a form that no reader takes in", "hidden": "characters that are not seen", "active": "something that a program would follow", "small": "a count of too few",
	"difference": "what tells too much beside what left before",
}

// writeRelease writes a release for its author.
func writeRelease(p *page, r narthex.Release) {
	p.fields([2]string{"release", string(r.ID)}, [2]string{"state", string(r.State)}, [2]string{"job", string(r.Job)}, [2]string{"from", fmt.Sprintf("%s@%s", r.Asset, r.Version)},
		[2]string{"package", string(r.Package)}, [2]string{"charge", charged(r, " bytes")}, [2]string{"decided by", decidedBy(r)}, [2]string{"asked for", day(r.TakenAt)})
	writeUnfit(p, r)
	writeFiles(p, r)
	if len(r.Findings) > 0 {
		p.heading("What the look at them found; the people are shown where")
		t := newTable("FILE", "KIND", "THAT IS")
		for _, f := range r.Findings {
			t.row(f.File, f.Kind, found[f.Kind])
		}
		p.table(t)
	}
	writeVerdicts(p, r)
	p.blank()
	switch r.State {
	case narthex.ReleaseReleased:
		p.line("next: narthex release fetch %s --out DIR", r.ID)
	case narthex.ReleaseReturned:
		p.line("next: answer with `narthex release edit %s --context FILE=TEXT`, leave files out with --drop, or `narthex release withdraw %s`", r.ID, r.ID)
	case narthex.ReleaseRefused, narthex.ReleaseWithdrawn:
		p.line("it is over, and most of its bytes are given back; `narthex release new %s` asks anew", r.Job)
	default:
		p.line("it waits for the lab's people; `narthex release edit %s` changes it and voids what they said", r.ID)
	}
}

// decidedBy says who decides on a release, or by which rule it left.
func decidedBy(r narthex.Release) string {
	if r.Rule != nil {
		return "the standing rule " + string(r.Rule.Rule)
	}
	return people(r.Reviewers)
}

// checkedBy says by whom what a record tells of was let go.
func checkedBy(s airlock.Statement) string {
	if rule := s.Predicate.Rule; rule != nil {
		return fmt.Sprintf("fit the standing rule %s, which %s approved", rule.Rule, people(len(rule.Approved)))
	}
	return "were reviewed by " + people(len(s.Predicate.Reviewers))
}

func reviewedAs(s airlock.Predicate) [2]string {
	if s.Rule != nil {
		return [2]string{"left by", fmt.Sprintf("the standing rule %s, %s, approved as %s", s.Rule.Rule, s.Rule.Digest, words(s.Rule.Approved))}
	}
	return [2]string{"reviewed as", words(s.Reviewers)}
}

// charged says what a release costs; nothing where its author is not told.
func charged(r narthex.Release, unit string) string {
	if r.Charge == 0 {
		return ""
	}
	return fmt.Sprint(r.Charge) + unit
}

// writeFiles writes the files of a release with what their author says of them.
func writeFiles(p *page, r narthex.Release) {
	for _, f := range r.Files {
		what := f.Name + ", " + f.Kind
		if f.Digest != "" { // before it is released, its author is not told what it is
			what += fmt.Sprintf(", %s, %s", count(int(f.Bytes), "byte"), f.Digest)
		}
		p.heading(what)
		p.block(visible(f.Context))
	}
}

// writeVerdicts writes what reviewers said, as far as it is told.
func writeVerdicts(p *page, r narthex.Release) {
	for _, v := range r.Votes {
		p.heading(strings.TrimSpace(fmt.Sprintf("Said as %s, %s %s", strings.ReplaceAll(string(v.As), "_", " "), day(v.At), v.By)))
		for _, f := range v.Verdicts {
			p.line("  %-8s %s", f.Verdict, f.File)
		}
		if v.Comment != "" {
			p.block(visible(v.Comment))
		}
		if v.Note != "" {
			p.line("  for reviewers:")
			p.block(visible(v.Note))
		}
	}
}

func (a *app) releaseEdit() *cobra.Command {
	var flags contextFlags
	var drop []string
	c := a.command(leaf{
		use: "edit RELEASE", short: "Leave files out, or say more of them",
		long: `Leave files out of what you asked for, or say other words of them. That makes another package: what reviewers said of the one before
is void, and they look again. Nothing can be added; withdraw it and ask anew for that.`,
		example: "NARTHEX_KEY=nx_… narthex release edit rel_21 --drop spectrum.png\nNARTHEX_KEY=nx_… narthex release edit rel_21 --context 'table.csv=means over 4,000 prompts, none of them about a person'",
		run: func(ctx context.Context, args []string) error {
			said, err := flags.read(a)
			if err != nil {
				return err
			}
			if len(said)+len(drop) == 0 {
				return problem(narthex.Invalid, "leave files out with --drop FILE, or say more with --context FILE=TEXT", "nothing is to change")
			}
			return a.ownRelease(args[0], func(c *client.Client, id narthex.ReleaseID) (narthex.Release, error) {
				r, err := c.OwnRelease(ctx, id)
				if err != nil {
					return r, err
				}
				wanted, err := edited(r, said, drop)
				if err != nil {
					return r, err
				}
				return c.EditRelease(ctx, id, client.EditRelease{Files: wanted})
			}, func(p *page, r narthex.Release) {
				p.line("changed %s: %s wait for %s of the lab; it costs no more than it did, and how much is told when it leaves", r.ID, count(len(r.Files), "file"), people(r.Reviewers))
				p.line("next: narthex release show %s", r.ID)
			})
		}})
	flags.of(c)
	c.Flags().StringArrayVar(&drop, "drop", nil, "a file that is left out; repeat for more")
	return c
}

// edited gives the files that stay, with what is said of them now.
func edited(r narthex.Release, said contexts, drop []string) ([]client.WantedFile, error) {
	var wanted []client.WantedFile
	for _, f := range r.Files {
		if slices.Contains(drop, f.Name) {
			continue
		}
		context := f.Context
		if other, is := said[f.Name]; is {
			context = other
		}
		wanted = append(wanted, client.WantedFile{Name: f.Name, Context: context})
	}
	for _, name := range append(slices.Sorted(maps.Keys(said)), drop...) {
		if !slices.ContainsFunc(r.Files, func(f narthex.ReleaseFile) bool { return f.Name == name }) {
			return nil, problem(narthex.Invalid, "`narthex release show "+string(r.ID)+"` lists them; to add one, withdraw it and ask anew", "%s has no file %q", r.ID, name)
		}
	}
	if len(wanted) == 0 {
		return nil, problem(narthex.Invalid, "take all of it back with `narthex release withdraw "+string(r.ID)+"`", "no file would stay")
	}
	return wanted, nil
}

func (a *app) releaseFetch() *cobra.Command {
	var out, key string
	var c *cobra.Command
	c = a.command(leaf{
		use: "fetch RELEASE", short: "Take out what was released, with the record of what was checked",
		long: `Take out what was released: a new folder with the files under their names, exactly as they were reviewed, and record.json, which says
what was checked and is signed by the lab's ledger. Nothing is written that the record does not hold. The key must be of the person who
asked for it, and of a grant that is in force.`,
		example: "NARTHEX_KEY=nx_… narthex release fetch rel_21 --out results\nnarthex release verify results/table.csv --record results/record.json --key ledger.lab.example+…",
		run: func(ctx context.Context, args []string) error {
			id, err := releaseID(args[0])
			if err != nil {
				return err
			}
			if err := noEmptyKey(c, key); err != nil {
				return err
			}
			if err := newFolder(out); err != nil {
				return err
			}
			pack, err := byKey(a, func(c *client.Client) (client.ReleasePackage, error) { return c.FetchRelease(ctx, id) })
			if err != nil {
				return err
			}
			statement, err := checkPackage(pack, id, key)
			if err != nil {
				return err
			}
			files := append(slices.Clone(pack.Files), client.StudyFile{Path: recordFile, Data: pack.Record})
			if err := writeFolder(out, files); err != nil {
				return err
			}
			return a.show(struct {
				Folder    string            `json:"folder"`
				Statement airlock.Statement `json:"statement"`
			}{out, statement}, func(p *page) {
				for _, f := range files {
					p.line("%s", filepath.Join(out, f.Path))
				}
				p.line("as they %s; the record was checked with %s", checkedBy(statement), keySource(key))
				p.line("next, on any machine: narthex release verify %s --record %s --key KEY", filepath.Join(out, pack.Files[0].Path), filepath.Join(out, recordFile))
			})
		}})
	c.Flags().StringVar(&out, "out", "", "the new folder")
	c.Flags().StringVar(&key, "key", "", "the ledger's verifier key, name+hash+key (else the one that the record states)")
	return c
}

// noEmptyKey refuses a key that is given and empty, as a variable that was not set is: it would be taken for none.
func noEmptyKey(c *cobra.Command, key string) error {
	if key == "" && c.Flags().Changed("key") {
		return problem(narthex.Invalid, "give the lab's verifier key, or leave --key out", "the key that is given with --key is empty")
	}
	return nil
}

func keySource(key string) string {
	if key == "" {
		return "the key as stated by the record; bring the lab's with --key to be sure"
	}
	return "the key that you gave"
}

// checkPackage holds what a node gives to the record that it gives with it.
func checkPackage(pack client.ReleasePackage, id narthex.ReleaseID, key string) (airlock.Statement, error) {
	statement, err := airlock.OpenRecord(pack.Record, key)
	if err != nil {
		return statement, err
	}
	wrong := func(what string) error {
		return problem(narthex.Refused, "use nothing of it, and tell the lab", "%s, so nothing was written", what)
	}
	if statement.Predicate.Release != id || len(pack.Files) == 0 || len(statement.Subject) != len(pack.Files) {
		return statement, wrong("the record that came is of another release, or of other files")
	}
	for i, f := range pack.Files {
		if !plainName(f.Path) || f.Path == recordFile {
			return statement, wrong("a file that came has a name that none of a release has")
		}
		if statement.Subject[i].Name != f.Path || "sha256:"+statement.Subject[i].Digest["sha256"] != string(digestOfBytes(f.Data)) {
			return statement, wrong(f.Path + " is not the file that the record holds")
		}
	}
	return statement, nil
}

// plainName says whether a name is that of a file of ours, in no folder.
func plainName(name string) bool {
	return airlock.CheckPath(name) == nil && !strings.Contains(name, "/")
}

// newFolder refuses a folder that is there.
func newFolder(out string) error {
	if out == "" {
		return problem(narthex.Invalid, "name a new folder with --out", "it is not known where the files should go")
	}
	if _, err := os.Lstat(out); err == nil {
		return problem(narthex.Conflict, "name a new folder, so that nothing is overwritten", "%s is there already", out)
	}
	return nil
}

// writeFolder makes a folder with files, whole or not at all.
func writeFolder(out string, files []client.StudyFile) error {
	if err := os.Mkdir(out, 0o700); err != nil {
		return fileError("made", out, err)
	}
	for _, f := range files {
		if err := newFile(filepath.Join(out, f.Path), f.Data, 0o600); err != nil {
			return errors.Join(err, os.RemoveAll(out))
		}
	}
	return nil
}

func (a *app) releaseVerify() *cobra.Command {
	var record, key string
	var c *cobra.Command
	c = a.command(leaf{
		use: "verify FILE", short: "Check, without a network, that a file is one that a lab released",
		long: `Check that a file is, byte by byte, one that stands in the record of a release, and that the record was signed by a lab's ledger. Bring
the lab's verifier key with --key, from another source than the record; without it you learn only that the record was not changed since
the key that it states signed it.`,
		example: "narthex release verify table.csv --record record.json --key ledger.lab.example+…\nnarthex release verify table.csv --record record.json",
		run: func(_ context.Context, args []string) error {
			if err := noEmptyKey(c, key); err != nil {
				return err
			}
			return a.verifyRelease(args[0], record, key)
		}})
	c.Flags().StringVar(&record, "record", "", "the record that came with it")
	c.Flags().StringVar(&key, "key", "", "the ledger's verifier key, name+hash+key")
	return c
}

func (a *app) verifyRelease(path, record, key string) error {
	if record == "" {
		return problem(narthex.Invalid, "name it with --record; it came with the file as "+recordFile, "a file is checked against the record of its release")
	}
	data, err := readFile(path)
	if err != nil {
		return err
	}
	signed, err := readFile(record)
	if err != nil {
		return err
	}
	statement, err := airlock.OpenRecord(signed, key)
	if err != nil {
		next := "bring " + recordFile + " as it came with the file"
		if narthex.AsError(err).Param == "key" {
			next = "copy the lab's key whole from where it publishes it"
		}
		return advise(err, next)
	}
	name, holds := statement.Holds(data)
	if !holds {
		return problem(narthex.Refused, "compare it with the files that came with the record; do not rely on this one", "%s is none of the files of %s, or was changed since", path, statement.Predicate.Release)
	}
	s := statement.Predicate
	return a.show(struct {
		Name      string            `json:"name"`
		KeySource string            `json:"key_source"`
		Statement airlock.Statement `json:"statement"`
	}{name, keySource(key), statement}, func(p *page) {
		p.line("%s is %s of %s, as it was released", path, name, s.Release)
		if s.Artefact != nil {
			p.line("it is an artefact, which no person can check by reading it: %s said that it may leave, and it is marked for its recipient in the last bits of its numbers", people(s.Artefact.Reviewers))
		}
		p.fields([2]string{"released", day(s.ReleasedAt)}, [2]string{"from", beside(narthex.Plan{Asset: s.Asset, Version: s.Version, AssetDigest: s.AssetDigest, Against: s.Against, AgainstDigest: s.AgainstDigest}, whole)}, [2]string{"job", string(s.Job)}, [2]string{"study", string(s.Study)},
			[2]string{"environment", fmt.Sprintf("%s, %s", s.Environment, s.EnvironmentDigest)}, [2]string{"package", string(s.Package)}, [2]string{"agreement", string(s.Agreement)}, [2]string{"grant", string(s.Grant)},
			reviewedAs(s), [2]string{"found", byKind(s.Findings)}, [2]string{"charged", count(int(s.Charge), "byte")}, [2]string{"signed by", s.LogKey}, [2]string{"checked with", keySource(key)})
	})
}

// checkBytes holds the bytes that a node shows to the digests, and these to the package that a vote names.
func checkBytes(pack client.ReleasePackage) error {
	digest, err := airlock.PackageDigest(pack.Release.Files)
	wrong := err != nil || digest != pack.Release.Package || len(pack.Files) != len(pack.Release.Files)
	for i, f := range pack.Files {
		wrong = wrong || f.Path != pack.Release.Files[i].Name || !plainName(f.Path) || digestOfBytes(f.Data) != pack.Release.Files[i].Digest
	}
	if wrong {
		return &ledger.TamperError{Index: -1, What: "The node shows other files than the package has that it would have you vote on"}
	}
	return nil
}
