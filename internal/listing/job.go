package listing

import (
	"slices"

	"narthex"
)

// The lists of jobs and releases, each by when it was taken in.
const (
	OpenJobs     = "jobs/open/" // that are not over
	KeptJobs     = "jobs/kept/" // that are over and whose frozen files are kept, by when each was over
	AllReleases  = "releases/all/"
	OpenReleases = "releases/open/" // that are not decided
	Marked       = "releases/mark/" // of artefacts, which are marked for who receives them
)

// OpenRules is the list of standing rules that are not over, or of which something waits for a second look, by when each was proposed.
const OpenRules = "rules/open/"

// RulesOf is the list of the standing rules of a grant.
func RulesOf(grant narthex.GrantID) string { return "rules/grant/" + string(grant) + "/" }

// JobsOf is the list of the jobs of a grant.
func JobsOf(grant narthex.GrantID) string { return "jobs/grant/" + string(grant) + "/" }

// ReleasesOf is the list of the releases of a grant.
func ReleasesOf(grant narthex.GrantID) string { return "releases/grant/" + string(grant) + "/" }

// ReleasedOf is the list of what was released of an asset.
func ReleasedOf(asset narthex.AssetName) string { return "releases/asset/" + string(asset) + "/" }

// Job gives the places of a job, sorted.
func Job(j narthex.Job) []string {
	place := Place(j.TakenAt, string(j.ID))
	keys := []string{JobsOf(j.Grant) + place}
	if !j.State.Over() {
		keys = append(keys, OpenJobs+place)
	} else if j.ClearedAt.IsZero() {
		keys = append(keys, KeptJobs+Place(j.EndedAt, string(j.ID)))
	}
	slices.Sort(keys)
	return keys
}

// Release gives the places of a release, sorted.
func Release(r narthex.Release) []string {
	place := Place(r.TakenAt, string(r.ID))
	keys := []string{ReleasesOf(r.Grant) + place, AllReleases + place}
	if !r.State.Over() {
		keys = append(keys, OpenReleases+place)
	}
	if r.Mark != "" {
		keys = append(keys, Marked+place)
	}
	if r.State == narthex.ReleaseReleased {
		keys = append(keys, ReleasedOf(r.Asset)+place)
	}
	slices.Sort(keys)
	return keys
}

// Rule gives the places of a standing rule, sorted.
func Rule(r narthex.Rule) []string {
	place := Place(r.ProposedAt, string(r.ID))
	keys := []string{RulesOf(r.Grant) + place}
	if !r.State.Over() || len(r.Open) > 0 {
		keys = append(keys, OpenRules+place)
	}
	slices.Sort(keys)
	return keys
}
