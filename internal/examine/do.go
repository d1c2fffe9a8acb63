package examine

import (
	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/disclosure"
	"narthex/internal/inspect"
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
	held.Canaries = append(held.Canaries, t.Held...)
	held.People = t.People
	for _, e := range t.Earlier {
		held.Earlier = append(held.Earlier, inspect.Package{Release: e.Release, Own: e.Own, Files: inspected(e.Files)})
	}
	found := inspect.New(held).Look(inspected(t.Files))
	for _, f := range found[:min(len(found), airlock.MostFindings)] {
		a.Findings = append(a.Findings, narthex.Finding{Kind: string(f.Kind), Rule: f.Rule, File: f.File, Line: f.Line, Within: f.Within, Says: f.Says})
	}
	return a, nil
}

func inspected(files []airlock.Raw) []inspect.File {
	list := make([]inspect.File, len(files))
	for i, f := range files {
		list[i] = inspect.File{Name: f.Name, Kind: disclosure.Kind(f.Kind), Bytes: f.Data}
	}
	return list
}
