package airlock

import (
	"fmt"
	"slices"

	"narthex"
	"narthex/internal/artefact"
	"narthex/internal/disclosure"
)

// Artefacts are files that no person can check by reading them: adapters, probes, vectors, activations. They leave under an attribute of
// their own, in a release of their own, marked for who receives them, and by the word of two people more.

// moreForArtefacts is how many people more say that artefacts may leave than say it of other files.
const moreForArtefacts = 2

// Checkable says whether a person can see from files of a kind what they hold. What is not is never released but by people, each time.
func Checkable(kind string) bool { return slices.Contains(disclosure.Kinds(), disclosure.Kind(kind)) }

// Artefacts says whether a release is one of artefacts.
func Artefacts(files []narthex.ReleaseFile) bool {
	return slices.ContainsFunc(files, func(f narthex.ReleaseFile) bool { return !Checkable(f.Kind) })
}

// ReviewersOf gives how many people say of files that they may leave, where their term says so many, and of others two at least.
func ReviewersOf(files []narthex.ReleaseFile, term int) int {
	if Artefacts(files) {
		return max(leastReviewers, term) + moreForArtefacts
	}
	return max(leastReviewers, term)
}

// Left says whether files are those that a job left: each one of them, and an artefact one of them with a mark put in.
func Left(files []narthex.ReleaseFile, of []narthex.Frozen) bool {
	for _, f := range files {
		frozen := f.Frozen
		if Checkable(f.Kind) == (f.Of != "") {
			return false
		}
		if f.Of != "" {
			frozen.Digest = f.Of
		}
		if !slices.Contains(of, frozen) {
			return false
		}
	}
	return true
}

// Marked says whether a release is of artefacts alone and says with what they were marked, or is of none and says nothing of a mark.
func Marked(r narthex.Release) bool {
	with := 0
	for _, f := range r.Files {
		if !Checkable(f.Kind) {
			with++
		}
	}
	return (with == 0 || with == len(r.Files)) && (with > 0) == (r.Mark != "")
}

// Small is the part of an asset beside which the bytes of an artefact are few: a hundredth of the asset over a compression of a hundred,
// where the lab says nothing else. What is larger is no small secret beside it: a budget of bytes that lets it leave is no hold on the asset.
func Small(files []narthex.Frozen, asset, small int64) (narthex.Finding, bool) {
	sum := int64(0)
	for _, f := range files {
		sum += f.Bytes
	}
	if sum <= small {
		return narthex.Finding{}, false
	}
	return narthex.Finding{Kind: "weights", Rule: "artefact/size", Says: fmt.Sprintf("The artefacts have %d bytes together and the asset %d. A small secret beside it has at most %d: a share of it over the compression that a thief would reach. These are more than that, so their size alone does not keep the asset from being in them.", sum, asset, small)}, true
}

// Recipient is whom the file of a release is marked for.
func Recipient(r narthex.Release, file string) artefact.Recipient {
	return artefact.Recipient{Grant: r.Grant, Person: r.Author, Job: r.Job, File: file}
}
