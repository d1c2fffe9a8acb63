package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/store"
)

// ruleProposed takes a standing rule in.
func (s *step) ruleProposed() error {
	id := narthex.MakeRuleID(s.index)
	var terms narthex.RuleTerms
	if decode(s.o.Field("terms"), &terms) != nil || string(terms.Grant) != s.text("grant") || string(terms.By) != s.text("by") {
		s.impossible(store.Rules, string(id), "a standing rule that does not read, or is of another grant or person")
		return nil
	}
	r, err := airlock.Proposed(terms, s.at)
	if err != nil {
		s.impossible(store.Rules, string(id), "a standing rule that none may be")
		return nil
	}
	key, known := s.Keys[terms.Key]
	g := s.Grants[terms.Grant]
	if !known && !s.absentSince(0) || known && (key.Grant != terms.Grant || key.Person != terms.By || key.Actor != narthex.Human || g.Agreement != terms.Agreement || g.Engagement != terms.Engagement) {
		s.impossible(store.Rules, string(id), "a standing rule that was asked for without a person's key of its grant")
	}
	r.ID = id
	s.Rules[id] = r
	return nil
}

func (s *step) ruleChanged() error {
	id := narthex.RuleID(s.text("rule"))
	r, known := s.Rules[id]
	var e airlock.RuleEvent
	if index, err := id.Index(); err == nil && s.absent(index) {
		s.untold++
		return nil
	}
	if !known || decode(s.o.Field("event"), &e) != nil {
		s.impossible(store.Rules, string(id), "an act on a standing rule that is not there")
		return nil
	}
	if follows, err := s.ruleHeld(r, e); err != nil {
		return err
	} else if !follows {
		s.impossible(store.Rules, string(id), "a word on a standing rule of somebody who did not have that role then, or another time for a second look")
		return nil
	}
	next, err := airlock.NextRule(r, e, s.at)
	if err != nil {
		s.impossible(store.Rules, string(id), "an act that the standing rule's state does not take")
		return nil
	}
	if !s.readable(e.Release) {
		s.untold++
	} else if out := s.Releases[e.Release]; e.Act == airlock.Use && (out.State != narthex.ReleaseSubmitted || out.Grant != r.Grant) || e.Act == airlock.Look && (out.Package != e.Saw || out.Rule == nil) {
		s.impossible(store.Rules, string(id), "a use of a standing rule by another release, or a second look at another package")
	}
	s.Rules[id] = next
	return nil
}

// ruleHeld holds what is done with a standing rule to the directory that was in force: the role of who spoke, and by when what left by it is to be
// looked at. What the directory was, where it cannot be read, is told elsewhere.
func (s *step) ruleHeld(r narthex.Rule, e airlock.RuleEvent) (bool, error) {
	switch e.Act {
	case airlock.Approve, airlock.Refuse, airlock.Look:
		return s.hadRole(e.By, e.As, r.Asset)
	case airlock.Use:
		d, err := s.docs.directory(s.Directory.InForce)
		return err != nil || d == nil || e.Due.Equal(airlock.RuleDue(d.Calendar, s.at)), err
	}
	return true, nil
}

// readable says whether the entry that took a release in is there to be read; of no release it is.
func (f *Fold) readable(id narthex.ReleaseID) bool {
	index, err := id.Index()
	return err != nil || !f.absent(index)
}

// leftByRule holds a release that left by a standing rule to the rule as it stood: the entry before it is the rule's own, by which it was found
// to be in force and to have the rows, and drawn or not.
func (s *step) leftByRule(r narthex.Release, use narthex.RuleUse) {
	rule, known := s.Rules[use.Rule]
	if index, err := use.Rule.Index(); !known && err == nil && s.absent(index) {
		s.untold++
		return
	}
	j, ran := s.Jobs[r.Job]
	if index, err := r.Job.Index(); !ran && err == nil && s.absent(index) {
		s.untold++
		return
	}
	want, errWant := canon.JSON(airlock.UseOf(rule, use.Rows))
	got, errGot := canon.JSON(use)
	if !known || !ran || errWant != nil || errGot != nil || !bytes.Equal(want, got) || rule.Last != r.ID || rule.LastRows != use.Rows || rule.State != narthex.RuleInForce || !airlock.Covers(rule.RuleTerms, r, j.Plan) {
		s.impossible(store.Releases, string(r.ID), "a release by a standing rule that it does not fit, or by none that was in force for it")
	}
}

// rules holds the standing rules that are stored to what their entries say, people's words to their digests; and what left by them to the bytes
// that are kept: they are what the rule names, and as many rows.
func (c *comparison) rules() error {
	want := map[string]*narthex.Rule{}
	for _, id := range slices.Sorted(maps.Keys(c.Rules)) {
		r := c.Rules[id]
		want[string(id)] = &r
		if last, known := c.Releases[r.Last]; known && (last.Rule == nil || last.Rule.Rule != id) {
			c.differ(client.Difference{What: "row_differs", Table: string(store.Rules), Key: string(id), Field: "last", Expected: "a release that left by it", Found: "one that did not"})
		}
	}
	err := compareRows(c, store.Rules, want, func(_ string, want, found *narthex.Rule) {
		recorded, err := canon.Digest(airlock.RecordedRule(*found))
		folded, failed := canon.Digest(*want)
		if err == nil && failed == nil && recorded == folded {
			*want = *found
		}
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(c.Releases)) {
		r := c.Releases[id]
		if rule, known := c.Rules[ruleOf(r)]; known {
			if err := c.fits(id, r, rule); err != nil {
				return err
			}
		}
	}
	return nil
}

func ruleOf(r book.Release) narthex.RuleID {
	if r.Rule == nil {
		return ""
	}
	return r.Rule.Rule
}

// fits holds the bytes of a release to the rule by which it left; what is not there is a difference of the table of blobs.
func (c *comparison) fits(id narthex.ReleaseID, r book.Release, rule narthex.Rule) error {
	var raw []airlock.Raw
	for _, f := range r.Files {
		data, err := c.blob(f.Digest)
		if err != nil || data == nil {
			return err
		}
		raw = append(raw, airlock.Raw{Name: f.Name, Kind: f.Kind, Data: data})
	}
	rows, err := airlock.Fits(rule.Files, raw)
	if err != nil || rows != r.Rule.Rows {
		c.differ(client.Difference{What: "row_differs", Table: string(store.Releases), Key: string(id), Field: "rule", Expected: "files that fit the standing rule by which they left, of as many rows", Found: "others"})
	}
	return nil
}

// blob gives a frozen file as it is stored, or nil where it is not there.
func (c *comparison) blob(digest narthex.Digest) (data []byte, err error) {
	for n := 0; ; n++ {
		value, err := c.r.Get(store.Blobs, fmt.Sprintf("%s/%04d", digest, n))
		if err != nil || value == nil {
			return data, err
		}
		var piece book.Blob
		if json.Unmarshal(value, &piece) != nil {
			return nil, nil
		}
		if data = append(data, piece.Data...); len(piece.Data) < book.Piece {
			return data, nil
		}
	}
}
