package lab

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"narthex"
	"narthex/internal/upstream"
)

// meters gives the units that the door of an attribute counts; a budget in another could not be held. An attribute that nothing enforces
// has none, and a pathway that offers it is refused: it would promise what no door gives.
func meters(attribute narthex.AttributeName) []narthex.Unit {
	switch attribute {
	case "model.sample", "model.system_prompt", "model.tools", "model.seed", "model.checkpoints", "model.base", "model.prefill", "model.logprobs", "model.logit_bias":
		return []narthex.Unit{narthex.Calls, narthex.Tokens}
	case "weights.compute", "weights.diff", "data.job", "output.release", "output.artefact.model":
		return []narthex.Unit{narthex.Calls, narthex.Bytes, narthex.CPUMinutes, narthex.GPUMinutes}
	}
	return nil
}

// check holds the files to each other.
func (l *loader) check() {
	for _, name := range l.d.AssetNames() {
		l.checkAsset(l.d.Assets[name])
	}
	if len(l.d.Pathways) == 0 && len(l.problems) == 0 {
		l.add(Problem{File: "pathways", Line: 1, Column: 1, Message: "there is no pathway, so nobody could apply"})
	}
	for _, p := range l.d.PathwayList() {
		l.checkPathway(p)
	}
	for _, e := range l.d.Environments {
		l.checkEnvironment(e)
	}
	l.checkNotices()
}

func (l *loader) checkAsset(a narthex.Asset) {
	file := "assets/" + string(a.Name) + ".yaml"
	bad := func(field, format string, args ...any) { l.at(file, []string{field}, format, args...) }
	if narthex.CheckName("an asset", string(a.Name)) != nil {
		bad("name", "an asset's name is canonical: lower-case letters, digits and . _ -")
	}
	if a.Title == "" {
		bad("title", "the asset has no title")
	}
	if !slices.Contains(narthex.AssetKinds(), a.Kind) {
		bad("kind", "kind %q is unknown; kinds are %v", a.Kind, narthex.AssetKinds())
	}
	if _, known := l.d.Person(a.Owner); !known {
		bad("owner", "the owner %q is nobody of lab.yaml", a.Owner)
	} else if owner, _ := l.d.Person(a.Owner); !slices.Contains(owner.Roles, narthex.AssetOwner) {
		bad("owner", "the owner %q has not the role asset_owner", a.Owner)
	}
	if deputy, known := l.d.Person(a.Deputy); a.Deputy != "" && (!known || a.Deputy == a.Owner || !slices.Contains(deputy.Roles, narthex.AssetOwner)) {
		bad("deputy", "the deputy %q is somebody else of lab.yaml than the owner, with the role asset_owner", a.Deputy)
	}
	if a.Bytes <= 0 || a.LifetimeBytes < 0 || a.LifetimeBytes > a.Bytes {
		bad("bytes", "bytes is above zero, and lifetime_bytes from zero to bytes")
	}
	if narthex.CheckName("a label", a.Label) != nil {
		bad("label", "an asset has a label, such as internal or restricted")
	} else if _, has := l.d.Horizons[a.Label]; a.Kind == "model" && !has {
		bad("label", "lab.yaml has no least horizon for the label %s; add `%s: {days: 365, reviewers: [security]}` under horizons", a.Label, a.Label)
	}
	if len(a.Leak) == 0 {
		bad("leak", "leak names at least one way in which the asset can leak: %v", narthex.LeakClasses())
	}
	for i, class := range a.Leak {
		if !slices.Contains(narthex.LeakClasses(), class) {
			l.at(file, []string{"leak", itoa(i)}, "leak class %q is unknown", class)
		}
	}
	if _, has := a.Version(a.Default); !has {
		bad("default", "the default version %q is none of the versions", a.Default)
	}
	seen := map[narthex.VersionName]bool{}
	for i, v := range a.Versions {
		if narthex.CheckName("a version", string(v.Name)) != nil || seen[v.Name] {
			l.at(file, []string{"versions", itoa(i)}, "a version has a canonical name that stands once")
		}
		if a.Kind == "model" && v.Upstream == "" {
			l.at(file, []string{"versions", itoa(i)}, "a model's version names what the upstream calls it")
		}
		l.checkBytes(file, i, v)
		seen[v.Name] = true
	}
	for i, canary := range a.Canaries {
		if n := utf8.RuneCountInString(canary); n < 8 || n > 200 || strings.TrimSpace(canary) != canary || strings.ContainsAny(canary, "\n\r\t") {
			l.at(file, []string{"canaries", itoa(i)}, "a canary is a text of 8 to 200 characters in one line")
		}
	}
	if a.Kind == "model" {
		l.checkModel(file, a)
	}
}

func (l *loader) checkModel(file string, a narthex.Asset) {
	for i, mark := range a.Marks {
		if strings.TrimSpace(mark) == "" || len(mark) > 64 {
			l.at(file, []string{"marks", itoa(i)}, "a mark of a template is a text of 1 to 64 bytes")
		}
	}
	if a.Context < 2 || a.TokenBytes < 1 {
		l.at(file, []string{"context"}, "a model states its context in tokens, and token_bytes: the fewest bytes of text that make one token, 1 where it is not known")
	}
	u := a.Upstream
	if upstream.CheckURL(u.URL) != nil {
		l.at(file, []string{"upstream", "url"}, "the upstream's URL is http:// or https://, a host, an optional port and path, in plain letters")
	}
	if (u.CredentialEnv == "") == (u.CredentialFile == "") {
		l.at(file, []string{"upstream"}, "the upstream's credential stands in exactly one of credential_env and credential_file")
	}
}

func (l *loader) checkPathway(p narthex.Pathway) {
	file := "pathways/" + string(p.Name) + ".yaml"
	bad := func(path []string, format string, args ...any) { l.at(file, path, format, args...) }
	for field, empty := range map[string]bool{"title": p.Title == "", "summary": p.Summary == "", "who": p.Who == "", "criteria": len(p.Criteria) == 0,
		"not_offered": p.NotOffered == "", "appeal_to": p.AppealTo == "", "offers": len(p.Offers) == 0, "clauses": len(p.Clauses) == 0} {
		if empty {
			bad([]string{field}, "a pathway says %s", strings.ReplaceAll(field, "_", " "))
		}
	}
	if !p.Institution {
		bad([]string{"institution"}, "institution is true: every applicant has an institution, and it signs")
	}
	if p.ReviewDays < 1 || p.GrantDays < 1 || p.MostDays < p.GrantDays || p.AppealDays < 1 {
		bad([]string{"review_days"}, "review_days, grant_days and appeal_days are above zero, and most_days is at least grant_days")
	}
	l.checkTimes(file, p)
	if p.ContentLog != "none" {
		bad([]string{"content_log"}, "content_log is none: prompts and answers are kept nowhere. sealed (neither side alone can open it) and lab_visible (the lab reads it) are not built, so an agreement that promised one of them could not be kept")
	}
	if order := slices.Clone(p.SigningOrder); len(order) > 0 {
		slices.Sort(order)
		if all := narthex.PartyRoles(); !slices.Equal(order, slices.Sorted(slices.Values(all))) {
			bad([]string{"signing_order"}, "signing_order names each of %v once, or is left out, and then they sign in any order", all)
		}
	}
	if p.Sponsor != narthex.SponsorAllowed && p.Sponsor != narthex.SponsorRequired {
		bad([]string{"sponsor"}, "sponsor is required or allowed")
	}
	l.checkEscalation(file, p)
	l.checkQuestions(file, p)
	l.checkOffers(file, p)
	l.checkLater(file, p)
	l.checkReviews(file, p)
	l.checkTriage(file, p)
	l.checkClauses(file, p)
	l.checkHolds(file, p)
	l.checkCodes(file, p)
	l.checkRestsOn(file, p)
}

func (l *loader) checkOffers(file string, p narthex.Pathway) {
	for i, offer := range p.Offers {
		path := []string{"offers", itoa(i)}
		attribute, known := l.d.Taxonomy.Attribute(offer.Attribute)
		if !known {
			l.at(file, append(path, "attribute"), "attribute %q is unknown", offer.Attribute)
			continue
		}
		if meters(offer.Attribute) == nil {
			l.at(file, append(path, "attribute"), "no door is built that enforces %s; it cannot be offered", offer.Attribute)
		}
		for j, asset := range offer.Assets {
			if a, has := l.d.Assets[asset]; !has || !attribute.IsOf(a.Kind) {
				l.at(file, append(path, "assets", itoa(j)), "asset %q is none of this directory of which %s can be", asset, offer.Attribute)
			}
			for _, needed := range attribute.Needs {
				if _, offered := p.Offer(needed, asset); !offered {
					l.at(file, append(path, "attribute"), "%s needs %s, which is not offered on %s", offer.Attribute, needed, asset)
				}
			}
		}
		if len(offer.Assets) == 0 {
			l.at(file, path, "the offer of %s names no asset", offer.Attribute)
		}
		for j, role := range offer.Beyond {
			if !slices.Contains(narthex.Roles(), role) {
				l.at(file, append(path, "beyond", itoa(j)), "role %q is unknown", role)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(offer.Limits)) {
			l.checkRange(file, append(slices.Clone(path), "limits", string(name)), offer, name)
		}
	}
}

func (l *loader) checkRange(file string, path []string, offer narthex.Offer, name narthex.LimitName) {
	spec, known := l.d.Taxonomy.Limit(offer.Attribute, name)
	r := offer.Limits[name]
	switch {
	case !known:
		l.at(file, path, "%s has no limit %q", offer.Attribute, name)
	case !holds(spec, r.Default):
		l.at(file, append(path, "default"), "the default of %s is not a value of kind %s", name, spec.Kind)
	case !r.Holds(r.Default):
		l.at(file, append(path, "default"), "the default of %s lies outside its own range", name)
	case (r.Least == nil) != (r.Most == nil):
		l.at(file, path, "%s states one end of its range; state least and most, or neither and the default alone stands", name)
	case r.Least != nil && *r.Least > *r.Most:
		l.at(file, append(path, "least"), "least is above most")
	case spec.Kind == narthex.BudgetKind && !slices.Contains(meters(offer.Attribute), spec.Counted()):
		l.at(file, path, "no door counts %s, so this budget could not be held", spec.Counted())
	}
}

// checkReviews holds a pathway to two different deciders, and to the approvals that its attributes ask beyond that.
func (l *loader) checkReviews(file string, p narthex.Pathway) {
	total := 0
	for i, rule := range p.Reviews {
		path := []string{"reviews", itoa(i)}
		holders := 0
		for _, person := range l.d.People {
			if slices.Contains(person.Roles, rule.Role) {
				holders++
			}
		}
		switch {
		case !slices.Contains(narthex.Roles(), rule.Role):
			l.at(file, append(path, "role"), "role %q is unknown", rule.Role)
		case rule.Quorum < 1:
			l.at(file, append(path, "quorum"), "a quorum is at least one")
		case holders < rule.Quorum:
			l.at(file, append(path, "quorum"), "lab.yaml has %d people with the role %s and the quorum is %d", holders, rule.Role, rule.Quorum)
		}
		total += rule.Quorum
	}
	needed := narthex.Attribute{}.Quorum()
	for _, offer := range p.Offers {
		attribute, _ := l.d.Taxonomy.Attribute(offer.Attribute)
		needed = max(needed, attribute.Quorum())
	}
	if total < needed {
		l.at(file, []string{"reviews"}, "the quorums add up to %d; two different people decide, and more where an attribute asks it: %d here", total, needed)
	}
}

func (l *loader) checkClauses(file string, p narthex.Pathway) {
	for i, use := range p.Clauses {
		path := []string{"clauses", itoa(i)}
		clause, known := l.d.Clauses[use.Clause]
		if !known {
			l.at(file, append(path, "clause"), "clause %q is not in clauses/", use.Clause)
			continue
		}
		if slices.ContainsFunc(p.Clauses[:i], func(u narthex.ClauseUse) bool { return u.Clause == use.Clause }) {
			l.at(file, append(path, "clause"), "clause %s stands here already; an agreement has each once", use.Clause)
		}
		for _, name := range slices.Sorted(maps.Keys(use.Values)) {
			parameter, has := clause.Parameters[name]
			if !has {
				l.at(file, append(path, "values", name), "clause %s has no parameter %q", use.Clause, name)
			} else if !isValue(parameter, use.Values[name]) {
				l.at(file, append(path, "values", name), "%s of clause %s is not %s", name, use.Clause, ParameterRule(parameter))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(clause.Parameters)) {
			if _, set := use.Values[name]; !set && clause.Parameters[name].Default == "" {
				l.at(file, path, "parameter %s of clause %s needs a value", name, use.Clause)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.d.Clauses)) {
		clause := l.d.Clauses[name]
		for _, parameter := range slices.Sorted(maps.Keys(clause.Parameters)) {
			if clause.Notice && clause.Parameters[parameter].Default == "" {
				l.at("clauses/"+string(name)+".md", []string{"parameters", parameter}, "a notice stands in every agreement, so its parameters need defaults")
			}
		}
	}
}

// Unready names what must be set before the lab can serve: placeholders that init left, and credentials that are not there.
func (d *Directory) Unready(getenv func(string) string) []string {
	var missing []string
	for _, name := range d.AssetNames() {
		a := d.Assets[name]
		if a.Upstream.URL == "" {
			continue
		}
		file := "assets/" + string(name) + ".yaml"
		if strings.Contains(a.Upstream.URL, ".example") {
			missing = append(missing, file+": upstream.url is still a placeholder")
		}
		if a.Upstream.CredentialEnv != "" && getenv(a.Upstream.CredentialEnv) == "" {
			missing = append(missing, file+": the environment variable "+a.Upstream.CredentialEnv+" is not set")
		}
		if a.Upstream.CredentialFile != "" {
			if data, err := os.ReadFile(a.Upstream.CredentialFile); err != nil || strings.TrimSpace(string(data)) == "" {
				missing = append(missing, file+": the credential's file cannot be read or is empty")
			}
		}
	}
	if strings.Contains(d.Origin, ".example") {
		missing = append(missing, "lab.yaml: origin is still a placeholder, and it can never change")
	}
	return missing
}

// Table prints what each pathway would allow, and what jobs run in.
func (d *Directory) Table() string {
	var out strings.Builder
	for _, p := range d.PathwayList() {
		fmt.Fprintf(&out, "%s: %s\n", p.Name, p.Title)
		w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "  ATTRIBUTE\tASSETS\tLIMIT\tSTANDARD\tRANGE")
		for _, offer := range p.Offers {
			assets := strings.Trim(fmt.Sprint(offer.Assets), "[]")
			first := fmt.Sprintf("  %s\t%s", offer.Attribute, assets)
			if len(offer.Limits) == 0 {
				fmt.Fprintf(w, "%s\t\t\t\n", first)
			}
			for _, name := range slices.Sorted(maps.Keys(offer.Limits)) {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", first, name, offer.Limits[name].Default, RangeInWords(offer.Limits[name]))
				first = "  \t"
			}
		}
		w.Flush()
		var reviews []string
		for _, r := range p.Reviews {
			reviews = append(reviews, fmt.Sprintf("%d × %s", r.Quorum, r.Role))
		}
		if len(p.Later) > 0 {
			fmt.Fprintf(&out, "  to come: %s\n", strings.Join(laterNames(p), ", "))
		}
		fmt.Fprintf(&out, "  decided by %s within %d business days, usually %d; %d days, at most %d\n\n", strings.Join(reviews, ", "), p.ReviewDays, p.ExpectedDays, p.GrantDays, p.MostDays)
	}
	d.writeEnvironments(&out)
	return out.String()
}

func laterNames(p narthex.Pathway) []string {
	names := make([]string, len(p.Later))
	for i, later := range p.Later {
		names[i] = string(later.Attribute)
	}
	return names
}

// RangeInWords says how far a limit may be negotiated.
func RangeInWords(r narthex.Range) string {
	switch {
	case r.Least != nil && r.Most != nil:
		return fmt.Sprintf("%s to %s", narthex.NumberValue(*r.Least), narthex.NumberValue(*r.Most))
	case r.Most != nil:
		return "up to " + narthex.NumberValue(*r.Most).String()
	case r.Least != nil:
		return "from " + narthex.NumberValue(*r.Least).String()
	case r.Names != nil:
		return "of " + strings.Join(r.Names, ", ")
	}
	return "fixed"
}
