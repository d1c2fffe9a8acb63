package report

import (
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/workflow"
)

// AddManuscripts counts the manuscripts of an engagement. What a later version replaced counts there.
func AddManuscripts(out *client.PublicationReport, manuscripts []narthex.Manuscript, now time.Time) {
	for _, m := range manuscripts {
		at := workflow.Stand(m, now)
		if at.State == narthex.ManuscriptReplaced {
			continue
		}
		out.Manuscripts++
		switch {
		case at.How == "":
			out.Open++
		case at.InTheWay > 0:
			out.Overdue++
		default:
			out.Cleared++
			if at.How == "silence" {
				out.ClearedBySilence++
			}
		}
		if m.Published != nil {
			out.Published++
		}
		if m.Extension != nil {
			out.Extended++
		}
		for _, r := range at.Redactions {
			out.Redactions++
			switch {
			case r.State == narthex.RedactionApplied:
				out.Applied++
			case r.State.Settled():
				out.Dropped++
			}
		}
		out.Lapsed += at.Lapsed
	}
}
