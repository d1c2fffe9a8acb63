package gateway

import (
	"fmt"
	"slices"
	"time"

	"narthex"
)

// mostTurns is how many looks into files a grant may take in a day: each keeps others of the asset waiting.
const mostTurns = 200

// takeTurn counts a look into the files of a grant, or refuses one more. What this node looked into before it began is forgotten.
func (h *Hall) takeTurn(grant narthex.GrantID, now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	day := slices.DeleteFunc(h.taken[grant], func(at time.Time) bool { return now.Sub(at) >= 24*time.Hour })
	if h.taken[grant] = day; len(day) >= mostTurns {
		return &narthex.Error{Kind: narthex.Exhausted, Code: "too_many_at_once", Public: fmt.Sprintf("Files of this grant were looked into %d times within a day, which is as often as may be: others wait for their turn meanwhile. The next look may be at %s.", len(day), day[0].Add(24*time.Hour).UTC().Format("2006-01-02 15:04 MST"))}
	}
	h.taken[grant] = append(day, now)
	return nil
}
