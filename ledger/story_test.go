package ledger_test

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/ledger"
)

// The places in the story that its rules are about.
const (
	submitted  = 9
	approved   = 10 // and 11
	signed     = 13 // by the researcher, and 14 by the lab
	activated  = 15
	firstCall  = 17 // its outcome is 18
	openCall   = 51
	afterStory = 52
)

func drop(i int) func([]narthex.Entry) []narthex.Entry {
	return func(e []narthex.Entry) []narthex.Entry { return slices.Delete(e, i, i+1) }
}

func insert(i int, more ...narthex.Entry) func([]narthex.Entry) []narthex.Entry {
	return func(e []narthex.Entry) []narthex.Entry {
		for n := range more {
			more[n].At = e[min(i, len(e)-1)].At
		}
		return slices.Insert(e, i, more...)
	}
}

func put(i int, field, text string) func([]narthex.Entry) []narthex.Entry {
	return func(e []narthex.Entry) []narthex.Entry {
		for n, f := range e[i].Fields {
			if f.Name == field {
				e[i].Fields[n] = narthex.TextField(field, text)
			}
		}
		return e
	}
}

func changedTo(command, by string) narthex.Entry {
	return with(narthex.EntryEngagementChanged, 0, texts{"engagement": "e", "command": command, "by": by})
}

func boundTo(agreement string) narthex.Entry {
	return with(narthex.EntryEngagementChanged, 0, texts{"engagement": "e", "command": "bind", "by": "leg", "saw": agreement})
}

func outcomeOf(call string) narthex.Entry {
	return with(narthex.EntryCallOutcome, 0, texts{"call": call})
}

func TestStoriesThatCannotBeAreFoundAndNamed(t *testing.T) {
	for what, c := range map[string]struct {
		named  int64
		change func([]narthex.Entry) []narthex.Entry
	}{
		"no inception":                    {0, drop(0)},
		"a second inception":              {afterStory, insert(afterStory, with(narthex.EntryInception, 0, nil))},
		"no application":                  {activated - 1, drop(submitted)},
		"one approval":                    {activated - 1, drop(approved)},
		"one person approving twice":      {activated, put(approved+1, "by", "bo")},
		"approvals of another engagement": {activated, put(approved, "engagement", "f")},
		"an application of another":       {activated, put(submitted, "engagement", "f")},
		"a grant of another engagement":   {activated, put(activated, "engagement", "f")},
		"approvals before the application": {activated, func(e []narthex.Entry) []narthex.Entry {
			e[submitted], e[approved] = e[approved], e[submitted]
			e[submitted].At, e[approved].At = e[approved].At, e[submitted].At
			return e
		}},
		"a return after the approvals":               {activated + 1, insert(approved+2, changedTo("return", "bo"))},
		"a revision after the approvals":             {activated + 1, insert(approved+2, changedTo("revise", "ada"))},
		"a counter-offer after the approvals":        {activated + 1, insert(approved+2, changedTo("counter", "bo"))},
		"one approval beside an accepted offer":      {activated + 2, insert(approved+2, changedTo("counter", "bo"), changedTo("accept", "ada"))},
		"an accepted offer and its maker's approval": {activated + 3, insert(approved+2, changedTo("counter", "bo"), changedTo("accept", "ada"), changedTo("approve", "bo"))},
		"an offer that a revision took away":         {activated + 4, insert(approved+2, changedTo("counter", "bo"), changedTo("revise", "ada"), changedTo("accept", "ada"), changedTo("approve", "cy"))},
		"one offer accepted twice":                   {activated + 4, insert(approved+2, changedTo("counter", "bo"), changedTo("accept", "ada"), changedTo("accept", "ada"), changedTo("approve", "cy"))},
		"an edit after the approvals":                {activated + 1, insert(approved+2, changedTo("edit", "ada"))},
		"no signatures":                              {activated - 2, func(e []narthex.Entry) []narthex.Entry { return slices.Delete(e, signed, signed+2) }},
		"no signature of the lab":                    {activated - 1, drop(signed + 1)},
		"no signature but the lab's":                 {activated - 1, drop(signed)},
		"the lab signing for both":                   {activated, put(signed, "party", "lab")},
		"two signatures and none the lab's":          {activated, put(signed+1, "party", "institution")},
		"a signature on another agreement":           {activated, put(signed, "agreement", "b")},
		"a grant of another agreement":               {activated, put(activated, "agreement", "b")},
		"an outside document after the signatures":   {activated + 1, insert(signed+2, boundTo("a"))},
		"an outside document before the last":        {activated + 1, insert(signed+1, boundTo("a"))},
		"a signature after the grant": {activated - 1, func(e []narthex.Entry) []narthex.Entry {
			e[signed+1], e[activated] = e[activated], e[signed+1]
			e[signed+1].At, e[activated].At = e[activated].At, e[signed+1].At
			return e
		}},
		"an outcome without a call":         {afterStory, insert(afterStory, outcomeOf("call_3"))},
		"an outcome of itself":              {afterStory, insert(afterStory, outcomeOf(fmt.Sprint("call_", afterStory)))},
		"an outcome of what is yet to come": {firstCall, insert(firstCall, outcomeOf(fmt.Sprint("call_", firstCall+1)))},
		"an outcome before its call": {firstCall, func(e []narthex.Entry) []narthex.Entry {
			e[firstCall], e[firstCall+1] = e[firstCall+1], e[firstCall]
			e[firstCall].At, e[firstCall+1].At = e[firstCall+1].At, e[firstCall].At
			return e
		}},
		"two outcomes of a call":              {afterStory, insert(afterStory, outcomeOf(fmt.Sprint("call_", firstCall)))},
		"an outcome of a call spelt anew":     {afterStory, insert(afterStory, outcomeOf(fmt.Sprint("call_0", openCall)))},
		"an outcome of a call beyond numbers": {afterStory, insert(afterStory, outcomeOf("call_18446744073709551616"))},
		"an outcome of no call":               {afterStory, insert(afterStory, outcomeOf(""))},
		"time that goes back":                 {20, func(e []narthex.Entry) []narthex.Entry { e[20].At = e[19].At.Add(-1e6); return e }},
	} {
		export, key := told(t, c.change)
		if got := tampered(t, what, export, key); got != c.named {
			t.Errorf("%s: the verifier names %d and not %d", what, got, c.named)
		}
	}
}

func TestStoriesThatMayBeVerify(t *testing.T) {
	for what, c := range map[string]struct {
		open   int
		change func([]narthex.Entry) []narthex.Entry
	}{
		"as it is":                                 {1, func(e []narthex.Entry) []narthex.Entry { return e }},
		"the open call closed":                     {0, insert(afterStory, outcomeOf(fmt.Sprint("call_", openCall)))},
		"signatures anew on an outside document":   {1, insert(afterStory, boundTo("a"), with(narthex.EntryAgreementSigned, 0, texts{"agreement": "a", "party": "researcher"}), with(narthex.EntryAgreementSigned, 0, texts{"agreement": "a", "party": "lab"}), with(narthex.EntryGrantActive, 0, texts{"engagement": "e", "agreement": "a"}))},
		"an outside document of another agreement": {1, insert(afterStory, boundTo("b"), with(narthex.EntryGrantActive, 0, texts{"engagement": "e", "agreement": "a"}))},
		"a third signature":                        {1, insert(afterStory, with(narthex.EntryAgreementSigned, 0, texts{"agreement": "a", "party": "institution"}))},
		"a third approval":                         {1, insert(afterStory, changedTo("approve", "di"))},
		"two entries of one moment":                {1, func(e []narthex.Entry) []narthex.Entry { e[20].At = e[19].At; return e }},
		"approvals again after a revision":         {1, insert(afterStory, changedTo("revise", "ada"), changedTo("approve", "bo"), changedTo("approve", "cy"), with(narthex.EntryGrantActive, 0, texts{"engagement": "e", "agreement": "a"}))},
		"an accepted offer and another's approval": {1, insert(afterStory, changedTo("counter", "bo"), changedTo("accept", "ada"), changedTo("approve", "cy"), with(narthex.EntryGrantActive, 0, texts{"engagement": "e", "agreement": "a"}))},
		"an application that came to naught":       {1, insert(afterStory, with(narthex.EntryEngagementChanged, 0, texts{"engagement": "f", "command": "submit"}))},
	} {
		export, key := told(t, c.change)
		report, err := ledger.Verify(strings.NewReader(export), key)
		if err != nil || len(report.Open) != c.open {
			t.Errorf("%s: %d calls are open: %v", what, len(report.Open), err)
		}
	}
}

// TestALogOfRecordsAloneVerifies shows an export to someone who may see nothing of it.
func TestALogOfRecordsAloneVerifies(t *testing.T) {
	s := seal(t, story())
	s.openings = make([]*ledger.Opening, len(s.records))
	export, key := s.export(t)
	report, err := ledger.Verify(strings.NewReader(export), key)
	if err != nil || report.Opened != 0 || report.Size != uint64(len(s.records)) || report.Use+report.Governance != report.Size || len(report.ByType) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestVerifyingKeepsOpenCallsOnly weighs the heap while a log of many closed calls is verified: at its start and near its end.
func TestVerifyingKeepsOpenCallsOnly(t *testing.T) {
	export, key := told(t, func(e []narthex.Entry) []narthex.Entry {
		return append(e[:activated+1], callsFrom(activated+1, 8000)...)
	})
	in := &weighingReader{rest: export}
	if report, err := ledger.Verify(in, key); err != nil || len(report.Open) != 0 {
		t.Fatalf("%d calls are open: %v", len(report.Open), err)
	}
	if grown := int64(in.last) - int64(in.first); grown > 100_000 {
		t.Errorf("verifying 8000 closed calls kept %d bytes", grown)
	}
}

// weighingReader reads a text in pieces and weighs the live heap after the first piece and before the last.
type weighingReader struct {
	rest        string
	first, last uint64
}

func (r *weighingReader) Read(p []byte) (int, error) {
	if r.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1<<16)], r.rest)
	switch r.rest = r.rest[n:]; {
	case r.first == 0:
		r.first = liveHeap()
	case r.rest == "":
		r.last = liveHeap()
	}
	return n, nil
}

func liveHeap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// callsFrom makes calls with their outcomes, the first intent at index first.
func callsFrom(first, calls int) []narthex.Entry {
	var entries []narthex.Entry
	for i := range calls {
		at := first + 2*i
		entries = append(entries, with(narthex.EntryCallIntent, at, nil), with(narthex.EntryCallOutcome, at+1, texts{"call": fmt.Sprint("call_", at)}))
	}
	return entries
}
