package office

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/horizon"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/policy"
)

// accountants lists the roles that may know how much was taken of an asset's account, which is what others took.
func accountants() []narthex.Role {
	return []narthex.Role{narthex.Programme, narthex.Security, narthex.AssetOwner, narthex.Custodian, narthex.Auditor}
}

// Horizon gives what all grants not yet ended open on an asset, to those of the lab who guard it.
func (o *Office) Horizon(ctx context.Context, by narthex.PersonID, name narthex.AssetName) (client.Horizon, error) {
	var view client.Horizon
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := need(p, accountants()...); err != nil {
			return err
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		asset, known := rules.Directory.Assets[name]
		if !known {
			return narthex.WithheldError()
		}
		on, err := book.RunningOn(tx, name, "")
		if err != nil {
			return err
		}
		view = showHorizon(rules.Directory, asset)
		view.All = sumOf(rules.Directory, asset, on...)
		for _, g := range on {
			view.Grants += int(g.Count)
		}
		if slices.Contains(asset.Leak, "bulk") {
			view.Lifetime, err = lifetime(tx, asset, horizon.Over(asset, rules.Directory.Measure, rules.Directory.Taxonomy, on...).Sum.PerDay)
		}
		return err
	})
	return view, err
}

// accountOf gives the account of an asset, as the door reserves from it.
func accountOf(tx *journal.Tx, asset narthex.AssetName) (policy.Account, error) {
	account, err := journal.Get[policy.Account](tx, store.Accounts, policy.AssetHolder(asset))
	if err != nil || account == nil {
		return policy.Account{}, err
	}
	return *account, nil
}

// lifetime shows that account, where all grants together open so many bits a day.
func lifetime(tx *journal.Tx, asset narthex.Asset, perDay uint64) (*client.Lifetime, error) {
	account, err := accountOf(tx, asset.Name)
	if err != nil {
		return nil, err
	}
	b := policy.LifetimeOf(asset, account)
	view := client.Lifetime{Allowed: b.Limit, Used: b.Used, Reserved: b.Reserved, Left: b.Left(), Channels: []client.LifetimeLine{}, Unusual: []client.UnusualDay{}}
	if days := horizon.Lasts(b.Left(), perDay); !math.IsInf(days, 1) {
		view.Days = &days
	}
	for _, channel := range horizon.Channels() {
		view.Channels = append(view.Channels, client.LifetimeLine{Channel: string(channel)})
	}
	for _, l := range policy.LifetimeLines(asset.Name, account) {
		line := &view.Channels[slices.Index(horizon.Channels(), horizon.ChannelOf(l.Key.Attribute))]
		line.Used, line.Reserved = line.Used+l.Budget.Used, line.Reserved+l.Budget.Reserved
	}
	for _, percent := range horizon.Passed(b.Used, b.Limit) {
		view.Passed = percent
	}
	days, err := book.UnusualSince(tx, asset.Name, tx.Now().AddDate(0, 0, 1-book.DaysKept))
	for _, d := range days {
		view.Unusual = append(view.Unusual, client.UnusualDay{Day: d.Row.Day.Day, Person: book.UnusualBy(d.Key), Bytes: d.Row.Bytes, Median: d.Row.Median})
	}
	return &view, err
}

// others gives the grants on an asset that have not ended and whose last day has not passed, also before their first day and while
// they are locked. A nil others has none.
type others func(narthex.AssetName) ([]horizon.Group, error)

// on gives those on an asset, and how many they are.
func (o others) on(asset narthex.AssetName) (groups []horizon.Group, count uint64, err error) {
	if o == nil {
		return nil, 0, nil
	}
	groups, err = o(asset)
	for _, g := range groups {
		count += g.Count
	}
	return groups, count, err
}

// running gives every grant that runs but that of an application, or the one that it amends until it has its own. What was read of an
// asset is not read again.
func running(tx *journal.Tx, a narthex.Application) (others, error) {
	var own narthex.GrantID
	for _, id := range []narthex.EngagementID{a.Amends, a.Engagement} {
		if id == "" {
			continue
		}
		e, err := journal.Get[narthex.Engagement](tx, store.Engagements, string(id))
		if err != nil {
			return nil, err
		}
		if e != nil && e.Grant != "" {
			own = e.Grant
		}
	}
	known := map[narthex.AssetName][]horizon.Group{}
	return func(asset narthex.AssetName) ([]horizon.Group, error) {
		if groups, read := known[asset]; read {
			return groups, nil
		}
		groups, err := book.RunningOn(tx, asset, own)
		if err == nil {
			groups = slices.Clip(groups)
			known[asset] = groups
		}
		return groups, err
	}, nil
}

func runs(g *narthex.Grant, now time.Time) bool { return !g.Ended && now.Before(g.NotAfter) }

// askedAssets lists the assets of terms that the pathway offers. Of others nothing is said or computed, so that an application
// which names an asset is no way to learn of it.
func askedAssets(d *lab.Directory, pathway narthex.Pathway, terms []narthex.Term) []narthex.Asset {
	var list []narthex.Asset
	for _, term := range terms {
		asset, known := d.Assets[term.Asset]
		_, offered := pathway.Offer(term.Attribute, term.Asset)
		if known && offered && !slices.ContainsFunc(list, func(a narthex.Asset) bool { return a.Name == asset.Name }) {
			list = append(list, asset)
		}
	}
	return list
}

// everyAsset lists the assets of terms, whatever a pathway offers now; of one that is gone nothing is known but its name.
func everyAsset(d *lab.Directory, terms []narthex.Term) []narthex.Asset {
	var list []narthex.Asset
	for _, term := range terms {
		if !slices.ContainsFunc(list, func(a narthex.Asset) bool { return a.Name == term.Asset }) {
			asset := d.Assets[term.Asset]
			asset.Name = term.Asset
			list = append(list, asset)
		}
	}
	return list
}

// sized gives the reviewers of every label whose least horizon the terms break, together with what others hold, and a notice of
// each; and a notice that blocks where the terms alone carry more in so many days than may ever leave. Terms that carry nothing
// of an asset break nothing, whatever others hold.
func sized(d *lab.Directory, assets []narthex.Asset, terms []narthex.Term, days int, beside others) ([]client.Notice, []narthex.ReviewRule, error) {
	var found []client.Notice
	var added []narthex.ReviewRule
	for _, asset := range assets {
		if horizon.Carries(asset, d.Taxonomy, terms, int64(days), nil) > uint64(max(0, asset.LifetimeBytes)) {
			found = append(found, client.Notice{Asset: asset.Name, Limit: "lifetime_bytes", Blocks: true,
				Says: fmt.Sprintf("What you ask could carry out more bytes of %s than may ever leave (lifetime_bytes of the asset). Ask fewer tokens or days, or coarser log-probabilities.", asset.Name)})
		}
		least := d.Horizons[asset.Label]
		on, _, err := beside.on(asset.Name)
		if err != nil {
			return nil, nil, err
		}
		report := horizon.Over(asset, d.Measure, d.Taxonomy, append(on, horizon.Group{Terms: terms, Count: 1})...)
		if horizon.Of(asset, d.Measure, d.Taxonomy, terms).Sum.PerDay == 0 || !report.Breaks(least.Days) {
			continue
		}
		for _, role := range least.Reviewers {
			added = append(added, narthex.ReviewRule{Role: role, Quorum: 1})
		}
		says := fmt.Sprintf("What you ask could carry %s out: %s. The least horizon of the label %s is %d days, so %s must approve it.", asset.Name, report.Says(), asset.Label, least.Days, inWords(least.Reviewers))
		if !report.Held {
			says = fmt.Sprintf("%s is not held by size: what is worth taking of it is small, and what you ask can carry some of it out. So %s must approve it, as below the least horizon of the label %s.", asset.Name, inWords(least.Reviewers), asset.Label)
		}
		found = append(found, client.Notice{Asset: asset.Name, Says: says, Adds: slices.Clone(least.Reviewers)})
	}
	return found, added, nil
}

// overAll gives who must approve an application, counting all grants that run beside it. Its applicant sees the roles and never
// the grants; it is asked when an application is handed in, not while it is written, so that it cannot be tried out.
func overAll(tx *journal.Tx, d *lab.Directory, a narthex.Application) ([]narthex.ReviewRule, error) {
	reviews, _, err := reviewsAndRules(tx, d, a)
	return reviews, err
}

// reviewsAndRules gives the same, with the rules of the pathway that hold; the roles to which they route are among those who must approve.
func reviewsAndRules(tx *journal.Tx, d *lab.Directory, a narthex.Application) ([]narthex.ReviewRule, []narthex.TriageRule, error) {
	beside, err := running(tx, a)
	if err != nil {
		return nil, nil, err
	}
	pathway := d.Pathways[a.Pathway]
	departs, added := notices(d, pathway, a.Terms)
	_, sooner, err := sized(d, askedAssets(d, pathway, a.Terms), a.Terms, a.Days, beside)
	if err != nil {
		return nil, nil, err
	}
	holding, err := triaged(tx, d, a, len(departs) == 0, len(sooner) == 0)
	if err != nil {
		return nil, nil, err
	}
	added = append(added, sooner...)
	for _, rule := range holding {
		if rule.Then.Route != "" {
			added = append(added, narthex.ReviewRule{Role: rule.Then.Route, Quorum: 1})
		}
	}
	return reviewsOf(d, pathway, a.Terms, added), holding, nil
}

// unasked lists the roles that must approve an application now and were not asked to.
func unasked(tx *journal.Tx, d *lab.Directory, a narthex.Application) ([]narthex.Role, error) {
	beside, err := running(tx, a)
	if err != nil {
		return nil, err
	}
	var roles []narthex.Role
	_, sooner, err := sized(d, everyAsset(d, a.Terms), a.Terms, a.Days, beside)
	if err != nil {
		return nil, err
	}
	for _, rule := range sooner {
		if !slices.Contains(roles, rule.Role) && !slices.ContainsFunc(a.Reviews, func(r narthex.ReviewRule) bool { return r.Role == rule.Role }) {
			roles = append(roles, rule.Role)
		}
	}
	return roles, nil
}

// holdSize refuses what an asset's size does not hold beside all grants: terms below the least horizon whose reviewers were not
// all asked, and bytes above what may ever leave. Next says what to do then. What others hold is not told.
func holdSize(tx *journal.Tx, d *lab.Directory, e narthex.Engagement, next string) error {
	roles, err := unasked(tx, d, e.Application)
	if err != nil {
		return err
	}
	if len(roles) > 0 {
		return narthex.Conflictf("As things now stand the horizon of an asset that this asks for is below the least of its label; %s must approve it and were not asked. %s", inWords(roles), next).For("horizons")
	}
	for _, asset := range everyAsset(d, e.Application.Terms) {
		fits, err := fitsLifetime(tx, d, asset, e.Application)
		if err != nil {
			return err
		}
		if !fits {
			return narthex.Conflictf("lifetime_bytes of %s is %d bytes and is never refilled; what this agreement could carry out is more than is left of it. Narrower terms may fit. %s", asset.Name, asset.LifetimeBytes, next).For("lifetime_bytes")
		}
	}
	return nil
}

// previews says of each asset asked for how long it would be held. What others hold is counted for people of the lab alone.
func previews(tx *journal.Tx, d *lab.Directory, e narthex.Engagement, p narthex.Person) ([]client.Horizon, error) {
	list := []client.Horizon{}
	pathway, known := d.Pathways[e.Application.Pathway]
	if !known || slices.Contains([]narthex.State{narthex.Declined, narthex.Withdrawn, narthex.Ending, narthex.Closed}, e.State) {
		return list, nil
	}
	var beside others
	if p.InLab() {
		var err error
		if beside, err = running(tx, e.Application); err != nil {
			return nil, err
		}
	}
	for _, asset := range askedAssets(d, pathway, e.Application.Terms) {
		view := showHorizon(d, asset)
		asked := horizon.Group{Terms: e.Application.Terms, Count: 1}
		view.Asked = sumOf(d, asset, asked)
		if p.InLab() {
			on, count, err := beside.on(asset.Name)
			if err != nil {
				return nil, err
			}
			view.All, view.Grants = sumOf(d, asset, append(on, asked)...), int(count)
		}
		list = append(list, view)
	}
	return list, nil
}

func showHorizon(d *lab.Directory, asset narthex.Asset) client.Horizon {
	least := d.Horizons[asset.Label]
	return client.Horizon{Asset: asset.Name, Label: asset.Label, HeldBySize: horizon.Held(asset), LeastDays: least.Days, Reviewers: append([]narthex.Role{}, least.Reviewers...)}
}

func sumOf(d *lab.Directory, asset narthex.Asset, of ...horizon.Group) *client.HorizonSum {
	r := horizon.Over(asset, d.Measure, d.Taxonomy, of...)
	sum := &client.HorizonSum{Sum: showLine(r, r.Sum), Text: showLine(r, r.Text), Breaks: r.Breaks(d.Horizons[asset.Label].Days)}
	sum.Sum.Says = r.Says()
	for _, line := range r.Lines {
		sum.Channels = append(sum.Channels, showLine(r, line))
	}
	return sum
}

func showLine(r horizon.Report, line horizon.Line) client.HorizonLine {
	view := client.HorizonLine{Channel: string(line.Channel), BitsPerDay: int64(min(line.PerDay, narthex.LargestNumber)), Unbounded: line.PerDay > narthex.LargestNumber, Says: line.Says()}
	if r.Held && !math.IsInf(line.Days, 1) {
		view.Days = &line.Days
	}
	return view
}

// grown says whether an application that all have approved waits to be returned: what the grants in force leave no longer holds it.
func grown(tx *journal.Tx, d *lab.Directory, e narthex.Engagement) (bool, error) {
	err := holdSize(tx, d, e, "")
	if narthex.IsKind(err, narthex.Conflict) {
		return true, nil
	}
	return false, err
}

func inWords(roles []narthex.Role) string {
	words := make([]string, len(roles))
	for i, role := range roles {
		words[i] = strings.ReplaceAll(string(role), "_", " ")
	}
	return strings.Join(words, " and ")
}
