package lab_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/lab"
)

func TestAnOrderOfSigningNamesEachPartyOnce(t *testing.T) {
	for order, good := range map[string]bool{"[institution, researcher, lab]": true, "[lab, institution, researcher]": true, "[]": true,
		"[researcher, lab]": false, "[researcher, lab, lab]": false, "[researcher, institution, lab, lab]": false, "[researcher, institution, witness]": false, "researcher": false} {
		files := template(t)
		files["pathways/api-credits.yaml"] = append(bytes.TrimRight(files["pathways/api-credits.yaml"], "\n"), "\nsigning_order: "+order+"\n"...)
		d, problems := lab.Load(files)
		if (len(problems) == 0) != good {
			t.Errorf("%s: %v", order, problems)
		}
		if !good && !slices.ContainsFunc(problems, func(p lab.Problem) bool {
			return strings.Contains(p.File, "api-credits") && strings.Contains(p.Message, "signing_order") || order == "researcher"
		}) {
			t.Errorf("%s: the problem is not named: %v", order, problems)
		}
		if good && order == "[lab, institution, researcher]" && d.Pathways["api-credits"].SigningOrder[0] != narthex.PartyLab {
			t.Error("the order is not read")
		}
	}
}

// TestWhatAPathwaySaysOfSigningCanBeHeld: an order and a clause that differ, a word that nothing holds, and an outside document that
// nobody of legal brings are problems of the pathway.
func TestWhatAPathwaySaysOfSigningCanBeHeld(t *testing.T) {
	for what, c := range map[string]struct {
		parameter, value, edit, to, says string
	}{
		"the lab last, and its order not":          {"order", "the lab signs last", "clauses:\n", "signing_order: [lab, institution, researcher]\nclauses:\n", "signing_order does not"},
		"the lab last in its order too":            {"order", "the lab signs last", "clauses:\n", "signing_order: [institution, researcher, lab]\nclauses:\n", ""},
		"an order that nothing holds":              {"order", "the lab signs first", "[in any order, the lab signs last]", "[in any order, the lab signs last, the lab signs first]", "nothing can hold"},
		"a method that nothing holds":              {"method", "by nodding", "[with signing keys, with", "[by nodding, with signing keys, with", "nothing can hold"},
		"an acceptance that nothing holds":         {"outside", "perhaps", "[not accepted, accepted", "[perhaps, not accepted, accepted", "nothing can hold"},
		"an outside document and nobody brings it": {"outside", "accepted", "", "", "legal is one of the pathway's reviews"},
		"an outside document that legal brings":    {"outside", "accepted", "{role: security,", "{role: legal,", ""},
	} {
		files := with(t, narthex.SignatureClause, c.parameter, c.value)
		for name, text := range files {
			if c.edit != "" {
				files[name] = bytes.ReplaceAll(text, []byte(c.edit), []byte(c.to))
			}
		}
		_, problems := lab.Load(files)
		found := slices.ContainsFunc(problems, func(p lab.Problem) bool {
			return strings.Contains(p.File, "interpretability") && c.says != "" && strings.Contains(p.Message, c.says)
		})
		if found != (c.says != "") || c.says == "" && len(problems) > 0 {
			t.Errorf("%s: %v", what, problems)
		}
	}
}
