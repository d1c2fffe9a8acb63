package book

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/policy"
)

// Rules is a lab directory that was approved, with the engine that decides by it.
type Rules struct {
	Directory *lab.Directory
	Engine    *policy.Engine
}

// NewRules makes the rules of a directory without problems.
func NewRules(d *lab.Directory) (*Rules, error) {
	engine, err := policy.NewEngine(d.Taxonomy, d.Guardrails)
	if err != nil {
		return nil, err
	}
	return &Rules{d, engine}, nil
}

// InForce holds the rules that the store says are in force. The zero InForce has none.
type InForce struct {
	rules atomic.Pointer[Rules]
	mu    sync.Mutex // held from asking what the store names until it is set
}

// Set takes rules in, at the start.
func (f *InForce) Set(rules *Rules) { f.rules.Store(rules) }

// Follow takes rules in after the change that put them in force has committed, if they are still those that the store names:
// of two changes close together the later stands, whoever comes here first. Where the store does not answer they are taken in
// all the same; Check refuses what the store does not name.
func (f *InForce) Follow(ctx context.Context, j *journal.Journal, rules *Rules) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var row *Directory
	err := j.View(ctx, func(tx *journal.Tx) (err error) {
		row, err = ReadDirectory(tx)
		return err
	})
	if err != nil || row.InForce == rules.Directory.Digest {
		f.rules.Store(rules)
	}
}

// Get gives the rules, for reading and for showing; a change uses Check.
func (f *InForce) Get() (*Rules, error) {
	if rules := f.rules.Load(); rules != nil {
		return rules, nil
	}
	return nil, narthex.Unavailablef("No lab directory is in force yet; two custodians must approve it first.")
}

// Check gives the rules inside a change, and refuses while they are not those that the store names: the moment in which a new
// directory comes into force.
func (f *InForce) Check(tx *journal.Tx) (*Rules, error) {
	rules, err := f.Get()
	if err != nil {
		return nil, err
	}
	row, err := ReadDirectory(tx)
	if err != nil {
		return nil, err
	}
	if row.InForce != rules.Directory.Digest {
		return nil, narthex.Unavailablef("A new lab directory is coming into force; try again in a moment.")
	}
	return rules, nil
}

// Resolve gives the asset and the version that a call means, where the grant shows both. No version is the asset's default.
func Resolve(d *lab.Directory, grant *narthex.Grant, wanted narthex.AssetName, name narthex.VersionName) (narthex.Asset, narthex.Version, bool) {
	asset, known := d.Assets[wanted]
	if !known || !grant.Shows(asset.Name) {
		return narthex.Asset{}, narthex.Version{}, false
	}
	if name == "" {
		name = asset.Default
	}
	version, known := asset.Version(name)
	if !known || name != asset.Default && !showsVersion(grant, asset.Name, name) {
		return narthex.Asset{}, narthex.Version{}, false
	}
	return asset, version, true
}

// showsVersion says whether any term lists the checkpoint.
func showsVersion(grant *narthex.Grant, asset narthex.AssetName, version narthex.VersionName) bool {
	term, held := narthex.FindTerm(grant.Terms, "model.checkpoints", asset)
	return held && slices.Contains(term.Limits["checkpoints"].Names, string(version))
}
