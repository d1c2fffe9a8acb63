// Package artefact is about what leaves and no person can check by reading it: adapters, probes, vectors and activations, as files of
// floating-point numbers. It says in which form such a file may leave, marks it for who receives it, and finds that mark again.
//
// It promises that a form is its own form, byte for byte, marked or not; that a mark changes no value by more than the last bit of it; that
// [Sample.Test] finds a mark wherever enough of the marked values stand bit for bit, in whatever order, cut and container (mark.go says how
// many); and that it takes a file that nobody marked for a marked one once in a thousand million files, however many marks it is held
// against. It does not promise to find a mark in values that were rounded, scaled or added to: who rounds takes it away.
//
// It is pure, trusts nothing that it reads, and trusts its caller to keep the secret of the marks. Read next: mark.go, trace.go.
package artefact

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"narthex/internal/disclosure"
	"narthex/internal/twin"
)

// Kind is the one kind of such a file: safetensors, which holds numbers and no code.
const Kind disclosure.Kind = "safetensors"

// Suffix is how the name of such a file ends.
const Suffix = ".safetensors"

const (
	mostTensors = 256 // of a file
	mostName    = 100 // characters of a tensor's name
	mostAxes    = 4   // of a tensor
)

// Canonical gives the form of a file of at most so many bytes: its tensors in the order of their names, without metadata. They are of F32,
// F16 or BF16, hold at least one value each and finite ones alone, zero with one sign; a name begins with a letter and has letters, digits,
// dots, dashes and underscores. An error is a [disclosure.Refusal].
func Canonical(data []byte, most int) ([]byte, error) {
	refused := func(class disclosure.Class, rule string) ([]byte, error) {
		return nil, &disclosure.Refusal{Class: class, Rule: rule}
	}
	if len(data) > most {
		return refused(disclosure.TooLarge, "it has more bytes than a file may have")
	}
	tensors, err := twin.Read(data)
	if err != nil {
		return refused(disclosure.NotRead, err.Error())
	}
	if len(tensors) == 0 || len(tensors) > mostTensors {
		return refused(disclosure.NotRead, "it has no tensor, or more than a file may have")
	}
	for i, t := range tensors {
		switch {
		case !plain(t.Name):
			return refused(disclosure.BadCharacter, "a tensor has a name that is not plain, or is long")
		case !marked(t.Type) || len(t.Shape) > mostAxes || len(t.Data) == 0:
			return refused(disclosure.NotRead, "a tensor is not of F32, F16 or BF16, has more axes than four, or holds nothing")
		}
		if tensors[i].Data = slices.Clone(t.Data); !unsigned(tensors[i]) {
			return refused(disclosure.NotRead, "a tensor holds what is no finite number")
		}
	}
	slices.SortFunc(tensors, func(a, b twin.Tensor) int { return cmp.Compare(a.Name, b.Name) })
	form := twin.Write(tensors)
	if len(form) > most {
		return refused(disclosure.TooLarge, "its form has more bytes than a file may have")
	}
	return form, nil
}

func plain(name string) bool {
	for i, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')) {
			return false
		}
	}
	return name != "" && len(name) <= mostName
}

// marked says whether values of a type can be marked.
func marked(t twin.Type) bool { return t == twin.F32 || t == twin.F16 || t == twin.BF16 }

// unsigned takes the sign of zeros away, and says whether all values are finite.
func unsigned(t twin.Tensor) bool {
	finite := true
	each(t, func(bits uint32) uint32 {
		if bits<<1 == 0 || width(t.Type) == 2 && bits<<17 == 0 {
			return 0
		}
		finite = finite && bits&exponent(t.Type) != exponent(t.Type)
		return bits
	})
	return finite
}

// each puts in the place of the bits of each value what change gives for them.
func each(t twin.Tensor, change func(bits uint32) uint32) {
	order := binary.LittleEndian
	for at, wide := 0, width(t.Type); at+wide <= len(t.Data); at += wide {
		if wide == 4 {
			order.PutUint32(t.Data[at:], change(order.Uint32(t.Data[at:])))
		} else {
			order.PutUint16(t.Data[at:], uint16(change(uint32(order.Uint16(t.Data[at:])))))
		}
	}
}

func width(t twin.Type) int { return t.Width() }

// exponent gives the bits of a type's exponent.
func exponent(t twin.Type) uint32 {
	switch t {
	case twin.F16:
		return 0x7c00
	case twin.BF16:
		return 0x7f80
	}
	return 0x7f800000
}

// normal says whether bits are of a number that can be marked: finite, and neither zero nor so small that its last bit says much of it.
func normal(t twin.Type, bits uint32) bool {
	e := bits & exponent(t)
	return e != 0 && e != exponent(t)
}

// narrow gives the bits of a float32 in a type of sixteen, where that has the very number.
func narrow(t twin.Type, bits uint32) (uint32, bool) {
	if t == twin.BF16 {
		return bits >> 16, bits&0xffff == 0
	}
	power := int(bits>>23&255) - 127 + 15
	return bits>>16&0x8000 | uint32(power)<<10&0x7c00 | bits>>13&0x3ff, bits&0x1fff == 0 && power >= 1 && power <= 30
}

// single gives the bits of a number as a float32, where that has the very number.
func single(v float64) (uint32, bool) {
	f := float32(v)
	return math.Float32bits(f), float64(f) == v
}
