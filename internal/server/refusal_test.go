package server_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// TestARefusalIsOnThePathwaysGroundsAndMayBeMediated: in the shape of the regulation, before there is any agreement.
func TestARefusalIsOnThePathwaysGroundsAndMayBeMediated(t *testing.T) {
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock, Files: func(f lab.Files) {
		f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: objection-and-mediation, values: {mediation_days: \"3\"}}\n"), 1)
	}})
	ada, sam := e.People["ada"], e.People["sam"]
	decline := func(view client.EngagementView, ground, alternative string) (client.EngagementView, error) {
		return sam.Command(t.Context(), view.Engagement.ID, "decline", client.Command{As: narthex.Security, Saw: view.Engagement.Digest, Text: "We do not have it.", Ground: ground, Alternative: alternative})
	}
	var refused []client.EngagementView
	for range 2 {
		view := submitted(t, e)
		for _, bad := range [][2]string{{"", "Ask for less."}, {"it is inconvenient", "Ask for less."}, {"it does not hold it", ""}} {
			if _, err := decline(view, bad[0], bad[1]); err == nil {
				t.Errorf("declined on %q, with %q", bad[0], bad[1])
			}
		}
		must(decline(view, "it does not hold it", "Ask for the final version."))
		refused = append(refused, must(ada.Engagement(t.Context(), view.Engagement.ID)))
	}
	r := refused[0].Engagement.Refusal
	if r == nil || r.Ground != "it does not hold it" || r.Alternative != "Ask for the final version." || !slices.Contains(refused[0].Allowed, "mediate") {
		t.Fatalf("the applicant is shown %+v, and may %v", r, refused[0].Allowed)
	}
	after := must(ada.Command(t.Context(), refused[0].Engagement.ID, "mediate", client.Command{Text: "You hold it."}))
	if m := after.Engagement.Refusal.Mediation; m == nil || m.Text != "You hold it." || slices.Contains(after.Allowed, "mediate") {
		t.Errorf("it was asked for: %+v, %v", m, after.Allowed)
	}
	if told := toldTo(t, e, "carol"); !slices.Contains(told, "mediation_asked") {
		t.Errorf("the programme is told %v", told)
	}
	clock.Move(8 * 24 * time.Hour)
	ada.Client = e.Client.With(must(e.Client.Login(t.Context(), ada.Login)).Token)
	view := must(ada.Engagement(t.Context(), refused[1].Engagement.ID))
	if _, err := ada.Command(t.Context(), view.Engagement.ID, "mediate", client.Command{Text: "You hold it."}); !narthex.IsKind(err, narthex.Conflict) || slices.Contains(view.Allowed, "mediate") {
		t.Errorf("after its days: %v, %v", err, view.Allowed)
	}
}
