package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
)

// ruleExample is a file to fill in.
const ruleExample = `# A standing rule: what is exactly so leaves at once, without people. Names and kinds are those of study.yaml.
says: the singular values of every checkpoint, once a day, for the plot in the report
files:
  - name: singular-values.csv
    kind: csv               # or json, for one object of these names
    context: the eight largest singular values of each of 14 matrices of a checkpoint
    columns:                # all of them, in their order; each a number or one of listed words, never free text
      - {name: layer, number: {min: 0, max: 99, digits: 2}}
      - {name: matrix, words: [query, key, value]}
      - {name: largest, number: {min: 0, max: 1000, digits: 5}}   # in steps of 0.1: five digits, counted from the first of 1000
    rows: 40                # at most, without the header
    bytes: 2000             # at most
rows_a_day: 200             # of all releases of a day in UTC; one without rows counts as one
days: 30                    # in force, 180 at most, and no longer than the grant
# every_version: true       # of the asset, and not the version of the job alone
# looks: sam                # the reviewer who looks again at what is drawn; the lab's first who may, where none is named
# stands_in: olga           # who does while they are away
`

func (a *app) releaseRule() *cobra.Command {
	return a.group("rule", "Standing rules: what repeats, and leaves without people where it fits", a.ruleNew(),
		a.command(leaf{
			use: "list", short: "List standing rules: your grant's with an API key, else those that you may say something of",
			example: "NARTHEX_KEY=nx_… narthex release rule list\nnarthex release rule list",
			run:     func(ctx context.Context, _ []string) error { return a.ruleList(ctx) }}),
		a.command(leaf{
			use: "show RULE", short: "Show a standing rule: what it lets leave, what that could tell at most, and where it stands",
			example: "narthex release rule show rul_21",
			run:     func(ctx context.Context, args []string) error { return a.ruleShow(ctx, args[0]) }}),
		a.ruleApprove(), a.ruleRefuse(),
		a.command(leaf{
			use: "end RULE", short: "End a standing rule: what fits it goes to people again",
			example: "narthex release rule end rul_21\nNARTHEX_KEY=nx_… narthex release rule end rul_21",
			run:     func(ctx context.Context, args []string) error { return a.ruleEnd(ctx, args[0]) }}),
		a.ruleLook())
}

func ruleID(text string) (narthex.RuleID, error) {
	if _, err := narthex.RuleID(text).Index(); err != nil {
		return "", problem(narthex.Invalid, "`narthex release rule list` shows them", "that names no standing rule")
	}
	return narthex.RuleID(text), nil
}

// byEither does something with the API key where one is set, and else as who is logged in.
func byEither[T any](a *app, withKey, asMember func(*client.Client) (T, error)) (T, error) {
	if a.env.Getenv("NARTHEX_KEY") != "" {
		return byKey(a, withKey)
	}
	c, _, err := a.member()
	if err != nil {
		var none T
		return none, err
	}
	return asMember(c)
}

func (a *app) ruleNew() *cobra.Command {
	var file string
	var example bool
	c := a.command(leaf{
		use: "new JOB", short: "Ask for a standing rule for what jobs like that one leave",
		long: `Ask for a standing rule: for the same study in the same environment beside the same asset as JOB, what is exactly as the file says, and in
which the look at it finds nothing, leaves at once. Two people of the lab approve it, each without knowing what the other said. It is charged
as all that leaves, and some of it is looked at again. With --example it prints a file to fill in.`,
		example: "narthex release rule new job_17 --example > rule.yaml\nNARTHEX_KEY=nx_… narthex release rule new job_17 --file rule.yaml",
		run: func(ctx context.Context, args []string) error {
			id, err := jobID(args[0])
			if err != nil {
				return err
			}
			if example {
				_, err := fmt.Fprint(a.env.Stdout, ruleExample)
				return err
			}
			if file == "" {
				return problem(narthex.Invalid, "give it with --file; --example prints one to fill in", "what may leave is said in a file")
			}
			in, err := readYAML[client.ProposeRule](a, file)
			if err != nil {
				return err
			}
			in.Job = id
			r, err := byKey(a, func(c *client.Client) (client.RuleView, error) { return c.ProposeRule(ctx, in) })
			if err != nil {
				return err
			}
			return a.show(r, func(p *page) {
				p.line("%s", r.ID)
				p.line("it waits for %s of the lab, and lets nothing leave before; by its values it could tell at most %s a row, and %s a day", people(r.Reviewers), count(int(r.RowBits), "bit"), count(int(r.DayBits+7)/8, "byte"))
				p.line("next: narthex release rule show %s", r.ID)
			})
		}})
	c.Flags().StringVar(&file, "file", "", "what may leave, in YAML")
	c.Flags().BoolVar(&example, "example", false, "print a file to fill in")
	return c
}

func (a *app) ruleList(ctx context.Context) error {
	list, err := byEither(a, func(c *client.Client) (client.RuleList, error) { return c.OwnRules(ctx) }, func(c *client.Client) (client.RuleList, error) { return c.Rules(ctx) })
	if err != nil {
		return err
	}
	t := newTable("RULE", "STATE", "OF", "FILES", "ROWS A DAY", "GONE TODAY", "RELEASES", "UNTIL", "TO LOOK AT")
	for _, r := range list.Rules {
		t.row(string(r.ID), ruleState(r.Rule), ruleOf(r.RuleTerms), fmt.Sprint(len(r.Files)), fmt.Sprint(r.RowsADay), fmt.Sprint(a.goneToday(r.Rule)), fmt.Sprint(r.Released), day(r.Until), fmt.Sprint(len(r.Open)))
	}
	return a.list(list, t, "there is no standing rule; a researcher asks for one with `narthex release rule new`")
}

// goneToday gives how many rows left today.
func (a *app) goneToday(r narthex.Rule) int64 {
	if r.Day != a.now().UTC().Format("2006-01-02") {
		return 0
	}
	return r.Gone
}

func ruleState(r narthex.Rule) string { return strings.ReplaceAll(string(r.State), "_", " ") }

func ruleOf(t narthex.RuleTerms) string {
	of := string(t.Asset) + "@" + string(t.Version)
	if t.Version == "" {
		of = string(t.Asset) + ", every version"
	}
	if t.Against != "" {
		of += ", beside " + string(t.Asset) + "@" + string(t.Against)
	}
	return of
}

func ruleSeen(id narthex.RuleID) string { return "rule " + string(id) }

func (a *app) ruleShow(ctx context.Context, named string) error {
	id, err := ruleID(named)
	if err != nil {
		return err
	}
	r, err := byEither(a, func(c *client.Client) (client.RuleView, error) { return c.OwnRule(ctx, id) }, func(c *client.Client) (client.RuleView, error) { return c.Rule(ctx, id) })
	if err != nil {
		return err
	}
	mine := a.env.Getenv("NARTHEX_KEY") != ""
	if err := a.show(r, func(p *page) { a.writeRule(p, r, mine) }); err != nil || mine {
		return err
	}
	_, p, err := a.member()
	if err != nil {
		return err
	}
	return p.saw(ruleSeen(id), r.Digest)
}

// ended says why a standing rule ended.
var ended = map[string]string{
	airlock.EndOfTime: "its time is over", airlock.EndOfReviewers: "somebody who approved it, or whom it names, may review what leaves no longer", airlock.EndByLab: "the lab ended it",
	airlock.EndByAuthor: "those whom it was for ended it", airlock.EndByLook: "a second look at what left was not fine", airlock.EndByStop: "what it rested on was stopped or is over",
}

// unfits says why something did not leave by a standing rule.
var unfits = map[string]string{
	airlock.UnfitRule: "the rule is not in force", airlock.UnfitPlan: "it is of another study, environment or version, or has other files than the rule", airlock.UnfitValues: "something in it is not as the rule says",
	airlock.UnfitFound: "the look at it found something", airlock.UnfitRows: "the rule's rows of this day are used", airlock.UnfitLate: "the lab is late with a second look",
	airlock.UnfitReviewers: "those who approved the rule may say so no longer", airlock.UnfitNode: "the node cannot draw what is looked at again",
}

func (a *app) writeRule(p *page, r client.RuleView, mine bool) {
	p.fields([2]string{"rule", string(r.ID)}, [2]string{"state", ruleState(r.Rule)}, [2]string{"why", ended[r.Code]}, [2]string{"of", ruleOf(r.RuleTerms)}, [2]string{"study", string(r.Study)},
		[2]string{"environment", fmt.Sprintf("%s, %s", r.Environment, r.EnvironmentDigest)}, [2]string{"grant", string(r.Grant)}, [2]string{"until", day(r.Until)}, [2]string{"approved by", people(r.Reviewers)},
		[2]string{"rows a day", fmt.Sprintf("%d, of which %d left today", r.RowsADay, a.goneToday(r.Rule))}, [2]string{"left by it", count(int(r.Released), "release")},
		[2]string{"could tell", fmt.Sprintf("%s a row, %s a day at most, by its values", count(int(r.RowBits), "bit"), count(int(r.DayBits+7)/8, "byte"))},
		[2]string{"asked for by", string(r.By)}, [2]string{"looked at again by", string(r.Looks)}, [2]string{"or by", string(r.StandsIn)})
	p.blank()
	p.block(visible(r.Says))
	for _, f := range r.Files {
		p.heading(fmt.Sprintf("%s, %s, at most %s and %s", f.Name, f.Kind, count(int(f.Rows), "row"), count(int(f.Bytes), "byte")))
		p.block(visible(f.Context))
		t := newTable("COLUMN", "HOLDS")
		for _, c := range f.Columns {
			t.row(c.Name, holdsInWords(c))
		}
		p.table(t)
	}
	for _, approval := range r.Approvals {
		p.line("%s", strings.TrimSpace(fmt.Sprintf("approved as %s, %s %s", strings.ReplaceAll(string(approval.As), "_", " "), day(approval.At), approval.By)))
	}
	if r.Comment != "" {
		p.heading("Refused")
		p.block(visible(r.Comment))
	}
	for _, l := range r.Open {
		p.line("%s was drawn: look again by %s with `narthex release view %s` and `narthex release rule look %s`", l.Release, day(l.Due), l.Release, l.Release)
	}
	if r.LateAt(a.now()) {
		p.line("nothing leaves by it until what is late was looked at")
	}
	p.blank()
	p.fields([2]string{"digest", string(r.Digest)})
	switch {
	case r.State.Over():
		p.line("it is over; what fits it goes to people")
	case mine && r.State == narthex.RuleInForce:
		p.line("next: narthex release new JOB --rule %s", r.ID)
	case mine:
		p.line("it waits for the lab's people, and lets nothing leave before")
	case r.State == narthex.RuleProposed:
		p.line("next: narthex release rule approve %s, or narthex release rule refuse %s --comment 'why'", r.ID, r.ID)
	default:
		p.line("next: narthex release rule end %s, where nothing more may leave by it", r.ID)
	}
}

func holdsInWords(c narthex.RuleColumn) string {
	if c.Number == nil {
		return "one of " + strings.Join(c.Words, ", ")
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return fmt.Sprintf("a number from %s to %s, of %s counted from the first of the larger", number(c.Number.Min), number(c.Number.Max), count(c.Number.Digits, "digit"))
}

func (a *app) ruleApprove() *cobra.Command {
	return a.ruleJudge(leaf{
		use: "approve RULE", short: "Let what fits a standing rule leave without people",
		long: `Let what fits a standing rule, and in which the look at it finds nothing, leave at once, without anybody who looks first. Two people approve
it, neither shown what the other said. You declare with it that you have no interest in those whom it is for. It names the digest of the rule
that "narthex release rule show" showed you, or the one that you give with --saw.`,
		example: "narthex release rule show rul_21\nnarthex release rule approve rul_21",
	}, false, func(ctx context.Context, c *client.Client, id narthex.RuleID, in client.JudgeRule) (client.RuleView, error) {
		return c.ApproveRule(ctx, id, in)
	})
}

func (a *app) ruleRefuse() *cobra.Command {
	return a.ruleJudge(leaf{
		use: "refuse RULE", short: "Refuse a standing rule, with a reason for who asked for it",
		long:    "Refuse a standing rule. That ends it; it can be asked for anew, otherwise.",
		example: "narthex release rule refuse rul_21 --comment 'three digits do for the plot; ask for these'",
	}, true, func(ctx context.Context, c *client.Client, id narthex.RuleID, in client.JudgeRule) (client.RuleView, error) {
		return c.RefuseRule(ctx, id, in)
	})
}

func (a *app) ruleJudge(l leaf, comments bool, do func(context.Context, *client.Client, narthex.RuleID, client.JudgeRule) (client.RuleView, error)) *cobra.Command {
	var saw, comment string
	l.run = func(ctx context.Context, args []string) error {
		id, err := ruleID(args[0])
		if err != nil {
			return err
		}
		if comments && comment == "" {
			return problem(narthex.Invalid, "give it with --comment; who asked for the rule reads it", "a refusal says why")
		}
		c, p, err := a.member()
		if err != nil {
			return err
		}
		digest, err := seen(p, ruleSeen(id), saw, "narthex release rule show "+string(id))
		if err != nil {
			return err
		}
		r, err := do(ctx, c, id, client.JudgeRule{Saw: digest, Comment: comment})
		if err != nil {
			return err
		}
		return a.show(r, func(p *page) {
			if p.line("%s is %s", id, ruleState(r.Rule)); r.State == narthex.RuleProposed {
				p.line("it waits for %s in all", people(r.Reviewers))
			}
		})
	}
	c := a.command(l)
	c.Flags().StringVar(&saw, "saw", "", "the digest of the rule that you looked at")
	if comments {
		c.Flags().StringVar(&comment, "comment", "", "why, for who asked for it")
	}
	return c
}

func (a *app) ruleEnd(ctx context.Context, named string) error {
	id, err := ruleID(named)
	if err != nil {
		return err
	}
	r, err := byEither(a, func(c *client.Client) (client.RuleView, error) { return c.EndOwnRule(ctx, id) }, func(c *client.Client) (client.RuleView, error) { return c.EndRule(ctx, id) })
	if err != nil {
		return err
	}
	return a.show(r, func(p *page) { p.line("%s has ended; what fits it goes to people", id) })
}

func (a *app) ruleLook() *cobra.Command {
	var saw, ground string
	var fine bool
	c := a.command(leaf{
		use: "look RELEASE", short: "Say what your second look at what left by a standing rule found",
		long: `Say what your second look found: --fine, or why not with --not-fine: carries (its values carry something else than they say), personal (it
tells of a person), meaning (its columns do not hold what the rule says), more (it tells more than the rule was approved for). What is not fine
ends the rule and is told to the programme; what left cannot be called back. It names the digest of the package that "narthex release view" showed
you whole, or the one that you give with --saw.`,
		example: "narthex release view rel_21\nnarthex release rule look rel_21 --fine\nnarthex release rule look rel_21 --not-fine carries",
		run: func(ctx context.Context, args []string) error {
			id, err := releaseID(args[0])
			if err != nil {
				return err
			}
			if fine == (ground != "") || ground != "" && !slices.Contains(airlock.Grounds(), ground) {
				return problem(narthex.Invalid, "give --fine, or --not-fine with one of "+strings.Join(airlock.Grounds(), ", "), "a second look finds one thing")
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			digest, err := seen(p, releaseSeen(id), saw, "narthex release view "+string(id))
			if err != nil {
				return err
			}
			list, err := c.Rules(ctx)
			if err != nil {
				return err
			}
			at := slices.IndexFunc(list.Rules, func(r client.RuleView) bool {
				return slices.ContainsFunc(r.Open, func(l narthex.SecondLook) bool { return l.Release == id })
			})
			if at < 0 {
				return problem(narthex.Conflict, "`narthex work` lists what does", "%s does not wait for a second look", id)
			}
			r, err := c.LookAgain(ctx, list.Rules[at].ID, client.LookAgain{Release: id, Saw: digest, Ground: ground})
			if err != nil {
				return err
			}
			return a.show(r, func(p *page) { p.line("looked again at %s; %s is %s", id, r.ID, ruleState(r.Rule)) })
		}})
	f := c.Flags()
	f.StringVar(&saw, "saw", "", "the digest of the package that you looked at")
	f.StringVar(&ground, "not-fine", "", "why it is not: "+strings.Join(airlock.Grounds(), ", "))
	f.BoolVar(&fine, "fine", false, "it is what the rule says, and nothing else")
	return c
}
