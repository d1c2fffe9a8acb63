package narthex

import "slices"

// LeakClass says how an attribute or asset can leak: bulk (held by size), small (tiny and worth stealing), stat (records
// behind aggregates), behav (learnable from outputs), write (integrity), haz (hazardous content), pers (personal data).
type LeakClass string

// LeakClasses lists them all.
func LeakClasses() []LeakClass {
	return []LeakClass{"bulk", "small", "stat", "behav", "write", "haz", "pers"}
}

// LimitSpec is one limit of the taxonomy: what kind of bound it is, and its default where it has one.
type LimitSpec struct {
	Name    LimitName `json:"name"`
	Kind    LimitKind `json:"kind"`
	Unit    string    `json:"unit,omitempty"`   // what a number counts: tokens, calls, bytes
	Counts  Unit      `json:"counts,omitempty"` // what doors count where that is finer than Unit: minutes of hours
	Per     string    `json:"per,omitempty"`    // "day" where a budget is refilled each UTC day, else ""
	Values  []string  `json:"values,omitempty"` // the closed set of a set's values, or empty where the lab's own
	Default *Value    `json:"default,omitempty"`
}

// Counted gives the unit that doors count a budget in.
func (s LimitSpec) Counted() Unit {
	if s.Counts != "" {
		return s.Counts
	}
	return Unit(s.Unit)
}

// InCounted gives a budget's number in the unit that doors count: of hours, the minutes.
func (s LimitSpec) InCounted(n float64) int64 {
	if s.Counts == CPUMinutes || s.Counts == GPUMinutes {
		n *= 60
	}
	return int64(n)
}

// Attribute is one kind of access. Needs are attributes that must be held on the same asset too, Excludes those that may
// not be, over all grants in force of the person or their organisation. Approvals is how many approvals more it takes.
type Attribute struct {
	Name      AttributeName           `json:"name"`
	Level     int                     `json:"al"` // lowest access level, 1 black box to 4 insider-equivalent
	Leak      []LeakClass             `json:"leak"`
	Says      string                  `json:"says"`
	Needs     []AttributeName         `json:"needs,omitempty"`
	Excludes  []AttributeName         `json:"excludes,omitempty"`
	Approvals int                     `json:"approvals,omitempty"`
	On        []AssetKind             `json:"on,omitempty"`   // the kinds of assets that it can be of; a model where it is nil
	Jobs      JobsOf                  `json:"jobs,omitempty"` // what runs beside an asset by it; nothing where it is empty
	Limits    map[LimitName]LimitSpec `json:"limits"`
}

// JobsOf says what runs beside an asset by an attribute.
type JobsOf string

const (
	// Studies are the researcher's own code.
	Studies JobsOf = "studies"
	// Requests are not code: a program of ours does what they ask.
	Requests JobsOf = "requests"
)

// IsOf says whether the attribute can be of an asset of that kind.
func (a Attribute) IsOf(kind AssetKind) bool {
	return a.Name != "" && (a.On == nil && kind == "model" || slices.Contains(a.On, kind))
}

// leastApprovals is how many different people approve anything at all.
const leastApprovals = 2

// Quorum is how many different people must have approved the application that the attribute is granted by.
func (a Attribute) Quorum() int { return leastApprovals + a.Approvals }

// Taxonomy is the closed set of attributes. The zero Taxonomy knows none, so it refuses everything.
type Taxonomy struct {
	Common     map[LimitName]LimitSpec     `json:"common"`
	Attributes map[AttributeName]Attribute `json:"attributes"`
	Bundles    map[string][]AttributeName  `json:"bundles,omitempty"`
}

// Attribute gives the attribute of that exact name.
func (t *Taxonomy) Attribute(name AttributeName) (Attribute, bool) {
	attribute, known := t.Attributes[name]
	return attribute, known
}

// StudiesBeside gives the attribute by which studies run beside an asset of that kind: the one place that says so.
func (t *Taxonomy) StudiesBeside(kind AssetKind) (AttributeName, bool) {
	var found AttributeName
	for name, a := range t.Attributes {
		if a.Jobs == Studies && a.IsOf(kind) && (found == "" || name < found) {
			found = name
		}
	}
	return found, found != ""
}

// Limit gives the specification of a limit on an attribute, its own before the common ones.
func (t *Taxonomy) Limit(attribute AttributeName, limit LimitName) (LimitSpec, bool) {
	a, known := t.Attributes[attribute]
	if !known {
		return LimitSpec{}, false
	}
	if spec, own := a.Limits[limit]; own {
		return spec, true
	}
	spec, common := t.Common[limit]
	return spec, common
}

// Excluded gives the attributes that may not be held together with some of those given, by name.
func (t *Taxonomy) Excluded(with ...AttributeName) []AttributeName {
	var found []AttributeName
	for name := range t.Attributes {
		if slices.ContainsFunc(with, func(other AttributeName) bool { return t.Exclude(name, other) }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// Exclude says whether the two attributes may not be held together, whichever of the two says so.
func (t *Taxonomy) Exclude(a, b AttributeName) bool {
	return slices.Contains(t.Attributes[a].Excludes, b) || slices.Contains(t.Attributes[b].Excludes, a)
}
