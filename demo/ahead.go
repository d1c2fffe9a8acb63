package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/statement"
)

// clock is the demonstration's own: the machine's, and what was added.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// inDepth is the pathway of what time brings: as the standard one, and it rests on a training.
const inDepth = "in-depth"

// forAhead adds that pathway to a lab directory.
func forAhead(files map[string][]byte) {
	text := strings.Replace(pathwayYAML, "name: interpretability\ntitle: Interpretability research\n", "name: "+inDepth+"\ntitle: Interpretability in depth\n", 1)
	files["pathways/"+inDepth+".yaml"] = []byte(strings.Replace(text, "rests_on:\n", "rests_on:\n  - {kind: training, name: model-internals}\n", 1))
}

// tellAhead tells what months bring to an engagement: a training lapses and the next call stops, silence clears a manuscript, and the
// engagement ends. The clock that is moved is this demonstration's.
func (s *stage) tellAhead(ctx context.Context) error {
	said := s.tell
	s.tell = &teller{out: io.Discard}
	t := &tale{stage: s}
	if err := errors.Join(t.inception(ctx), t.invitations(ctx)); err != nil {
		return err
	}
	s.tell = said
	for _, step := range []step{
		{"A grant rests on a training, which lapses", t.lapse},
		{"A manuscript is cleared by silence", t.publication},
		{"The engagement ends, and is closed out", t.closeout},
		{"The access statement", t.statement},
	} {
		s.tell.heading(step.title)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("the step %q: %w", step.title, err)
		}
	}
	return nil
}

// pass lets days go by. Sessions end meanwhile, so everyone logs in again.
func (t *tale) pass(ctx context.Context, days int) error {
	t.clock.ahead.Add(int64(time.Duration(days) * 24 * time.Hour))
	t.tell.act("The clock", fmt.Sprintf("of this demonstration goes %d days ahead", days))
	return t.cast.login(ctx, t.client)
}

// trained records Ada's training, for a week from now on.
func (t *tale) trained(ctx context.Context) error {
	now := t.clock.now().UTC().Truncate(time.Second)
	_, err := t.cast["sam"].client.RecordStanding(ctx, t.cast["ada"].ID, client.RecordStanding{Kind: narthex.Training, Name: "model-internals", From: now, Until: now.AddDate(0, 0, 7)})
	return err
}

func (t *tale) lapse(ctx context.Context) error {
	ada := t.cast["ada"]
	if err := t.trained(ctx); err != nil {
		return err
	}
	t.tell.act("Sam", "records that Ada had the training model-internals, good for seven days")
	asked := t.draftWith(1000)
	asked.Pathway = inDepth
	view, err := t.granted(ctx, asked)
	if err != nil {
		return err
	}
	t.engagement, t.grant = view.Engagement.ID, view.Engagement.Grant
	t.tell.act("Ada", "applies by the pathway "+inDepth+"; it is reviewed and signed, and its agreement says what the grant rests on")
	hello := object{"model": "minim-1", "messages": user("Package "), "max_tokens": 5}
	mint := func() error {
		minted, err := ada.client.Mint(ctx, t.grant, client.Mint{Label: "in depth"})
		t.key = minted.Token
		return err
	}
	if err := mint(); err != nil {
		return err
	}
	if _, err := t.ask(ctx, chat, hello); err != nil {
		return err
	}
	t.tell.yes("her calls are answered")
	if err := t.pass(ctx, 8); err != nil {
		return err
	}
	_, err = t.ask(ctx, chat, hello)
	e, err := refused(err, narthex.Refused, "no_training")
	if err != nil {
		return err
	}
	t.tell.act("Ada", "calls again")
	t.tell.no("%s", e.Public)
	if err := t.trained(ctx); err != nil {
		return err
	}
	if _, err := t.ask(ctx, chat, hello); err != nil {
		return err
	}
	t.tell.act("Sam", "records the training anew")
	t.tell.yes("the same key is answered again; nothing was signed anew")
	return nil
}

// manuscript is what Ada wrote: its bytes stay with her.
const manuscript = "Where a small model keeps the names of packages."

func (t *tale) publication(ctx context.Context) error {
	ada := t.cast["ada"].client
	digest := narthex.MakeDigest(sha256.Sum256([]byte(manuscript)))
	view, err := ada.SubmitManuscript(ctx, t.engagement, client.ManuscriptSubmit{Title: "Where the names are", Digest: digest, Size: int64(len(manuscript))})
	if err != nil {
		return err
	}
	number, due := view.Manuscript.Number, view.Manuscript.Due
	t.tell.act("Ada", "hands in a manuscript by its digest, and keeps the file")
	t.tell.yes("the lab has until %s to ask for redactions, on the grounds that were signed and on no others", due.Format("2 January 2006"))
	publish := client.ManuscriptCommand{Reference: "10.5555/minim.1", Saw: digest}
	if _, err := ada.OnManuscript(ctx, t.engagement, number, "publish", publish); !narthex.IsKind(err, narthex.Conflict) {
		return fmt.Errorf("it was published before its time: %w", err)
	}
	if err := t.pass(ctx, int(due.Sub(t.clock.now()).Hours()/24)+1); err != nil {
		return err
	}
	ada = t.cast["ada"].client
	if view, err = ada.Publication(ctx, t.engagement, number); err != nil {
		return err
	}
	if view.Standing.State != narthex.ManuscriptClear || view.Standing.How != "silence" {
		return fmt.Errorf("silence did not clear it: %+v", view.Standing)
	}
	t.tell.yes("nobody of the lab said anything, so it is clear since %s", view.Standing.ClearSince.Format("2 January 2006"))
	if _, err := ada.OnManuscript(ctx, t.engagement, number, "publish", publish); err != nil {
		return err
	}
	t.tell.act("Ada", "publishes it and says where: "+publish.Reference)
	return nil
}

func (t *tale) closeout(ctx context.Context) error {
	ada, carol := t.cast["ada"], t.cast["carol"].client
	if _, err := ada.client.Command(ctx, t.engagement, "end", client.Command{Text: "The question is answered."}); err != nil {
		return err
	}
	t.tell.act("Ada", "ends the engagement; her keys end with it")
	_, err := carol.Command(ctx, t.engagement, "close", client.Command{Text: "done"})
	e, err := refused(err, narthex.Conflict, "conflict")
	if err != nil {
		return err
	}
	t.tell.act("Carol", "tries to close it")
	t.tell.no("%s", e.Public)
	view, err := ada.client.Engagement(ctx, t.engagement)
	if err != nil {
		return err
	}
	log, err := t.client.Ledger(ctx)
	if err != nil {
		return err
	}
	origin, _, _ := strings.Cut(log.Key, "+")
	made := narthex.Certificate{Format: narthex.CertificateFormat, Origin: origin, Engagement: t.engagement, Agreement: view.Engagement.Agreement, Person: ada.ID,
		Received: []narthex.Received{{Name: "answers.jsonl", Digest: narthex.MakeDigest(sha256.Sum256([]byte("answers")))}}, Method: "deleted", At: t.clock.now().UTC().Truncate(time.Second)}
	digest, err := agreement.CertificateDigest(made, origin)
	if err != nil {
		return err
	}
	envelope, err := agreement.Sign(ada.Signer, agreement.NewStatement(digest, narthex.PartyResearcher, ada.ID, origin))
	if err != nil {
		return err
	}
	public := ada.Signer.Public().(ed25519.PublicKey)
	if _, err := ada.client.Meet(ctx, t.engagement, client.CloseOut{Obligation: narthex.DestructionCertificate,
		Certify: &client.Certify{Certificate: made, Party: narthex.PartyResearcher, Signer: agreement.Fingerprint(public), Envelope: envelope}}); err != nil {
		return err
	}
	t.tell.act("Ada", "signs a certificate that the one file which she received is deleted")
	if _, err := ada.client.Meet(ctx, t.engagement, client.CloseOut{Obligation: narthex.PersonalDataDeleted, Evidence: made.Received[0].Digest, Text: "The answers held none, and are deleted."}); err != nil {
		return err
	}
	t.tell.act("Ada", "says that she keeps no personal data")
	owed, err := ada.client.Obligations(ctx, t.engagement)
	if err != nil {
		return err
	}
	for _, o := range owed.Obligations {
		t.tell.yes("%s: %s", strings.ReplaceAll(string(o.Obligation), "_", " "), o.State)
	}
	if _, err := carol.Command(ctx, t.engagement, "close", client.Command{Text: "done"}); err != nil {
		return err
	}
	t.tell.act("Carol", "closes it")
	return nil
}

func (t *tale) statement(ctx context.Context) error {
	file, err := t.cast["ada"].client.Statement(ctx, t.engagement, client.StatementRequest{})
	if err != nil {
		return err
	}
	log, err := t.client.Ledger(ctx)
	if err != nil {
		return err
	}
	checked, err := statement.Verify(file, log.Key)
	if err != nil {
		return err
	}
	said := checked.Statement
	if said.Use.Calls != 2 || said.Use.Refused != 1 || len(said.Published) != 1 {
		return fmt.Errorf("the statement says something else than what was: %d calls, %d refused, %v", said.Use.Calls, said.Use.Refused, said.Published)
	}
	t.tell.act("Ada", "asks for the access statement: narthex statement "+string(t.engagement))
	t.tell.yes("%d calls answered, %d refused; published: %s", said.Use.Calls, said.Use.Refused, strings.Join(said.Published, ", "))
	t.tell.yes("statement %s, issued by entry %d of %s; anyone with the ledger's key can check the file offline", checked.Digest.Short(), checked.Index, checked.Origin)
	changed := []byte(strings.Replace(string(file), publishedWord, "\"published\":[]", 1))
	if _, err := statement.Verify(changed, log.Key); err == nil {
		return errors.New("a statement with a work left out verifies")
	}
	t.tell.no("with a word of it changed it is no statement of the lab's any more")
	return nil
}

// publishedWord is what the statement says of the one published work.
const publishedWord = `"published":["10.5555/minim.1"]`
