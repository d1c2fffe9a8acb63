package server_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// holdsAll is a draft with everything that an application can hold.
func holdsAll() client.Draft {
	return client.Draft{Pathway: "test", Title: "held", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1e6, nil)},
		Attachments: []narthex.Attachment{{Name: "ethics.pdf", Digest: narthex.MakeDigest([32]byte{7}), Size: 12, Where: "mailed to the programme"}},
		Interests:   []narthex.DeclaredInterest{{Kind: "funder", With: "Secret Fund"}, {Kind: "employer", With: narthex.NoInterest}},
		Codes:       []narthex.UseCode{"NPU", "IRB"}}
}

// TestWhatAnApplicationHoldsIsVotedOnAndSigned: it is part of the text, so that a change lets every vote fall; the codes are signed; and an
// amendment begins with all of it.
func TestWhatAnApplicationHoldsIsVotedOnAndSigned(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	ada := e.People["ada"]
	view := must(ada.Draft(t.Context(), holdsAll()))
	id := view.Engagement.ID
	for what, change := range map[string]func(*client.Draft){
		"a digest":     func(d *client.Draft) { d.Attachments[0].Digest = narthex.MakeDigest([32]byte{8}) },
		"a place":      func(d *client.Draft) { d.Attachments[0].Where = "elsewhere" },
		"an interest":  func(d *client.Draft) { d.Interests[1].With = "The Lab" },
		"another code": func(d *client.Draft) { d.Codes = d.Codes[:1] },
	} {
		other := holdsAll()
		change(&other)
		if again := must(ada.Edit(t.Context(), id, other)); again.Engagement.Digest == view.Engagement.Digest {
			t.Errorf("%s changes and the digest does not", what)
		}
	}
	view = must(ada.Edit(t.Context(), id, holdsAll()))
	view = must(ada.Command(t.Context(), id, "submit", client.Command{}))
	voted := approve(t, e, "olga", narthex.AssetOwner, view)
	must(e.People["sam"].Command(t.Context(), id, "return", client.Command{As: narthex.Security, Saw: voted.Engagement.Digest, Text: "which approval?"}))
	other := holdsAll()
	other.Attachments[0].Digest = narthex.MakeDigest([32]byte{9})
	view = must(ada.Command(t.Context(), id, "revise", client.Command{Draft: &other}))
	if _, err := e.People["sam"].Command(t.Context(), id, "approve", client.Command{As: narthex.Security, Saw: voted.Engagement.Digest}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a vote on what was attached before: %v", err)
	}
	view = approve(t, e, "olga", narthex.AssetOwner, view)
	approve(t, e, "sam", narthex.Security, view)
	made := must(ada.Client.Agreement(t.Context(), id))
	for _, says := range []string{"by organisations not for profit only", "with an ethics approval"} {
		if !strings.Contains(made.Markdown, says) {
			t.Errorf("the agreement does not say %q", says)
		}
	}
	uses := made.Agreement.Uses
	if len(uses) < 2 || !uses[len(uses)-1].Added || uses[len(uses)-1].Code != "IRB" {
		t.Errorf("signed are %+v", uses)
	}
	view = signedBy(t, e, must(ada.Engagement(t.Context(), id)))
	next := must(ada.Amend(t.Context(), id, client.Amend{Days: 45})).Engagement.Application
	if was := view.Engagement.Application; !reflect.DeepEqual(next.Attachments, was.Attachments) || !reflect.DeepEqual(next.Interests, was.Interests) || !reflect.DeepEqual(next.Codes, was.Codes) || len(next.Codes) != 2 {
		t.Errorf("an amendment begins with %+v", next)
	}
}

// TestWhatAnApplicationHoldsIsHeldToItsForm: each refusal names the field.
func TestWhatAnApplicationHoldsIsHeldToItsForm(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	many := make([]narthex.Attachment, 17)
	for i := range many {
		many[i] = narthex.Attachment{Name: fmt.Sprint(i), Digest: narthex.MakeDigest([32]byte{byte(i)}), Size: 1, Where: "here"}
	}
	for what, c := range map[string]struct {
		change func(*client.Draft)
		field  string
	}{
		"too many":           {func(d *client.Draft) { d.Attachments = many }, "attachments"},
		"no name":            {func(d *client.Draft) { d.Attachments[0].Name = " " }, "attachments.0.name"},
		"a name of lines":    {func(d *client.Draft) { d.Attachments[0].Name = "a\nb" }, "attachments.0.name"},
		"no digest":          {func(d *client.Draft) { d.Attachments[0].Digest = "" }, "attachments.0.digest"},
		"no digest at all":   {func(d *client.Draft) { d.Attachments[0].Digest = "sha256:xyz" }, "attachments.0.digest"},
		"no bytes":           {func(d *client.Draft) { d.Attachments[0].Size = 0 }, "attachments.0.size"},
		"nowhere":            {func(d *client.Draft) { d.Attachments[0].Where = "" }, "attachments.0.where"},
		"twice":              {func(d *client.Draft) { d.Attachments = append(d.Attachments, d.Attachments[0]) }, "attachments.1.name"},
		"an unknown kind":    {func(d *client.Draft) { d.Interests[0].Kind = "friend" }, "interests.0.kind"},
		"with nobody":        {func(d *client.Draft) { d.Interests[0].With = "" }, "interests.0.with"},
		"none beside one":    {func(d *client.Draft) { d.Interests[1].Kind = "funder" }, "interests.1.with"},
		"an unknown code":    {func(d *client.Draft) { d.Codes[0] = "XYZ" }, "codes"},
		"a widening code":    {func(d *client.Draft) { d.Codes[0] = "GRU" }, "codes"},
		"a code twice":       {func(d *client.Draft) { d.Codes[1] = "NPU" }, "codes"},
		"no ethics approval": {func(d *client.Draft) { d.Attachments = nil }, "attachments"},
	} {
		d := holdsAll()
		c.change(&d)
		if _, err := e.People["ada"].Draft(t.Context(), d); !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != c.field {
			t.Errorf("%s: %v, of %q", what, err, narthex.AsError(err).Param)
		}
	}
}

// TestWhatWasAttachedAndDeclaredIsErased, with an application that was never signed.
func TestWhatWasAttachedAndDeclaredIsErased(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Second")
	view := must(e.People["ada2"].Draft(t.Context(), holdsAll()))
	must(e.People["ada2"].Command(t.Context(), view.Engagement.ID, "submit", client.Command{}))
	must(e.People["ada2"].Command(t.Context(), view.Engagement.ID, "withdraw", client.Command{Text: "not now"}))
	must(e.People["carol"].Remove(t.Context(), e.People["ada2"].ID, "left"))
	must(e.People["carol"].Erase(t.Context(), e.People["ada2"].ID, "asked"))
	left, err := json.Marshal(must(e.People["carol"].Engagement(t.Context(), view.Engagement.ID)))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"ethics.pdf", "mailed to", "Secret Fund"} {
		if strings.Contains(string(left), word) {
			t.Errorf("%q is still there", word)
		}
	}
}
