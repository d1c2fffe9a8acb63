package server_test

import (
	"crypto/sha256"
	"maps"
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

func (d *desk) stands(manuscript int) narthex.Standing {
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
	d.at(due.Add(-time.Second))
	if at := d.stands(1); at.State != narthex.ManuscriptInReview || !at.ClearSince.IsZero() {
		t.Errorf("a second before: %+v", at)
	}
	d.refuses(narthex.Conflict, "18 March 2030 09:30 UTC", "ada", 1, "publish", published)
	d.at(due)
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
}

var _ = maps.Clone[map[string]int]
