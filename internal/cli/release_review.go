package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

const (
	usualLines = 200  // of a file that are shown at once
	mostLines  = 5000 // that may be asked for at once
	mostAcross = 1000 // characters of a line that are shown
	pngBegins  = "\x89PNG\r\n\x1a\n"
)

func (a *app) releaseReview() *cobra.Command {
	return a.command(leaf{
		use: "review", short: "List what wants to leave and waits for the lab's people, as far as you may decide on it",
		example: "narthex release review",
		run: func(ctx context.Context, _ []string) error {
			c, _, err := a.member()
			if err != nil {
				return err
			}
			list, err := c.Releases(ctx)
			if err != nil {
				return err
			}
			t := newTable("RELEASE", "STATE", "ENGAGEMENT", "FROM", "FILES", "BYTES", "FOUND", "SINCE", "NEXT")
			for _, r := range list.Releases {
				next := "narthex release view " + string(r.ID)
				if r.State == narthex.ReleaseReturned {
					next = "its author answers"
				}
				t.row(string(r.ID), string(r.State), string(r.Engagement), string(r.Asset)+"@"+string(r.Version), fmt.Sprint(len(r.Files)), fmt.Sprint(r.Charge), byKind(r.Findings), day(r.TakenAt), next)
			}
			return a.list(list, t, "nothing wants to leave; `narthex work` shows what else waits for you")
		}})
}

// looking is how much of a release is shown, and where the rest goes.
type looking struct {
	file, out   string
	from, lines int
}

func (a *app) releaseView() *cobra.Command {
	var l looking
	c := a.command(leaf{
		use: "view RELEASE", short: "Look at what wants to leave, as one of those who decide",
		long: `Look at what wants to leave: what its author says of each file, what was found in it and where, and its bytes. Every character of a
file but printable ASCII is shown as \u{…}, so that nothing in it moves the cursor, hides, or passes for something else; images are not
shown. With --out, everything is written to a new folder: images as they are, text as it is shown here, under names that end in .txt.

That you look is an entry of the ledger. A vote names the package's digest. It is remembered where you were shown all of it, or had it
written; else copy it to --saw.`,
		example: "narthex release view rel_21 --out look\nnarthex release view rel_21 --file table.csv --from 201",
		run: func(ctx context.Context, args []string) error {
			id, err := releaseID(args[0])
			if err != nil {
				return err
			}
			return a.viewRelease(ctx, id, l)
		}})
	f := c.Flags()
	f.StringVar(&l.file, "file", "", "this file only")
	f.StringVar(&l.out, "out", "", "write what is looked at to this new folder")
	f.IntVar(&l.from, "from", 1, "from which line of a file")
	f.IntVar(&l.lines, "lines", usualLines, "how many lines of a file at once")
	return c
}

func (a *app) viewRelease(ctx context.Context, id narthex.ReleaseID, l looking) error {
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
	pack, err := c.Release(ctx, id)
	if err != nil {
		return err
	}
	if err := checkBytes(pack); err != nil {
		return err
	}
	if pack.Release.ID != id {
		return problem(narthex.Conflict, "look again, and tell the operators", "the node shows another release than %s", id)
	}
	part, err := l.choose(pack)
	if err != nil {
		return err
	}
	if l.out != "" {
		if err := writeFolder(l.out, safeForms(part)); err != nil {
			return err
		}
	}
	whole := len(part) == len(pack.Files) && (a.json || l.out != "")
	err = a.show(pack, func(page *page) {
		cut := writeReviewed(page, pack, part, l)
		whole = whole || len(part) == len(pack.Files) && !cut
		writeHowToVote(page, pack.Release, whole)
	})
	if err == nil && whole {
		err = p.saw(releaseSeen(id), pack.Release.Package)
	}
	return err
}

// releaseSeen is the name under which the digest of a package that was shown is kept.
func releaseSeen(id narthex.ReleaseID) string { return "release " + string(id) }

// shownFile is a file that is looked at, with what is known of it.
type shownFile struct {
	narthex.ReleaseFile
	data []byte
}

// choose gives the files that are looked at.
func (l looking) choose(pack client.ReleasePackage) ([]shownFile, error) {
	var part []shownFile
	var names []string
	for i, f := range pack.Release.Files {
		names = append(names, f.Name)
		if l.file == "" || l.file == f.Name {
			part = append(part, shownFile{f, pack.Files[i].Data})
		}
	}
	if len(part) == 0 {
		return nil, problem(narthex.Invalid, "it has "+strings.Join(names, ", "), "%s has no file %q", pack.Release.ID, l.file)
	}
	return part, nil
}

// image says whether a file is looked at as a picture. What says that it is one and is not is text like any other.
func (f shownFile) image() bool { return f.Kind == "png" && bytes.HasPrefix(f.data, []byte(pngBegins)) }

// summary says what an artefact holds; of what only says that it is one, nothing.
func (f shownFile) summary() (string, bool) {
	if f.Kind != "safetensors" {
		return "", false
	}
	return summary(f.data)
}

// safeForms gives files to look at: images as they are, artefacts as they are with what they hold, and of all others text that nothing takes
// for more.
func safeForms(part []shownFile) []client.StudyFile {
	var files []client.StudyFile
	for _, f := range part {
		if f.image() {
			files = append(files, client.StudyFile{Path: f.Name, Data: f.data})
			continue
		}
		if shown, is := f.summary(); is {
			files = append(files, client.StudyFile{Path: f.Name, Data: f.data}, client.StudyFile{Path: f.Name + ".txt", Data: []byte(shown)})
			continue
		}
		var text strings.Builder
		for line := range strings.SplitSeq(string(f.data), "\n") {
			text.WriteString(visible(line) + "\n")
		}
		files = append(files, client.StudyFile{Path: f.Name + ".txt", Data: []byte(text.String())})
	}
	return files
}

// writeReviewed writes a release for a reviewer, and says whether something of its files was not shown.
func writeReviewed(p *page, pack client.ReleasePackage, part []shownFile, l looking) (cut bool) {
	r := pack.Release
	p.fields([2]string{"release", string(r.ID)}, [2]string{"state", string(r.State)}, [2]string{"engagement", string(r.Engagement)}, [2]string{"author", string(r.Author)}, [2]string{"from", fmt.Sprintf("%s@%s, by %s", r.Asset, r.Version, r.Job)},
		[2]string{"charge", count(int(r.Charge), "byte")}, [2]string{"decided by", decidedBy(r)}, [2]string{"since", day(r.TakenAt)})
	writeUnfit(p, r)
	if len(r.Findings) > 0 {
		p.heading("What was found")
		t := newTable("KIND", "RULE", "AT", "WITHIN", "SAYS")
		for _, f := range r.Findings {
			at := f.File
			if f.Line > 0 {
				at = fmt.Sprintf("%s:%d", f.File, f.Line)
			}
			t.row(f.Kind, f.Rule, at, strings.Join(f.Within, " > "), visible(f.Says))
		}
		p.table(t)
	} else {
		p.blank()
		p.line("the look at the files found nothing; that is no proof that there is nothing")
	}
	for _, f := range part {
		p.heading(fmt.Sprintf("%s, %s, %s, %s", f.Name, f.Kind, count(int(f.Bytes), "byte"), f.Digest))
		p.line("  its author says:")
		p.block(visible(f.Context))
		if f.image() {
			if l.out == "" {
				p.line("  an image, which is not shown here: have it written with --out DIR")
				cut = true
			}
			continue
		}
		if shown, is := f.summary(); is {
			if p.block(shown); l.out == "" {
				p.line("  its bytes are not shown here: have them written with --out DIR")
				cut = true
			}
			continue
		}
		cut = writeText(p, f, l) || cut
	}
	writeVerdicts(p, r)
	return cut
}

// writeText writes lines of a file, each with its number; what has none is not of the file.
func writeText(p *page, f shownFile, l looking) (cut bool) {
	lines := strings.Split(strings.TrimSuffix(string(f.data), "\n"), "\n")
	for i := l.from - 1; i < len(lines) && i < l.from-1+l.lines; i++ {
		shown := visible(lines[i])
		if len(shown) <= mostAcross {
			p.line("%6d  %s", i+1, shown)
			continue
		}
		p.line("%6d  %s", i+1, shown[:mostAcross])
		p.line("  line %d goes on for %d more characters; --out DIR writes all of it", i+1, len(shown)-mostAcross)
		cut = true
	}
	if last := l.from - 1 + l.lines; last < len(lines) {
		p.line("  lines %d to %d of %d; go on with --file %s --from %d", l.from, last, len(lines), f.Name, last+1)
		cut = true
	}
	return cut || l.from > 1
}

// visible shows text so that each character of it is seen for what it is: printable ASCII as it is, all else by its number, and a byte that
// is no character by its value. What would pass for such a number is shown by numbers too, and so is a space at the end of a line.
func visible(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n':
			out.WriteByte('\n')
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\u{byte %X}`, text[i])
		case r < ' ' || r > '~', r == '\\' && strings.HasPrefix(text[i:], `\u{`), r == ' ' && (i+1 == len(text) || text[i+1] == '\n'):
			fmt.Fprintf(&out, `\u{%X}`, r)
		default:
			out.WriteRune(r)
		}
		i += size
	}
	return out.String()
}

// writeHowToVote says on what a vote is, and how it is cast.
func writeHowToVote(p *page, r narthex.Release, whole bool) {
	p.blank()
	p.fields([2]string{"package", string(r.Package)})
	if r.Rule != nil {
		p.line("it left by the standing rule %s; where it was drawn for your second look: narthex release rule look %s --fine, or --not-fine GROUND", r.Rule.Rule, r.ID)
		return
	}
	if r.State != narthex.ReleaseSubmitted && r.State != narthex.ReleaseConflicting {
		p.line("nothing is to be decided of it now: it is %s", r.State)
		return
	}
	saw := ""
	if !whole {
		p.line("you were not shown all of it: have it written with --out DIR, or name the digest in the vote")
		saw = " --saw " + string(r.Package)
	}
	p.line("next: narthex release vote %s%s --release-all, or --release FILE and --refuse FILE for each of %s", r.ID, saw, count(len(r.Files), "file"))
	p.line("      narthex release return %s%s --comment 'what is to be changed or answered'", r.ID, saw)
}

// voting is what a reviewer says on the command line.
type voting struct {
	saw                   string
	release, refuse       []string
	releaseAll, refuseAll bool
	comment, note         string
}

func (a *app) releaseVote() *cobra.Command {
	var v voting
	c := a.command(leaf{
		use: "vote RELEASE", short: "Say of each file whether it may leave",
		long: `Say of each file of what you looked at whether it may leave. What is refused does not leave, and where one file is refused nothing of the
package does: the author may leave it out and ask again. Two people decide, and the second is not shown what the first one said. Where
you differ, it is with all of you again, and each sees what the others said. The comment is for the author, the note for reviewers.

The vote names the digest of the package that "narthex release view" showed you whole, or the one that you give with --saw. Where the
package has changed since, it does not count and you look again. With it you declare that you have no interest in its author, a member or
their organisation; where you have one, declare that instead: narthex interests add.`,
		example: "narthex release view rel_21 --out look\nnarthex release vote rel_21 --release-all\nnarthex release vote rel_21 --release table.csv --refuse words.md --comment 'words.md quotes the corpus'",
		run:     func(ctx context.Context, args []string) error { return a.voteRelease(ctx, args[0], v) }})
	f := c.Flags()
	f.StringVar(&v.saw, "saw", "", "the digest of the package that you looked at")
	f.StringArrayVar(&v.release, "release", nil, "a file that may leave; repeat for each")
	f.StringArrayVar(&v.refuse, "refuse", nil, "a file that may not leave; repeat for each")
	f.BoolVar(&v.releaseAll, "release-all", false, "every file may leave")
	f.BoolVar(&v.refuseAll, "refuse-all", false, "no file may leave")
	f.StringVar(&v.comment, "comment", "", "for the author")
	f.StringVar(&v.note, "note", "", "for reviewers")
	return c
}

func (a *app) voteRelease(ctx context.Context, named string, v voting) error {
	id, err := releaseID(named)
	if err != nil {
		return err
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	saw, err := seen(p, releaseSeen(id), v.saw, "narthex release view "+string(id)+" --out DIR")
	if err != nil {
		return err
	}
	list, err := c.Releases(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list.Releases, func(r narthex.Release) bool { return r.ID == id })
	if at < 0 {
		return problem(narthex.Withheld, "`narthex release review` lists what does", "%s does not wait for you", id)
	}
	r := list.Releases[at]
	if r.Package != saw {
		return problem(narthex.Conflict, "look with `narthex release view "+string(id)+"`, then vote", "its author changed %s since you looked at it", id)
	}
	verdicts, err := v.verdicts(r)
	if err != nil {
		return err
	}
	a.say("you declare with it that you have no interest in the author, a member or their organisation")
	r, err = c.VoteRelease(ctx, id, client.VoteRelease{Saw: saw, Verdicts: verdicts, Comment: v.comment, Note: v.note})
	if err != nil {
		return err
	}
	return a.show(r, func(page *page) {
		switch r.State {
		case narthex.ReleaseReleased:
			page.line("voted on %s: it is released, and its author can take it out", id)
		case narthex.ReleaseRefused:
			page.line("voted on %s: it is refused, and its bytes are given back but for what its author was told", id)
		case narthex.ReleaseConflicting:
			page.line("voted on %s: you and another reviewer differ, so it is with all of you again", id)
			page.line("next: narthex release view %s shows what the others said", id)
		default:
			page.line("voted on %s; it waits for %s in all", id, people(r.Reviewers))
		}
	})
}

// verdicts gives what was said of each file, in the package's order.
func (v voting) verdicts(r narthex.Release) ([]narthex.FileVerdict, error) {
	next := "name each of " + strings.Join(namesOf(r), ", ") + " once, with --release or --refuse, or give --release-all or --refuse-all alone"
	named := append(slices.Clone(v.release), v.refuse...)
	if v.releaseAll && v.refuseAll || (v.releaseAll || v.refuseAll) && len(named) > 0 {
		return nil, problem(narthex.Invalid, next, "that says two things of a file")
	}
	var list []narthex.FileVerdict
	for _, f := range r.Files {
		switch {
		case v.releaseAll || slices.Contains(v.release, f.Name) && !slices.Contains(v.refuse, f.Name):
			list = append(list, narthex.FileVerdict{File: f.Name, Verdict: narthex.VerdictRelease})
		case v.refuseAll || slices.Contains(v.refuse, f.Name) && !slices.Contains(v.release, f.Name):
			list = append(list, narthex.FileVerdict{File: f.Name, Verdict: narthex.VerdictRefuse})
		default:
			return nil, problem(narthex.Invalid, next, "a vote says one thing of each file, and %s has none, or two", f.Name)
		}
	}
	for _, name := range named {
		if !slices.Contains(namesOf(r), name) {
			return nil, problem(narthex.Invalid, next, "%s has no file %q", r.ID, name)
		}
	}
	return list, nil
}

func namesOf(r narthex.Release) []string {
	var names []string
	for _, f := range r.Files {
		names = append(names, f.Name)
	}
	return names
}

func (a *app) releaseReturn() *cobra.Command {
	var saw, comment string
	c := a.command(leaf{
		use: "return RELEASE", short: "Send it back to its author with a question",
		long:    "Send it back to its author, who answers with an edit: other words of a file, or files left out. That makes another package, on which\neveryone votes anew.",
		example: "narthex release view rel_21\nnarthex release return rel_21 --comment 'say how many prompts each mean is over'",
		run: func(ctx context.Context, args []string) error {
			id, err := releaseID(args[0])
			if err != nil {
				return err
			}
			if comment == "" {
				return problem(narthex.Invalid, "give it with --comment; the author reads it", "what is sent back says what is to be changed or answered")
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			digest, err := seen(p, releaseSeen(id), saw, "narthex release view "+string(id)+" --out DIR")
			if err != nil {
				return err
			}
			r, err := c.ReturnRelease(ctx, id, client.VoteRelease{Saw: digest, Comment: comment})
			if err != nil {
				return err
			}
			return a.show(r, func(page *page) { page.line("sent %s back to its author; it is %s", id, r.State) })
		}})
	c.Flags().StringVar(&saw, "saw", "", "the digest of the package that you looked at")
	c.Flags().StringVar(&comment, "comment", "", "what is to be changed or answered, for the author")
	return c
}

func digestOfBytes(data []byte) narthex.Digest { return narthex.MakeDigest(sha256.Sum256(data)) }
