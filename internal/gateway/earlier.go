package gateway

import (
	"fmt"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
)

// mostEarlier is how many releases of an asset a package is compared with. Where there are more nothing is submitted, so that none is too
// old to count.
const mostEarlier = 50_000

// compareWith puts into a task what a package is compared with: every release of an asset, and those that wait, which may leave beside it.
// It gives all that there are.
func compareWith(tx *journal.Tx, task *airlock.Task, asset narthex.AssetName, author narthex.PersonID) (seen map[narthex.ReleaseID]bool, err error) {
	rows, err := book.Listed[book.Release](tx, store.Releases, listing.ReleasedOf(asset), mostEarlier+1)
	if err != nil {
		return nil, err
	}
	waiting, err := waitingOf(tx, asset)
	if err != nil {
		return nil, err
	}
	seen = map[narthex.ReleaseID]bool{}
	var beside []narthex.Release
	for _, r := range append(rows, waiting...) {
		seen[r.ID] = true
		if task.Beside(airlock.Earlier{Own: r.Author == author}) {
			beside = append(beside, r.Release)
		}
	}
	if len(rows) > mostEarlier || !airlock.Comparable(beside) {
		return nil, narthex.Unavailablef("More has left of this asset, or waits, than a package can be compared with, so nothing was submitted. Tell the lab.")
	}
	for _, r := range beside {
		e := airlock.Earlier{Release: string(r.ID), Own: r.Author == author}
		if e.Files, e.Sketch, err = remembered(tx, r); err != nil {
			return nil, err
		}
		task.Earlier = append(task.Earlier, e)
	}
	return seen, nil
}

// remembered gives what was kept of a release, with the names of its files; or its files, where an earlier program took it in.
func remembered(tx *journal.Tx, r narthex.Release) (files []airlock.Raw, sketch []byte, err error) {
	if r.Sketch.Digest == "" {
		files, err = ReleaseBytes(tx, r)
		return files, nil, err
	}
	for _, f := range r.Files {
		files = append(files, airlock.Raw{Name: f.Name, Kind: f.Kind})
	}
	sketch, err = book.ReadBlob(tx, r.Sketch.Digest)
	return files, sketch, err
}

// waitingOf gives the releases of an asset that wait.
func waitingOf(tx *journal.Tx, asset narthex.AssetName) (rows []book.Release, err error) {
	open, err := book.Listed[book.Release](tx, store.Releases, listing.OpenReleases, mostListed)
	for _, r := range open {
		if r.Asset == asset {
			rows = append(rows, r)
		}
	}
	return rows, err
}

// sawAll refuses where a release of an asset was taken in that was not seen: it waits, or it left and stands last.
func sawAll(tx *journal.Tx, asset narthex.AssetName, seen map[narthex.ReleaseID]bool) error {
	rows, err := waitingOf(tx, asset)
	if err != nil {
		return err
	}
	last, err := book.Latest[book.Release](tx, store.Releases, listing.ReleasedOf(asset), 1)
	if err != nil {
		return err
	}
	for _, r := range append(rows, last...) {
		if !seen[r.ID] {
			return narthex.Unavailablef("Something else of this asset was handed in at this moment, and your files were not compared with it yet; try again.")
		}
	}
	return nil
}

// keepSketch stores what is kept of files that want to leave. Where nothing was looked at there is nothing to keep.
func (v *visit) keepSketch(sketch []byte) (narthex.Frozen, error) {
	if len(sketch) > book.MostFile {
		return narthex.Frozen{}, narthex.Invalidf("The tables of these files have more groups than can be kept to compare later packages with. Leave some out, or sum groups up.").For("files")
	}
	if sketch == nil {
		return narthex.Frozen{}, nil
	}
	digest, err := book.PutBlob(v.r.Context(), v.door.Journal, sketch)
	if err != nil {
		return narthex.Frozen{}, fmt.Errorf("keep what later packages are compared with: %w", err)
	}
	return narthex.Frozen{Name: "sketch", Bytes: int64(len(sketch)), Digest: digest}, nil
}
