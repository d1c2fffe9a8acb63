package lab

import (
	"fmt"
	"slices"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

const (
	publicRegister  narthex.ClauseName = "public-register"
	confidentiality narthex.ClauseName = "confidentiality"
)

// Registered is what an agreement lets the public register show. The zero Registered shows nothing.
type Registered struct {
	Shown        bool
	EmbargoDays  int // days from the last signature
	Organisation bool
	Names        bool
}

// RegisterOf reads what an agreement says of the public register, as it was signed. Without the clause, and where the agreement is
// itself secret, nothing is shown. What does not read is an error, never a yes; and nobody is named where nothing says so.
func RegisterOf(a narthex.Agreement) (Registered, error) {
	at := slices.IndexFunc(a.Clauses, func(c narthex.AgreedClause) bool { return c.Name == publicRegister })
	if at < 0 {
		return Registered{}, nil
	}
	for _, c := range a.Clauses {
		if secret, has := c.Values["existence"]; c.Name == confidentiality && has && secret != "no" {
			return Registered{}, nil
		}
	}
	values := a.Clauses[at].Values
	days, ok := whole(values["embargo_days"])
	if shown := values["shown"]; !ok || days > 3650 || shown != "with the last signature" && shown != "after an embargo" {
		return Registered{}, fmt.Errorf("read the agreement's clause %s: it does not say when the entry is shown", publicRegister)
	}
	return Registered{Shown: true, EmbargoDays: int(days), Organisation: values["organisation"] == "yes", Names: values["names"] == "yes"}, nil
}

// From gives when the register begins to show an engagement that came into force; zero for never. An embargo counts also where the
// clause says that the entry is shown at once: of two words the one that keeps it holds.
func (r Registered) From(e narthex.Engagement) time.Time {
	signed := workflow.LastSigned(e)
	if !r.Shown || e.Grant == "" || signed.IsZero() {
		return time.Time{}
	}
	return signed.AddDate(0, 0, r.EmbargoDays)
}
