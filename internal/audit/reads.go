package audit

import (
	"strconv"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// engagementRead takes in that somebody read something of an engagement. Nothing follows of it but its row.
func (s *step) engagementRead() error {
	id, by := narthex.EngagementID(s.text("engagement")), narthex.PersonID(s.text("by"))
	_, known := s.Cases[id]
	_, person := s.People[by]
	if invite := narthex.InviteID(by); !person && known {
		asked, err := s.asked(id, invite)
		if err != nil {
			return err
		}
		person = asked
	}
	if (!known || !person || !book.Read(s.text("what")).Known()) && !s.absentSince(0) {
		s.impossible(store.Reads, book.ReadKey(id, s.index), "a reading of what is not there, or by nobody")
	}
	s.Reads++
	return nil
}

// asked says whether a specialist was asked for that opinion of an engagement. The entries alone do not tell whom: without tables, it is
// enough that it has the form of an invitation.
func (s *step) asked(id narthex.EngagementID, invite narthex.InviteID) (bool, error) {
	if s.rows == nil {
		return invite.UnmarshalText([]byte(invite)) == nil, nil
	}
	h := s.Cases[id]
	if h.Broken {
		return true, nil // that is said already
	}
	e, err := s.engagement(id, h)
	return err == nil && e != nil && workflow.OpinionOf(*e, invite) != nil, err
}

// reads holds each row to the entry that it names, and their number to that of the entries. An opening that was erased tells of no
// reading any more, and its row stays.
func (c *comparison) reads() error {
	var told, erased uint64
	err := each(c.r, store.Reads, func(row store.Row) error {
		c.counted[string(store.Reads)]++
		id, digits, _ := strings.Cut(row.Key, "/")
		index, err := strconv.ParseUint(digits, 16, 64)
		if err != nil || index >= c.Size || book.ReadKey(narthex.EngagementID(id), index) != row.Key || string(row.Value) != "{}" {
			c.unexpected(store.Reads, row)
			return nil
		}
		return journal.EachEntry(c.r, index, index+1, func(_ uint64, _ ledger.Record, o ledger.Opening) error {
			switch {
			case o.Type == "":
				erased++
			case o.Type != narthex.EntryEngagementRead || o.Text("engagement") != id:
				c.unexpected(store.Reads, row)
			default:
				told++
			}
			return nil
		})
	})
	if err == nil && c.Reads > told+erased {
		c.differ(client.Difference{What: "row_missing", Table: string(store.Reads), Expected: strconv.FormatUint(c.Reads, 10) + " rows, one for each entry of a reading", Found: strconv.FormatUint(told+erased, 10)})
	}
	return err
}
