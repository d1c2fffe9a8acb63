package policy_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/policy"
)

// carrying is a question whose tokens beyond the first ten carry so many bits each.
func carrying(bits int64, most int64, account policy.Account, rule int64) policy.Question {
	q := ask([]narthex.Term{term("model.sample", nil), term("model.logprobs", nil)}, use("model.sample"), use("model.logprobs"))
	q.Demands[1] = narthex.Demand{Unit: narthex.Tokens, Least: 10 + most, Most: 10 + most, Fixed: 10, Bits: bits}
	q.Asset.LifetimeBytes, q.Carried = rule, account
	return q
}

// TestNoMixOfGrantsPassesAnAssetsRule: grants come, end and are amended, calls of many sizes are open at once and settle in any order,
// at what they used, at nothing known, or at more than they may; and the rule is lowered and raised. No reservation brings the account
// above the rule of its moment, what was used only grows, and it is the sum of what settled.
func TestNoMixOfGrantsPassesAnAssetsRule(t *testing.T) {
	e := engine(t, "")
	random := rand.New(rand.NewPCG(seed(t), 7))
	allowed, refused := 0, 0
	for range 300 {
		var asset policy.Account
		grants := make([]policy.Account, 1)
		type call struct {
			grant int
			hold  policy.Hold
			of    policy.Hold
		}
		var open []call
		rule, spent := int64(random.IntN(400)), int64(0)
		for range 80 {
			switch random.IntN(8) {
			case 0:
				rule = int64(random.IntN(400))
			case 1: // a new grant, or one that takes the place of another
				next := policy.Account{}
				if random.IntN(2) == 0 {
					next = grants[random.IntN(len(grants))].Carried()
				}
				grants = append(grants, next)
			case 2, 3:
				if len(open) == 0 {
					continue
				}
				at := random.IntN(len(open))
				c, used := open[at], int64(random.IntN(80))-10
				open = slices.Delete(open, at, at+1)
				asset = asset.Settle(c.of, []policy.Used{{Unit: narthex.Bytes, Amount: used}})
				grants[c.grant] = grants[c.grant].Settle(c.hold, nil)
				if most := c.of.Budgets[0].Amount; used < 0 || used > most {
					used = most
				}
				spent += used
			default:
				grant, most := random.IntN(len(grants)), int64(1+random.IntN(20))
				q := carrying(int64(1+random.IntN(30)), most, asset, rule)
				q.Layers[0].Account = grants[grant]
				d := e.Decide(q)
				n := policy.InBytes(most, q.Demands[1].Bits)
				before := policy.LifetimeOf(q.Asset, asset)
				if fits := before.Used+before.Reserved+n <= rule; d.Allowed() != fits {
					t.Fatalf("%d bytes beside %+v are allowed: %v", n, before, d.Allowed())
				}
				if !d.Allowed() {
					if refused++; d.Error().Code != "lifetime_exhausted" {
						t.Fatal(d.Error())
					}
					continue
				}
				allowed++
				account, hold, err := e.Reserve(q, 0, d)
				next, of, ofErr := e.ReserveAsset(q, d)
				if err != nil || ofErr != nil || of.Budgets[0].Amount != n {
					t.Fatal(err, ofErr, of)
				}
				grants[grant], asset = account, next
				open = append(open, call{grant, hold, of})
				if b := policy.LifetimeOf(q.Asset, asset); b.Used+b.Reserved > rule {
					t.Fatalf("it stands at %+v", b)
				}
			}
			if b := policy.LifetimeOf(narthex.Asset{Name: "m"}, asset); b.Used != spent || b.Reserved < 0 {
				t.Fatalf("%d were spent, and it stands at %+v", spent, b)
			}
		}
		for _, c := range open {
			asset = asset.Settle(c.of, nil)
		}
		if b := policy.LifetimeOf(narthex.Asset{Name: "m"}, asset); b.Reserved != 0 {
			t.Fatalf("nothing is open and %d are reserved", b.Reserved)
		}
	}
	if allowed < 1000 || refused < 1000 {
		t.Errorf("%d were allowed and %d refused: it shows little", allowed, refused)
	}
}

// TestWhatACallCarriesIsKnownOrItIsDenied: an asset without a rule lets nothing leave, and a call of which nobody can tell what it
// carries is none that is served.
func TestWhatACallCarriesIsKnownOrItIsDenied(t *testing.T) {
	e := engine(t, "")
	if d := e.Decide(carrying(8, 5, policy.Account{}, 5)); !d.Allowed() {
		t.Fatal(d.Error())
	}
	rows := ask([]narthex.Term{term("data.sample", nil)}, use("data.sample"))
	rows.Demands = append(rows.Demands, narthex.Demand{Unit: "rows", Least: 1, Most: 1}, narthex.Demand{Unit: narthex.Bytes, Least: 5, Most: 5, Bits: 8})
	rows.Asset.LifetimeBytes = 5
	if d := e.Decide(rows); !d.Allowed() {
		t.Fatal(d.Error())
	}
	for name, spoil := range map[string]func(q *policy.Question){
		"no rule":                    func(q *policy.Question) { q.Asset.LifetimeBytes = 0 },
		"a rule below zero":          func(q *policy.Question) { q.Asset.LifetimeBytes = -1 },
		"a byte too many":            func(q *policy.Question) { q.Asset.LifetimeBytes = 4 },
		"bits below zero":            func(q *policy.Question) { q.Demands[3].Bits = -8 },
		"bytes that carry no bits":   func(q *policy.Question) { q.Demands[3].Bits = 0 },
		"no bytes":                   func(q *policy.Question) { q.Demands = q.Demands[:3] },
		"more than a number holds":   func(q *policy.Question) { q.Demands[3].Least, q.Demands[3].Most, q.Demands[3].Bits = 8, 8, 1<<62 },
		"a sum that no number holds": func(q *policy.Question) { q.Demands[3].Bits, q.Demands[1].Bits = math.MaxInt64, math.MaxInt64 },
	} {
		q := rows
		q.Demands = slices.Clone(rows.Demands)
		spoil(&q)
		d := e.Decide(q)
		if d.Allowed() {
			t.Errorf("with %s it is allowed", name)
		}
		if _, _, err := e.ReserveAsset(q, d); err == nil {
			t.Errorf("with %s it takes bytes", name)
		}
	}
	if _, _, err := e.ReserveAsset(rows, policy.Decision{}); err == nil {
		t.Error("without a decision it takes bytes")
	}
	if d := e.Decide(carrying(8, 5, policy.Account{}, 4)); d.Error().Reason.Allowed != "4" || d.Error().Reason.Asked != "5" || !strings.Contains(d.Error().Public, "lab") {
		t.Errorf("%+v", d.Error().Reason)
	}
}

// TestADenialTellsNothingOfTheAccount: a call that is denied for anything else says the same whether the asset's account holds it or
// not, or whoever makes one that cannot be served would find out for nothing how much others took.
func TestADenialTellsNothingOfTheAccount(t *testing.T) {
	full := policy.Account{}
	e := engine(t, "")
	first := e.Decide(carrying(8, 5, full, 5))
	full, _, err := e.ReserveAsset(carrying(8, 5, full, 5), first)
	if err != nil {
		t.Fatal(err)
	}
	if d := e.Decide(carrying(8, 5, full, 5)); d.Allowed() || d.Error().Code != "lifetime_exhausted" {
		t.Fatal(d.Error())
	}
	for name, denied := range map[string]struct {
		guardrails string
		spoil      func(q *policy.Question)
	}{
		"what is not held": {"", func(q *policy.Question) { q.Uses = append(slices.Clone(q.Uses), use("model.prefill")) }},
		"a guardrail":      {"forbid (principal, action, resource);", func(*policy.Question) {}},
	} {
		e := engine(t, denied.guardrails)
		fits, beyond := carrying(8, 5, policy.Account{}, 5), carrying(8, 5, full, 5)
		denied.spoil(&fits)
		denied.spoil(&beyond)
		one, other := e.Decide(fits), e.Decide(beyond)
		if one.Allowed() || !slices.Equal(one.Reasons, other.Reasons) {
			t.Errorf("%s: %+v and %+v", name, one.Reasons, other.Reasons)
		}
	}
}

// TestAnAssetsAccountHasALineForEachWayOut: what log-probabilities, jobs and releases take stands apart, and what counts is the sum of
// it: none has room of its own.
func TestAnAssetsAccountHasALineForEachWayOut(t *testing.T) {
	e := engine(t, "")
	leaving := func(asset policy.Account, uses ...narthex.AttributeName) policy.Question {
		q := carrying(8, 5, asset, 15)
		for i := range q.Layers {
			q.Layers[i].Terms = append(q.Layers[i].Terms, term("weights.compute", nil), term("output.release", nil))
		}
		q.Demands = append(q.Demands, narthex.Demand{Unit: narthex.CPUMinutes}, narthex.Demand{Unit: narthex.GPUMinutes})
		q.Uses = nil
		for _, a := range uses {
			q.Uses = append(q.Uses, use(a))
		}
		return q
	}
	ways := [][]narthex.AttributeName{{"model.sample", "model.logprobs"}, {"weights.compute"}, {"weights.compute", "output.release"}}
	lines := []narthex.AttributeName{"", "weights.compute", "output.release"}
	var asset policy.Account
	var holds []policy.Hold
	for i, uses := range ways {
		q := leaving(asset, uses...)
		d := e.Decide(q)
		next, hold, err := e.ReserveAsset(q, d)
		if err != nil || len(hold.Budgets) != 1 || hold.Budgets[0].Key.Attribute != lines[i] {
			t.Fatalf("%v takes %+v: %v", uses, hold, d.Error())
		}
		asset, holds = next, append(holds, hold)
	}
	for _, uses := range ways {
		if d := e.Decide(leaving(asset, uses...)); d.Allowed() || d.Error().Code != "lifetime_exhausted" {
			t.Errorf("%v is allowed what the others took: %v", uses, d.Error())
		}
	}
	for i, used := range []int64{1, 2, 3} {
		asset = asset.Settle(holds[i], []policy.Used{{Unit: narthex.Bytes, Amount: used}})
	}
	if b := policy.LifetimeOf(narthex.Asset{Name: "m", LifetimeBytes: 15}, asset); b.Used != 6 || b.Reserved != 0 || b.Left() != 9 {
		t.Errorf("the account stands at %+v", b)
	}
	for i, line := range policy.LifetimeLines("m", asset) {
		if line.Key.Attribute != lines[i] || line.Budget.Used != int64(i+1) {
			t.Errorf("line %d is %+v", i, line)
		}
	}
}
