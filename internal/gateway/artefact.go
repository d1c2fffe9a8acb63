package gateway

import (
	"context"
	"crypto/sha256"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/artefact"
	"narthex/internal/book"
)

// takeArtefacts is the attribute by which artefacts leave that no person can check: it has bytes of its own, and is asked in the place of
// [takeOut], which the attribute that a job runs by needs in any case.
const takeArtefacts = narthex.AttributeName("output.artefact.model")

// marked takes an artefact in as it would leave: with the mark of who would receive it. Asked again for the same file of the same job, they
// are given the same bytes: two copies with two marks would show which bits a mark is.
func (g *gathered) marked(of reader, raw airlock.Raw, context string, frozen narthex.Frozen) (err error) {
	if g.mark, err = artefact.Print(of.secret); err != nil {
		return narthex.Unavailablef("Artefacts are marked before they leave, and the secret for that is not there. Tell the operators.").Because(err)
	}
	release := narthex.Release{Grant: of.grant.ID, Author: of.person.ID, Job: g.job.ID}
	mark, err := artefact.MarkOf(of.secret, airlock.Recipient(release, raw.Name))
	if err != nil {
		return err
	}
	left := frozen.Digest
	if raw.Data, err = mark.Put(raw.Data); err != nil {
		return err
	}
	frozen.Digest, frozen.Bytes = narthex.MakeDigest(sha256.Sum256(raw.Data)), int64(len(raw.Data))
	g.leave, g.files = append(g.leave, raw), append(g.files, narthex.ReleaseFile{Frozen: frozen, Of: left, Context: context})
	return nil
}

// keepMarked stores artefacts as they would leave. What jobs left is stored already.
func (v *visit) keepMarked(g gathered) error {
	for _, f := range g.leave {
		if airlock.Checkable(f.Kind) {
			continue
		}
		if _, err := book.PutBlob(context.WithoutCancel(v.r.Context()), v.door.Journal, f.Data); err != nil {
			return err
		}
	}
	return nil
}

// reviewers is how many people say that a release may leave: as many as the strictest of the terms asks, and of artefacts more.
func (a *attempt) reviewers(g gathered) int {
	asked := 0
	for _, layer := range a.question.Layers {
		if term, held := narthex.FindTerm(layer.Terms, takeOut, g.call.asset); held {
			asked = max(asked, int(term.Limits["reviewers"].Number))
		}
	}
	return airlock.ReviewersOf(g.files, asked)
}

// small says how large artefacts are beside their asset, where that is more than a small secret.
func (a *attempt) small(g gathered) (narthex.Finding, bool) {
	if !g.call.unread {
		return narthex.Finding{}, false
	}
	frozen := make([]narthex.Frozen, len(g.files))
	for i, f := range g.files {
		frozen[i] = f.Frozen
	}
	return airlock.Small(frozen, a.asset.Bytes, a.rules.Directory.Measure.Lifetime(a.asset.Bytes))
}
