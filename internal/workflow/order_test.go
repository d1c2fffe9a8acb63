package workflow_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// orders gives every order of the parties.
func orders() [][]narthex.PartyRole {
	var out [][]narthex.PartyRole
	for _, a := range narthex.PartyRoles() {
		for _, b := range narthex.PartyRoles() {
			for _, c := range narthex.PartyRoles() {
				if a != b && b != c && a != c {
					out = append(out, []narthex.PartyRole{a, b, c})
				}
			}
		}
	}
	return out
}

// TestSignaturesComeInThePathwaysOrder tries every order of signing under every order set, and under none, by decision and by fold.
func TestSignaturesComeInThePathwaysOrder(t *testing.T) {
	signers := map[narthex.PartyRole]narthex.Person{narthex.PartyResearcher: ada, narthex.PartyInstitution: ora, narthex.PartyLab: sig}
	for _, set := range append(orders(), nil) {
		for _, tried := range orders() {
			text := application()
			text.SigningOrder = set
			l := draftOf(t, text).offered()
			for i, party := range tried {
				turn := set == nil || set[i] == party
				event := signature(signers[party], party, deal)
				forged := event
				forged.Seq, forged.By, forged.At = l.e.Events+1, signers[party].ID, start.Add(time.Hour*24)
				if _, err := workflow.Apply(l.e, forged); (err == nil) != turn {
					t.Errorf("order %v: the fold on %s as number %d: %v", set, party, i+1, err)
				}
				err := l.try(signers[party], event, workflow.Facts{})
				if (err == nil) != turn {
					t.Errorf("order %v: %s as number %d: %v", set, party, i+1, err)
				}
				if !turn {
					var refused *narthex.Error
					if !errors.As(err, &refused) || !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(refused.Public, "the turn of the "+string(set[i])) {
						t.Errorf("order %v: %s is not told whose turn it is: %v", set, party, err)
					}
					break
				}
			}
			if whole := set == nil || slices.Equal(set, tried); workflow.Signed(l.e) != whole {
				t.Errorf("order %v, tried %v: signed %t", set, tried, workflow.Signed(l.e))
			}
		}
	}
}
