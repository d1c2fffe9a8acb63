package server_test

import (
	"fmt"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// inLines writes a history so that it can be looked through.
func inLines(h client.History) string {
	var out strings.Builder
	for _, line := range h.Lines {
		fmt.Fprintf(&out, "%s %s %s\n", line.Name, line.What, line.Read)
	}
	return out.String()
}

// TestEachReadingIsAnEntry: who reads an application, its agreement and its history stands in the ledger before they are answered, and
// in the history of the engagement.
func TestEachReadingIsAnEntry(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		var raw store.Store
		e := testenv.New(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { raw = s; return s }})
		grant, _ := e.Grant(t, "", testenv.Tokens(10, nil))
		id, ctx := grant.Engagement, t.Context()
		size := func() uint64 {
			var head journal.Head
			must(t, raw.View(ctx, func(r store.Reader) (err error) { head, err = journal.ReadHead(r); return err }))
			return head.Size
		}
		history := func(who string) client.History {
			h, err := e.People[who].History(ctx, id)
			must(t, err)
			return h
		}
		for _, c := range []struct {
			who, line string
			read      func(*testenv.Person) error
		}{
			{"sam", "Sam read application", func(p *testenv.Person) error { _, err := p.Engagement(ctx, id); return err }},
			{"otto", "Otto read agreement", func(p *testenv.Person) error { _, err := p.Agreement(ctx, id); return err }},
			{"olga", "Olga read agreement", func(p *testenv.Person) error { _, err := p.Agreement(ctx, id); return err }},
			{"ada", "Ada read history", func(p *testenv.Person) error { _, err := p.History(ctx, id); return err }},
		} {
			before := size()
			must(t, c.read(e.People[c.who]))
			if now := size(); now != before+1 {
				t.Errorf("%s: %d entries came of it", c.line, now-before)
			}
			h := history("carol")
			last := h.Lines[len(h.Lines)-1]
			if text := fmt.Sprintf("%s %s %s", last.Name, last.What, last.Read); text != c.line || last.Entry == nil || *last.Entry != before {
				t.Errorf("the history ends with %q at %v, want %q at %d", text, last.Entry, c.line, before)
			}
		}
		if text := inLines(history("carol")); !strings.HasPrefix(text, "Ada draft \nAda submit \n assign \n") {
			t.Errorf("what happened in one moment does not stand in its order:\n%s", text)
		}
		if text := inLines(history("ada")); !strings.Contains(text, "Olga read agreement") || !strings.Contains(text, "Sam approve") || !strings.Contains(text, "Ada submit") {
			t.Errorf("the applicant is told\n%s", text)
		}
		e.Outsiders(t, "2", "Another")
		before := size()
		for _, who := range []string{"ada2", "otto2"} {
			if _, err := e.People[who].History(ctx, id); !narthex.IsKind(err, narthex.Withheld) {
				t.Errorf("%s: %v", who, err)
			}
			if _, err := e.People[who].Engagement(ctx, id); !narthex.IsKind(err, narthex.Withheld) {
				t.Errorf("%s: %v", who, err)
			}
		}
		if now := size(); now != before {
			t.Errorf("%d entries came of what was withheld", now-before)
		}
	})
}

// TestAHistoryTellsNoVoteEarly: while it is in review neither its authors nor a reviewer who is to vote learn by the history who voted
// or who of the lab read it; the programme does, and the authors do when it is decided.
func TestAHistoryTellsNoVoteEarly(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	ctx := t.Context()
	view, err := e.People["ada"].Draft(ctx, client.Draft{Pathway: "test", Title: "read", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}})
	must(t, err)
	id := view.Engagement.ID
	history := func(who string) string {
		h, err := e.People[who].History(ctx, id)
		must(t, err)
		return inLines(h)
	}
	view, err = e.People["ada"].Command(ctx, id, "submit", client.Command{})
	must(t, err)
	_, err = e.People["sam"].Engagement(ctx, id)
	must(t, err)
	_, err = e.People["sam"].Command(ctx, id, "approve", client.Command{As: narthex.Security, Saw: view.Engagement.Digest})
	must(t, err)
	for _, who := range []string{"ada", "otto", "olga"} {
		if text := history(who); strings.Contains(text, "Sam") || strings.Contains(text, "approve") {
			t.Errorf("%s is told\n%s", who, text)
		}
	}
	if text := history("sam"); !strings.Contains(text, "Sam approve") || !strings.Contains(text, "Sam read application") {
		t.Errorf("who voted is told\n%s", text)
	}
	_, err = e.People["olga"].Command(ctx, id, "return", client.Command{As: narthex.AssetOwner, Text: "Why?"})
	must(t, err)
	for _, who := range []string{"ada", "otto"} {
		if text := history(who); strings.Contains(text, "Sam") || strings.Contains(text, "approve") || !strings.Contains(text, "Olga return") {
			t.Errorf("after the return %s is told\n%s", who, text)
		}
	}
	view, err = e.People["ada"].Command(ctx, id, "revise", client.Command{Text: "Because."})
	must(t, err)
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		_, err = e.People[name].Command(ctx, id, "approve", client.Command{As: role, Saw: view.Engagement.Digest})
		must(t, err)
	}
	if text := history("ada"); !strings.Contains(text, "Sam approve") || !strings.Contains(text, "Sam read application") {
		t.Errorf("when it is decided the applicant is told\n%s", text)
	}
}

// TestAllReadingsAreShownPageByPage: each reading of many stands in one page, once.
func TestAllReadingsAreShownPageByPage(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, _ := e.Grant(t, "", testenv.Tokens(10, nil))
	id, ctx := grant.Engagement, t.Context()
	for range 450 {
		_, err := e.People["sam"].Engagement(ctx, id)
		must(t, err)
	}
	h, err := e.People["carol"].History(ctx, id)
	must(t, err)
	seen, pages, events := map[uint64]bool{}, 1, 0
	for {
		for _, line := range h.Lines {
			switch {
			case line.Entry == nil:
				events++
			case seen[*line.Entry]:
				t.Errorf("entry %d is shown twice", *line.Entry)
			case line.Name == "Sam":
				seen[*line.Entry] = true
			}
		}
		if h.Earlier == nil {
			break
		}
		if h, err = e.People["carol"].HistoryBefore(ctx, id, *h.Earlier); err != nil {
			t.Fatal(err)
		}
		pages++
	}
	if len(seen) != 450 || pages != 3 || events == 0 {
		t.Errorf("%d readings and %d events in %d pages", len(seen), events, pages)
	}
	if _, err := e.People["carol"].HistoryBefore(ctx, id, 0); err != nil {
		t.Error(err)
	}
}
