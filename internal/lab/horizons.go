package lab

import (
	"maps"
	"math"
	"slices"

	"narthex"
	"narthex/internal/horizon"
)

// Least is the least exfiltration horizon of a label: terms below it need the reviewers named.
type Least struct {
	Days      int64          `json:"days"` // 1 to 36,500
	Reviewers []narthex.Role `json:"reviewers"`
}

// horizonFile is what lab.yaml says of exfiltration horizons. What is left out is as horizon.Standard says.
type horizonFile struct {
	Compression *int64           `json:"compression_factor"`
	Theft       *float64         `json:"theft_fraction"`
	Horizons    map[string]Least `json:"horizons"`
}

const (
	mostCompression = 1_000_000
	mostLeastDays   = 36_500
)

// horizons checks the lab's measure and its labels' least horizons. A measure that is wrong is none, by which everything is out
// at once.
func (l *loader) horizons(file horizonFile) {
	l.d.Measure, l.d.Horizons = horizon.Standard(), file.Horizons
	if c := file.Compression; c != nil {
		l.d.Measure.Compression = *c
		if *c < 1 || *c > mostCompression {
			l.d.Measure = horizon.Measure{}
			l.at("lab.yaml", []string{"compression_factor"}, "compression_factor is how many times smaller an asset can be made before it is carried out: a whole number from 1 to %d", mostCompression)
		}
	}
	if theft := file.Theft; theft != nil {
		millionths := math.Round(*theft * 1e6)
		l.d.Measure.Theft = int64(millionths)
		if !(millionths >= 1 && millionths <= 1e6) || math.Abs(millionths-*theft*1e6) > 1e-6 {
			l.d.Measure = horizon.Measure{}
			l.at("lab.yaml", []string{"theft_fraction"}, "theft_fraction is the fraction of an asset whose loss counts as the whole: from 0.000001 to 1, with at most six decimals")
		}
	}
	for _, label := range slices.Sorted(maps.Keys(file.Horizons)) {
		l.least(label, file.Horizons[label])
	}
}

func (l *loader) least(label string, least Least) {
	at := func(field ...string) []string { return append([]string{"horizons", label}, field...) }
	if narthex.CheckName("a label", label) != nil {
		l.at("lab.yaml", at(), "a label is a lower-case name, such as internal or restricted")
	}
	if least.Days < 1 || least.Days > mostLeastDays {
		l.at("lab.yaml", at("days"), "days is the least horizon of the label, from 1 to %d", mostLeastDays)
	}
	if len(least.Reviewers) == 0 {
		l.at("lab.yaml", at("reviewers"), "reviewers names who must approve terms below the least horizon: at least one role")
	}
	for i, role := range least.Reviewers {
		held := slices.ContainsFunc(l.d.People, func(p Person) bool { return slices.Contains(p.Roles, role) })
		switch {
		case !slices.Contains(narthex.Roles(), role):
			l.at("lab.yaml", at("reviewers", itoa(i)), "role %q is unknown; roles are %v", role, narthex.Roles())
		case !held:
			l.at("lab.yaml", at("reviewers", itoa(i)), "nobody of lab.yaml has the role %s, so nobody could approve", role)
		case slices.Contains(least.Reviewers[:i], role):
			l.at("lab.yaml", at("reviewers", itoa(i)), "role %s stands here already", role)
		}
	}
}
