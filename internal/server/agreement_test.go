package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

func TestAnAgreementIsServedAsAFileInEveryForm(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	id := offered(t, e, "", testenv.Tokens(10, nil))
	view, err := e.People["ada"].Client.Agreement(t.Context(), id)
	if err != nil || view.Agreement.Redline == nil || len(view.Agreement.Redline.Departures) == 0 {
		t.Fatalf("the agreement has no redline: %+v %v", view.Agreement.Redline, err)
	}
	token := session(t, e, "ada")
	path := "/api/engagements/" + string(id) + "/agreement/"
	for form, begins := range map[string]string{"text": "Agreement: x\n", "md": "# Agreement: x\n", "html": "<!doctype html>", "pdf": "%PDF-1.", "json": `{"appeal_days":`} {
		got := converse(t, e, request("GET", path+form, token, "", closing))[0]
		if got.status != 200 || !strings.HasPrefix(string(got.body), begins) {
			t.Errorf("%s: %d %.60s", form, got.status, got.body)
		}
		ending := strings.Replace(form, "text", "txt", 1)
		for name, want := range map[string]string{"Content-Type": agreement.Form(form).Media(), "Content-Disposition": `attachment; filename="agreement-` + string(id) + "." + ending + `"`, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
			if have := got.header.Get(name); have != want {
				t.Errorf("%s: %s is %q", form, name, have)
			}
		}
		if form == "json" && narthex.MakeDigest(sha256.Sum256([]byte(got.body))) != view.Digest {
			t.Error("the file is not the document that is signed")
		}
	}
	absent := converse(t, e, request("GET", path+"docx", token, "", closing))[0]
	if absent.status != 404 {
		t.Errorf("a form that there is not: %d %s", absent.status, absent.body)
	}
}

func TestAnAgreementIsSignedInThePathwaysOrderAndCheckedOffline(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(f lab.Files) {
		f["pathways/test.yaml"] = append(bytes.TrimRight(f["pathways/test.yaml"], "\n"), "\nsigning_order: [institution, researcher, lab]\n"...)
	}})
	ada := e.People["ada"]
	view := submitted(t, e)
	id := view.Engagement.ID
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		if _, err := e.People[name].Command(t.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	waits := func(want string) {
		t.Helper()
		if view, err := ada.Engagement(t.Context(), id); err != nil || strings.Join(view.Waiting, ", ") != want {
			t.Errorf("it waits for %v: %v", view.Waiting, err)
		}
	}
	waits("the signature of the institution, then the signature of the researcher, then the signature of the lab")
	if _, err := ada.Sign(t, id, narthex.PartyResearcher); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "the turn of the institution") {
		t.Errorf("the researcher signed before the institution: %v", err)
	}
	if _, err := e.People["otto"].Sign(t, id, narthex.PartyInstitution); err != nil {
		t.Fatal(err)
	}
	if _, err := e.People["dan"].Sign(t, id, narthex.PartyLab); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("the lab signed before the researcher: %v", err)
	}
	waits("the signature of the researcher, then the signature of the lab")
	if _, err := ada.Sign(t, id, narthex.PartyResearcher); err != nil {
		t.Fatal(err)
	}
	if after, err := e.People["dan"].Sign(t, id, narthex.PartyLab); err != nil || after.Engagement.Grant == "" {
		t.Fatalf("the last signature: %v", err)
	}
	made, err := ada.Client.Agreement(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	bundle := agreement.Bundle{Agreement: made.Agreement, Digest: made.Digest, Signatures: made.Signatures}
	if report, err := agreement.VerifyBundle(must(json.Marshal(bundle)), nil); err != nil || len(report.Signatures) != 3 {
		t.Errorf("the kept file: %+v %v", report, err)
	}
}
