package airlock

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/artefact"
	"narthex/internal/disclosure"
	"narthex/internal/inspect/find"
	"narthex/internal/inspect/sketch"
	"narthex/internal/wire"
)

// Raw is a file as a job left it.
type Raw struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Data []byte `json:"data"`
}

// Formed is what the files of a job are in their forms. Refused files have none.
type Formed struct {
	Files   []Raw                 `json:"files"`
	Refused []narthex.RefusedFile `json:"refused,omitempty"`
}

// Form gives the files their forms, in the order in which they are. It reads what a stranger's program wrote: a node runs it where a fault
// in it harms nobody.
func Form(files []Raw, most disclosure.Most) (Formed, error) {
	out := Formed{Files: []Raw{}}
	for _, f := range files {
		form, err := formOf(f, most)
		var refused *disclosure.Refusal
		switch {
		case errors.As(err, &refused):
			out.Refused = append(out.Refused, narthex.RefusedFile{Name: f.Name, Class: string(refused.Class)})
		case err != nil:
			return Formed{}, err
		default:
			out.Files = append(out.Files, Raw{Name: f.Name, Kind: f.Kind, Data: form})
		}
	}
	return out, nil
}

func formOf(f Raw, most disclosure.Most) ([]byte, error) {
	if disclosure.Kind(f.Kind) == artefact.Kind {
		return artefact.Canonical(f.Data, most.Bytes)
	}
	return disclosure.Canonical(disclosure.Kind(f.Kind), f.Data, most)
}

// Charge gives the bytes that files in their forms cost when they leave together: what their author is told of them in any case, and their
// own, compressed and rounded up.
func Charge(files []Raw) int64 {
	forms := make([]disclosure.Form, len(files))
	for i, f := range files {
		forms[i] = disclosure.Form{Kind: disclosure.Kind(f.Kind), Bytes: f.Data}
	}
	return TriedBytes + int64((disclosure.Charge(forms)-disclosure.EventBits+7)/8)
}

// Task is what a confined child is asked, and Answer what it says: the one reads and the other writes JSON.
type Task struct {
	Files   []Raw     `json:"files"`
	Look    bool      `json:"look"` // whether the files have their forms already, and are looked at
	Earlier []Earlier `json:"earlier,omitempty"`
	Held    []string  `json:"held,omitempty"`   // canaries
	People  bool      `json:"people,omitempty"` // whether the asset tells of people
}

// Earlier is an earlier release of the same asset. Where a sketch was kept of it, of its files the names alone are there.
type Earlier struct {
	Release string `json:"release"`
	Own     bool   `json:"own"`
	Sketch  []byte `json:"sketch,omitempty"`
	Files   []Raw  `json:"files"`
}

// Beside says whether a package is compared with an earlier release: with one of its author's for words that are put together over several,
// with everyone's where the asset tells of people.
func (t Task) Beside(e Earlier) bool { return e.Own || t.People }

// mostCompared bounds what is kept of the earlier releases that one package is compared with, in bytes.
const mostCompared = 128 << 20

// Comparable says whether a package can be compared with so many earlier releases: they are read into memory, of the node and of the child.
func Comparable(earlier []narthex.Release) bool {
	sum := int64(0)
	for _, r := range earlier {
		if sum += r.Sketch.Bytes; r.Sketch.Digest != "" {
			continue
		}
		for _, f := range r.Files {
			sum += f.Bytes
		}
	}
	return sum <= mostCompared
}

// Answer is what came of a task.
type Answer struct {
	Formed   Formed            `json:"formed"`
	Findings []narthex.Finding `json:"findings"`
	Sketch   []byte            `json:"sketch,omitempty"` // of the files that were looked at
}

const (
	MostFindings = 500  // of one look
	mostSaid     = 4096 // of one finding, in bytes
)

// answerLimits bound what a child says.
var answerLimits = wire.Limits{Bytes: 128 << 20, Depth: 12}

// ReadAnswer reads what a child said. It comes from where a stranger's bytes were read, and in a look from beside the weights, so it is held
// to what was asked: what of it an author is told are kinds and classes of closed lists, in the order of the task. That a child which was
// broken into says that there is nothing cannot be told from that there is nothing.
func ReadAnswer(t Task, data []byte) (Answer, error) {
	a, err := wire.Decode[Answer](bytes.TrimSuffix(data, []byte("\n")), answerLimits)
	if err != nil {
		return Answer{}, errors.New("the look at the files gave something that does not read")
	}
	asked, order := map[string]string{}, map[string]int{}
	for i, f := range t.Files {
		asked[f.Name], order[f.Name] = f.Kind, i
	}
	if len(a.Findings) > MostFindings {
		return Answer{}, errors.New("the look at the files gave more findings than it may")
	}
	for _, f := range a.Findings {
		_, known := asked[f.File]
		if !known && f.File != "" || !slices.Contains(find.Kinds(), find.Kind(f.Kind)) || f.Line < 0 || len(f.Rule)+len(f.Says)+len(strings.Join(f.Within, "")) > mostSaid || len(f.Within) > 16 {
			return Answer{}, errors.New("the look at the files gave a finding that is none of a file that was asked about")
		}
	}
	if kept, err := sketch.Read(a.Sketch); t.Look && (err != nil || !slices.EqualFunc(kept, t.Files, func(k sketch.File, f Raw) bool { return k.Name == f.Name })) {
		return Answer{}, errors.New("the look at the files kept nothing of them that reads, or something of others")
	}
	for _, f := range a.Formed.Files {
		if kind, known := asked[f.Name]; !known || kind != f.Kind || len(f.Data) > disclosure.Standard().Bytes {
			return Answer{}, errors.New("the look at the files gave a file that was not asked about")
		}
		delete(asked, f.Name)
	}
	for _, f := range a.Formed.Refused {
		if _, known := asked[f.Name]; !known || !slices.Contains(refusals, disclosure.Class(f.Class)) {
			return Answer{}, errors.New("the look at the files refused a file that was not asked about, or by no rule")
		}
		delete(asked, f.Name)
	}
	if !slices.IsSortedFunc(a.Formed.Files, func(a, b Raw) int { return order[a.Name] - order[b.Name] }) ||
		!slices.IsSortedFunc(a.Formed.Refused, func(a, b narthex.RefusedFile) int { return order[a.Name] - order[b.Name] }) {
		return Answer{}, errors.New("the look at the files gave them in another order")
	}
	if len(asked) > 0 && !t.Look {
		return Answer{}, errors.New("the look at the files left one out")
	}
	return a, nil
}
