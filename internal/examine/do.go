package examine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/disclosure"
	"narthex/internal/inspect"
	"narthex/internal/inspect/sketch"
)

// Do does a task: it gives files their forms, or looks into files that have theirs. Of what is held back the task itself has the marks and
// the earlier releases; held has the rest. Where it runs, a fault in it harms nobody.
func Do(t airlock.Task, held inspect.Held) (airlock.Answer, error) {
	a := airlock.Answer{Formed: airlock.Formed{Files: []airlock.Raw{}}, Findings: []narthex.Finding{}}
	if !t.Look {
		formed, err := airlock.Form(t.Files, disclosure.Standard())
		a.Formed = formed
		return a, err
	}
	if err := inForm(t.Files); err != nil {
		return a, err
	}
	held.Canaries = append(held.Canaries, t.Held...)
	held.People = t.People
	for _, e := range t.Earlier {
		p, err := before(e)
		if err != nil {
			return a, err
		}
		held.Earlier = append(held.Earlier, p)
	}
	a.Sketch = sketch.Bytes(inspect.Sketches(inspected(kept(t.Files))))
	found, err := look(t.Files, held)
	if err != nil {
		return a, err
	}
	for _, f := range listed(found) {
		a.Findings = append(a.Findings, narthex.Finding{Kind: string(f.Kind), Rule: f.Rule, File: f.File, Line: f.Line, Within: f.Within, Says: f.Says})
	}
	return a, nil
}

// before gives an earlier release as what is kept of those of its files that left, or as its files where nothing was kept.
func before(e airlock.Earlier) (inspect.Package, error) {
	p := inspect.Package{Release: e.Release, Own: e.Own}
	if e.Sketch == nil {
		p.Files = inspected(kept(e.Files))
		return p, nil
	}
	kept, err := sketch.Read(e.Sketch)
	p.Kept = slices.DeleteFunc(kept, func(k sketch.File) bool {
		return !slices.ContainsFunc(e.Files, func(f airlock.Raw) bool { return f.Name == k.Name })
	})
	return p, err
}

// inForm refuses to look at files that are not in their forms: what gave them these may have been broken into, and reviewers open them.
func inForm(files []airlock.Raw) error {
	formed, err := airlock.Form(files, disclosure.Standard())
	if err == nil && !slices.EqualFunc(formed.Files, files, func(a, b airlock.Raw) bool { return a.Name == b.Name && bytes.Equal(a.Data, b.Data) }) {
		err = errors.New("examine: a file is not in its form")
	}
	return err
}

// listed gives as many findings as are listed, in their order: the first of each kind in each file, so that no file is full enough to
// hide what is in another, then others. The last says how many are left out.
func listed(found []inspect.Finding) []inspect.Finding {
	if len(found) <= airlock.MostFindings {
		return found
	}
	type place struct {
		file string
		kind inspect.Kind
	}
	known, keep := map[place]bool{}, map[int]bool{}
	for i, f := range found {
		if at := (place{f.File, f.Kind}); !known[at] && len(keep) < airlock.MostFindings {
			known[at], keep[i] = true, true
		}
	}
	list := make([]inspect.Finding, 0, airlock.MostFindings)
	room := airlock.MostFindings - len(keep)
	for i, f := range found {
		if keep[i] {
			list = append(list, f)
		} else if room > 0 {
			room--
			list = append(list, f)
		}
	}
	list[len(list)-1].Says += fmt.Sprintf("; and %d more are not listed", len(found)-len(list))
	return list
}

func inspected(files []airlock.Raw) []inspect.File {
	list := make([]inspect.File, len(files))
	for i, f := range files {
		list[i] = inspect.File{Name: f.Name, Kind: disclosure.Kind(f.Kind), Bytes: f.Data}
	}
	return list
}
