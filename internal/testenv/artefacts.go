package testenv

import (
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
)

// Artefacts changes the lab directory of [Beside] so that artefacts which no person can check may leave, by the word of four people.
func Artefacts(t testing.TB, files lab.Files) {
	t.Helper()
	change := func(name, from, to string) {
		if !strings.Contains(string(files[name]), from) {
			t.Fatalf("%s has no %q", name, from)
		}
		files[name] = []byte(strings.ReplaceAll(string(files[name]), from, to))
	}
	change("lab.yaml", "roles: [auditor]", "roles: [auditor, security]")
	change("assets/model.yaml", "lifetime_bytes: 9000", "lifetime_bytes: 900000")
	change("pathways/test.yaml", "most: 9000", "most: 300000")
	change("pathways/test.yaml", "{role: security, quorum: 1}", "{role: security, quorum: 3}")
	change("pathways/test.yaml", "not_offered:", "  - {attribute: output.artefact.model, assets: [model], limits: {bytes_out: {default: 4000, least: 0, most: 300000}}}\nnot_offered:")
	change("pathways/test.yaml", "review_days:", "  - {clause: results-and-ip, values: {derivatives: leave through the airlock}}\nreview_days:")
}

// GrantArtefacts takes the terms of jobs and of so many bytes of artefacts through the workflow for ada (with a suffix), with the four
// approvals that they take.
func (e *Env) GrantArtefacts(t testing.TB, suffix string, bytes float64) (narthex.Grant, string) {
	t.Helper()
	n := narthex.NumberValue
	terms := []narthex.Term{Tokens(1000, nil),
		Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": n(1), "wall_minutes": n(20), "memory_mb": n(64), "bytes_out": n(200_000)}),
		Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": n(4000)}),
		Term("output.artefact.model", map[narthex.LimitName]narthex.Value{"bytes_out": n(bytes)})}
	ada := e.People["ada"+suffix]
	view, err := ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: terms})
	must(t, err)
	id := view.Engagement.ID
	view, err = ada.Command(t.Context(), id, "submit", client.Command{})
	must(t, err)
	for _, name := range []string{"olga", "sam", "paul", "lea"} {
		role := narthex.Security
		if name == "olga" {
			role = narthex.AssetOwner
		}
		view, err = e.People[name].Command(t.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest})
		must(t, err)
	}
	for i, name := range []string{"ada" + suffix, "otto" + suffix, "dan"} {
		view, err = e.People[name].Sign(t, id, []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab}[i])
		must(t, err)
	}
	grant, err := ada.Client.Grant(t.Context(), view.Engagement.Grant)
	must(t, err)
	minted, err := ada.Mint(t.Context(), grant.Grant.ID, client.Mint{Label: "test"})
	must(t, err)
	return grant.Grant, minted.Token
}
