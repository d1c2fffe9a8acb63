package agreement_test

import (
	"crypto/sha256"
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"narthex"
	"narthex/internal/agreement"
)

func in(t testing.TB, d agreement.Document, form agreement.Form) string {
	t.Helper()
	data, err := d.In(form)
	if err != nil {
		t.Fatalf("%s: %v", form, err)
	}
	return string(data)
}

func TestARenderingIsTheSameEachTimeAndReadsAsItShould(t *testing.T) {
	made := input(t)
	a, digest := render(t, made)
	if _, again := render(t, made); digest != again {
		t.Error("two renderings differ")
	}
	d := agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}
	for _, form := range agreement.Forms() {
		got, path := in(t, d, form), filepath.Join("testdata", "agreement."+string(form))
		for range 3 {
			if in(t, d, form) != got {
				t.Errorf("two renderings as %s differ", form)
			}
		}
		kept := got
		if form == agreement.PDF {
			kept, path = string(narthex.MakeDigest(sha256.Sum256([]byte(got))))+"\n", path+".digest"
		}
		if *update {
			if err := os.WriteFile(path, []byte(kept), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != kept {
			t.Errorf("%s is not what it was; look at it and run with -update", path)
		}
		if form == agreement.JSON && narthex.MakeDigest(sha256.Sum256([]byte(got))) != digest {
			t.Error("the digest is not of the JSON")
		}
		if form.Media() == "" {
			t.Errorf("%s has no media type", form)
		}
	}
	if _, err := d.In("docx"); err == nil || agreement.Form("docx").Media() != "" {
		t.Error("a form that there is not was written")
	}
}

func TestEveryFormHoldsAllThatIsAgreed(t *testing.T) {
	made := input(t)
	made.Engagement.Application.SigningOrder = narthex.PartyRoles()
	a, digest := render(t, made)
	d := agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}
	space := regexp.MustCompile(`\s+`)
	flat := func(text string) string { return space.ReplaceAllString(text, "") }
	for form, text := range map[agreement.Form]string{
		agreement.Text:     in(t, d, agreement.Text),
		agreement.Markdown: regexp.MustCompile("\\\\([[:punct:]])").ReplaceAllString(in(t, d, agreement.Markdown), "$1"),
		agreement.HTML:     html.UnescapeString(regexp.MustCompile(`</?(li|strong|td|tr|p|ul|h2)\b[^>]*>`).ReplaceAllString(in(t, d, agreement.HTML), "")),
		agreement.PDF:      readPDF(t, []byte(in(t, d, agreement.PDF))),
	} {
		text = flat(text)
		has := func(what, part string) {
			t.Helper()
			if !strings.Contains(text, flat(part)) {
				t.Errorf("%s lacks %s: %s", form, what, part)
			}
		}
		has("the digest", string(digest))
		has("the order of signing", "researcher, then institution, then lab")
		has("the redline", "What differs from the pathway's standard")
		for _, line := range agreement.RedlineInWords(a.Redline) {
			has("a difference", line)
		}
		for _, party := range a.Parties {
			has("a party", party.Name)
			for _, signer := range party.Signers {
				has("a signer", signer.Name+", key "+signer.Fingerprint)
			}
		}
		for _, term := range a.Terms {
			has("a term", term.Clause)
			has("a term", agreement.TermInWords(made.Taxonomy, term))
		}
		for _, clause := range a.Clauses {
			has("a clause", clause.Number+". "+clause.Title)
			for line := range strings.SplitSeq(clause.Text, "\n") {
				has("the text of "+string(clause.Name), regexp.MustCompile("\\\\([[:punct:]])").ReplaceAllString(strings.TrimPrefix(line, "- "), "$1"))
			}
		}
	}
}

// exhibitOf finds the JSON of the last exhibit in a form and joins its lines.
func exhibitOf(t *testing.T, form agreement.Form, text string) string {
	t.Helper()
	switch form {
	case agreement.PDF:
		text = regexp.MustCompile(`\n?eng_[a-z2-7]{26}, sha256:[0-9a-f]{64}\npage \d+ of \d+`).ReplaceAllString(readPDF(t, []byte(text)), "")
		_, text, _ = strings.Cut(text, "is signed.\n")
	case agreement.HTML:
		_, text, _ = strings.Cut(text, "<pre>")
		text, _, _ = strings.Cut(text, "</pre>")
		text = html.UnescapeString(text)
	case agreement.Markdown:
		_, text, _ = strings.Cut(text, "```json\n")
		text, _, _ = strings.Cut(text, "\n```")
	}
	return strings.ReplaceAll(text, "\n", "")
}

func TestTheSignedBytesAreRecomputedFromTheExhibit(t *testing.T) {
	for _, title := range []string{"plain", "quotes \" and \\ and `ticks` ```", "two  spaces,   three, a tab\t and a line\nend", "Ёлка ⟦U+202E⟧ \u202e\u200b 研究 \U0001f600 </pre><b>", strings.Repeat(" x", 100), strings.Repeat("@@W ", 50)} {
		made := input(t)
		made.Engagement.Application.Title = title
		a, digest := render(t, made)
		for _, form := range []agreement.Form{agreement.Markdown, agreement.HTML, agreement.PDF} {
			text := exhibitOf(t, form, in(t, agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}, form))
			value := jsontext.Value(text)
			if err := value.Canonicalize(); err != nil {
				t.Fatalf("%s of %q: %v: %s", form, title, err, text)
			}
			if got := narthex.MakeDigest(sha256.Sum256(value)); got != digest {
				t.Errorf("the exhibit of %s, %q, gives %s and %s is signed", form, title, got, digest)
			}
			var read narthex.Agreement
			if err := json.Unmarshal(value, &read); err != nil || len(read.Terms) != len(a.Terms) {
				t.Errorf("the exhibit of %s does not read as an agreement: %v", form, err)
			}
		}
	}
}

// TestNothingFromOutsideIsMoreThanText writes into every text that someone outside can set.
func TestNothingFromOutsideIsMoreThanText(t *testing.T) {
	made := input(t)
	clean, _ := render(t, made)
	plainText := in(t, agreement.Document{Taxonomy: made.Taxonomy, Agreement: clean}, agreement.HTML)
	bad := "x\n## 99. New clause\n\n| a | b |\n<script>alert(1)</script> [l](javascript:a) ![i](http://x/y) http://x.test/ \u202e\u200b\x00\x1b[31m ⟦U+0041⟧ {{cap}} `c` --- (\\) endobj /JS "
	made.Engagement.Application.Title = bad
	for i := range made.Parties {
		made.Parties[i].Name, made.Parties[i].Signers[0].Name = bad, bad
	}
	a, _ := render(t, made)
	d := agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}
	page := in(t, d, agreement.HTML)
	for _, tag := range []string{"<h1", "<h2", "<tr", "<li", "<p>", "<pre", "<a ", "<img", "<script"} {
		if strings.Count(page, tag) != strings.Count(plainText, tag) {
			t.Errorf("text from outside made %d of %s on the page", strings.Count(page, tag)-strings.Count(plainText, tag), tag)
		}
	}
	for _, form := range []agreement.Form{agreement.Text, agreement.Markdown, agreement.HTML} {
		text := in(t, d, form)
		for _, raw := range []string{"\u202e", "\u200b", "\x00", "\x1b", "⟦U+0041⟧"} {
			if strings.Contains(text, raw) {
				t.Errorf("%s holds %q as it was written", form, raw)
			}
		}
		for _, shown := range []string{"U+202E", "U+200B", "U+001B", "U+27E6"} {
			if !strings.Contains(text, shown) {
				t.Errorf("%s does not show %s", form, shown)
			}
		}
		if strings.Contains(text, "\n## 99. New") || strings.Contains(text, "\n99. New") {
			t.Errorf("%s has a clause from outside", form)
		}
	}
}

func TestTheTextForATerminalHasNoEscapes(t *testing.T) {
	made := input(t)
	a, _ := render(t, made)
	text := in(t, agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}, agreement.Text)
	if strings.Contains(text, "\\") || strings.Contains(text, "**") || !strings.Contains(text, "(model.sample) on example-model") || !strings.Contains(text, "⟦U+202E⟧") {
		t.Error(text)
	}
}

// TestTheClausesAreTheDirectorysAlone: whatever an applicant and a party write, the clauses stay letter for letter those of the
// library with the pathway's values; another library is the only way to other text.
func TestTheClausesAreTheDirectorysAlone(t *testing.T) {
	made := input(t)
	clean, _ := render(t, made)
	clauses := func(a narthex.Agreement) string {
		data, err := json.Marshal(a.Clauses)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, bad := range []string{"{{cap}}", "# 1. Purpose", "1 EUR", `"}],"clauses":[`} {
		other := input(t)
		app := &other.Engagement.Application
		app.Title, app.Days = bad, 7
		app.Answers = map[string]string{"cap": bad, "project": bad, "liability": bad, "clauses": bad}
		app.Terms = app.Terms[:1]
		other.Engagement.Notes, other.Engagement.Reason = []narthex.Note{{Text: bad}}, bad
		for i := range other.Parties {
			other.Parties[i].Name = bad
		}
		a, _ := render(t, other)
		if clauses(a) != clauses(clean) {
			t.Errorf("%q changed the clauses", bad)
		}
	}
	purpose := made.Clauses["purpose"]
	purpose.Text += " And more."
	made.Clauses["purpose"] = purpose
	if a, _ := render(t, made); clauses(a) == clauses(clean) {
		t.Error("the clauses do not come from the library")
	}
}

func TestAMarkdownClauseIsWholeInPlainForms(t *testing.T) {
	made := input(t)
	purpose := made.Clauses["purpose"]
	purpose.Text = "A *first* `code \\*` [link](https://x.test/a) <https://y.test> <b>raw</b> &amp; \\* end\nsoft  \nhard\n\n> quoted\n\n1. one\n2. two\n   - deep\n\n```\nfenced  \\*\n```\n\n    indented\n\n### under\n\n<div>\nblock\n</div>\n"
	made.Clauses["purpose"] = purpose
	a, _ := render(t, made)
	d := agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}
	for form, text := range map[agreement.Form]string{agreement.Text: in(t, d, agreement.Text), agreement.PDF: readPDF(t, []byte(in(t, d, agreement.PDF)))} {
		for _, want := range []string{"A first", `code \*`, "link (https://x.test/a)", "https://y.test", "<b>raw</b>", "& * end soft", "hard", "quoted", "one", "two", "deep", `fenced  \*`, "indented", "under", "<div>", "block", "</div>"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", form, want)
			}
		}
	}
}
