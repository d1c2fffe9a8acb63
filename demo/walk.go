package demo

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/canon"
)

// walk is one application from nothing to its first call, with what people must do for it: acts, what each of them types, and
// whom it waits for. An act is one command line of `narthex`.
type walk struct {
	*stage
	acts  []walked
	typed map[string]string // what was typed, and by whom: nothing is asked twice
}

// walked is one act.
type walked struct {
	who, does string
	fields    []string
	waits     []string // for whom it waited before
}

// mostActs is how many acts an application may take where the institution has authorised its person beforehand; with a signature
// of its own it is one more.
const mostActs = 6

// tellWalk opens a lab without telling of it, walks the standard pathway, and prints what it took.
func (s *stage) tellWalk(ctx context.Context) error {
	said := s.tell
	s.tell = &teller{out: io.Discard}
	t := &tale{stage: s}
	if err := errors.Join(t.inception(ctx), t.invitations(ctx)); err != nil {
		return err
	}
	s.tell = said
	if err := t.authorise(ctx); err != nil {
		return err
	}
	w := &walk{stage: s, typed: map[string]string{}}
	if err := w.walk(ctx); err != nil {
		return err
	}
	s.tell.heading("The standard pathway, from nothing to the first call")
	s.tell.act("Once a year Otto", "authorises Ada for it: narthex people authorise ADA --pathway interpretability --days 365")
	total := 0
	for i, a := range w.acts {
		total += len(a.fields)
		s.tell.act(fmt.Sprintf("%d. %s", i+1, a.who), a.does)
		if len(a.waits) > 0 {
			s.tell.yes("it waited for %s", strings.Join(a.waits, " and "))
		}
		if len(a.fields) > 0 {
			s.tell.yes("types %d: %s", len(a.fields), strings.Join(a.fields, ", "))
		}
	}
	s.tell.yes("%d acts of people, %d things typed, none of them twice", len(w.acts), total)
	if len(w.acts) > mostActs {
		return fmt.Errorf("it takes %d acts, and may take %d", len(w.acts), mostActs)
	}
	return nil
}

// authorise gives the institution's word for Ada, for a year.
func (t *tale) authorise(ctx context.Context) error {
	otto, ada := t.cast["otto"], t.cast["ada"]
	who, err := otto.client.WhoAmI(ctx)
	if err != nil {
		return err
	}
	status, err := t.client.Status(ctx)
	if err != nil {
		return err
	}
	begin := time.Now().UTC().Truncate(time.Second)
	word := narthex.Authorisation{Format: narthex.AuthorisationFormat, Origin: status.Origin, Org: who.Person.Org, Person: ada.ID, Pathways: []narthex.PathwayName{"interpretability"},
		NotBefore: begin, NotAfter: begin.AddDate(0, 0, 365)}
	digest, err := canon.Digest(word)
	if err != nil {
		return err
	}
	envelope, err := agreement.Sign(otto.Signer, agreement.NewStatement(digest, narthex.PartyInstitution, otto.ID, status.Origin))
	if err != nil {
		return err
	}
	_, err = otto.client.Authorise(ctx, ada.ID, client.Authorise{Authorisation: word, Signer: agreement.Fingerprint(otto.Signer.Public().(ed25519.PublicKey)), Envelope: envelope})
	return err
}

// act does one act and counts it.
func (w *walk) act(who, does string, waits, fields []string, do func() error) error {
	for _, field := range fields {
		if by, asked := w.typed[field]; asked {
			return fmt.Errorf("%s is asked of %s and again of %s", field, by, who)
		}
		w.typed[field] = who
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s %s: %w", who, does, err)
	}
	w.acts = append(w.acts, walked{who, does, fields, waits})
	return nil
}

func (w *walk) walk(ctx context.Context) error {
	ada, asks := w.cast["ada"].client, draft("", 2000, false)
	asks.Answers["need"] = "Log-probabilities show the switch before the words do."
	var view client.EngagementView
	id := func() narthex.EngagementID { return view.Engagement.ID }
	command := func(who string, what string, in client.Command) (err error) {
		view, err = w.cast[who].client.Command(ctx, id(), what, in)
		return err
	}
	err := w.act("Ada", "applies: narthex apply interpretability --from FILE --submit", nil, typedIn(asks), func() (err error) {
		if view, err = ada.Draft(ctx, asks); err != nil {
			return err
		}
		return command("ada", "submit", client.Command{})
	})
	if err != nil {
		return err
	}
	// In the order in which the application asks for them.
	reviewers := map[narthex.Role]string{narthex.AssetOwner: "olga", narthex.Security: "sam"}
	for _, rule := range view.Engagement.Application.Reviews {
		who, known := reviewers[rule.Role]
		if !known || rule.Quorum != 1 {
			return fmt.Errorf("it asks for %d of %s, and the walk knows none", rule.Quorum, rule.Role)
		}
		saw, waits := view.Engagement.Digest, view.Waiting
		if err := w.act(named(who), "approves: narthex review approve ID", waits, nil, func() error {
			return command(who, "approve", client.Command{As: rule.Role, Saw: saw})
		}); err != nil {
			return err
		}
	}
	signers := map[narthex.PartyRole]string{narthex.PartyResearcher: "ada", narthex.PartyInstitution: "otto", narthex.PartyLab: "dan"}
	agreed, err := ada.Agreement(ctx, id())
	if err != nil {
		return err
	}
	for _, party := range agreed.Missing {
		who, waits := signers[narthex.PartyRole(party)], view.Waiting
		if err := w.act(named(who), "signs for the "+party+": narthex agreement sign ID", waits, nil, func() (err error) {
			view, err = w.cast[who].sign(ctx, id(), narthex.PartyRole(party))
			return err
		}); err != nil {
			return err
		}
	}
	if view.Engagement.State != narthex.Active {
		return fmt.Errorf("it is %s and waits for %v", view.Engagement.State, view.Waiting)
	}
	var key string
	if err := w.act("Ada", "makes a key: narthex key mint --label NAME", nil, []string{"the key's label"}, func() error {
		minted, err := ada.Mint(ctx, view.Engagement.Grant, client.Mint{Label: "walk"})
		key = minted.Token
		return err
	}); err != nil {
		return err
	}
	return w.call(ctx, key)
}

// call makes the first call with the key.
func (w *walk) call(ctx context.Context, key string) error {
	answer, err := w.client.With(key).Do(ctx, "POST", "/v1/chat/completions", map[string]any{"model": "minim-1", "max_tokens": 4, "messages": []map[string]string{{"role": "user", "content": "Hello"}}})
	if err != nil {
		return fmt.Errorf("the first call is not answered: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the first call: %w", client.ReadProblem(answer))
	}
	return nil
}

// typedIn lists what an applicant types: what their application holds, and nothing that is known.
func typedIn(d client.Draft) []string {
	fields := []string{"the title"}
	for name := range d.Answers {
		fields = append(fields, "the answer to "+name)
	}
	for _, term := range d.Terms {
		fields = append(fields, "the wish for "+string(term.Attribute))
		for limit := range term.Limits {
			fields = append(fields, fmt.Sprintf("%s of %s", limit, term.Attribute))
		}
	}
	slices.Sort(fields)
	return fields
}

func named(who string) string { return strings.ToUpper(who[:1]) + who[1:] }
