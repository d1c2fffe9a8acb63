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
