// Package measure takes listed statistics of weights, of one checkpoint or of what lies between two: what a request asks for, and nothing
// that is code.
//
// It promises that each value it gives is of a whole tensor of at least [Fewest] values, by a name of [Statistics], with at most as many
// digits as the request says, and that a request gives at most [MostValues] of them. A request chooses which tensors are told of and never
// a part of one, nor what a tensor is compared with but the tensor of its name in the other version: there is no vector of the asker's
// own, so that no number of requests adds up to more than the table of all statistics of all pairs of versions. The largest value by size
// is one value of its tensor. The same request over the same bytes gives the same table
// again; machines of another kind may round a last digit otherwise.
//
// It trusts its caller for who may ask for which statistics, and for the bytes. It is pure. Read next: Parse, Table; spectrum.go for
// singular values.
package measure

import (
	"fmt"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/document"
)

const (
	// File is the name of a request, alone in its folder.
	File = "request.yaml"
	// Output is the name of what is given, a table.
	Output = "statistics.csv"
	// Says is what the table holds, for who reviews it.
	Says = "statistics of whole tensors that the request lists"
	// Fewest is how many values a tensor has at least of which anything but its shape is told.
	Fewest = 1024
	// MostValues is how many values one request gives at most, and as many tensors.
	MostValues = 4096
	// MostDigits is how many digits a value has at most: as many as leave in a table.
	MostDigits = 4

	mostBytes = 16 << 10 // of a request
	mostNames = 64       // of tensors, in a request
	mostName  = 200      // bytes
	mostTop   = 16       // singular values of a tensor
	usualTop  = 8
)

// statistics is every statistic, in the order of columns, and whether it is between two versions.
var statistics = []struct {
	name    string
	between bool
}{{"shape", false}, {"mean", false}, {"std", false}, {"max_abs", false}, {"l2", false}, {"spectral_norm", false}, {"stable_rank", false}, {"singular_values", false},
	{"distance", true}, {"cosine", true}, {"changed", true}}

// Statistics lists every statistic. With a second version, those that are of one are of the difference of the two, but shape: mean, std,
// max_abs and l2 of its values, its largest singular value, the square of l2 by that of it, and its largest singular values. Of the two are
// distance, l2 of the difference by that of the second; cosine; and changed, the share of values that are not the same.
func Statistics() []string {
	names := make([]string, len(statistics))
	for i, s := range statistics {
		names[i] = s.name
	}
	return names
}

// Request is what is asked for.
type Request struct {
	Name       string   `json:"name"`              // canonical, as [narthex.CheckName] has it
	Statistics []string `json:"statistics"`        // of [Statistics], each once
	Tensors    []string `json:"tensors,omitempty"` // names of tensors, in which * stands for one part between dots; nil for all
	Top        int      `json:"top,omitempty"`     // how many singular values of each, 1 to 16; 0 for 8
	Digits     int      `json:"digits,omitempty"`  // significant ones of each value, 1 to 4; 0 for 4
}

// Parse reads a request; two says whether a second version is named. An error is Invalid and holds nothing of the request.
func Parse(data []byte, two bool) (Request, error) {
	if len(data) > mostBytes {
		return Request{}, narthex.Invalidf("%s is larger than %d bytes; leave out what is no field of a request.", File, mostBytes)
	}
	r, _, problems := document.Read[Request](File, 0, data)
	if len(problems) > 0 {
		return Request{}, narthex.Invalidf("%s, line %d, column %d: this is no YAML of a request. It has the fields name, statistics, tensors, top and digits, each once, spelled so.", File, problems[0].Line, problems[0].Column)
	}
	if r.Top == 0 {
		r.Top = usualTop
	}
	if r.Digits == 0 {
		r.Digits = MostDigits
	}
	return r, r.check(two)
}

func (r Request) check(two bool) error {
	wrong := func(field, format string, args ...any) error {
		return narthex.Invalidf("%s, field %s: %s.", File, field, fmt.Sprintf(format, args...)).For(field)
	}
	if narthex.CheckName("the request's name", r.Name) != nil {
		return wrong("name", "a name is 1 to 64 lower-case letters, digits, dots, hyphens and underscores, and begins and ends with a letter or digit")
	}
	if len(r.Statistics) == 0 {
		return wrong("statistics", "name at least one of %s", strings.Join(Statistics(), ", "))
	}
	for i, name := range r.Statistics {
		at := slices.Index(Statistics(), name)
		if at < 0 || slices.Contains(r.Statistics[:i], name) {
			return wrong(fmt.Sprintf("statistics.%d", i), "a statistic is one of %s, and stands once", strings.Join(Statistics(), ", "))
		}
		if statistics[at].between && !two {
			return wrong(fmt.Sprintf("statistics.%d", i), "distance, cosine and changed are between two versions; name the second")
		}
	}
	for i, name := range r.Tensors {
		if name == "" || len(name) > mostName || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' }) || i >= mostNames {
			return wrong(fmt.Sprintf("tensors.%d", i), "at most %d names of tensors, each 1 to %d letters and signs, with * for one part between dots; leave them out for all", mostNames, mostName)
		}
	}
	if r.Tensors != nil && len(r.Tensors) == 0 {
		return wrong("tensors", "name a tensor, or leave them out for all")
	}
	if r.Top < 1 || r.Top > mostTop {
		return wrong("top", "of each tensor 1 to %d singular values are given", mostTop)
	}
	if r.Digits < 1 || r.Digits > MostDigits {
		return wrong("digits", "a value has 1 to %d digits", MostDigits)
	}
	return nil
}

// asks says whether a request is about a tensor.
func (r Request) asks(tensor string) bool {
	return r.Tensors == nil || slices.ContainsFunc(r.Tensors, func(name string) bool {
		wanted, parts := strings.Split(name, "."), strings.Split(tensor, ".")
		return slices.EqualFunc(wanted, parts, func(wanted, part string) bool { return wanted == "*" || wanted == part })
	})
}
