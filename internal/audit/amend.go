package audit

import (
	"narthex"
	"narthex/internal/store"
)

// replaces takes in that a grant takes the place of another, which has ended: it goes on with what was used of that.
func (s *step) replaces(id narthex.GrantID, a *narthex.Agreement) {
	if a.Amends == nil {
		return
	}
	was, known := s.Grants[a.Amends.Grant]
	if (!known || !was.Ended || was.Engagement != a.Amends.Engagement || was.Agreement != a.Amends.Agreement) && !s.absentSince(0) {
		s.impossible(store.Grants, string(id), "a grant in the place of one that has not ended, or of another than its agreement says")
	}
	if used, any := s.Accounts[string(a.Amends.Grant)]; any {
		s.Accounts[string(id)] = used.Carried()
	}
	if s.Lost[string(a.Amends.Grant)] {
		s.Lost[string(id)] = true
	}
}
