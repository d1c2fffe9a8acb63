package lab_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"narthex/internal/lab"
)

// TestAFaultInTheTaxonomyIsFoundAtItsPlace changes one thing at a time. Place is the text at which the problem must be said to stand.
func TestAFaultInTheTaxonomyIsFoundAtItsPlace(t *testing.T) {
	good, err := os.ReadFile("taxonomy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := lab.ParseTaxonomy("taxonomy.yaml", good); len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct{ old, new, place, says string }{
		"an unknown attribute that is excluded": {"excludes: [model.logit_bias]", "excludes: [model.soul]", "model.soul", `attribute "model.soul" is unknown`},
		"an unknown attribute that is needed":   {"needs: [output.release], says: read activations", "needs: [output.soul], says: read activations", "output.soul", `attribute "output.soul" is unknown`},
		"an unknown attribute in a bundle":      {"embed: [people.embed,", "embed: [people.soul,", "people.soul", `attribute "people.soul" is unknown`},
		"an attribute that is no name":          {"  model.seed:", "  Model Seed:", "al: 1, leak: [], says: fix", "not a canonical name"},
		"a limit that is no name":               {"{top_k: {kind: max", "{Top K: {kind: max", "kind: max, default: 5}, decimals", "not a canonical name"},
		"an unknown kind":                       {"top_k: {kind: max", "top_k: {kind: most", "most", `limit kind "most" is unknown`},
		"an unknown kind in the list":           {"limit_kinds: [max,", "limit_kinds: [most,", "most", `limit kind "most" is unknown`},
		"an unknown unit":                       {"usd: {kind: budget, unit: cents}\n\nattributes", "usd: {kind: budget, unit: shells}\n\nattributes", "shells", `unit "shells" is unknown`},
		"a budget without a unit":               {"tokens: {kind: budget, unit: tokens}\n", "tokens: {kind: budget}\n", "kind: budget}\n", "does not say what it counts"},
		"a default of another kind":             {"top_k: {kind: max, default: 5}", "top_k: {kind: max, default: [five]}", "[five]", "not a value of its kind"},
		"a default that is no value of the set": {"values: [human, agent], default: [human]", "values: [human, agent], default: [ghost]", "[ghost]", "not a value of its kind"},
		"values for what is no set":             {"top_k: {kind: max, default: 5}", "top_k: {kind: max, values: [a], default: 5}", "[a]", "only a set"},
		"a refill of what is no budget":         {"top_k: {kind: max, default: 5}", "top_k: {kind: max, per: day, default: 5}", "day, default: 5}", "only a budget"},
		"an unknown leak class":                 {"leak: [pers, bulk], says: read sampled", "leak: [puddle, bulk], says: read sampled", "puddle", `leak class "puddle" is unknown`},
		"a level that there is not":             {"model.seed: {al: 1", "model.seed: {al: 7", "7, leak: [], says: fix", "1 to 4"},
		"a kind of asset that there is not":     {"on: [dataset, metrics, code, documents], jobs", "on: [dataset, metrics, ghost, documents], jobs", "ghost", `kind "ghost"`},
		"studies beside one kind twice":         {"on: [dataset, metrics, code, documents], jobs", "on: [dataset, model, code, documents], jobs", "model, code", "run by weights.compute too"},
		"jobs of no sort":                       {"jobs: requests", "jobs: ghosts", "ghosts", "studies or requests"},
		"jobs beside nothing":                   {"on: [dataset, metrics, code, documents], jobs: studies", "jobs: studies", "studies, says: run jobs beside the data", "beside which kinds"},
		"an unknown field":                      {"model.seed: {al: 1", "model.seed: {colour: red, al: 1", "red, al: 1", `"colour" is not a field here`},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(string(good), c.old) != 1 {
				t.Fatalf("%q stands %d times in the taxonomy", c.old, strings.Count(string(good), c.old))
			}
			bad := strings.Replace(string(good), c.old, c.new, 1)
			at := strings.Index(bad, c.place)
			line := strings.Count(bad[:at], "\n") + 1
			place := fmt.Sprintf("taxonomy.yaml:%d:%d:", line, at-strings.LastIndex(bad[:at], "\n"))
			_, problems := lab.ParseTaxonomy("taxonomy.yaml", []byte(bad))
			for _, p := range problems {
				if strings.HasPrefix(p.String(), place) && strings.Contains(p.Message, c.says) {
					return
				}
			}
			t.Errorf("no problem at %s says %q; there are: %v", place, c.says, problems)
		})
	}
}
