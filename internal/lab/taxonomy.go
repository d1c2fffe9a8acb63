package lab

import (
	_ "embed"
	"maps"
	"slices"

	"narthex"
	"narthex/internal/document"
)

//go:embed taxonomy.yaml
var taxonomyYAML []byte

// Taxonomy gives the attributes that this version of Narthex knows.
func Taxonomy() (*narthex.Taxonomy, error) {
	taxonomy, problems := ParseTaxonomy("taxonomy.yaml", taxonomyYAML)
	if len(problems) > 0 {
		return nil, problems
	}
	return taxonomy, nil
}

type taxonomyFile struct {
	Kinds      []narthex.LimitKind                     `json:"limit_kinds"`
	Common     map[narthex.LimitName]limitFile         `json:"common"`
	Attributes map[narthex.AttributeName]attributeFile `json:"attributes"`
	Bundles    map[string][]narthex.AttributeName      `json:"bundles"`
}

type limitFile struct {
	Kind    narthex.LimitKind `json:"kind"`
	Unit    string            `json:"unit"`
	Counts  narthex.Unit      `json:"counts"`
	Per     string            `json:"per"`
	Values  []string          `json:"values"`
	Default *narthex.Value    `json:"default"`
}

type attributeFile struct {
	Level     int                             `json:"al"`
	Leak      []narthex.LeakClass             `json:"leak"`
	Says      string                          `json:"says"`
	Needs     []narthex.AttributeName         `json:"needs"`
	Excludes  []narthex.AttributeName         `json:"excludes"`
	Approvals int                             `json:"approvals"`
	On        []narthex.AssetKind             `json:"on"`
	Jobs      narthex.JobsOf                  `json:"jobs"`
	Limits    map[narthex.LimitName]limitFile `json:"limits"`
}

// units is the closed list of what numbers count.
var units = []string{"", "calls", "calls/min", "tokens", "bytes", "cents", "jobs", "hours", "queries", "rows", "epsilon", "episodes", "days"}

// ParseTaxonomy reads a taxonomy and checks all of it: an unknown kind, unit, leak class or attribute is a problem, and so is
// a default that its kind cannot hold.
func ParseTaxonomy(file string, data []byte) (*narthex.Taxonomy, Problems) {
	read, doc, problems := document.Read[taxonomyFile](file, 0, data)
	if len(problems) > 0 {
		return nil, problems
	}
	p := &taxonomyParser{doc: doc}
	for i, kind := range read.Kinds {
		if kind.Form() == "" {
			p.problem([]string{"limit_kinds", itoa(i)}, "limit kind %q is unknown", kind)
		}
	}
	t := &narthex.Taxonomy{Common: p.limits([]string{"common"}, read.Common), Attributes: map[narthex.AttributeName]narthex.Attribute{}, Bundles: read.Bundles}
	for _, name := range slices.Sorted(maps.Keys(read.Attributes)) {
		t.Attributes[name] = p.attribute(name, read)
	}
	for _, bundle := range slices.Sorted(maps.Keys(read.Bundles)) {
		for i, name := range read.Bundles[bundle] {
			if _, known := read.Attributes[name]; !known {
				p.problem([]string{"bundles", bundle, itoa(i)}, "attribute %q is unknown", name)
			}
		}
	}
	if len(read.Attributes) == 0 {
		p.problem(nil, "there are no attributes")
	}
	return t, p.problems.Sorted()
}

type taxonomyParser struct {
	doc      document.Document
	problems Problems
}

func (p *taxonomyParser) problem(path []string, format string, args ...any) {
	p.problems = append(p.problems, p.doc.At(path, format, args...))
}

func (p *taxonomyParser) attribute(name narthex.AttributeName, read taxonomyFile) narthex.Attribute {
	in, path := read.Attributes[name], []string{"attributes", string(name)}
	if narthex.CheckName("an attribute", string(name)) != nil {
		p.problem(path, "attribute %q is not a canonical name", name)
	}
	if in.Level < 1 || in.Level > 4 {
		p.problem(append(path, "al"), "an access level is 1 to 4")
	}
	if in.Says == "" {
		p.problem(path, "attribute %s does not say what it is", name)
	}
	if in.Approvals < 0 {
		p.problem(append(path, "approvals"), "approvals cannot be negative")
	}
	for i, class := range in.Leak {
		if !slices.Contains(narthex.LeakClasses(), class) {
			p.problem(append(path, "leak", itoa(i)), "leak class %q is unknown", class)
		}
	}
	for field, others := range map[string][]narthex.AttributeName{"needs": in.Needs, "excludes": in.Excludes} {
		for i, other := range others {
			if _, known := read.Attributes[other]; !known || other == name {
				p.problem(append(path, field, itoa(i)), "attribute %q is unknown, or the attribute itself", other)
			}
		}
	}
	for i, kind := range in.On {
		if !slices.Contains(narthex.AssetKinds(), kind) {
			p.problem(append(path, "on", itoa(i)), "kind %q of assets is unknown", kind)
		}
		for other, beside := range read.Attributes {
			if in.Jobs == narthex.Studies && beside.Jobs == in.Jobs && other != name && slices.Contains(beside.On, kind) {
				p.problem(append(path, "on", itoa(i)), "studies beside an asset of the kind %s run by %s too", kind, other)
			}
		}
	}
	if in.Jobs != "" && (in.Jobs != narthex.Studies && in.Jobs != narthex.Requests || in.On == nil) {
		p.problem(append(path, "jobs"), "what runs is studies or requests, and on says beside which kinds of assets")
	}
	return narthex.Attribute{Name: name, Level: in.Level, Leak: in.Leak, Says: in.Says, Needs: in.Needs, Excludes: in.Excludes,
		Approvals: in.Approvals, On: in.On, Jobs: in.Jobs, Limits: p.limits(append(path, "limits"), in.Limits)}
}

func (p *taxonomyParser) limits(path []string, in map[narthex.LimitName]limitFile) map[narthex.LimitName]narthex.LimitSpec {
	out := map[narthex.LimitName]narthex.LimitSpec{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		limit, at := in[name], append(slices.Clone(path), string(name))
		spec := narthex.LimitSpec{Name: name, Kind: limit.Kind, Unit: limit.Unit, Counts: limit.Counts, Per: limit.Per, Values: limit.Values, Default: limit.Default}
		switch {
		case narthex.CheckName("a limit", string(name)) != nil:
			p.problem(at, "limit %q is not a canonical name", name)
		case limit.Kind.Form() == "":
			p.problem(append(at, "kind"), "limit kind %q is unknown", limit.Kind)
		case !slices.Contains(units, limit.Unit):
			p.problem(append(at, "unit"), "unit %q is unknown", limit.Unit)
		case limit.Counts != "" && (limit.Kind != narthex.BudgetKind || limit.Unit != "hours" || limit.Counts != narthex.CPUMinutes && limit.Counts != narthex.GPUMinutes):
			p.problem(append(at, "counts"), "only a budget of hours is counted in minutes, cpu_minutes or gpu_minutes")
		case limit.Kind == narthex.BudgetKind && limit.Unit == "":
			p.problem(at, "budget %s does not say what it counts", name)
		case limit.Per != "" && (limit.Per != "day" || limit.Kind != narthex.BudgetKind):
			p.problem(append(at, "per"), "only a budget is refilled, and only each day")
		case len(limit.Values) > 0 && limit.Kind != narthex.Set:
			p.problem(append(at, "values"), "only a set has a closed list of values")
		case limit.Default != nil && !holds(spec, *limit.Default):
			p.problem(append(at, "default"), "the default of %s is not a value of its kind", name)
		}
		out[name] = spec
	}
	return out
}

// holds says whether a value is one that the limit can be set to.
func holds(spec narthex.LimitSpec, value narthex.Value) bool {
	if value.Form != spec.Kind.Form() || value.Check() != nil {
		return false
	}
	if (spec.Kind == narthex.BudgetKind || spec.Kind == narthex.Rate) && (value.Number < 0 || value.Number != float64(int64(value.Number))) {
		return false
	}
	return len(spec.Values) == 0 || !slices.ContainsFunc(value.Names, func(n string) bool { return !slices.Contains(spec.Values, n) })
}
