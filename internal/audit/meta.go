package audit

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/store"
)

// tell notes what a person is told; the latest are kept.
func (s *step) tell(id narthex.PersonID, text string, reason narthex.Digest) {
	list := s.Told[id]
	s.Told[id] = append(slices.Clone(list[max(0, len(list)-book.MostTold+1):]), notice{s.at.Format(time.RFC3339) + " " + text, reason})
}

// listed puts a new session on its person's list, from which those that are over fall.
func (s *step) listed(token string) {
	key := "sessions/" + s.text("person")
	live := slices.DeleteFunc(slices.Clone(s.Lists[key]), func(token string) bool {
		session := s.Sessions[token]
		return !session.Ended.IsZero() || !s.at.Before(session.At.Add(book.SessionLife))
	})
	s.Lists[key] = append(live, token)
}

// drafted puts a new draft on its applicant's list, from which those that are drafts no longer fall.
func (s *step) drafted(id narthex.EngagementID) {
	key := "drafts/" + s.text("by")
	open := slices.DeleteFunc(slices.Clone(s.Lists[key]), func(id string) bool { return s.Cases[narthex.EngagementID(id)].State != narthex.Draft })
	s.Lists[key] = append([]string{string(id)}, open...)
}

// wait remembers an engagement that everyone approved and that was not offered with the last approval.
func (f *Fold) wait() {
	if f.Approved != "" && !slices.Contains(f.Waiting, f.Approved) {
		f.Waiting, f.Waited = append(slices.Clone(f.Waiting), f.Approved), true
	}
	f.Approved = ""
}

// offered takes in that an engagement's agreement was made: with its last approval, or when it had waited.
func (s *step) offered(id narthex.EngagementID) {
	if s.Approved == id {
		s.Approved = ""
		return
	}
	s.wait()
	s.Waiting = slices.DeleteFunc(slices.Clone(s.Waiting), func(other narthex.EngagementID) bool { return other == id })
}

// offerWaiting takes in that a node looked at those that wait, and let go of those that are in review no longer.
func (s *step) offerWaiting() {
	s.Waiting = slices.DeleteFunc(slices.Clone(s.Waiting), func(id narthex.EngagementID) bool { return s.Cases[id].State != narthex.InReview })
}

// meta compares every row of Meta but the head, which is compared with the tree.
func (c *comparison) meta() error {
	want := map[string]any{}
	directory := c.Directory
	want[directoryRow] = &directory
	for key, keys := range c.Lists {
		want[key] = book.Own{Keys: keys}
	}
	for id, h := range c.Hands {
		want["invited/"+string(id)] = h
	}
	for id, notes := range c.Told {
		want["told/"+string(id)] = notes
	}
	for id, word := range c.Authorised {
		want[book.AuthorisedKey(id)] = word
	}
	for id, list := range c.Standings {
		want[book.StandingKey(id)] = book.Standings{Standings: list}
	}
	for id, digest := range c.Nations {
		want[book.NationalitiesKey(id)] = digest
	}
	for id, visas := range c.Visas {
		want[book.VisasKey(id)] = visas
	}
	if c.Away != nil {
		want[book.AwayKey] = book.Away{Absences: c.Away}
	}
	if c.Program != (book.Program{}) {
		want[book.ProgramKey] = c.Program
	}
	if c.Waited {
		want["waiting"] = book.Waiting{Engagements: append([]narthex.EngagementID(nil), c.Waiting...)}
	}
	seen := map[string]bool{}
	err := each(c.r, store.Meta, func(row store.Row) error {
		if untold(store.Meta, row.Key) || row.Key == "head" {
			return nil
		}
		c.counted[string(store.Meta)]++
		wanted, known := want[row.Key]
		if !known {
			c.unexpected(store.Meta, row)
			return nil
		}
		seen[row.Key] = true
		if !json.Valid(row.Value) {
			c.unreadable(store.Meta, row.Key)
			return nil
		}
		wanted, err := c.adopted(row, wanted)
		if err != nil {
			return err
		}
		return c.same(store.Meta, row.Key, wanted, json.RawMessage(row.Value))
	})
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !seen[key] {
			c.missing(store.Meta, key)
		}
	}
	return err
}

// adopted gives the row that must stand there, with what no entry tells taken from the one that does.
func (c *comparison) adopted(row store.Row, wanted any) (any, error) {
	switch wanted := wanted.(type) {
	case *book.Directory:
		var found book.Directory
		if json.Unmarshal(row.Value, &found) != nil {
			return wanted, nil
		}
		wanted.Approvals = slices.Clone(wanted.Approvals)
		for i := range min(len(wanted.Approvals), len(found.Approvals)) {
			wanted.Approvals[i].Name = found.Approvals[i].Name
		}
	case narthex.SignedAuthorisation:
		return c.keyed(wanted, row.Value), nil
	case narthex.Digest:
		return recordOf(wanted, row.Value), nil
	case []notice:
		return reasoned(wanted, row.Value), nil
	case hand:
		_, id, _ := strings.Cut(row.Key, "/")
		is, err := c.wasCustodian(narthex.PersonID(id), wanted.Directory)
		want := book.Hand{Code: wanted.Code, By: wanted.By}
		var found book.Hand
		if is && wanted.Alone && (!wanted.Unsure || json.Unmarshal(row.Value, &found) == nil && found.By == "") {
			want.By = ""
		}
		return want, err
	}
	return wanted, nil
}

// reasoned gives the notes with the reasons that the row has, where they have their digests.
func reasoned(notes []notice, row []byte) book.Told {
	var found, want book.Told
	if json.Unmarshal(row, &found) != nil {
		found.Notes = nil
	}
	for i, n := range notes {
		text := n.Text
		if n.Reason != "" {
			text += "the reason whose digest is " + string(n.Reason)
		}
		if i < len(found.Notes) {
			if reason, is := strings.CutPrefix(found.Notes[i], n.Text); is && n.Reason != "" && narthex.MakeDigest(sha256.Sum256([]byte(reason))) == n.Reason {
				text = found.Notes[i]
			}
		}
		want.Notes = append(want.Notes, text)
	}
	return want
}

// wasCustodian says whether that directory gave the person the role.
func (c *comparison) wasCustodian(id narthex.PersonID, directory narthex.Digest) (bool, error) {
	row, err := get[narthex.Person](c.r, store.People, string(id))
	if err != nil || row == nil {
		return false, err
	}
	d, err := c.docs.directory(directory)
	if err != nil || d == nil {
		return false, err
	}
	named, _ := d.Person(row.Handle)
	return slices.Contains(named.Roles, narthex.Custodian), nil
}
