package cli

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/twin"
)

func (a *app) releaseTrace() *cobra.Command {
	return a.command(leaf{
		use: "trace FILE", short: "Find out for whom an artefact was marked, as one of the lab",
		long: `Look in a file for the marks of artefacts (adapters, probes, vectors) that were asked to leave, and say for whom each was marked. The file
may be a copy, a part of one in any order, or its numbers in another form: safetensors, bytes, or text with all digits. 64 different
marked values do: a hundredth of a file of 6,400 values in F32, or of four times as many and more in F16 and BF16. Larger files than 16 MiB
are cut first.

Found means that chance would give as much in one file of the number shown, over all marks looked for. Nothing found says nothing: whoever
rounds, scales or retrains takes the mark out. The release's reviewers saw the same bytes; each look of theirs is an entry of the ledger.`,
		example: "narthex release trace found-on-a-forum.safetensors\nhead -c 1000000 large.bin > part.bin && narthex release trace part.bin",
		run:     func(ctx context.Context, args []string) error { return a.traceRelease(ctx, args[0]) }})
}

func (a *app) traceRelease(ctx context.Context, path string) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	if len(data) > client.MostTrace {
		return problem(narthex.Invalid, fmt.Sprintf("cut it, as with `head -c %d`: a hundredth of what was taken does", client.MostTrace), "%s is larger than what is traced at once", path)
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	trace, err := c.TraceRelease(ctx, client.TraceRelease{Data: data})
	if err != nil {
		return err
	}
	return a.show(trace, func(p *page) { writeTrace(p, trace) })
}

func writeTrace(p *page, trace client.Trace) {
	p.line("%s read, held against %s", count(trace.Values, "value"), count(trace.Marks, "mark"))
	for _, f := range trace.Found {
		p.heading(fmt.Sprintf("%s of %s", f.File, f.Release))
		taken := "not released, so its recipient was not given it"
		switch {
		case !f.FetchedAt.IsZero():
			taken = "taken out " + day(f.FetchedAt)
		case f.State == narthex.ReleaseReleased:
			taken = "released, and not taken out"
		}
		p.fields([2]string{"marked for", string(f.Recipient)}, [2]string{"grant", fmt.Sprintf("%s of %s", f.Grant, f.Engagement)}, [2]string{"from", string(f.Asset)}, [2]string{"became", taken},
			[2]string{"how sure", fmt.Sprintf("%d of %d different values have its mark; by chance in one file of 10^%d", f.Agreed, f.Compared, f.OnceIn)},
			[2]string{"seen too by", people(f.Reviewers) + " who voted on it, and whoever else looked at it: their looks are entries of the ledger"})
	}
	p.blank()
	if len(trace.Found) == 0 {
		p.line("no mark was found; that says nothing where its values were rounded, scaled or trained on, or are few")
	}
	if trace.Unknown > 0 {
		p.line("marked with a secret that the node has no longer, and not looked for: %s; put mark.key back from your backup", count(trace.Unknown, "release"))
	}
	if trace.More {
		p.line("earlier releases were not looked at, for there are more than are held against a file")
	}
}

// summary says in text what an artefact holds, tensor by tensor: that is what there is to be seen of it.
func summary(data []byte) (string, bool) {
	tensors, err := twin.Read(data)
	if err != nil {
		return "", false
	}
	var out strings.Builder
	fmt.Fprintf(&out, "an artefact, which no person can check by reading it; what it holds of numbers:\n")
	for _, t := range tensors {
		var least, largest, sum, squares float64
		zeros := 0
		all := t.Values()
		for i, f := range all {
			v := float64(f)
			if i == 0 {
				least, largest = v, v
			}
			least, largest, sum, squares = min(least, v), max(largest, v), sum+v, squares+v*v
			if v == 0 {
				zeros++
			}
		}
		n := float64(max(1, len(all)))
		mean := sum / n
		fmt.Fprintf(&out, "%s  %s %v  values %d, zeros %d, from %.4g to %.4g, mean %.4g, deviation %.4g\n", visible(t.Name), t.Type, t.Shape, len(all), zeros, least, largest, mean, math.Sqrt(max(0, squares/n-mean*mean)))
	}
	return out.String(), true
}
