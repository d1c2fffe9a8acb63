package gateway_test

import (
	"testing"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/gateway"
	"narthex/internal/lab"
)

// TestAPlanStandsWhileAllOfItDoes: another environment, version or second version, or one that is gone, is another study than was read.
func TestAPlanStandsWhileAllOfItDoes(t *testing.T) {
	box := narthex.Environment{Name: "box", Title: "a box"}
	print, err := canon.Digest(box)
	if err != nil {
		t.Fatal(err)
	}
	asset := narthex.Asset{Name: "model", Versions: []narthex.Version{{Name: "final", Digest: "sha256:f"}, {Name: "early", Digest: "sha256:e"}}}
	rules := &book.Rules{Directory: &lab.Directory{Environments: []narthex.Environment{box}, Assets: map[narthex.AssetName]narthex.Asset{"model": asset}}}
	plan := narthex.Plan{Asset: "model", Version: "final", AssetDigest: "sha256:f", Environment: "box", EnvironmentDigest: print}
	two := plan
	two.Against, two.AgainstDigest = "early", "sha256:e"
	for what, p := range map[string]narthex.Plan{"one version": plan, "two": two} {
		if !gateway.PlanStands(rules, p) {
			t.Errorf("%s: it does not stand", what)
		}
	}
	for what, change := range map[string]func(*narthex.Plan){
		"environment": func(p *narthex.Plan) { p.EnvironmentDigest = "sha256:x" }, "an environment that is gone": func(p *narthex.Plan) { p.Environment = "gone" },
		"bytes": func(p *narthex.Plan) { p.AssetDigest = "sha256:x" }, "a version that is gone": func(p *narthex.Plan) { p.Version = "gone" }, "an asset that is gone": func(p *narthex.Plan) { p.Asset = "gone" },
		"bytes of the second": func(p *narthex.Plan) { p.AgainstDigest = "sha256:x" }, "a second that is gone": func(p *narthex.Plan) { p.Against = "gone" },
	} {
		p := two
		if change(&p); gateway.PlanStands(rules, p) {
			t.Errorf("%s: it stands", what)
		}
	}
}
