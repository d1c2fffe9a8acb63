package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/testenv"
)

// TestNobodyOfTheLabIsInvitedFromOutside: by no spelling of their address, so that nobody applies beside their vote; and no name is made to
// look like another by letters of two scripts.
func TestNobodyOfTheLabIsInvitedFromOutside(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	carol := e.People["carol"]
	sam := must(e.People["sam"].WhoAmI(t.Context())).Person.Email
	if sam == "" {
		t.Fatal("Sam has no address")
	}
	upper := []byte(sam)
	upper[0] -= 'a' - 'A'
	for _, email := range []string{sam, string(upper), "sam+2@" + sam[len("sam@"):], sam + "."} {
		if _, err := carol.Invite(t.Context(), client.Invite{Name: "Another", Email: email, OrgName: "Elsewhere"}); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%s is invited: %v", email, err)
		}
	}
	for _, email := range []string{`"sam"` + sam[len("sam"):], "sam(of the lab)" + sam[len("sam"):], sam + "..", "s\u00ada" + sam[len("sa"):], strings.Replace(sam, ".", "\u3002", 1), strings.Replace(sam, "@", "@\u200b", 1)} {
		if _, err := carol.Invite(t.Context(), client.Invite{Name: "Another", Email: email, OrgName: "Elsewhere"}); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%+q is invited: %v", email, err)
		}
	}
	for _, org := range []string{"El\nsewhere", "El\u0455ewhere", "Else\u200bwhere"} {
		if _, err := carol.Invite(t.Context(), client.Invite{Name: "Another", Email: "n@y.test", OrgName: org}); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%+q is an organisation: %v", org, err)
		}
	}
	for _, name := range []string{"S\u0430m", "\u0391da", "Ada Out\u0455ide", "Ada\u200b Outside", "\u202eadA", "\U0001d400da", "A\u200dda", "Ada\u2028Outside"} {
		if _, err := carol.Invite(t.Context(), client.Invite{Name: name, Email: "n@y.test", OrgName: "Elsewhere"}); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%q is a name: %v", name, err)
		}
	}
	for _, name := range []string{"\u0421\u0430\u0440\u0430 Smith", "Jos\u00e9 \u0141ucz", "\u674e Li", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"} {
		if _, err := carol.Invite(t.Context(), client.Invite{Name: name, Email: "n@y.test", OrgName: "Elsewhere"}); err != nil {
			t.Errorf("%q is no name: %v", name, err)
		}
	}
}

// TestAnInvitationGivesNoRole, and no request of one's own a role, a state, another organisation or an identifier.
func TestAnInvitationGivesNoRole(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	for _, field := range []string{`"roles":["custodian"]`, `"role":"programme"`, `"state":"active"`, `"id":"per_aaaaaaaaaaaaaaaaaaaaaaaaaa"`} {
		body := `{"name":"New","email":"new@y.test","org_name":"Elsewhere",` + field + `}`
		if got := statuses(converse(t, e, request("POST", "/api/people", session(t, e, "carol"), body, closing))); !slices.Equal(got, []int{http.StatusBadRequest}) {
			t.Errorf("an invitation with %s: %d", field, got)
		}
	}
	before := must(e.People["ada"].WhoAmI(t.Context())).Person
	for path, body := range map[string]string{"/api/interests": `{"interest":{"kind":"employer","org":"org_aaaaaaaaaaaaaaaaaaaaaaaaaa"},"roles":["security"]}`, "/api/people/away": `{"from":"2030-01-01T00:00:00Z","until":"2030-01-02T00:00:00Z","role":"security"}`} {
		if got := statuses(converse(t, e, request("POST", path, session(t, e, "ada"), body, closing))); len(got) != 1 || got[0] < 400 {
			t.Errorf("%s takes a role: %d", path, got)
		}
	}
	if after := must(e.People["ada"].WhoAmI(t.Context())).Person; after.Org != before.Org || len(after.Roles) != 0 {
		t.Errorf("Ada is %+v", after)
	}
}

// TestARevokedKeySignsNothing, whatever time its signature claims: the time is the ledger's.
func TestARevokedKeySignsNothing(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	id := offered(t, e, "", testenv.Tokens(10, nil))
	dan := e.People["dan"] // whose signature is the last
	view := must(dan.Client.Agreement(t.Context(), id))
	envelope := must(agreement.Sign(dan.Signer, agreement.NewStatement(view.Digest, narthex.PartyLab, dan.ID, view.Agreement.Origin)))
	print := must(dan.Signers(t.Context())).Signers[0].Fingerprint
	must(dan.RevokeSigner(t.Context(), print))
	if _, err := dan.Client.Sign(t.Context(), id, client.Sign{Party: narthex.PartyLab, Digest: view.Digest, Signer: print, Envelope: envelope}); err == nil {
		t.Error("a signature of a revoked key that was made before is taken")
	}
	if after := must(e.People["ada"].Engagement(t.Context(), id)); after.Engagement.State != narthex.Offered {
		t.Errorf("it is %s", after.Engagement.State)
	}
}
