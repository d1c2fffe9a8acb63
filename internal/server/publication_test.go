package server_test

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// reviewing puts the clause of publication review into the test pathway, with values, and a holiday into the calendar.
func reviewing(values string) func(lab.Files) {
	return func(files lab.Files) {
		files["pathways/test.yaml"] = []byte(strings.Replace(string(files["pathways/test.yaml"]), "  - {clause: purpose}\n", "  - {clause: purpose}\n  - {clause: publication-review, values: {"+values+"}}\n", 1))
	}
}

const strict = `review_days: "10", extension_days: "7", embargo_days: "0", answer_days: "3", grounds: "confidential information, personal data", mediator: "yes"`

// monday is when manuscripts of these tests come in; the tests' clock is moved to it.
var monday = time.Date(2030, 3, 4, 9, 30, 15, 0, time.UTC)

// desk is a running engagement under an agreement with publication review, on a clock that stands.
type desk struct {
	*testing.T
	*testenv.Env
	id narthex.EngagementID
}

func newDesk(t *testing.T, values string) *desk {
	t.Helper()
	clock := &testenv.Clock{}
	clock.Move(time.Until(monday.AddDate(0, 0, -7)))
	change := func(lab.Files) {}
	if values != "" {
		change = reviewing(values)
	}
	e := testenv.New(t, testenv.Options{Files: change, Clock: clock})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	d := &desk{t, e, grant.Engagement}
	d.at(monday)
	return d
}

// at moves the clock, and gives everyone a session that is still good.
func (d *desk) at(now time.Time) {
	d.Helper()
	d.Clock.Stop(now)
	for name, p := range d.People {
		session, err := d.Env.Client.Login(d.Context(), p.Login)
		if err != nil {
			d.Fatalf("%s: %v", name, err)
		}
		p.Client = d.Env.Client.With(session.Token)
	}
}

func textDigest(text string) narthex.Digest { return narthex.MakeDigest(sha256.Sum256([]byte(text))) }

// hands lets ada hand a text in.
func (d *desk) hands(text string, replaces int, applies ...int) client.PublicationView {
	d.Helper()
	view, err := d.People["ada"].SubmitManuscript(d.Context(), d.id, client.ManuscriptSubmit{Title: "On probes", Digest: textDigest(text), Size: int64(len(text)), Where: "a link that was mailed", Replaces: replaces, Applies: applies})
	if err != nil {
		d.Fatal(err)
	}
	return view
}

// does gives a command that must be taken, and refuses one that must not, with its kind.
func (d *desk) does(who string, manuscript int, verb string, in client.ManuscriptCommand) client.PublicationView {
	d.Helper()
	view, err := d.People[who].OnManuscript(d.Context(), d.id, manuscript, verb, in)
	if err != nil {
		d.Fatalf("%s: %s: %v", who, verb, err)
	}
	return view
}

func (d *desk) refuses(kind narthex.Kind, says, who string, manuscript int, verb string, in client.ManuscriptCommand) {
	d.Helper()
	view, err := d.People[who].OnManuscript(d.Context(), d.id, manuscript, verb, in)
	if !narthex.IsKind(err, kind) || !strings.Contains(err.Error(), says) {
		d.Errorf("%s: %s is %+v, %v; it should be refused as %s, saying %q", who, verb, view.Standing, err, kind, says)
	}
}

func (d *desk) stands(manuscript int) narthex.ManuscriptStanding {
	d.Helper()
	view, err := d.People["ada"].Publication(d.Context(), d.id, manuscript)
	if err != nil {
		d.Fatal(err)
	}
	return view.Standing
}

func askFor(passage, ground string) client.ManuscriptCommand {
	return client.ManuscriptCommand{Redactions: []client.RedactionAsk{{Ground: ground, Passage: passage, Why: "it was told in confidence", Instead: "a sentence without the figure"}}}
}

// TestSilenceClearsAManuscriptToTheSecond: nobody does anything, and it is clear when ten business days are over.
func TestSilenceClearsAManuscriptToTheSecond(t *testing.T) {
	d := newDesk(t, strict)
	due := monday.AddDate(0, 0, 14)
	view := d.hands("one", 0)
	if !view.Manuscript.Due.Equal(due) || view.Standing.State != narthex.ManuscriptInReview || !slices.Equal(view.Allowed, []string{"pause"}) {
		t.Fatalf("%+v, ada may %q", view, view.Allowed)
	}
	published := client.ManuscriptCommand{Reference: "10.1234/probes.1", Saw: textDigest("one")}
	told := func(who, want string) {
		t.Helper()
		for range 2 {
			_, err := d.Node.Sweep(t.Context())
			check(t, err)
		}
		if got := toldTo(t, d.Env, who); !slices.Equal(got[:min(len(got), 2)], strings.Fields(want)) {
			t.Errorf("%s is told %v, last should be %s", who, got, want)
		}
	}
	d.at(monday.AddDate(0, 0, 7))
	told("sam", "manuscript_half manuscript_in")
	d.at(due.Add(-time.Second))
	told("sam", "manuscript_half manuscript_in")
	if at := d.stands(1); at.State != narthex.ManuscriptInReview || !at.ClearSince.IsZero() {
		t.Errorf("a second before: %+v", at)
	}
	d.refuses(narthex.Conflict, "18 March 2030 09:30 UTC", "ada", 1, "publish", published)
	d.at(due)
	told("sam", "manuscript_silent manuscript_half")
	told("ada", "manuscript_silent in_force")
	if at := d.stands(1); at.State != narthex.ManuscriptClear || at.How != "silence" || !at.ClearSince.Equal(due) || !at.PublishFrom.Equal(due) {
		t.Errorf("when the time is over: %+v", at)
	}
	for _, verb := range []string{"clear", "redact", "extend", "pause"} {
		d.refuses(narthex.Conflict, "the time was over", "sam", 1, verb, client.ManuscriptCommand{Reason: "safety", Days: 1, Text: "so", Redactions: askFor("x", "personal data").Redactions})
	}
	view = d.does("ada", 1, "publish", published)
	if view.Standing.State != narthex.ManuscriptPublished || view.Manuscript.Published.Reference != "10.1234/probes.1" {
		t.Errorf("published: %+v", view)
	}
	d.refuses(narthex.Conflict, "is published", "ada", 1, "publish", published)
	statement, err := d.People["ada"].Statement(t.Context(), d.id, client.StatementRequest{})
	if err != nil || !strings.Contains(string(statement), `"published":["10.1234/probes.1"]`) {
		t.Errorf("the access statement does not have it: %s, %v", statement, err)
	}
	history, err := d.People["sam"].History(t.Context(), d.id)
	if err != nil || !strings.Contains(inLines(history), "Ada read manuscript") || !strings.Contains(inLines(history), "Ada manuscript_publish") {
		t.Errorf("its history is\n%s, %v", inLines(history), err)
	}
}

// TestAPauseMovesTheEndByItsBusinessDays, whoever asked for it; the lab can once, and an author ends any.
func TestAPauseMovesTheEndByItsBusinessDays(t *testing.T) {
	d := newDesk(t, strict)
	due := d.hands("one", 0).Manuscript.Due
	d.refuses(narthex.Invalid, "say what", "sam", 1, "pause", client.ManuscriptCommand{})
	d.does("sam", 1, "pause", client.ManuscriptCommand{Text: "the appendix is not there"})
	if at := d.stands(1); at.State != narthex.ManuscriptPaused {
		t.Errorf("after a pause: %+v", at)
	}
	d.at(monday.AddDate(0, 0, 4).Add(time.Second)) // Friday, a second past four business days
	d.refuses(narthex.Conflict, "stands already", "ada", 1, "pause", client.ManuscriptCommand{})
	view := d.does("ada", 1, "resume", client.ManuscriptCommand{Text: "sent by mail"})
	if want := due.AddDate(0, 0, 7); !view.Manuscript.Due.Equal(want) {
		t.Errorf("after five business days, the last begun, it ends %s, want %s", view.Manuscript.Due, want)
	}
	d.refuses(narthex.Conflict, "cannot a second time", "sam", 1, "pause", client.ManuscriptCommand{Text: "and the tables"})
	d.does("ada", 1, "pause", client.ManuscriptCommand{})
	d.refuses(narthex.Refused, "an author ends it", "sam", 1, "resume", client.ManuscriptCommand{})
	d.at(due.AddDate(0, 2, 0)) // long after its end nothing is cleared, for the clock stands
	if at := d.stands(1); at.State != narthex.ManuscriptPaused || !at.ClearSince.IsZero() {
		t.Errorf("with the clock stopped: %+v", at)
	}
	d.does("ada", 1, "resume", client.ManuscriptCommand{})
}

// TestAReviewIsExtendedOnceForAPatentOrForSafety, by at most the days that were signed.
func TestAReviewIsExtendedOnceForAPatentOrForSafety(t *testing.T) {
	d := newDesk(t, strict)
	due := d.hands("one", 0).Manuscript.Due
	d.refuses(narthex.Refused, "a patent or for safety", "sam", 1, "extend", client.ManuscriptCommand{Reason: "convenience", Days: 7, Text: "so"})
	d.refuses(narthex.Invalid, "in writing", "sam", 1, "extend", client.ManuscriptCommand{Reason: "patent", Days: 7, Text: " "})
	d.refuses(narthex.Refused, "7 days of extension at most", "sam", 1, "extend", client.ManuscriptCommand{Reason: "patent", Days: 8, Text: "so"})
	d.refuses(narthex.Refused, "7 days of extension at most", "sam", 1, "extend", client.ManuscriptCommand{Reason: "patent", Text: "so"})
	view := d.does("sam", 1, "extend", client.ManuscriptCommand{Reason: "patent", Days: 7, Text: "we file"})
	if !view.Manuscript.Due.Equal(due.AddDate(0, 0, 7)) || slices.Contains(view.Allowed, "extend") {
		t.Errorf("it ends %s and sam may %q", view.Manuscript.Due, view.Allowed)
	}
	d.refuses(narthex.Conflict, "extended once", "carol", 1, "extend", client.ManuscriptCommand{Reason: "safety", Days: 1, Text: "so"})
	d.at(due.AddDate(0, 0, 7))
	if at := d.stands(1); at.State != narthex.ManuscriptClear {
		t.Errorf("when the extension is over: %+v", at)
	}
}

// TestALabAsksForSinglePassagesOnTheGroundsThatWereSigned, can say once that it asks nothing more, and refuse nothing whole.
func TestALabAsksForSinglePassagesOnTheGroundsThatWereSigned(t *testing.T) {
	d := newDesk(t, strict)
	d.hands("one", 0)
	for _, ground := range []string{"materially increased danger", "factual accuracy", "Personal data", ""} { // the first is in the library, and not in what was signed
		d.refuses(narthex.Refused, "confidential information, personal data", "sam", 1, "redact", askFor("page 4", ground))
	}
	for field, change := range map[string]func(*client.RedactionAsk){
		"redactions.passage": func(a *client.RedactionAsk) { a.Passage = " " }, "redactions.why": func(a *client.RedactionAsk) { a.Why = "" }, "redactions.instead": func(a *client.RedactionAsk) { a.Instead = "" },
	} {
		in := askFor("page 4", "personal data")
		change(&in.Redactions[0])
		_, err := d.People["sam"].OnManuscript(t.Context(), d.id, 1, "redact", in)
		if !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != field {
			t.Errorf("without %s: %v", field, err)
		}
	}
	d.does("sam", 1, "redact", askFor("page 4", "personal data"))
	for _, verb := range []string{"refuse", "reject", "decline", "veto", "block", "submit"} {
		if _, err := d.People["sam"].OnManuscript(t.Context(), d.id, 1, verb, client.ManuscriptCommand{Text: "no"}); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("there is a way to %s: %v", verb, err)
		}
	}
	for _, who := range []string{"ada"} {
		for _, verb := range []string{"clear", "redact", "extend", "uphold", "drop"} {
			d.refuses(narthex.Refused, "part in this engagement", who, 1, verb, askFor("page 5", "personal data"))
		}
	}
	for _, verb := range []string{"accept", "contest", "mediate", "publish"} {
		d.refuses(narthex.Refused, "Only those who wrote it", "sam", 1, verb, client.ManuscriptCommand{Redaction: 1, Text: "so"})
	}
	view := d.does("carol", 1, "clear", client.ManuscriptCommand{})
	if view.Standing.State != narthex.ManuscriptRedacting || view.Standing.InTheWay != 1 {
		t.Errorf("with a redaction in the way: %+v", view.Standing)
	}
	d.refuses(narthex.Conflict, "asks nothing more", "sam", 1, "clear", client.ManuscriptCommand{})
	d.refuses(narthex.Conflict, "asks nothing more", "sam", 1, "redact", askFor("page 6", "personal data"))
}

// TestEachRedactionIsAnsweredByItself: accepted, contested and dropped by silence to the second, upheld, mediated, applied.
func TestEachRedactionIsAnsweredByItself(t *testing.T) {
	d := newDesk(t, strict)
	d.hands("one", 0)
	for _, passage := range []string{"page 1", "page 2", "page 3", "page 4"} {
		d.does("sam", 1, "redact", askFor(passage, "confidential information"))
	}
	on := func(n int, text string) client.ManuscriptCommand {
		return client.ManuscriptCommand{Redaction: n, Text: text}
	}
	d.refuses(narthex.Invalid, "has 4", "ada", 1, "accept", on(5, ""))
	d.refuses(narthex.Invalid, "should stay", "ada", 1, "contest", on(2, ""))
	d.does("ada", 1, "accept", on(1, ""))
	for n := 2; n <= 4; n++ {
		d.does("ada", 1, "contest", on(n, "it is public"))
	}
	d.refuses(narthex.Conflict, "is accepted", "ada", 1, "contest", on(1, "so"))
	d.refuses(narthex.Conflict, "is accepted", "sam", 1, "uphold", on(1, "so"))
	answer := monday.AddDate(0, 0, 3)
	d.at(answer.Add(-time.Second))
	d.refuses(narthex.Invalid, "with a reason", "sam", 1, "uphold", on(3, ""))
	d.does("sam", 1, "uphold", on(3, "it is not"))
	d.does("carol", 1, "uphold", on(4, "it is not"))
	if got := d.stands(1).Redactions[1].State; got != narthex.RedactionContested {
		t.Errorf("a second before its time is over the contested one is %s", got)
	}
	d.at(answer)
	d.refuses(narthex.Conflict, "is lapsed", "sam", 1, "uphold", on(2, "so"))
	if got := d.stands(1).Redactions[1]; got.State != narthex.RedactionLapsed || !got.Settled.Equal(answer) {
		t.Errorf("when its time is over: %+v", got)
	}

	// What a mediator decided binds at once where a side says it against itself, and else when both say it.
	decision := client.ManuscriptCommand{Redaction: 3, Decision: textDigest("decided"), Outcome: "falls"}
	d.refuses(narthex.Conflict, "is upheld", "ada", 1, "outcome", decision)
	for n := 3; n <= 4; n++ {
		d.does("ada", 1, "mediate", client.ManuscriptCommand{Redaction: n, Mediator: "the ombudsperson"})
	}
	d.does("ada", 1, "outcome", decision)
	if got := d.stands(1).Redactions[2].State; got != narthex.RedactionMediation {
		t.Errorf("by the authors' word alone it is %s", got)
	}
	bad := decision
	bad.Outcome = ""
	d.refuses(narthex.Invalid, "stands, or that it falls", "sam", 1, "outcome", bad)
	bad = decision
	bad.Decision = ""
	d.refuses(narthex.Invalid, "digest", "sam", 1, "outcome", bad)
	d.does("sam", 1, "outcome", decision)
	decision.Redaction, decision.Outcome = 4, "stands"
	d.does("sam", 1, "outcome", decision)
	if got := d.stands(1).Redactions[3].State; got != narthex.RedactionMediation {
		t.Errorf("by the lab's word alone it is %s", got)
	}
	d.does("ada", 1, "outcome", decision)
	if got := d.stands(1).Redactions; got[2].State != narthex.RedactionFell || got[3].State != narthex.RedactionStands {
		t.Errorf("by the word of both: %+v", got)
	}

	// Two are in the way until a version applies them; it keeps the clock, and what was asked.
	due := monday.AddDate(0, 0, 14)
	d.at(due)
	d.refuses(narthex.Conflict, "2 redactions", "ada", 1, "publish", client.ManuscriptCommand{Reference: "10.1234/x", Saw: textDigest("one")})
	for _, applies := range [][]int{{2}, {3}, {9}, {1, 1}} {
		if _, err := d.People["ada"].SubmitManuscript(t.Context(), d.id, client.ManuscriptSubmit{Title: "x", Digest: textDigest("other"), Size: 1, Replaces: 1, Applies: applies}); err == nil {
			t.Errorf("a version applies %v", applies)
		}
	}
	view := d.hands("two", 1, 1, 4)
	if want := due.AddDate(0, 0, 3); !view.Manuscript.Due.Equal(want) || len(view.Manuscript.Redactions) != 4 || view.Standing.InTheWay != 0 {
		t.Errorf("the version that applies them ends %s, want %s: %+v", view.Manuscript.Due, want, view.Standing)
	}
	d.refuses(narthex.Conflict, "replaced by 2", "ada", 1, "accept", on(1, ""))
	d.at(due.AddDate(0, 0, 3))
	if at := d.stands(2); at.State != narthex.ManuscriptClear || at.How != "silence" {
		t.Errorf("%+v", at)
	}
	statement, err := d.People["ada"].PublicationStatement(t.Context(), d.id, 2)
	for _, words := range []string{"Of 4 redactions asked, 2 were applied and 2 fell.", "Test Lab", "tokens in all 1000", "confidential information, personal data", "no clause on payment", string(textDigest("two")), "could neither refuse the work"} {
		if err != nil || !strings.Contains(statement.Text, words) {
			t.Errorf("the statement does not say %q (%v):\n%s", words, err, statement.Text)
		}
	}
}

// TestANewTextHasAClockOfItsOwn, and nothing of the old one's.
func TestANewTextHasAClockOfItsOwn(t *testing.T) {
	d := newDesk(t, strict)
	d.hands("one", 0)
	d.does("sam", 1, "redact", askFor("page 1", "personal data"))
	d.at(monday.AddDate(0, 0, 1))
	view := d.hands("two", 1)
	if want := monday.AddDate(0, 0, 15); !view.Manuscript.Due.Equal(want) || len(view.Manuscript.Redactions) != 0 {
		t.Errorf("it ends %s, want %s, with %d redactions", view.Manuscript.Due, want, len(view.Manuscript.Redactions))
	}
	ada := d.People["ada"]
	for why, in := range map[string]client.ManuscriptSubmit{
		"the same text":      {Title: "x", Digest: textDigest("one"), Size: 1},
		"one twice replaced": {Title: "x", Digest: textDigest("three"), Size: 1, Replaces: 1},
		"one to come":        {Title: "x", Digest: textDigest("three"), Size: 1, Replaces: 3},
		"no title":           {Digest: textDigest("three"), Size: 1},
		"no size":            {Title: "x", Digest: textDigest("three")},
		"no digest":          {Title: "x", Size: 1},
		"redactions of none": {Title: "x", Digest: textDigest("three"), Size: 1, Applies: []int{1}},
	} {
		if _, err := ada.SubmitManuscript(t.Context(), d.id, in); !narthex.IsKind(err, narthex.Invalid) && !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// TestTheEmbargoThatWasSignedHoldsPublication, counted from the last signature, and no later directory moves a clock.
func TestTheEmbargoThatWasSignedHoldsPublication(t *testing.T) {
	d := newDesk(t, strings.Replace(strict, `embargo_days: "0"`, `embargo_days: "60"`, 1))
	view := d.hands("one", 0)
	agreed, err := d.People["ada"].Client.Agreement(t.Context(), d.id)
	if err != nil {
		t.Fatal(err)
	}
	last := agreed.Signatures[0].At
	for _, s := range agreed.Signatures {
		if s.At.After(last) {
			last = s.At
		}
	}
	if want := last.AddDate(0, 0, 60); !view.Manuscript.Embargo.Equal(want) {
		t.Fatalf("the embargo ends %s, want %s", view.Manuscript.Embargo, want)
	}
	out := client.ManuscriptCommand{Reference: "https://example.org/paper", Saw: textDigest("one")}
	d.does("carol", 1, "clear", client.ManuscriptCommand{})
	d.at(view.Manuscript.Embargo.Add(-time.Millisecond))
	if at := d.stands(1); at.State != narthex.ManuscriptEmbargoed || !at.PublishFrom.Equal(view.Manuscript.Embargo) || !at.ClearSince.Equal(monday) {
		t.Errorf("in the embargo: %+v", at)
	}
	d.refuses(narthex.Conflict, "lets publication wait", "ada", 1, "publish", out)
	d.at(view.Manuscript.Embargo)
	for _, wrong := range []string{"", "10.12/x", "10.1234/", "10.1234/a b", "doi:10.1234/x", "http://example.org", "https://", "https://EXAMPLE.org/", "https://user@example.org/", "https://example.org:8443/", "https://example.org/#x", "https://localhost/x", "https://127.0.0.1/x",
		"https://example.org/a b", "https://example.org/\u00e9", "ftp://example.org/x", "https://example.org/%zz", "javascript:alert(1)", "https://example.org/" + strings.Repeat("x", 500)} {
		d.refuses(narthex.Invalid, "neither a DOI", "ada", 1, "publish", client.ManuscriptCommand{Reference: wrong, Saw: textDigest("one")})
	}
	d.refuses(narthex.Conflict, "not the text that is clear", "ada", 1, "publish", client.ManuscriptCommand{Reference: out.Reference, Saw: textDigest("another")})
	d.does("ada", 1, "publish", out)
}

// TestADirectoryOfTodayMovesNoClockOfYesterday: days and holidays are those that were signed.
func TestADirectoryOfTodayMovesNoClockOfYesterday(t *testing.T) {
	d := newDesk(t, strict)
	files, err := testenv.Files(d.Model.URL)
	if err != nil {
		t.Fatal(err)
	}
	reviewing(strings.Replace(strict, `review_days: "10"`, `review_days: "30"`, 1))(files)
	var holidays []string
	for day := range 60 {
		holidays = append(holidays, monday.AddDate(0, 0, day).Format(time.DateOnly))
	}
	files["lab.yaml"] = append(files["lab.yaml"], []byte("holidays: ["+strings.Join(holidays, ", ")+"]\n")...)
	state, err := d.People["carol"].Propose(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"carol", "dan"} {
		if _, err := d.People[who].ApproveLab(t.Context(), state.Proposed); err != nil {
			t.Fatal(err)
		}
	}
	if view := d.hands("one", 0); !view.Manuscript.Due.Equal(monday.AddDate(0, 0, 14)) || view.Manuscript.Clause.ReviewDays != 10 {
		t.Errorf("by today's directory it ends %s, after %d days", view.Manuscript.Due, view.Manuscript.Clause.ReviewDays)
	}
}

// TestWithoutTheClauseThereIsNoReview: what nobody signed nobody can ask.
func TestWithoutTheClauseThereIsNoReview(t *testing.T) {
	d := newDesk(t, "")
	view := d.hands("one", 0)
	if view.Standing.State != narthex.ManuscriptClear || view.Standing.How != "no_clause" || !view.Standing.ClearSince.Equal(monday) {
		t.Errorf("%+v", view.Standing)
	}
	for _, verb := range []string{"clear", "redact", "extend", "pause"} {
		d.refuses(narthex.Conflict, "no clause of publication review", "sam", 1, verb, askFor("page 1", "personal data"))
	}
	statement, err := d.People["ada"].PublicationStatement(t.Context(), d.id, 1)
	if err != nil || !strings.Contains(statement.Text, "did not review this work") {
		t.Errorf("%s, %v", statement.Text, err)
	}
	d.does("ada", 1, "publish", client.ManuscriptCommand{Reference: "10.1234/x", Saw: textDigest("one")})
}

// TestManuscriptsAreSeenByWhoWroteAndWhoReadsThem: an official sees dates, and to everyone else there are none and never were.
func TestManuscriptsAreSeenByWhoWroteAndWhoReadsThem(t *testing.T) {
	d := newDesk(t, strict)
	d.Outsiders(t, "2", "Second")
	look := func(who string) string {
		t.Helper()
		view, err := d.People[who].Engagement(t.Context(), d.id)
		if err != nil {
			return without(err)
		}
		return string(must(json.Marshal(view)))
	}
	before := map[string]string{}
	strangers := []string{"dan", "lea", "ada2", "otto2"} // a custodian and signatory, an auditor, and another organisation
	for _, who := range strangers {
		before[who] = look(who)
	}
	d.at(monday.Add(time.Hour))
	d.hands("one", 0)
	d.does("sam", 1, "redact", askFor("the canary passage", "personal data"))
	for _, who := range strangers {
		if after := look(who); after != before[who] {
			t.Errorf("%s sees that there is a manuscript:\n%s\n%s", who, before[who], after)
		}
		if _, err := d.People[who].Publications(t.Context(), d.id); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("%s lists manuscripts: %v", who, err)
		}
		d.refuses(narthex.Withheld, "", who, 1, "clear", client.ManuscriptCommand{})
		_, there := d.People[who].Publication(t.Context(), d.id, 1)
		_, absent := d.People[who].Publication(t.Context(), d.id, 2)
		if !narthex.IsKind(there, narthex.Withheld) || without(there) != without(absent) {
			t.Errorf("to %s the one that is there answers %v, and one that is not %v", who, there, absent)
		}
		if list := must(d.People[who].Work(t.Context(), client.Page{})); len(list.Work) != 0 {
			t.Errorf("%s has work: %+v", who, list.Work)
		}
	}
	for _, who := range []string{"ada", "sam", "paul", "carol"} {
		if seen := look(who); !strings.Contains(seen, "canary passage") {
			t.Errorf("%s does not see the redaction", who)
		}
	}
	list, err := d.People["otto"].Publications(t.Context(), d.id)
	text := string(must(json.Marshal(list)))
	if err != nil || len(list.Publications) != 1 || !strings.Contains(text, `"due":"2030-03-18`) || strings.Contains(text, "canary") || strings.Contains(text, "On probes") || strings.Contains(text, string(textDigest("one"))) || strings.Contains(look("otto"), "On probes") {
		t.Errorf("the official sees %s, %v", text, err)
	}
	if _, err := d.People["otto"].PublicationStatement(t.Context(), d.id, 1); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("the official reads the statement: %v", err)
	}
}

// TestManuscriptsStandOnTheListsOfWork of who reads them, and of who wrote them when something is asked; and in the report.
func TestManuscriptsStandOnTheListsOfWork(t *testing.T) {
	d := newDesk(t, strict)
	todo := func(who string) string {
		t.Helper()
		var all []string
		for _, item := range must(d.People[who].Work(t.Context(), client.Page{})).Work {
			all = append(all, item.Do+" "+item.Due.UTC().Format("01-02"))
		}
		return strings.Join(all, ", ")
	}
	is := func(who, want string) {
		t.Helper()
		if got := todo(who); got != want {
			t.Errorf("%s should do %q, want %q", who, got, want)
		}
	}
	due := d.hands("one", 0).Manuscript.Due.Format("01-02")
	is("sam", "examine_manuscript "+due)
	is("ada", "")
	d.does("sam", 1, "redact", askFor("page 1", "personal data"))
	d.does("sam", 1, "redact", askFor("page 2", "personal data"))
	is("ada", "answer_redactions 01-01")
	d.does("ada", 1, "contest", client.ManuscriptCommand{Redaction: 1, Text: "no"})
	d.does("ada", 1, "accept", client.ManuscriptCommand{Redaction: 2})
	is("ada", "apply_redactions 01-01")
	is("carol", "answer_contest 03-07, examine_manuscript "+due)
	d.does("carol", 1, "clear", client.ManuscriptCommand{})
	is("carol", "answer_contest 03-07")
	d.at(monday.AddDate(0, 0, 3))
	is("carol", "")
	report := must(d.People["carol"].Report(t.Context())).Publications
	if report != (client.PublicationReport{Manuscripts: 1, Overdue: 1, Redactions: 2, Dropped: 1, Lapsed: 1}) {
		t.Errorf("%+v", report)
	}
	d.hands("two", 1, 2)
	d.does("sam", 2, "pause", client.ManuscriptCommand{Text: "it cannot be opened"})
	is("ada", "give_material 01-01")
	d.does("ada", 2, "resume", client.ManuscriptCommand{})
	d.at(monday.AddDate(0, 1, 0))
	report = must(d.People["carol"].Report(t.Context())).Publications
	if report != (client.PublicationReport{Manuscripts: 1, Cleared: 1, ClearedBySilence: 1, Redactions: 2, Applied: 1, Dropped: 1, Lapsed: 1}) {
		t.Errorf("%+v", report)
	}
}

// TestManuscriptsGoOnWhenTheGrantIsOver and the engagement closed.
func TestManuscriptsGoOnWhenTheGrantIsOver(t *testing.T) {
	d := newDesk(t, strict)
	for who, command := range map[string]string{"ada": "end"} {
		if _, err := d.People[who].Command(t.Context(), d.id, command, client.Command{Text: "done"}); err != nil {
			t.Fatal(err)
		}
	}
	d.hands("one", 0)
	if _, err := d.People["carol"].Command(t.Context(), d.id, "close", client.Command{}); err != nil {
		t.Fatal(err)
	}
	d.does("sam", 1, "redact", askFor("page 1", "personal data"))
	d.does("ada", 1, "contest", client.ManuscriptCommand{Redaction: 1, Text: "no"})
	d.does("sam", 1, "drop", client.ManuscriptCommand{Redaction: 1})
	d.does("sam", 1, "clear", client.ManuscriptCommand{})
	d.does("ada", 1, "publish", client.ManuscriptCommand{Reference: "10.1234/x", Saw: textDigest("one")})
	other := submitted(t, d.Env)
	if _, err := d.People["ada"].SubmitManuscript(t.Context(), other.Engagement.ID, client.ManuscriptSubmit{Title: "x", Digest: textDigest("x"), Size: 1}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a manuscript before there is a grant: %v", err)
	}
}

// without is what an error says but for the number of its request.
func without(err error) string {
	says, _, _ := strings.Cut(err.Error(), ": request ")
	return says
}

// TestAHistoryTellsOfNoManuscriptToWhoSeesNone: an auditor, who sees no manuscript, learns by the history neither of one nor that it was
// read; an official learns the dates, and neither who did it nor that there is a redaction.
func TestAHistoryTellsOfNoManuscriptToWhoSeesNone(t *testing.T) {
	d := newDesk(t, strict)
	d.hands("one", 0)
	must(d.People["sam"].Publications(t.Context(), d.id))
	d.does("sam", 1, "redact", askFor("x", "personal data"))
	d.does("ada", 1, "accept", client.ManuscriptCommand{Redaction: 1})
	history := func(who string) string { return inLines(must(d.People[who].History(t.Context(), d.id))) }
	for _, c := range []struct {
		who      string
		see, not []string
	}{
		{"ada", []string{"Ada manuscript_submit", "Sam manuscript_redact", "Ada redaction_accept", "Sam read manuscript"}, nil},
		{"sam", []string{"Ada manuscript_submit", "Sam manuscript_redact", "Ada redaction_accept", "Sam read manuscript"}, nil},
		{"otto", []string{"somebody who may manuscript_submit"}, []string{"Ada manuscript_submit", "redact", "read manuscript"}},
		{"lea", nil, []string{"manuscript", "redact"}},
	} {
		text := history(c.who)
		for _, want := range c.see {
			if !strings.Contains(text, want) {
				t.Errorf("%s is not told %q:\n%s", c.who, want, text)
			}
		}
		for _, not := range c.not {
			if strings.Contains(text, not) {
				t.Errorf("%s is told %q:\n%s", c.who, not, text)
			}
		}
	}
}
