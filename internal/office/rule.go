package office

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
)

// StandingRules lists the standing rules that are not over, or of which something waits for a second look, and of which the person may say something.
func (o *Office) StandingRules(ctx context.Context, by narthex.PersonID) (client.RuleList, error) {
	list := client.RuleList{Rules: []client.RuleView{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := insider(p); err != nil {
			return err
		}
		list.Rules = []client.RuleView{}
		open, err := book.Listed[narthex.Rule](tx, store.Rules, listing.OpenRules, mostReleases)
		if err != nil {
			return err
		}
		for _, r := range open {
			if _, may, err := o.judges(tx, r, p); err != nil {
				return err
			} else if may {
				list.Rules = append(list.Rules, gateway.RuleView(airlock.ShownRule(r, p)))
			}
		}
		return nil
	})
	return list, err
}

// judges says in which role a person may say something of a standing rule.
func (o *Office) judges(tx *journal.Tx, r narthex.Rule, p narthex.Person) (narthex.Role, bool, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return "", false, err
	}
	e, err := engagementOf(tx, r.Engagement)
	if err != nil {
		return "", false, err
	}
	role, may := airlock.MayJudge(r, e, p, rules.Directory.Owns(r.Asset, p))
	return role, may, nil
}

// rule gives a standing rule that the person may say something of, and as whom; any other is as if absent.
func (o *Office) rule(tx *journal.Tx, id narthex.RuleID, p narthex.Person) (narthex.Rule, narthex.Role, error) {
	if _, err := id.Index(); err != nil {
		return narthex.Rule{}, "", narthex.WithheldError()
	}
	row, err := journal.Get[narthex.Rule](tx, store.Rules, string(id))
	if err != nil {
		return narthex.Rule{}, "", err
	}
	if row == nil {
		return narthex.Rule{}, "", narthex.WithheldError()
	}
	role, may, err := o.judges(tx, *row, p)
	if err == nil && !may {
		err = narthex.WithheldError()
	}
	return *row, role, err
}

// StandingRule gives a standing rule to somebody who may say something of it.
func (o *Office) StandingRule(ctx context.Context, by narthex.PersonID, id narthex.RuleID) (client.RuleView, error) {
	var out client.RuleView
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		r, _, err := o.rule(tx, id, p)
		out = gateway.RuleView(airlock.ShownRule(r, p))
		return err
	})
	return out, err
}

// ApproveRule takes in that a reviewer lets what fits a standing rule leave.
func (o *Office) ApproveRule(ctx context.Context, by narthex.PersonID, id narthex.RuleID, in client.JudgeRule) (client.RuleView, error) {
	if in.Comment != "" {
		return client.RuleView{}, narthex.Invalidf("An approval has no comment; a refusal has one.").For("comment")
	}
	return o.rules(ctx, by, id, func(tx *journal.Tx, r narthex.Rule, p narthex.Person, as narthex.Role) (airlock.RuleEvent, error) {
		if err := o.stillStands(tx, r); err != nil {
			return airlock.RuleEvent{}, err
		}
		return airlock.RuleEvent{Act: airlock.Approve, By: p.ID, As: as, Saw: in.Saw}, sawRule(r, in.Saw)
	})
}

// RefuseRule takes in that a reviewer does not. It ends the proposal.
func (o *Office) RefuseRule(ctx context.Context, by narthex.PersonID, id narthex.RuleID, in client.JudgeRule) (client.RuleView, error) {
	if utf8.RuneCountInString(in.Comment) > mostReleaseSaid || in.Comment == "" || airlock.CheckWords(in.Comment) != nil {
		return client.RuleView{}, narthex.Invalidf("Say in at most %d characters, all of them to be seen, why it is refused; who asked for it reads that.", mostReleaseSaid).For("comment")
	}
	return o.rules(ctx, by, id, func(_ *journal.Tx, r narthex.Rule, p narthex.Person, as narthex.Role) (airlock.RuleEvent, error) {
		return airlock.RuleEvent{Act: airlock.Refuse, By: p.ID, As: as, Saw: in.Saw, Comment: in.Comment}, sawRule(r, in.Saw)
	})
}

// EndRule ends a standing rule: taking away needs one person.
func (o *Office) EndRule(ctx context.Context, by narthex.PersonID, id narthex.RuleID) (client.RuleView, error) {
	return o.rules(ctx, by, id, func(_ *journal.Tx, _ narthex.Rule, p narthex.Person, as narthex.Role) (airlock.RuleEvent, error) {
		return airlock.RuleEvent{Act: airlock.End, By: p.ID, As: as, Code: airlock.EndByLab}, nil
	})
}

// LookAgain takes in what a second look at what left by a standing rule found. It is for whom the rule names; for who stands in only while they
// are away, or may look no longer.
func (o *Office) LookAgain(ctx context.Context, by narthex.PersonID, id narthex.RuleID, in client.LookAgain) (client.RuleView, error) {
	if in.Ground != "" && !slices.Contains(airlock.Grounds(), in.Ground) {
		return client.RuleView{}, narthex.Invalidf("A ground is one of %v, or none where it is fine.", airlock.Grounds()).For("ground")
	}
	return o.rules(ctx, by, id, func(tx *journal.Tx, r narthex.Rule, p narthex.Person, as narthex.Role) (airlock.RuleEvent, error) {
		e := airlock.RuleEvent{Act: airlock.Look, By: p.ID, As: as, Saw: in.Saw, Release: in.Release, Code: in.Ground}
		if !slices.ContainsFunc(r.Open, func(l narthex.SecondLook) bool { return l.Release == in.Release }) {
			return e, narthex.Conflictf("That release does not wait for a second look. `narthex work` lists what does.").For("release")
		}
		mine, err := o.looksNow(tx, r, p)
		if err == nil && !mine {
			err = narthex.Refusedf("The second look is another's: the rule names who looks, and who does while they are away.")
		}
		if err != nil {
			return e, err
		}
		row, err := journal.Get[book.Release](tx, store.Releases, string(in.Release))
		if err == nil && (row == nil || row.Package != in.Saw) {
			err = narthex.Conflictf("That is not the digest of the package that left. Look with `narthex release view %s`.", in.Release).For("saw")
		}
		return e, err
	})
}

// rules does an act on a standing rule.
func (o *Office) rules(ctx context.Context, by narthex.PersonID, id narthex.RuleID, event func(*journal.Tx, narthex.Rule, narthex.Person, narthex.Role) (airlock.RuleEvent, error)) (client.RuleView, error) {
	var out client.RuleView
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		r, role, err := o.rule(tx, id, p)
		if err != nil {
			return err
		}
		e, err := event(tx, r, p, role)
		if err != nil {
			return err
		}
		if r, err = o.bell().ChangeRule(tx, r, e); err == nil {
			out = gateway.RuleView(airlock.ShownRule(r, p))
		}
		return err
	})
	return out, err
}

func sawRule(r narthex.Rule, saw narthex.Digest) error {
	if saw != r.Digest {
		return narthex.Conflictf("That is not the digest of the standing rule. Look with `narthex release rule show %s`.", r.ID).For("saw")
	}
	return nil
}

// stillStands refuses an approval of what ends already, or beside that of somebody who may review what leaves no longer.
func (o *Office) stillStands(tx *journal.Tx, r narthex.Rule) error {
	code, err := o.bell().RuleEnds(tx, r)
	switch {
	case err != nil:
		return err
	case code == airlock.EndOfReviewers:
		return narthex.Conflictf("Somebody who approved this rule, or whom it names for second looks, may review what leaves no longer, so the rule ends. It can be asked for anew.")
	case code == narthex.UnauthenticatedError().Code:
		return journal.Unrecorded() // it may be a lock of which nobody may tell
	case code != "":
		return narthex.Conflictf("What the rule rests on is stopped or over (%s), so it ends.", code)
	}
	return nil
}

// looksNow says whether a second look at what left by a rule is a person's now.
func (o *Office) looksNow(tx *journal.Tx, r narthex.Rule, p narthex.Person) (bool, error) {
	if p.ID == r.Looks {
		return true, nil
	}
	if p.ID != r.StandsIn {
		return false, nil
	}
	away, err := book.AwayOf(tx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(away, func(a narthex.Absence) bool { return a.Person == r.Looks && a.Holds(tx.Now()) }) {
		return true, nil
	}
	able, err := o.bell().Judges(tx, r)
	return !slices.ContainsFunc(able, func(p narthex.Person) bool { return p.ID == r.Looks }), err
}

// addRules adds the standing rules that wait for the person's word, and what waits for their second look.
func (o *Office) addRules(tx *journal.Tx, p narthex.Person, list *client.WorkList, most int) error {
	if !p.InLab() {
		return nil
	}
	open, err := book.Listed[narthex.Rule](tx, store.Rules, listing.OpenRules, mostReleases)
	if err != nil {
		return err
	}
	for _, r := range open {
		_, may, err := o.judges(tx, r, p)
		if err != nil {
			return err
		}
		if !may {
			continue
		}
		item := client.WorkItem{Rule: r.ID, Engagement: r.Engagement}
		author, err := journal.Get[narthex.Person](tx, store.People, string(r.By))
		if err != nil || author == nil {
			return narthex.Unavailablef("A list could not be read.").Because(err)
		}
		item.Applicant = author.Name
		items := []client.WorkItem{}
		if r.State == narthex.RuleProposed && !slices.ContainsFunc(r.Approvals, func(a narthex.RuleApproval) bool { return a.By == p.ID }) {
			item.Do, item.Since, item.Title = "review_rule", r.ProposedAt, fmt.Sprintf("a standing rule for what leaves of %s", r.Asset)
			items = append(items, item)
		}
		if mine, err := o.looksNow(tx, r, p); err != nil {
			return err
		} else if mine {
			for _, l := range r.Open {
				item.Do, item.Release, item.Since, item.Due, item.Late = "look_again", l.Release, l.At, l.Due, !tx.Now().Before(l.Due)
				item.Title = fmt.Sprintf("what left of %s by a standing rule, and was drawn", r.Asset)
				items = append(items, item)
			}
		}
		for _, item := range items {
			if len(list.Work) == most {
				list.More = true
				return nil
			}
			list.Work = append(list.Work, item)
		}
	}
	return nil
}

// wordsOfRules leaves of the words around the standing rules that a person asked for the digests that the ledger has.
func wordsOfRules(tx *journal.Tx, person narthex.PersonID) error {
	rows, err := journal.Scan[narthex.Rule](tx, store.Rules, store.Span{Limit: 1_000_000})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Row.By != person {
			continue
		}
		next := airlock.RecordedRule(*row.Row)
		if err := journal.Put(tx, store.Rules, row.Key, &next); err != nil {
			return err
		}
	}
	return nil
}
