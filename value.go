package narthex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LimitKind says how a limit bounds a call. The zero LimitKind is unknown and refuses.
type LimitKind string

const (
	// Max is a ceiling on a fact of the request.
	Max LimitKind = "max"
	// Min is a floor under a fact of the request.
	Min LimitKind = "min"
	// Set is the closed set of values a fact may have.
	Set LimitKind = "set"
	// Flag is something allowed or not.
	Flag LimitKind = "flag"
	// BudgetKind is an amount taken call by call and never refilled, unless the limit is per a period.
	BudgetKind LimitKind = "budget"
	// Rate is a number of calls a minute.
	Rate LimitKind = "rate"
	// List is the instances covered: checkpoints, paths, tables.
	List LimitKind = "list"
	// Instant is a time before or after which nothing is covered.
	Instant LimitKind = "time"
)

// Form is the shape of a limit's value.
type Form string

const (
	// FormNumber is a number, of max, min, budget and rate.
	FormNumber Form = "number"
	// FormNames is a list of distinct strings, of set and list.
	FormNames Form = "names"
	// FormFlag is true or false.
	FormFlag Form = "flag"
	// FormTime is an instant in UTC, to the second.
	FormTime Form = "time"
)

// Form gives the shape of the kind's values, or "" for an unknown kind.
func (k LimitKind) Form() Form {
	switch k {
	case Max, Min, BudgetKind, Rate:
		return FormNumber
	case Set, List:
		return FormNames
	case Flag:
		return FormFlag
	case Instant:
		return FormTime
	}
	return ""
}

// Value is what a limit is set to, or what a call asks of it. In JSON it is a number, a list of strings, true or false, or
// an RFC 3339 time in UTC, so that a document of values has one canonical form. The zero Value has no form and covers nothing.
type Value struct {
	Form   Form
	Number float64
	Names  []string
	Flag   bool
	Time   time.Time
}

// LargestNumber is the greatest whole number a Value holds exactly (2^53).
const LargestNumber = 1 << 53

// NumberValue makes a number.
func NumberValue(n float64) Value { return Value{Form: FormNumber, Number: n} }

// NamesValue makes a list of names; it copies them.
func NamesValue(names ...string) Value { return Value{Form: FormNames, Names: slices.Clone(names)} }

// FlagValue makes a flag.
func FlagValue(on bool) Value { return Value{Form: FormFlag, Flag: on} }

// TimeValue makes an instant, cut to the second and in UTC.
func TimeValue(t time.Time) Value { return Value{Form: FormTime, Time: t.UTC().Truncate(time.Second)} }

// Check says whether the value is whole and in range for its form: numbers finite and within ±2^53, names distinct and
// not empty, times in the years 1970 to 9999.
func (v Value) Check() error {
	switch v.Form {
	case FormNumber:
		if math.IsNaN(v.Number) || math.Abs(v.Number) > LargestNumber {
			return Invalidf("a number must lie between -2^53 and 2^53")
		}
	case FormNames:
		for i, name := range v.Names {
			if name == "" || slices.Contains(v.Names[:i], name) {
				return Invalidf("a list holds distinct values, none of them empty")
			}
		}
	case FormTime:
		if v.Time.Year() < 1970 || v.Time.Year() > 9999 {
			return Invalidf("a time must lie in the years 1970 to 9999")
		}
	case FormFlag:
	default:
		return Invalidf("a value is a number, a list of names, true or false, or a time")
	}
	return nil
}

// String gives the value in words for people: 5, "early, final", yes, 2026-11-24T00:00:00Z.
func (v Value) String() string {
	switch v.Form {
	case FormNumber:
		return strconv.FormatFloat(v.Number, 'f', -1, 64)
	case FormNames:
		if len(v.Names) == 0 {
			return "none"
		}
		return strings.Join(v.Names, ", ")
	case FormFlag:
		if v.Flag {
			return "yes"
		}
		return "no"
	case FormTime:
		return v.Time.UTC().Format(time.RFC3339)
	}
	return "nothing"
}

// Equal says whether two values are the same; the order of names counts.
func (v Value) Equal(w Value) bool {
	return v.Form == w.Form && v.Number == w.Number && slices.Equal(v.Names, w.Names) && v.Flag == w.Flag && v.Time.Equal(w.Time)
}

// MarshalJSON gives the value's JSON form; a value that fails [Value.Check] is an error.
func (v Value) MarshalJSON() ([]byte, error) {
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("marshal value: %w", err)
	}
	switch v.Form {
	case FormNames:
		return json.Marshal(append([]string{}, v.Names...))
	case FormFlag:
		return json.Marshal(v.Flag)
	case FormTime:
		return json.Marshal(v.Time.UTC().Format(time.RFC3339))
	}
	return json.Marshal(v.Number)
}

// UnmarshalJSON reads what MarshalJSON writes and refuses every other form.
func (v *Value) UnmarshalJSON(data []byte) error {
	var read Value
	var err error
	switch trimmed := bytes.TrimSpace(data); {
	case len(trimmed) == 0:
		return Invalidf("a value is missing")
	case trimmed[0] == '[':
		read.Form = FormNames
		err = json.Unmarshal(trimmed, &read.Names)
	case trimmed[0] == 't' || trimmed[0] == 'f':
		read.Form = FormFlag
		err = json.Unmarshal(trimmed, &read.Flag)
	case trimmed[0] == '"':
		read.Form = FormTime
		read.Time, err = parseTime(trimmed)
	case trimmed[0] == '-' || trimmed[0] >= '0' && trimmed[0] <= '9':
		read.Form = FormNumber
		err = json.Unmarshal(trimmed, &read.Number)
	default: // a null too: no value is not the value 0
		err = errors.New("another form")
	}
	if err != nil {
		return Invalidf("a value is a number, a list of names, true or false, or a time such as 2026-01-31T00:00:00Z").Because(err)
	}
	if err := read.Check(); err != nil {
		return err
	}
	*v = read
	return nil
}

func parseTime(quoted []byte) (time.Time, error) {
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return time.Time{}, err
	}
	return ParseTime(text)
}

// ParseTime reads an instant in its one canonical form, RFC 3339 in UTC to the second: 2026-01-31T09:30:00Z.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04:05Z", text)
	if err != nil || t.Format(time.RFC3339) != text || t.Year() < 1970 {
		return time.Time{}, Invalidf("a time is written in UTC to the second, such as 2026-01-31T09:30:00Z")
	}
	return t, nil
}
