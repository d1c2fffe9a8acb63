package examine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"narthex/internal/airlock"
	"narthex/internal/artefact"
	"narthex/internal/disclosure"
	"narthex/internal/inspect"
	"narthex/internal/inspect/find"
	"narthex/internal/inspect/values"
	"narthex/internal/twin"
)

// window is how many numbers say that they are weights; a look for runs says it of as many.
const window = 12

// fewestLetters is how many letters in a row in the bytes of numbers may be words; a mark that was planted has eight at least.
const fewestLetters = 8

// look looks into files that people can read, and into artefacts: their names are words as others are, what reads as words in the bytes of
// their numbers is held against marks, texts and credentials alone, and their numbers are held against the weights. That an artefact is a
// file of tensors, of numbers that are spread as weights are, is no finding.
func look(files []airlock.Raw, held inspect.Held) ([]inspect.Finding, error) {
	var list, within []inspect.File
	var own []inspect.Finding
	for _, f := range files {
		if airlock.Checkable(f.Kind) {
			list = append(list, inspect.File{Name: f.Name, Kind: disclosure.Kind(f.Kind), Bytes: f.Data})
			continue
		}
		tensors, err := twin.Read(f.Data)
		if err != nil {
			return nil, fmt.Errorf("examine: an artefact does not read: %w", err)
		}
		var names strings.Builder
		var words []byte
		for _, t := range tensors {
			names.WriteString(t.Name + "\n")
			words = append(words, lettered(t.Data)...)
		}
		list = append(list, inspect.File{Name: f.Name, Kind: disclosure.Text, Bytes: []byte(names.String())})
		within = append(within, inspect.File{Name: f.Name, Kind: disclosure.Text, Bytes: words})
		own = append(own, weightsIn(f.Name, tensors, held.Tensors)...)
	}
	in := inspect.New(held)
	if len(within) == 0 {
		return in.Look(list), nil
	}
	for _, f := range in.Look(within) {
		if f.Kind == find.Canary || f.Kind == find.Protected || f.Kind == find.Secret {
			f.Line, f.Within = 0, append([]string{"the bytes of its numbers"}, f.Within...)
			own = append(own, f)
		}
	}
	return append(own, in.Look(list)...), nil
}

// lettered gives what stands in bytes of printable letters, a line for each run of them.
func lettered(data []byte) (words []byte) {
	run := 0
	for i, c := range append(slices.Clone(data), 0) {
		if c >= ' ' && c <= '~' {
			run++
			continue
		}
		if run >= fewestLetters {
			words = append(append(words, data[i-run:i]...), '\n')
		}
		run = 0
	}
	return words
}

// weightsIn compares an artefact's tensors with those that are held: runs along any axis of either that follow by one factor and one number
// added, and values that stand among those of a held tensor in whatever order.
func weightsIn(file string, tensors []twin.Tensor, held []inspect.Tensor) (found []inspect.Finding) {
	if len(held) == 0 {
		return nil
	}
	say := func(rule, format string, args ...any) {
		found = append(found, inspect.Finding{Kind: find.Weights, Rule: "artefact/" + rule, File: file, Says: fmt.Sprintf(format, args...)})
	}
	var runs [][]values.Number
	var of []string
	for _, t := range tensors {
		for _, run := range along(t) {
			for _, exact := range []bool{true, false} {
				runs, of = append(runs, numbered(run, t.Type, exact)), append(of, t.Name)
			}
		}
	}
	f := values.NewFollower(runs)
	told := map[string]bool{}
	for _, h := range held {
		for _, m := range f.Along(h.Name, h.Sizes, h.Values) {
			if name := of[m.Run]; !told[name] {
				told[name] = true
				say("weights", "%d values of the tensor %s follow those of %s along its axis %d, each times one factor plus one number. They are weights, in this or another unit.", m.To-m.From, name, m.Tensor, m.Axis)
			}
		}
	}
	for run := range runs {
		if !f.Whole(run) {
			say("bound", "Not all of its values were compared with the weights, for there are more than are compared. That nothing else was found in it says nothing.")
			break
		}
	}
	if n, of := among(tensors, held); n >= window && n*4 > of {
		say("among", "%d of %d different values stand among those of the weights, bit for bit, in whatever order.", n, of)
	}
	return found
}

// along gives the values of a tensor in the order in which they lie, and along each other axis.
func along(t twin.Tensor) [][]float32 {
	flat := t.Values()
	runs, stride := [][]float32{flat}, len(flat)
	for _, size := range t.Shape {
		if stride /= size; stride > 1 && size > 1 {
			turned := make([]float32, 0, len(flat))
			for outer := 0; outer < len(flat); outer += size * stride {
				for inner := range stride {
					for at := outer + inner; at < outer+size*stride; at += stride {
						turned = append(turned, flat[at])
					}
				}
			}
			runs = append(runs, turned)
		}
	}
	return runs
}

// numbered gives values with what rounding to their type may have changed of them, or as they are.
func numbered(run []float32, t twin.Type, exact bool) []values.Number {
	kept := map[twin.Type]int{twin.F32: 24, twin.F16: 11, twin.BF16: 8}[t]
	if exact {
		kept = 24
	}
	out := make([]values.Number, len(run))
	for i, v := range run {
		_, power := math.Frexp(float64(v))
		out[i] = values.Number{Value: float64(v), Half: math.Ldexp(1, power-kept-1)}
	}
	return out
}

// among counts the different values of an artefact that a held tensor has too, bit for bit, beyond those that it would have by chance: as
// many as are there a few steps beside them. Values that one of the types of sixteen bits has are left out, for those are few.
func among(tensors []twin.Tensor, held []inspect.Tensor) (beyond, different int) {
	const beside = 3
	type hit struct{ here, there bool }
	seen := map[uint32]*hit{}
	for _, t := range tensors {
		if t.Type != twin.F32 {
			continue
		}
		for _, v := range t.Values() {
			if bits := math.Float32bits(v); bits&0x1fff != 0 {
				seen[bits] = &hit{}
			}
		}
	}
	if len(seen) < window {
		return 0, len(seen)
	}
	for _, h := range held {
		for _, v := range h.Values {
			bits := math.Float32bits(v)
			if got := seen[bits]; got != nil {
				got.here = true
			}
			if got := seen[bits+beside]; got != nil {
				got.there = true
			}
		}
	}
	for _, got := range seen {
		if got.here {
			beyond++
		}
		if got.there {
			beyond--
		}
	}
	return beyond, len(seen)
}

// kept leaves out the artefacts of earlier releases: there is nothing in them that files are compared with.
func kept(files []airlock.Raw) []airlock.Raw {
	return slices.DeleteFunc(slices.Clone(files), func(f airlock.Raw) bool { return disclosure.Kind(f.Kind) == artefact.Kind })
}
