package office

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/ledger"
)

// lookedAtOnce is how many entries of the ledger one page of calls looks at, at most.
const lookedAtOnce = 16384

// Calls gives a page of a person's own calls under a grant that names them: what each asked, and what was decided, by which clause or
// for what reason, as it was told then. Of other people's calls there is their number. That it was read is an entry.
func (o *Office) Calls(ctx context.Context, by narthex.PersonID, id narthex.GrantID, of client.Page) (client.CallList, error) {
	list := client.CallList{}
	length, err := pageLength(of)
	if err != nil {
		return list, err
	}
	after := uint64(0)
	if of.After != "" {
		if after, err = strconv.ParseUint(of.After, 10, 62); err != nil || strconv.FormatUint(after, 10) != of.After {
			return list, narthex.Invalidf("What a page comes after is a number that a page before it gave.").For("after")
		}
	}
	var engagement narthex.EngagementID
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		list = client.CallList{Calls: []client.CallLine{}}
		grant, err := grantOf(tx, id, p)
		if err != nil {
			return err
		}
		if engagement = grant.Engagement; !slices.Contains(grant.Persons, p.ID) {
			return narthex.Refusedf("Calls are given to those who made them, and this grant names you not. Auditors read the ledger: `narthex ledger export`.")
		}
		keys, err := gateway.KeysOf(tx, id)
		if err != nil {
			return err
		}
		own := map[string]bool{}
		for _, key := range keys {
			own[string(key.ID)] = key.Person == p.ID
		}
		head, err := journal.ReadHead(tx.Reader())
		if err != nil {
			return err
		}
		e, err := engagementOf(tx, engagement)
		if err != nil {
			return err
		}
		from, err := firstSince(tx, e.CreatedAt, head.Size)
		if err != nil {
			return err
		}
		list.Size, from = head.Size, max(from, after)
		to := min(head.Size, from+lookedAtOnce)
		err = journal.EachEntry(tx.Reader(), from, to, func(index uint64, record ledger.Record, opening ledger.Opening) error {
			if opening.Text("grant") != string(id) || opening.Type.Class() != narthex.UseEntry {
				return nil
			}
			if byReviewers(opening) {
				return nil
			}
			whose, err := keyOf(tx, opening)
			if err != nil {
				return err
			}
			if !own[whose] {
				list.Others++
				return nil
			}
			line, err := callLine(index, record, opening)
			list.Calls = append(list.Calls, line)
			if err == nil && len(list.Calls) == length && index+1 < to {
				list.Next = strconv.FormatUint(index+1, 10)
				err = errFull
			}
			return err
		})
		if errors.Is(err, errFull) {
			return nil
		}
		if err == nil && to < head.Size {
			list.Next = strconv.FormatUint(to, 10)
		}
		return err
	})
	if err == nil {
		err = o.recordRead(ctx, by, engagement, book.ReadCalls)
	}
	if err != nil {
		return client.CallList{}, err
	}
	return list, nil
}

var errFull = errors.New("the page is full")

// byReviewers says whether an entry is about the review of a study, which is the reviewers' and nobody's use.
func byReviewers(o ledger.Opening) bool {
	var e airlock.JobEvent
	return o.Type == narthex.EntryJobChanged && json.Unmarshal([]byte(o.Field("event")), &e) == nil && airlock.OfReview(e.Act)
}

// keyOf gives the key of an entry of use: of an outcome, that of its intent; of what became of a job, that of the job.
func keyOf(tx *journal.Tx, o ledger.Opening) (key string, err error) {
	var intent uint64
	switch o.Type {
	case narthex.EntryCallOutcome:
		intent, err = narthex.CallID(o.Text("call")).Index()
	case narthex.EntryJobChanged:
		intent, err = narthex.JobID(o.Text("job")).Index()
	default:
		return o.Text("key"), nil
	}
	if err != nil {
		return "", err
	}
	err = journal.EachEntry(tx.Reader(), intent, intent+1, func(_ uint64, _ ledger.Record, o ledger.Opening) error {
		key = o.Text("key")
		return nil
	})
	return key, err
}

// callLine gives what an entry of a person's own tells them: all but the rules of the lab's own that it was also held to.
func callLine(index uint64, record ledger.Record, o ledger.Opening) (client.CallLine, error) {
	raw := func(name string) json.RawMessage {
		if value := o.Field(name); value != "" {
			return json.RawMessage(value)
		}
		return nil
	}
	line := client.CallLine{Entry: index, At: record.Time(), What: o.Type, Key: narthex.KeyID(o.Text("key")), Call: narthex.CallID(o.Text("call")), Uses: raw("uses"), Facts: raw("facts"), Reserved: raw("reserved"), Asset: narthex.AssetName(o.Text("asset")),
		Version: narthex.VersionName(o.Text("version")), Clauses: o.Text("clauses"), Status: o.Text("status"), Used: raw("used"), Read: o.Text("what"), Request: narthex.Digest(o.Text("request")),
		Answer: narthex.Digest(o.Text("answer")), Agreed: narthex.Digest(o.Text("agreement")), Withheld: []string{}}
	if o.Type == narthex.EntryCallIntent {
		line.Call = narthex.MakeCallID(index)
	}
	if told := o.Field("reasons"); told != "" {
		if err := json.Unmarshal([]byte(told), &line.Reasons); err != nil {
			return line, narthex.Unavailablef("The reasons of a call could not be read.").Because(err)
		}
	}
	for _, reason := range line.Reasons {
		if strings.HasPrefix(reason.Code, "guardrail") && len(line.Withheld) == 0 {
			line.Withheld = append(line.Withheld, "guardrails")
		}
	}
	return line, nil
}
