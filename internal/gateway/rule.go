package gateway

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/notice"
	"narthex/internal/store"
)

const (
	mostRules    = 8         // of a grant that are not over
	mostRuleBody = 256 << 10 // of a request that proposes one, in bytes
)

// ruled is a standing rule with how many rows files have that fit it, or why they do not.
type ruled struct {
	narthex.Rule
	rows   int64
	misfit *narthex.Unfit
}

// chooseByRule takes the files that are named, as choose does, and the rules by which they might leave: the one that is named, or all of the grant
// that are for what its job is.
func (g *gathered) chooseByRule(tx *journal.Tx, of reader, in client.SubmitRelease) error {
	var named *narthex.Rule
	h := of.holder
	if in.Rule != "" {
		rule, err := ruleOf(tx, h, string(in.Rule))
		if err != nil {
			return narthex.AsError(err).For("rule")
		}
		named, in.Files = &rule, asRuled(in.Files, rule.RuleTerms)
	}
	if err := g.choose(tx, of, in.Files); err != nil {
		return err
	}
	var rules []narthex.Rule
	if named != nil {
		rules = []narthex.Rule{*named}
	} else {
		all, err := book.Latest[narthex.Rule](tx, store.Rules, listing.RulesOf(h.grant.ID), mostListed)
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.State == narthex.RuleInForce && h.sees(r.Asset) && g.covered(r, h) {
				rules = append(rules, r)
			}
		}
	}
	for _, r := range rules {
		g.rules = append(g.rules, g.held(r, h))
	}
	return nil
}

// asRuled gives the files that are named, or all of a rule's; what is said of them is the rule's where nothing is.
func asRuled(wanted []client.WantedFile, t narthex.RuleTerms) []client.WantedFile {
	wanted = slices.Clone(wanted)
	if len(wanted) == 0 {
		for _, f := range t.Files {
			wanted = append(wanted, client.WantedFile{Name: f.Name})
		}
	}
	for i, w := range wanted {
		at := slices.IndexFunc(t.Files, func(f narthex.RuleFile) bool { return f.Name == w.Name })
		if w.Context == "" && at >= 0 {
			wanted[i].Context = t.Files[at].Context
		}
	}
	return wanted
}

// inRule gives files with what the rule says of them: nobody reads anything else of what leaves by it.
func inRule(files []narthex.ReleaseFile, t narthex.RuleTerms) []narthex.ReleaseFile {
	files = slices.Clone(files)
	for i := range files {
		files[i].Context = t.Files[i].Context
	}
	return files
}

func (g *gathered) covered(r narthex.Rule, h holder) bool {
	return airlock.Covers(r.RuleTerms, narthex.Release{Grant: h.grant.ID, Agreement: h.grant.Agreement, Files: g.files}, g.job.Plan)
}

// held holds what is in files to a rule.
func (g *gathered) held(r narthex.Rule, h holder) ruled {
	out := ruled{Rule: r}
	if !g.covered(r, h) {
		out.misfit = &narthex.Unfit{Rule: r.ID, Code: airlock.UnfitPlan}
		return out
	}
	rows, err := airlock.Fits(r.Files, g.raw)
	if out.rows = rows; err != nil {
		out.misfit = &narthex.Unfit{Rule: r.ID, Code: airlock.UnfitValues, Says: err.Error()}
	}
	return out
}

// byRule gives the first rule by which files may leave now, or why they may not by the first that was tried; neither where there is none.
func (a *attempt) byRule(g gathered, findings []narthex.Finding, reviewers int) (leaves *ruled, why *narthex.Unfit, err error) {
	for _, r := range g.rules {
		unfit := r.misfit
		if unfit == nil {
			if r.Rule, unfit, err = a.stands(r, findings, reviewers); err != nil {
				return nil, nil, err
			}
		}
		if unfit == nil {
			return &r, nil, nil
		}
		if why == nil {
			why = unfit
		}
	}
	return nil, why, nil
}

// stands gives a rule as it is, or why so many rows of files that fit it may not leave by it.
func (a *attempt) stands(r ruled, findings []narthex.Finding, reviewers int) (narthex.Rule, *narthex.Unfit, error) {
	row, err := journal.Get[narthex.Rule](a.tx, store.Rules, string(r.ID))
	if err != nil || row == nil {
		return r.Rule, nil, errors.Join(errors.New("a standing rule is gone"), err)
	}
	code := airlock.MayUse(*row, r.rows, a.tx.Now())
	if code == "" && (len(row.Approvals) < reviewers || row.Digest != r.Digest) {
		code = airlock.UnfitRule
	}
	if code == "" && len(findings) > 0 {
		code = airlock.UnfitFound
	}
	if code == "" && a.v.door.DrawKey.Empty() {
		code = airlock.UnfitNode
	}
	if code == "" {
		switch ends, err := a.v.door.Bell.RuleEnds(a.tx, *row); {
		case err != nil:
			return *row, nil, err
		case ends == airlock.EndOfReviewers:
			code = airlock.UnfitReviewers
		case ends != "":
			code = airlock.UnfitRule
		}
	}
	if code != "" {
		return *row, &narthex.Unfit{Rule: r.ID, Code: code}, nil
	}
	return *row, nil, nil
}

// leave lets a release that was taken in leave by a rule: the rule's rows are counted and the release is drawn or not, with an entry, and then it is
// released, with another, in one commit with all else.
func (a *attempt) leave(row book.Release, r ruled) (narthex.Release, error) {
	draw, ok := airlock.Draw(a.v.door.DrawKey, row.ID, row.Package)
	if !ok {
		return row.Release, narthex.Unavailablef("The node cannot draw what is looked at again, so nothing leaves by a standing rule. Tell the operators.")
	}
	e := airlock.RuleEvent{Act: airlock.Use, Release: row.ID, Rows: r.rows, Draw: draw, Due: airlock.RuleDue(a.rules.Directory.Calendar, a.tx.Now())}
	bell := a.v.door.Bell
	rule, err := bell.ChangeRule(a.tx, r.Rule, e)
	if err != nil {
		return row.Release, err
	}
	row, err = bell.ChangeRelease(a.tx, row, airlock.ReleaseEvent{Act: airlock.ByRule, Rule: airlock.UseOf(rule, r.rows)})
	return row.Release, err
}

// ChangeRule does an act on a standing rule with its entry, and tells of it.
func (b Bell) ChangeRule(tx *journal.Tx, r narthex.Rule, e airlock.RuleEvent) (narthex.Rule, error) {
	next, err := airlock.NextRule(r, e, tx.Now())
	if err != nil {
		return r, err
	}
	form, err := canon.JSON(airlock.RecordedRuleEvent(e))
	if err != nil {
		return r, err
	}
	index, err := tx.Append(narthex.EntryRuleChanged, narthex.TextField("rule", r.ID), narthex.CanonicalField("event", string(form)))
	if err != nil {
		return r, err
	}
	if err := b.tellRule(tx, notice.Ruling{Act: e.Act, By: e.By, Before: r, Rule: next, Release: e.Release}, index); err != nil {
		return r, err
	}
	return next, journal.Put(tx, store.Rules, string(r.ID), &next)
}

// tellRule tells of an act on a standing rule; index is that of its entry.
func (b Bell) tellRule(tx *journal.Tx, l notice.Ruling, index uint64) error {
	r := l.Rule
	if len(l.Tells()) == 0 {
		return nil
	}
	e, staff, owns, err := b.around(tx, r.Engagement, r.Asset)
	if err != nil || hushed(tx, r.Grant, r.Key, r.Asset) {
		return err
	}
	l.Engagement = e
	people, err := with(tx, staff, r.By)
	if err != nil {
		return err
	}
	n := book.Notice{Engagement: r.Engagement, Of: l.Of(), What: l.What(), At: tx.Now()}
	return b.Channels.Tell(tx, n, index, l.Tells(), func(to notice.To) []narthex.Person {
		return slices.DeleteFunc(slices.Clone(people), func(p narthex.Person) bool { return !l.Concerns(to, p, owns(p)) })
	})
}

// RuleEnds gives the code of what ends a standing rule now, or "": its time, what stops the key with which it was asked for, and that somebody who
// approved it, or everybody whom it names for second looks, may say nothing of what leaves under it any more.
func (b Bell) RuleEnds(tx *journal.Tx, r narthex.Rule) (string, error) {
	if !tx.Now().Before(r.Until) {
		return airlock.EndOfTime, nil
	}
	switch code := stops(tx, r.Grant, r.Key, r.Asset); code {
	case "":
	case narthex.Unavailable.String():
		return "", narthex.Unavailablef("What a standing rule rests on could not be looked at; try again.")
	default:
		return code, nil
	}
	able, err := b.Judges(tx, r)
	if err != nil {
		return "", err
	}
	may := func(id narthex.PersonID) bool {
		return slices.ContainsFunc(able, func(p narthex.Person) bool { return p.ID == id })
	}
	for _, a := range r.Approvals {
		if !may(a.By) {
			return airlock.EndOfReviewers, nil
		}
	}
	if !may(r.Looks) && !may(r.StandsIn) {
		return airlock.EndOfReviewers, nil
	}
	return "", nil
}

// Judges gives those who may say something of a standing rule as things stand, in an order that does not change.
func (b Bell) Judges(tx *journal.Tx, r narthex.Rule) ([]narthex.Person, error) {
	e, staff, owns, err := b.around(tx, r.Engagement, r.Asset)
	if err != nil {
		return nil, err
	}
	var able []narthex.Person
	for _, p := range staff {
		if _, may := airlock.MayJudge(r, e, p, owns(p)); !may {
			continue
		}
		locks, err := book.LocksOnPerson(tx, p)
		if err != nil {
			return nil, err
		}
		if len(locks) == 0 {
			able = append(able, p)
		}
	}
	slices.SortFunc(able, func(x, y narthex.Person) int {
		if x.ID < y.ID {
			return -1
		}
		return 1
	})
	return able, nil
}

// sweepRules ends the standing rules that nothing may leave by any more, and tells of second looks that are late.
func (h *Hall) sweepRules(ctx context.Context) error {
	due := map[narthex.RuleID]bool{}
	err := h.Journal.View(ctx, func(tx *journal.Tx) error {
		clear(due)
		open, err := book.Listed[narthex.Rule](tx, store.Rules, listing.OpenRules, mostListed)
		for _, r := range open {
			if e := h.Bell.ruleTick(tx, r); e.Act != "" {
				due[r.ID] = true
			}
		}
		return err
	})
	for id := range due {
		if err != nil {
			break
		}
		err = h.Journal.Update(ctx, func(tx *journal.Tx) error {
			r, err := journal.Get[narthex.Rule](tx, store.Rules, string(id))
			if err != nil || r == nil {
				return err
			}
			if e := h.Bell.ruleTick(tx, *r); e.Act != "" {
				_, err = h.Bell.ChangeRule(tx, *r, e)
			}
			return err
		})
	}
	return err
}

// ruleTick gives what is to be done with a rule now, or nothing. What cannot be looked at ends nothing: nothing leaves by it either.
func (b Bell) ruleTick(tx *journal.Tx, r narthex.Rule) airlock.RuleEvent {
	for _, l := range r.Open {
		if l.LateAt.IsZero() && !tx.Now().Before(l.Due) {
			return airlock.RuleEvent{Act: airlock.Late, Release: l.Release}
		}
	}
	if r.State.Over() {
		return airlock.RuleEvent{}
	}
	if code, err := b.RuleEnds(tx, r); err == nil && code != "" {
		return airlock.RuleEvent{Act: airlock.End, Code: code}
	}
	return airlock.RuleEvent{}
}

// ruleOf gives a standing rule of the holder's grant; any other is as if absent.
func ruleOf(tx *journal.Tx, h holder, id string) (narthex.Rule, error) {
	if _, err := narthex.RuleID(id).Index(); err != nil {
		return narthex.Rule{}, narthex.WithheldError()
	}
	row, err := journal.Get[narthex.Rule](tx, store.Rules, id)
	if err != nil {
		return narthex.Rule{}, err
	}
	if row == nil || row.Grant != h.grant.ID || !h.sees(row.Asset) {
		return narthex.Rule{}, narthex.WithheldError()
	}
	return *row, nil
}

// RuleView gives a rule with what it could tell at most.
func RuleView(r narthex.Rule) client.RuleView {
	row, day := airlock.RuleBits(r.RuleTerms)
	return client.RuleView{Rule: r, RowBits: row, DayBits: day}
}

// ProposeRule serves POST /v1/rules: a standing rule for what jobs like one of the grant's leave.
func (d *Door) ProposeRule() http.Handler {
	return d.Handler(func(v *visit) error {
		if err := d.Published.Ready(); err != nil {
			return err
		}
		in, err := readBody[client.ProposeRule](v, mostRuleBody)
		if err != nil {
			return err
		}
		if d.Hall == nil {
			return v.denyUnread(d.noJobs())
		}
		var rule narthex.Rule
		err = v.update(func(tx *journal.Tx) error {
			h, err := v.hold(tx)
			if err != nil {
				return err
			}
			if err := v.paced(tx, h); err != nil {
				return err
			}
			if err := person(h.key); err != nil {
				return err
			}
			rule, err = d.Bell.propose(tx, h, in)
			return err
		})
		if err != nil {
			return err
		}
		return v.json(RuleView(airlock.ToldRule(rule)))
	})
}

// propose records a standing rule that is asked for.
func (b Bell) propose(tx *journal.Tx, h holder, in client.ProposeRule) (narthex.Rule, error) {
	var none narthex.Rule
	job, err := jobOf(tx, h, string(in.Job))
	if err != nil {
		return none, narthex.AsError(err).For("job")
	}
	if err := h.usable(tx, job.Plan.Asset); err != nil {
		return none, err
	}
	all, err := book.Latest[narthex.Rule](tx, store.Rules, listing.RulesOf(h.grant.ID), mostListed)
	if err != nil {
		return none, err
	}
	open := slices.DeleteFunc(all, func(r narthex.Rule) bool { return r.State.Over() })
	if len(open) >= mostRules {
		return none, &narthex.Error{Kind: narthex.Exhausted, Code: "too_many_at_once", Public: "The grant has as many standing rules as it may. End one: `narthex release rule end`."}
	}
	out, held := narthex.FindTerm(h.grant.Terms, takeOut, job.Plan.Asset)
	if !held {
		return none, narthex.Refusedf("Nothing leaves of %s under this grant, so there is nothing that a standing rule could be for. Ask for an amendment: `narthex engagements amend`.", job.Plan.Asset).For("job")
	}
	t := narthex.RuleTerms{Grant: h.grant.ID, Engagement: h.grant.Engagement, Agreement: h.grant.Agreement, By: h.person.ID, Key: h.key.ID, Asset: job.Plan.Asset, Version: job.Plan.Version, AssetDigest: job.Plan.AssetDigest, Against: job.Plan.Against, AgainstDigest: job.Plan.AgainstDigest,
		Attribute: job.Plan.Attribute, Environment: job.Plan.Environment, EnvironmentDigest: job.Plan.EnvironmentDigest, Study: job.Plan.Study, Files: in.Files, RowsADay: in.RowsADay, Reviewers: 2, Says: in.Says}
	if t.Until = tx.Now().AddDate(0, 0, max(0, min(in.Days, 10_000))).UTC().Truncate(time.Second); h.grant.NotAfter.Before(t.Until) {
		t.Until = h.grant.NotAfter
	}
	if in.Versions {
		t.Version, t.AssetDigest = "", ""
	}
	if n, set := out.Limits["reviewers"]; set {
		t.Reviewers = max(t.Reviewers, int(n.Number))
	}
	if err := ofOutputs(in.Files, job.Plan.Outputs); err != nil {
		return none, err
	}
	if err := said(in); err != nil {
		return none, err
	}
	if t.Looks, t.StandsIn, err = b.lookers(tx, t, in); err != nil {
		return none, err
	}
	r, err := airlock.Proposed(t, tx.Now())
	if err != nil {
		return none, err
	}
	form, err := canon.JSON(airlock.RecordedTerms(t))
	if err != nil {
		return none, err
	}
	index, err := tx.Append(narthex.EntryRuleProposed, narthex.TextField("grant", t.Grant), narthex.TextField("by", t.By), narthex.CanonicalField("terms", string(form)))
	if err != nil {
		return none, err
	}
	r.ID = narthex.MakeRuleID(index)
	if err := b.tellRule(tx, notice.Ruling{By: t.By, Rule: r}, index); err != nil {
		return none, err
	}
	return r, journal.Put(tx, store.Rules, string(r.ID), &r)
}

// said refuses words that a reader would not see as they are.
func said(in client.ProposeRule) error {
	if airlock.CheckWords(in.Says) != nil {
		return narthex.Invalidf("Say in 20 to 2000 plain characters what the outputs are for, and why they repeat.").For("says")
	}
	for i, f := range in.Files {
		if airlock.CheckWords(f.Context) != nil {
			return narthex.Invalidf("Say in 20 to 2000 plain characters what the values of the file are, of how many, and how they come about.").For("files." + strconv.Itoa(i) + ".context")
		}
	}
	return nil
}

// ofOutputs refuses files that the study does not declare, or not in its order.
func ofOutputs(files []narthex.RuleFile, outputs []narthex.Output) error {
	last := -1
	for i, f := range files {
		at := slices.IndexFunc(outputs, func(o narthex.Output) bool { return o.Name == f.Name && o.Kind == f.Kind })
		if at <= last {
			return narthex.Invalidf("Files are those that the job's study declares, by name and kind, in its order.").For("files." + strconv.Itoa(i) + ".name")
		}
		last = at
	}
	return nil
}

// lookers gives who looks again and who stands in: those who are named, or the first who may.
func (b Bell) lookers(tx *journal.Tx, t narthex.RuleTerms, in client.ProposeRule) (looks, standsIn narthex.PersonID, err error) {
	able, err := b.Judges(tx, narthex.Rule{RuleTerms: t})
	if err != nil {
		return "", "", err
	}
	find := func(named, part string, but narthex.PersonID) (narthex.PersonID, error) {
		for _, p := range able {
			if p.ID != but && (named == "" || p.Handle == named || p.Email == named) {
				return p.ID, nil
			}
		}
		if named == "" && but != "" {
			return "", nil
		}
		return "", narthex.Refusedf("A second look takes somebody who may review what leaves of %s, with no part in the engagement and no interest in its people; who is named is none, or there is none. Ask the lab whom to name.", t.Asset).For(part)
	}
	if looks, err = find(in.Looks, "looks", ""); err != nil {
		return "", "", err
	}
	standsIn, err = find(in.StandsIn, "stands_in", looks)
	return looks, standsIn, err
}

// OwnRules serves GET /v1/rules: the standing rules of the key's grant.
func (d *Door) OwnRules() http.Handler {
	return d.Handler(func(v *visit) error {
		list := client.RuleList{}
		err := v.read("rules", func(tx *journal.Tx, h holder) *narthex.Error {
			list.Rules = []client.RuleView{}
			rows, err := book.Latest[narthex.Rule](tx, store.Rules, listing.RulesOf(h.grant.ID), mostListed)
			if err != nil {
				return narthex.AsError(err)
			}
			for _, r := range rows {
				if h.sees(r.Asset) {
					list.Rules = append(list.Rules, RuleView(airlock.ToldRule(r)))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(list)
	})
}

// OwnRule serves GET /v1/rules/{rule}.
func (d *Door) OwnRule() http.Handler {
	return d.Handler(func(v *visit) error {
		var rule narthex.Rule
		err := v.read("rule", func(tx *journal.Tx, h holder) *narthex.Error {
			found, err := ruleOf(tx, h, path.Base(v.r.URL.Path))
			if rule = airlock.ToldRule(found); err != nil {
				return narthex.AsError(err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(RuleView(rule))
	})
}

// EndRule serves POST /v1/rules/{rule}/end: those whom a rule is for want it no longer.
func (d *Door) EndRule() http.Handler {
	return d.Handler(func(v *visit) error {
		if _, err := readBody[struct{}](v, 1<<10); err != nil {
			return err
		}
		id := path.Base(path.Dir(v.r.URL.Path))
		var rule narthex.Rule
		err := v.update(func(tx *journal.Tx) error {
			h, err := v.hold(tx)
			if err != nil {
				return err
			}
			if err := v.paced(tx, h); err != nil {
				return err
			}
			if err := h.usable(tx, ""); err != nil {
				return err
			}
			if rule, err = ruleOf(tx, h, id); err == nil {
				rule, err = d.Bell.ChangeRule(tx, rule, airlock.RuleEvent{Act: airlock.End, By: h.person.ID, Code: airlock.EndByAuthor})
			}
			return err
		})
		if err != nil {
			return err
		}
		return v.json(RuleView(airlock.ToldRule(rule)))
	})
}
