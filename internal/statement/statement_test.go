package statement_test

import (
	"fmt"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/statement"
	"narthex/ledger"
)

// weekdays is a calendar without holidays.
type weekdays struct{}

func (weekdays) Add(t time.Time, n int) time.Time {
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if t.Weekday() != time.Saturday && t.Weekday() != time.Sunday {
			n--
		}
	}
	return t
}

var (
	monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	eng    = narthex.EngagementID("eng_aaaaaaaaaaaaaaaaaaaaaaaaaa")
	grant  = narthex.GrantID("grt_aaaaaaaaaaaaaaaaaaaaaaaaaa")
)

func taxonomy() *narthex.Taxonomy {
	t := &narthex.Taxonomy{Attributes: map[narthex.AttributeName]narthex.Attribute{}}
	for name, level := range map[narthex.AttributeName]int{"model.sample": 1, "model.logprobs": 2, "weights.compute": 3, "weights.read": 4, "data.query": 2, "code.read": 3, "info.card": 1, "output.release": 4, "compute.gpu": 4} {
		t.Attributes[name] = narthex.Attribute{Name: name, Level: level, Says: "use it"}
	}
	return t
}

// TestHowDeepAccessWasIsItsDeepestAttributeAndItsBusinessDays: what carries results out, or is compute alone, makes nothing deeper, and an
// attribute that is not known none.
func TestHowDeepAccessWasIsItsDeepestAttributeAndItsBusinessDays(t *testing.T) {
	for _, c := range []struct {
		attributes               []narthex.AttributeName
		until                    time.Time
		model, information, time int
		days                     int
	}{
		{nil, monday, 0, 0, 0, 0},
		{[]narthex.AttributeName{"model.sample"}, monday.AddDate(0, 0, 27), 1, 0, 1, 19},
		{[]narthex.AttributeName{"model.sample", "model.logprobs", "info.card"}, monday.AddDate(0, 0, 28), 2, 1, 2, 20},
		{[]narthex.AttributeName{"weights.compute", "model.sample", "data.query", "code.read"}, monday.AddDate(0, 0, 181), 3, 3, 2, 129},
		{[]narthex.AttributeName{"weights.read", "output.release", "compute.gpu"}, monday.AddDate(0, 0, 182), 4, 0, 3, 130},
		{[]narthex.AttributeName{"output.release", "compute.gpu", "nothing.known"}, monday.Add(-time.Hour), 0, 0, 0, 0},
	} {
		var terms []narthex.Term
		for _, name := range c.attributes {
			terms = append(terms, narthex.Term{Attribute: name, Asset: "x"})
		}
		got := statement.LevelOf(taxonomy(), terms, weekdays{}, monday, c.until)
		if got.Model != c.model || got.Information != c.information || got.Time != c.time || got.Days != c.days {
			t.Errorf("%v until %s: %+v", c.attributes, c.until, got)
		}
	}
}

func entry(kind narthex.EntryType, values ...string) ledger.Opening {
	o := ledger.Opening{Type: kind}
	for i, name := range kind.Fields() {
		o.Fields = append(o.Fields, narthex.Field{Name: name, Value: values[i]})
	}
	return o
}

// intent takes so many tokens of a whole budget and of a day's.
func intent(of narthex.GrantID, tokens int) ledger.Opening {
	taken := func(limit string) string {
		return fmt.Sprintf(`{"key":{"attribute":"model.sample","asset":"x","limit":%q},"unit":"tokens","amount":%d}`, limit, tokens)
	}
	return entry(narthex.EntryCallIntent, fmt.Sprintf("%q", of), `"key"`, `"d"`, `"d"`, `[]`, `[{"attribute":"model.sample"},{"attribute":"model.logprobs"}]`, `"x"`, `"v"`, `"2.1"`,
		`[{"holder":"h","budgets":[`+taken("tokens")+","+taken("tokens_per_day")+`],"opened":[]}]`, `"n"`, `"r"`)
}

func outcome(of narthex.GrantID, call uint64, used string) ledger.Opening {
	return entry(narthex.EntryCallOutcome, fmt.Sprintf("%q", narthex.MakeCallID(call)), fmt.Sprintf("%q", of), `"ok"`, used, `"a"`)
}

// TestWhatWasUsedIsWhatWasCharged: a call's tokens count once for both its budgets; what is not known, and a call that has no outcome, is
// charged in full; another grant's and what was erased says nothing.
func TestWhatWasUsedIsWhatWasCharged(t *testing.T) {
	tally := statement.NewTally(eng, grant, []string{string(eng)})
	for i, o := range []ledger.Opening{
		intent(grant, 100), outcome(grant, 0, `[{"unit":"tokens","amount":40},{"unit":"calls","amount":1}]`),
		intent(grant, 100), outcome(grant, 2, `[{"unit":"tokens","amount":-1}]`),
		intent(grant, 100),
		intent("grt_bbbbbbbbbbbbbbbbbbbbbbbbbb", 9000), outcome("grt_bbbbbbbbbbbbbbbbbbbbbbbbbb", 5, `[{"unit":"tokens","amount":9000}]`), {},
	} {
		if err := tally.Entry(uint64(i), monday.Add(time.Duration(i)*time.Second), o); err != nil {
			t.Fatal(err)
		}
	}
	made := statement.Of(statement.Input{Engagement: narthex.Engagement{ID: eng}, Agreement: narthex.Agreement{Terms: []narthex.Term{{Attribute: "model.sample", Asset: "x", Clause: "2.1"}}},
		Taxonomy: taxonomy(), Calendar: weekdays{}, Tally: tally})
	want := client.StatementAmount{Unit: "tokens", Amount: 240}
	if u := made.Use; u.Calls != 3 || u.Unknown != 2 || u.First != 0 || u.Last != 4 || u.Used[len(u.Used)-1] != want {
		t.Errorf("in all %+v", u)
	}
	if a := made.Attributes[0]; a.Attribute != "model.sample" || a.Calls != 3 || len(a.Used) != 1 || a.Used[0] != want {
		t.Errorf("of sampling %+v", a)
	}
	if a := made.Attributes[1]; a.Attribute != "model.logprobs" || a.Calls != 3 || len(a.Used) != 0 {
		t.Errorf("of log-probabilities %+v", a)
	}
	if made.Through != 4 || !made.At.Equal(monday.Add(4*time.Second)) {
		t.Errorf("through %d at %s", made.Through, made.At)
	}
	if err := tally.Entry(9, monday, entry(narthex.EntryCallOutcome, `"call_4"`, fmt.Sprintf("%q", grant), `"ok"`, `{}`, `"a"`)); err == nil {
		t.Error("an outcome that does not read is counted")
	}
}
