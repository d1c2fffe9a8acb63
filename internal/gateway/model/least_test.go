package model_test

import (
	"slices"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

// TestTheLeastCallUsesItsAttribute, beside sampling and nothing else; and each attribute that any field needs has one.
func TestTheLeastCallUsesItsAttribute(t *testing.T) {
	asset := narthex.Asset{Name: "m", Kind: "model", Context: 100, Default: "final", Versions: []narthex.Version{{Name: "final"}, {Name: "early"}}}
	for _, attribute := range model.Attributes() {
		name := "m"
		if attribute == "model.checkpoints" {
			name = "m@early"
		}
		call, err := model.Least(attribute, name)
		if err != nil {
			t.Errorf("%s: %v", attribute, err)
			continue
		}
		uses, err := call.Uses(asset)
		var names []narthex.AttributeName
		for _, use := range uses {
			names = append(names, use.Attribute)
		}
		want := []narthex.AttributeName{"model.sample", attribute}
		if slices.Sort(want); err != nil || !slices.Equal(sorted(names), slices.Compact(want)) {
			t.Errorf("the least call of %s uses %v: %v", attribute, names, err)
		}
	}
	for _, surface := range []model.Surface{model.Chat, model.Completions} {
		for _, field := range model.Fields(surface) {
			for _, need := range field.Needs {
				if !slices.Contains(model.Attributes(), need.Attribute) {
					t.Errorf("%s needs %s, which has no least call", field.Name, need.Attribute)
				}
			}
		}
	}
	for _, wrong := range [][2]string{{"model.cot", "m"}, {"", "m"}, {"model.checkpoints", "m"}, {"model.sample", ""}} {
		if _, err := model.Least(narthex.AttributeName(wrong[0]), wrong[1]); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%q has a least call: %v", wrong, err)
		}
	}
}

func TestTheLeastCallOfNoNameIsNone(t *testing.T) {
	if _, err := model.Least("model.sample", "m\"}"); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("%v", err)
	}
}

func sorted(names []narthex.AttributeName) []narthex.AttributeName {
	slices.Sort(names)
	return names
}
