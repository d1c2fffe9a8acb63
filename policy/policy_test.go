package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/lab"
	"narthex/policy"
)

var now = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

func taxonomy(t testing.TB) *narthex.Taxonomy {
	t.Helper()
	taxonomy, err := lab.Taxonomy()
	if err != nil {
		t.Fatal(err)
	}
	return taxonomy
}

func guardrails(t testing.TB, text string) *policy.Guardrails {
	t.Helper()
	files := map[string][]byte{}
	if text != "" {
		files["g.cedar"] = []byte(text)
	}
	g, problems := policy.ParseGuardrails(files)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return g
}

func engine(t testing.TB, text string) *policy.Engine {
	t.Helper()
	e, err := policy.NewEngine(taxonomy(t), guardrails(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

type limits = map[narthex.LimitName]narthex.Value

var number, names = narthex.NumberValue, narthex.NamesValue

func term(attribute narthex.AttributeName, more limits) narthex.Term {
	if more == nil {
		more = limits{}
	}
	return narthex.Term{Attribute: attribute, Asset: "m", Clause: "2.1", Limits: more}
}

func use(attribute narthex.AttributeName, facts ...narthex.Fact) narthex.Use {
	return narthex.Use{Attribute: attribute, Facts: facts}
}

func fact(limit narthex.LimitName, v narthex.Value) narthex.Fact {
	return narthex.Fact{Limit: limit, Value: v}
}

// ask is a question that the terms answer with yes.
func ask(terms []narthex.Term, uses ...narthex.Use) policy.Question {
	return policy.Question{Principal: policy.Principal{Person: "per_a", Org: "org_a", Actor: narthex.Human, Region: "fr", Address: netip.MustParseAddr("192.0.2.1")},
		Asset: narthex.Asset{Name: "m", Kind: "model", Label: "internal"}, Version: "final", Uses: uses,
		Demands: []narthex.Demand{{Unit: narthex.Calls, Least: 1, Most: 1}, {Unit: narthex.Tokens, Least: 10, Most: 10}},
		Layers:  []policy.Layer{{Holder: "grt", Agreement: "sha256:x", Terms: terms, Approvals: 2, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}}, Now: now}
}

func TestZeroValuesDeny(t *testing.T) {
	if (policy.Decision{}).Allowed() || (policy.Decision{}).Error() == nil {
		t.Error("the zero decision allows")
	}
	q := ask([]narthex.Term{term("model.sample", nil)}, use("model.sample"))
	if (&policy.Engine{}).Decide(q).Allowed() || (*policy.Engine)(nil).Decide(q).Allowed() {
		t.Error("the zero engine allows")
	}
	if _, err := policy.NewEngine(taxonomy(t), nil); err == nil {
		t.Error("an engine was made without guardrails")
	}
	e := engine(t, "")
	if !e.Decide(q).Allowed() {
		t.Fatalf("the question that should be answered yes: %v", e.Decide(q).Error())
	}
	for name, spoil := range map[string]func(*policy.Question){
		"no layers":         func(q *policy.Question) { q.Layers = nil },
		"no uses":           func(q *policy.Question) { q.Uses = nil },
		"no asset":          func(q *policy.Question) { q.Asset = narthex.Asset{} },
		"no terms":          func(q *policy.Question) { q.Layers[0].Terms = nil },
		"the zero term":     func(q *policy.Question) { q.Layers[0].Terms = []narthex.Term{{}} },
		"no dates":          func(q *policy.Question) { q.Layers[0].NotAfter = time.Time{} },
		"the end":           func(q *policy.Question) { q.Now = q.Layers[0].NotAfter },
		"before the start":  func(q *policy.Question) { q.Now = q.Layers[0].NotBefore.Add(-1) },
		"no actor":          func(q *policy.Question) { q.Principal.Actor = "" },
		"an agent":          func(q *policy.Question) { q.Principal.Actor = narthex.Agent },
		"another case":      func(q *policy.Question) { q.Uses[0].Attribute = "model.Sample" },
		"another asset":     func(q *policy.Question) { q.Asset.Name = "m2" },
		"a prefix":          func(q *policy.Question) { q.Uses[0].Attribute = "model.samp" },
		"an unknown limit":  func(q *policy.Question) { q.Layers[0].Terms[0].Limits["speed"] = number(1) },
		"a wrong form":      func(q *policy.Question) { q.Layers[0].Terms[0].Limits["max_tokens"] = names("x") },
		"an unknown fact":   func(q *policy.Question) { q.Uses[0].Facts = []narthex.Fact{fact("now", number(0))} },
		"a computed fact":   func(q *policy.Question) { q.Uses[0].Facts = []narthex.Fact{fact("regions", names("fr"))} },
		"no demand":         func(q *policy.Question) { q.Demands = nil },
		"a negative demand": func(q *policy.Question) { q.Demands[1].Least = -5 },
		"a demand reversed": func(q *policy.Question) { q.Demands[1].Most = 5 },
		"two layers, one empty": func(q *policy.Question) {
			q.Layers = append(q.Layers, policy.Layer{Holder: "key", Approvals: 2, NotBefore: q.Layers[0].NotBefore, NotAfter: q.Layers[0].NotAfter})
		},
	} {
		q := ask([]narthex.Term{term("model.sample", nil)}, use("model.sample"))
		spoil(&q)
		if e.Decide(q).Allowed() {
			t.Errorf("it is allowed with %s", name)
		}
	}
}

// TestARuleThatErrsDenies: Cedar skips such a rule, and a forbidding one would then forbid nothing.
func TestARuleThatErrsDenies(t *testing.T) {
	q := ask([]narthex.Term{term("model.sample", nil)}, use("model.sample"))
	for text, code := range map[string]string{
		`forbid (principal, action, resource) when { context.absent == 1 };`:                      "guardrail_error",
		`forbid (principal, action, resource) when { context.tokens + 9223372036854775807 > 1 };`: "guardrail_error",
		`forbid (principal, action, resource) when { resource.label + 1 == 2 };`:                  "guardrail_error",
		`@id("all") forbid (principal, action, resource);`:                                        "guardrail",
		`forbid (principal, action == Attribute::"model.sample", resource);`:                      "guardrail",
		`forbid (principal in Org::"org_a", action, resource);`:                                   "guardrail",
		`forbid (principal, action, resource) when { resource.label == "internal" };`:             "guardrail",
		`forbid (principal, action, resource) when { context.tokens >= 10 };`:                     "guardrail",
		`forbid (principal, action, resource) when { resource.version == "early" };`:              "",
		`forbid (principal, action == Attribute::"model.logprobs", resource);`:                    "",
		`forbid (principal, action, resource) when { context has top_k && context.top_k > 3 };`:   "",
	} {
		d := engine(t, text).Decide(q)
		if d.Allowed() != (code == "") || code != "" && d.Error().Code != code {
			t.Errorf("%s: %v", text, d.Error())
		}
	}
}

// TestAGuardrailSeesWhatACallMayTake, whether the caller named it or not, and beside every use of the call.
func TestAGuardrailSeesWhatACallMayTake(t *testing.T) {
	terms := []narthex.Term{term("model.sample", limits{"tokens": number(100), "n": number(2)}), term("model.logprobs", nil)}
	sample := use("model.sample", fact("n", number(2)), fact("temperature", number(1)))
	for text, forbidden := range map[string]bool{
		`context.max_tokens > 44`: true, // (100 - 10) / 2 are left to each
		`context.max_tokens > 45`: false,
		`context.n == 2`:          true,
		`context.n == 3`:          false,
		`context has max_tokens`:  true,
	} {
		for _, action := range []string{"model.sample", "model.logprobs"} {
			q := ask(terms, sample, use("model.logprobs", fact("top_k", number(1))))
			q.Demands[1] = narthex.Demand{Unit: narthex.Tokens, Least: 12, Most: 1000, Step: 2, Fixed: 10, Each: "max_tokens"}
			d := engine(t, `forbid (principal, action == Attribute::"`+action+`", resource) when { `+text+` };`).Decide(q)
			if d.Allowed() == forbidden || forbidden && d.Error().Code != "guardrail" {
				t.Errorf("%s beside %s: %v", text, action, d.Error())
			}
		}
	}
}

// TestADecisionEndsWithTheFirstOfItsRights: a layer, a term of any layer, or what is to be certified anew.
func TestADecisionEndsWithTheFirstOfItsRights(t *testing.T) {
	at := func(after time.Duration) limits {
		return limits{"not_after": narthex.TimeValue(now.Add(after))}
	}
	for name, c := range map[string]struct {
		terms []narthex.Term
		key   []narthex.Term
		want  time.Duration
	}{
		"the layer":           {[]narthex.Term{term("model.sample", nil)}, nil, 100 * time.Hour},
		"a term":              {[]narthex.Term{term("model.sample", at(time.Hour))}, nil, time.Hour},
		"another's term":      {[]narthex.Term{term("model.sample", nil), term("model.seed", at(time.Hour))}, nil, 100 * time.Hour},
		"a key's term":        {[]narthex.Term{term("model.sample", at(2*time.Hour))}, []narthex.Term{term("model.sample", at(time.Hour))}, time.Hour},
		"its recertification": {[]narthex.Term{term("model.sample", limits{"recertify_days": number(1)})}, nil, 23 * time.Hour},
	} {
		q := ask(c.terms, use("model.sample"))
		q.Layers[0].NotAfter = now.Add(100 * time.Hour)
		if c.key != nil {
			q.Layers = append(q.Layers, q.Layers[0])
			q.Layers[1].Terms = c.key
		}
		d := engine(t, "").Decide(q)
		if !d.Allowed() || !d.Until().Equal(now.Add(c.want).Truncate(time.Second)) && !d.Until().Equal(now.Add(c.want)) {
			t.Errorf("%s: %v, until %v", name, d.Error(), d.Until())
		}
	}
}

func TestWhatIsNoGuardrailIsRefused(t *testing.T) {
	for _, text := range []string{`permit (principal, action, resource);`, `forbid (principal, action, resource) when { resource.label like "r*" };`, `forbid (principal == ?principal, action, resource);`, `forbid (`, `@id("Upper Case") forbid (principal, action, resource);`} {
		if _, problems := policy.ParseGuardrails(map[string][]byte{"x.cedar": []byte(text)}); len(problems) == 0 || problems[0].Line < 1 {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestTheOrderOfGuardrailsDoesNotMatter(t *testing.T) {
	rules := []string{`@id("a") forbid (principal, action, resource) when { context.tokens > 5 };`, `@id("b") forbid (principal, action, resource);`, `@id("c") forbid (principal, action, resource) when { resource.label == "x" };`}
	q := ask([]narthex.Term{term("model.sample", nil)}, use("model.sample"))
	want := fmt.Sprint(engine(t, strings.Join(rules, "\n")).Decide(q).Reasons)
	for range 50 {
		rand.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
		if got := fmt.Sprint(engine(t, strings.Join(rules, "\n")).Decide(q).Reasons); got != want {
			t.Fatalf("%s\nand\n%s", got, want)
		}
	}
}

// TestADecisionIsOfItsQuestionAndItsTime: what allows one call takes nothing for another, nor for the same a moment later.
func TestADecisionIsOfItsQuestionAndItsTime(t *testing.T) {
	e := engine(t, "")
	terms := []narthex.Term{term("model.sample", limits{"tokens": number(100)}), term("model.seed", nil)}
	made := func() policy.Question { return ask(terms, use("model.sample", fact("n", number(1)))) }
	allowed := e.Decide(made())
	if account, _, err := e.Reserve(made(), 0, allowed); !allowed.Allowed() || err != nil || len(account.Budgets) == 0 {
		t.Fatalf("its own question: %v, %v", allowed.Error(), err)
	}
	for name, change := range map[string]func(*policy.Question){
		"another asset":             func(q *policy.Question) { q.Asset.Name = "n" },
		"another version":           func(q *policy.Question) { q.Version = "early" },
		"another person":            func(q *policy.Question) { q.Principal.Person = "per_b" },
		"another address":           func(q *policy.Question) { q.Principal.Address = netip.MustParseAddr("192.0.2.2") },
		"an agent":                  func(q *policy.Question) { q.Principal.Actor = narthex.Agent },
		"another grant":             func(q *policy.Question) { q.Layers[0].Holder = "grt_b" },
		"another use":               func(q *policy.Question) { q.Uses[0].Attribute = "model.seed" },
		"one use more":              func(q *policy.Question) { q.Uses = append(q.Uses, use("model.seed")) },
		"another fact":              func(q *policy.Question) { q.Uses[0].Facts[0].Value = number(2) },
		"no fact":                   func(q *policy.Question) { q.Uses[0].Facts = nil },
		"a minute later":            func(q *policy.Question) { q.Now = q.Now.Add(time.Minute) },
		"a millisecond later":       func(q *policy.Question) { q.Now = q.Now.Add(time.Millisecond) },
		"a layer that is not there": func(q *policy.Question) { q.Layers = q.Layers[:0:0] },
	} {
		q := made()
		if change(&q); len(q.Layers) == 0 {
			q = made()
			if _, _, err := e.Reserve(q, 1, allowed); err == nil {
				t.Errorf("%s is reserved for", name)
			}
			continue
		}
		if account, hold, err := e.Reserve(q, 0, allowed); err == nil || len(account.Budgets) != 0 || len(hold.Budgets) != 0 {
			t.Errorf("the decision is taken for %s", name)
		}
	}
	denied := made()
	denied.Now = denied.Layers[0].NotAfter
	for name, d := range map[string]policy.Decision{"a denial": e.Decide(denied), "the zero decision": {}} {
		if _, _, err := e.Reserve(denied, 0, d); err == nil {
			t.Errorf("%s is reserved for", name)
		}
	}
}

func TestANoNamesTheClauseAndWhatWasAsked(t *testing.T) {
	q := ask([]narthex.Term{term("model.sample", nil), {Attribute: "model.logprobs", Asset: "m", Clause: "2.3", Limits: limits{"top_k": number(5)}}}, use("model.sample"), use("model.logprobs", fact("top_k", number(20))))
	err := engine(t, "").Decide(q).Error()
	if err == nil || err.Code != "limit_exceeded" || err.Reason.Clause != "2.3@sha256:x" || err.Reason.Allowed != "5" || err.Reason.Asked != "20" || !strings.Contains(err.Public, "Clause 2.3 allows top_k 5") {
		t.Errorf("%+v", err)
	}
	q = ask([]narthex.Term{term("model.checkpoints", limits{"checkpoints": names("early")})}, use("model.checkpoints", fact("checkpoints", names("<script>"))))
	if err := engine(t, "").Decide(q).Error(); err == nil || strings.Contains(err.Public, "script") {
		t.Errorf("a name from outside is echoed: %v", err)
	}
}

// TestARateIsKeptToWhateverItIs: as many calls at once as it says, none more, and then no faster than it says.
func TestARateIsKeptToWhateverItIs(t *testing.T) {
	e := engine(t, "")
	for _, limit := range []int64{1, 7, 60, 1_000, 29_999, 30_001, 40_000, 59_999, 60_001, 100_000, 7_000_000, 10_000_000} {
		q := ask([]narthex.Term{term("model.sample", limits{"rate": number(float64(limit))})}, use("model.sample"))
		most := limit
		if limit > 2_000 { // the count of a whole burst would take long: begin near its end
			most = 1000
			q.Layers[0].Account.Rates = []policy.Pace{{Key: policy.Key{Attribute: "model.sample", Asset: "m", Limit: "rate"}, Paid: now.UnixMicro() + (limit-most)*((60_000_000+limit-1)/limit)}}
		}
		start := func() bool {
			d := e.Decide(q)
			if d.Allowed() {
				q.Layers[0].Account, _, _ = e.Reserve(q, 0, d)
				q.Layers[0].Account.Open = nil
			}
			return d.Allowed()
		}
		served := int64(0)
		for served <= most && start() {
			served++
		}
		if served != most {
			t.Errorf("at %d a minute %d of %d start at once", limit, served, most)
		}
		for range 3 {
			gap := time.Duration((60_000_000+limit-1)/limit) * time.Microsecond
			q.Now = q.Now.Add(gap - time.Microsecond)
			if start() {
				t.Errorf("at %d a minute one starts before it is paid for", limit)
			}
			if q.Now = q.Now.Add(time.Microsecond); !start() {
				t.Errorf("at %d a minute one does not start when it is paid for", limit)
			}
		}
	}
}

func TestBudgetsAddUpWhateverHappens(t *testing.T) {
	e := engine(t, "")
	random := rand.New(rand.NewPCG(seed(t), 2))
	for range 300 {
		limit := int64(random.IntN(500))
		terms := []narthex.Term{term("model.sample", limits{"tokens": number(float64(limit)), "tokens_per_day": number(float64(random.IntN(300)))})}
		var account policy.Account
		var open []policy.Hold
		at, spent := now, int64(0)
		for range 60 {
			q := ask(terms, use("model.sample"))
			q.Now, q.Layers[0].NotAfter, q.Layers[0].Account = at, now.AddDate(1, 0, 0), account
			least := int64(random.IntN(30))
			q.Demands[1] = narthex.Demand{Unit: narthex.Tokens, Least: least, Most: least + int64(random.IntN(30)), Step: int64(random.IntN(3))}
			switch random.IntN(4) {
			case 0, 1:
				if d := e.Decide(q); d.Allowed() {
					if n := d.Amount(narthex.Tokens); n < q.Demands[1].Least || n > q.Demands[1].Most {
						t.Fatalf("%d is granted of %+v", n, q.Demands[1])
					}
					var hold policy.Hold
					account, hold, _ = e.Reserve(q, 0, d)
					open = append(open, hold)
				}
			case 2:
				if len(open) > 0 {
					used := int64(random.IntN(80)) - 10
					account = account.Settle(open[0], []policy.Used{{Unit: narthex.Tokens, Amount: used}})
					taken := open[0].Budgets[slices.IndexFunc(open[0].Budgets, func(b policy.Taken) bool { return b.Key.Limit == "tokens" })].Amount
					if used < 0 || used > taken {
						used = taken
					}
					spent += used
					open = open[1:]
				}
			case 3:
				at = at.Add(time.Duration(random.IntN(30)-10) * time.Hour)
				if at.Before(now) {
					at = now
				}
			}
			for _, state := range e.Budgets(terms, account, at) {
				b := state.Budget
				if b.Used+b.Reserved > b.Limit || b.Used < 0 || b.Reserved < 0 {
					t.Fatalf("%s stands at %+v", state.Key.Limit, b)
				}
				if state.Key.Limit == "tokens" && b.Used != spent {
					t.Fatalf("%d were spent and %d are counted", spent, b.Used)
				}
			}
		}
		for _, hold := range open {
			account = account.Settle(hold, nil)
		}
		for _, state := range e.Budgets(terms, account, at) {
			if state.Budget.Reserved != 0 {
				t.Fatalf("%d stay reserved when nothing is open", state.Budget.Reserved)
			}
		}
	}
}

func TestADayIsRefilledOnce(t *testing.T) {
	e := engine(t, "")
	terms := []narthex.Term{term("model.sample", limits{"tokens_per_day": number(10)})}
	var account policy.Account
	spend := func(at time.Time) bool {
		q := ask(terms, use("model.sample"))
		q.Now, q.Layers[0].NotAfter, q.Layers[0].Account = at, now.AddDate(1, 0, 0), account
		d := e.Decide(q)
		if d.Allowed() {
			var hold policy.Hold
			account, hold, _ = e.Reserve(q, 0, d)
			account = account.Settle(hold, []policy.Used{{Unit: narthex.Tokens, Amount: 10}})
		}
		return d.Allowed()
	}
	tomorrow := now.AddDate(0, 0, 1)
	for i, step := range []struct {
		at   time.Time
		want bool
	}{{now, true}, {now, false}, {tomorrow, true}, {now, false}, {tomorrow, false}, {tomorrow.AddDate(0, 0, 1), true}} {
		if spend(step.at) != step.want {
			t.Errorf("step %d at %v: %v", i, step.at, !step.want)
		}
	}
}

func seed(t testing.TB) uint64 {
	t.Helper()
	if text := os.Getenv("NARTHEX_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := uint64(time.Now().UnixNano())
	t.Logf("NARTHEX_SEED=%d repeats this run", n)
	return n
}

// world draws questions from few values, so that many are answered yes.
type world struct{ *rand.Rand }

func (w world) question() policy.Question {
	attributes := []narthex.AttributeName{"model.sample", "model.logprobs", "model.checkpoints", "model.seed", "model.logit_bias"}
	var terms []narthex.Term
	for _, a := range attributes {
		if w.IntN(5) > 0 {
			terms = append(terms, narthex.Term{Attribute: a, Asset: "m", Clause: "2.1", Limits: w.limits(a)})
		}
	}
	// What may not be held together is never signed together: taking one of two such terms away frees the other.
	if _, both := narthex.FindTerm(terms, "model.logprobs", "m"); both {
		terms = slices.DeleteFunc(terms, func(t narthex.Term) bool { return t.Attribute == "model.logit_bias" })
	}
	var uses []narthex.Use
	for _, a := range attributes[:1+w.IntN(4)] {
		if len(uses) == 0 || w.IntN(2) == 0 {
			uses = append(uses, w.use(a))
		}
	}
	q := ask(terms, uses...)
	q.Principal.Actor = []narthex.ActorKind{narthex.Human, narthex.Human, narthex.Agent}[w.IntN(3)]
	q.Demands[1] = narthex.Demand{Unit: narthex.Tokens, Least: int64(w.IntN(20)), Most: int64(20 + w.IntN(20))}
	if w.IntN(6) == 0 {
		q.Others = []narthex.Term{{Attribute: "model.logit_bias", Asset: "m", Clause: "9"}}
	}
	return q
}

func (w world) limits(a narthex.AttributeName) limits {
	l := limits{}
	if w.IntN(3) == 0 {
		l["actor_kinds"] = [][]narthex.Value{{names("human")}, {names("human", "agent")}, {names("agent")}}[w.IntN(3)][0]
	}
	if w.IntN(4) == 0 {
		l["regions"] = []narthex.Value{names("fr"), names("de")}[w.IntN(2)]
	}
	if w.IntN(4) == 0 {
		l["tokens"] = number(float64(w.IntN(60)))
	}
	switch a {
	case "model.sample":
		l["max_tokens"] = number(float64(w.IntN(40)))
	case "model.logprobs":
		l["top_k"] = number(float64(w.IntN(8)))
	case "model.checkpoints":
		l["checkpoints"] = []narthex.Value{names("early"), names("early", "final"), names()}[w.IntN(3)]
	}
	return l
}

func (w world) use(a narthex.AttributeName) narthex.Use {
	switch a {
	case "model.sample":
		return use(a, fact("max_tokens", number(float64(w.IntN(40)))))
	case "model.logprobs":
		return use(a, fact("top_k", number(float64(w.IntN(8)))))
	case "model.checkpoints":
		return use(a, fact("checkpoints", []narthex.Value{names("early"), names("final")}[w.IntN(2)]))
	}
	return use(a)
}

// TestRigLessIsNeverMore: over a million random pairs, a guardrail added, a term removed, a limit taken down or another grant
// held beside it never allows what was denied, nor a larger amount.
func TestRigLessIsNeverMore(t *testing.T) {
	pairs := 1_000_000
	if os.Getenv("NARTHEX_RIG") == "long" {
		pairs = 10_000_000
	}
	w := world{rand.New(rand.NewPCG(seed(t), 1))}
	rules := []string{`forbid (principal, action, resource) when { principal.actor == "agent" };`, `forbid (principal, action == Attribute::"model.logprobs", resource);`,
		`forbid (principal, action, resource) when { context has max_tokens && context.max_tokens > 20 };`, `forbid (principal, action, resource) when { context.tokens > 30 };`, `forbid (principal, action, resource) when { context.top_k > 3 };`}
	free := engine(t, "")
	var bound []*policy.Engine
	for i := range rules {
		bound = append(bound, engine(t, strings.Join(rules[:i+1], "\n")))
	}
	allowed := 0
	for i := range pairs {
		wide := w.question()
		narrow := wide
		narrow.Layers = slices.Clone(wide.Layers)
		narrow.Layers[0].Terms = slices.Clone(wide.Layers[0].Terms)
		wider, narrower := free, free
		what := "a term removed"
		switch terms := narrow.Layers[0].Terms; {
		case i%8 == 0:
			what = "a guardrail added"
			k := w.IntN(len(bound))
			if narrower = bound[k]; k > 0 {
				wider = bound[k-1]
			}
		case i%8 == 1:
			what = "another grant held"
			narrow.Others = append(slices.Clone(wide.Others), narthex.Term{Attribute: "model.logprobs", Asset: "m"})
		case i%8 < 5 && len(terms) > 0:
			what = "a limit taken down"
			k := w.IntN(len(terms))
			changed := limits{}
			for name, v := range terms[k].Limits {
				if v.Form == narthex.FormNumber && v.Number > 0 {
					v = number(v.Number - 1)
				} else if len(v.Names) > 0 {
					v = names(v.Names[1:]...)
				}
				changed[name] = v
			}
			terms[k].Limits = changed
		case len(terms) > 0:
			k := w.IntN(len(terms))
			narrow.Layers[0].Terms = slices.Delete(terms, k, k+1)
		}
		a, b := wider.Decide(wide), narrower.Decide(narrow)
		if a.Allowed() {
			allowed++
		}
		if b.Allowed() && (!a.Allowed() || b.Amount(narthex.Tokens) > a.Amount(narthex.Tokens)) {
			t.Fatalf("pair %d, %s: allowed %v then %v\n%+v\n%+v", i, what, a.Error(), b, wide, narrow)
		}
	}
	if allowed < pairs/50 {
		t.Errorf("only %d of %d were allowed: the rig asks nothing", allowed, pairs)
	}
}

func TestAKeyIsNeverWiderThanItsGrant(t *testing.T) {
	tax := taxonomy(t)
	grant := []narthex.Term{term("model.sample", limits{"max_tokens": number(100), "tokens": number(50), "regions": names("fr", "de")}), term("model.checkpoints", limits{"checkpoints": names("early")})}
	for name, c := range map[string]struct {
		key  narthex.Term
		good bool
	}{
		"the same":                 {term("model.sample", limits{"max_tokens": number(100)}), true},
		"less":                     {term("model.sample", limits{"max_tokens": number(1), "regions": names("fr")}), true},
		"more tokens an answer":    {term("model.sample", limits{"max_tokens": number(101)}), false},
		"a larger budget":          {term("model.sample", limits{"tokens": number(51)}), false},
		"another region":           {term("model.sample", limits{"regions": names("us")}), false},
		"another checkpoint":       {term("model.checkpoints", limits{"checkpoints": names("final")}), false},
		"an attribute not held":    {term("model.logprobs", nil), false},
		"another asset":            {narthex.Term{Attribute: "model.sample", Asset: "x"}, false},
		"an unknown attribute":     {term("model.soul", nil), false},
		"an agent where none may":  {term("model.sample", limits{"actor_kinds": names("agent")}), false},
		"a temperature beyond all": {term("model.sample", limits{"temperature": number(3)}), false},
	} {
		if err := policy.Narrower(tax, grant, []narthex.Term{c.key}); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	e := engine(b, `forbid (principal, action, resource) when { resource.label == "restricted" };
forbid (principal, action, resource) when { context.tokens > 100000 };
forbid (principal, action, resource) when { principal.actor == "agent" };`)
	q := ask([]narthex.Term{term("model.sample", limits{"max_tokens": number(100), "tokens": number(1000)}), term("model.logprobs", nil), term("model.checkpoints", limits{"checkpoints": names("early")})},
		use("model.sample", fact("max_tokens", number(10))), use("model.logprobs", fact("top_k", number(5))), use("model.checkpoints", fact("checkpoints", names("early"))))
	for b.Loop() {
		if !e.Decide(q).Allowed() {
			b.Fatal("denied")
		}
	}
}

// TestWhatHangsOnOthersAsksForThem: an attribute that may not be held beside another asks for what others give, from either side, and
// one that may be held beside all does not.
func TestWhatHangsOnOthersAsksForThem(t *testing.T) {
	known := taxonomy(t)
	e, err := policy.NewEngine(known, guardrails(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	asking := 0
	for a := range known.Attributes {
		excluded := []narthex.AttributeName{}
		for b := range known.Attributes {
			if known.Exclude(a, b) {
				excluded = append(excluded, b)
			}
		}
		if len(excluded) > 0 {
			asking++
		}
		slices.Sort(excluded)
		if got := e.Excluded([]narthex.Use{{Attribute: "model.sample"}, {Attribute: a}, {Attribute: a}}); !slices.Equal(got, excluded) {
			t.Errorf("%s excludes %v; %v are asked for", a, excluded, got)
		}
	}
	if asking < 2 || len(e.Excluded(nil)) > 0 {
		t.Errorf("%d attributes ask", asking)
	}
}
