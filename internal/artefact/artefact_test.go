package artefact_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/artefact"
	"narthex/internal/disclosure"
	"narthex/internal/twin"
)

const most = 1_000_000

var secret = narthex.NewSecret("0123456789abcdef0123456789abcdef")

// drawn gives a tensor of values as adapters have them.
func drawn(seed uint64, name string, kind twin.Type, shape ...int) twin.Tensor {
	r := rand.New(rand.NewPCG(seed, 7))
	n := 1
	for _, size := range shape {
		n *= size
	}
	t := twin.Tensor{Name: name, Type: kind, Shape: shape}
	for range n {
		t.Data = put(t.Data, kind, float32(r.NormFloat64()*0.02))
	}
	return t
}

// put rounds a value to a type.
func put(data []byte, kind twin.Type, v float32) []byte {
	bits := math.Float32bits(v)
	switch kind {
	case twin.BF16:
		return binary.LittleEndian.AppendUint16(data, uint16((bits+0x7fff+bits>>16&1)>>16))
	case twin.F16:
		scaled := math.RoundToEven(math.Abs(float64(v)) * (1 << 24)) // exact below 2⁻¹⁴, and coarser above
		_, power := math.Frexp(scaled)
		step := math.Ldexp(1, max(0, power-11))
		scaled = math.RoundToEven(scaled/step) * step
		_, power = math.Frexp(scaled)
		half := uint16(scaled)
		if power > 10 {
			half = uint16(power-10)<<10 | uint16(scaled/math.Ldexp(1, power-11))&0x3ff
		}
		return binary.LittleEndian.AppendUint16(data, uint16(bits>>31<<15)|half)
	}
	return binary.LittleEndian.AppendUint32(data, bits)
}

func form(t testing.TB, tensors ...twin.Tensor) []byte {
	t.Helper()
	got, err := artefact.Canonical(twin.Write(tensors), most)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func markOf(t testing.TB, person string) artefact.Mark {
	t.Helper()
	m, err := artefact.MarkOf(secret, artefact.Recipient{Grant: "grt_1", Person: narthex.PersonID(person), Job: "job_1", File: "a.safetensors"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func marked(t testing.TB, m artefact.Mark, of []byte) []byte {
	t.Helper()
	got, err := m.Put(of)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func values(t testing.TB, file []byte) (all []float32) {
	t.Helper()
	tensors, err := twin.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range tensors {
		all = append(all, tensor.Values()...)
	}
	return all
}

// sample writes some values, drawn without order, as a file of one tensor.
func sample(all []float32, n int, kind twin.Type) []byte {
	out := twin.Tensor{Name: "x", Type: kind, Shape: []int{n}}
	for _, at := range rand.New(rand.NewPCG(3, 3)).Perm(len(all))[:n] {
		out.Data = put(out.Data, kind, all[at])
	}
	return twin.Write([]twin.Tensor{out})
}

func found(file []byte, m artefact.Mark, marks int) bool {
	s := artefact.Read(file)
	_, is := s.Sure(s.Test(m), marks)
	return is
}

func TestAFormIsItsOwnMarkedOrNot(t *testing.T) {
	metadata := []byte(`{"__metadata__":{"a":"canary"},"b":{"shape":[2],"data_offsets":[0,8],"dtype":"F32"}}`)
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(metadata))), metadata...)
	file = binary.LittleEndian.AppendUint32(file, math.Float32bits(1.5))
	file = binary.LittleEndian.AppendUint32(file, 1<<31) // a zero with a sign
	got, err := artefact.Canonical(file, most)
	if err != nil || bytes.Contains(got, []byte("canary")) || !bytes.Equal(got, twin.Write([]twin.Tensor{{Name: "b", Type: twin.F32, Shape: []int{2}, Data: []byte{0, 0, 0xc0, 0x3f, 0, 0, 0, 0}}})) {
		t.Errorf("its form is %q: %v", got, err)
	}
	ordered := form(t, drawn(1, "b", twin.F32, 4, 4), drawn(2, "a.weight", twin.BF16, 8), drawn(3, "c-1_x", twin.F16, 3, 3))
	other := form(t, drawn(3, "c-1_x", twin.F16, 3, 3), drawn(1, "b", twin.F32, 4, 4), drawn(2, "a.weight", twin.BF16, 8))
	if !bytes.Equal(ordered, other) {
		t.Error("the order of tensors changes the form")
	}
	with := marked(t, markOf(t, "ada"), ordered)
	for what, file := range map[string][]byte{"a form": ordered, "a marked one": with} {
		if again, err := artefact.Canonical(file, most); err != nil || !bytes.Equal(again, file) {
			t.Errorf("%s is not its own form: %v", what, err)
		}
	}
	if twice := marked(t, markOf(t, "ada"), with); !bytes.Equal(twice, with) || bytes.Equal(with, ordered) {
		t.Error("a mark put in twice is another, or none")
	}
	before, after := values(t, ordered), values(t, with)
	for i := range before {
		if off := math.Abs(float64(after[i] - before[i])); off > math.Abs(float64(before[i]))*(1.0/128) {
			t.Errorf("value %d moved from %v to %v", i, before[i], after[i])
		}
	}
}

func TestWhatHasNoForm(t *testing.T) {
	one := func(change func(*twin.Tensor)) []byte {
		tensor := drawn(1, "a", twin.F32, 2, 2)
		change(&tensor)
		return twin.Write([]twin.Tensor{tensor})
	}
	good := one(func(*twin.Tensor) {})
	many := make([]twin.Tensor, 257)
	for i := range many {
		many[i] = drawn(1, "t"+strconv.Itoa(i), twin.F32, 1)
	}
	for name, c := range map[string]struct {
		file  []byte
		class disclosure.Class
	}{
		"nothing":               {nil, disclosure.NotRead},
		"a pickle":              {[]byte("\x80\x04\x95\x00cos\nsystem\n(S'id'\ntR."), disclosure.NotRead},
		"an array":              {append([]byte("\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"), 0, 0, 0, 0), disclosure.NotRead},
		"bytes behind":          {append(bytes.Clone(good), 'x'), disclosure.NotRead},
		"a byte short":          {good[:len(good)-1], disclosure.NotRead},
		"a zip behind":          {append(bytes.Clone(good), "PK\x05\x06"...), disclosure.NotRead},
		"no tensor":             {twin.Write(nil), disclosure.NotRead},
		"too many":              {twin.Write(many), disclosure.NotRead},
		"a number that is none": {one(func(t *twin.Tensor) { binary.LittleEndian.PutUint32(t.Data, 0x7fc00001) }), disclosure.NotRead},
		"one without end":       {one(func(t *twin.Tensor) { binary.LittleEndian.PutUint32(t.Data, 0x7f800000) }), disclosure.NotRead},
		"a number of F64":       {one(func(t *twin.Tensor) { t.Type, t.Shape = twin.F64, []int{2} }), disclosure.NotRead},
		"bytes":                 {one(func(t *twin.Tensor) { t.Type, t.Shape = twin.U8, []int{16} }), disclosure.NotRead},
		"five axes":             {one(func(t *twin.Tensor) { t.Shape = []int{1, 1, 1, 2, 2} }), disclosure.NotRead},
		"an empty tensor":       {one(func(t *twin.Tensor) { t.Shape, t.Data = []int{0, 4}, nil }), disclosure.NotRead},
		"a name of none":        {one(func(t *twin.Tensor) { t.Name = "" }), disclosure.BadCharacter},
		"a name of other signs": {one(func(t *twin.Tensor) { t.Name = "a b" }), disclosure.BadCharacter},
		"a name that is code":   {one(func(t *twin.Tensor) { t.Name = "a\u200bb" }), disclosure.BadCharacter},
		"a long name":           {one(func(t *twin.Tensor) { t.Name = strings.Repeat("a", 101) }), disclosure.BadCharacter},
		"too large":             {form(t, drawn(1, "a", twin.F32, 249_000))[:0:0], disclosure.NotRead},
	} {
		var refused *disclosure.Refusal
		if _, err := artefact.Canonical(c.file, most); !errors.As(err, &refused) || refused.Class != c.class {
			t.Errorf("%s: %v", name, err)
		}
	}
	var refused *disclosure.Refusal
	if _, err := artefact.Canonical(twin.Write([]twin.Tensor{drawn(1, "a", twin.F32, 250_000)}), most); !errors.As(err, &refused) || refused.Class != disclosure.TooLarge {
		t.Errorf("a file above its bytes: %v", err)
	}
}

// TestAHundredthOfAFileTellsWhomItWasFor: in any order, in another container, and without the header.
func TestAHundredthOfAFileTellsWhomItWasFor(t *testing.T) {
	const marks = 100_000
	for kind, n := range map[twin.Type]int{twin.F32: 6_400, twin.F16: 40_000, twin.BF16: 60_000} {
		ada, bob := markOf(t, "ada"), markOf(t, "bob")
		all := values(t, marked(t, ada, form(t, drawn(11, "a", kind, n))))
		part := sample(all, n/100, kind)
		bare := part[8+binary.LittleEndian.Uint64(part):]
		var digits, wide []byte
		upcast := twin.Tensor{Name: "y", Type: twin.F32, Shape: []int{n / 100}}
		for _, v := range values(t, part) {
			digits = append(strconv.AppendFloat(digits, float64(v), 'g', -1, 32), ',')
			wide = binary.LittleEndian.AppendUint64(wide, math.Float64bits(float64(v)))
			upcast.Data = put(upcast.Data, twin.F32, v)
		}
		for what, file := range map[string][]byte{
			"a sample":                 part,
			"its bytes alone":          bare,
			"behind an odd byte":       append([]byte{0xff}, bare...),
			"as text":                  digits,
			"as F64":                   append([]byte{0xff, 0xff, 0xff, 0xfe}, wide...),
			"as F32":                   twin.Write([]twin.Tensor{upcast}),
			"twice":                    append(append([]byte{0xff}, bare...), bare...),
			"beside tensors of others": twin.Write([]twin.Tensor{drawn(5, "one", twin.F32, 9000), {Name: "x", Type: kind, Shape: []int{n / 100}, Data: bare}, drawn(6, "two", kind, 900)}),
		} {
			if !found(file, ada, marks) {
				s := artefact.Read(file)
				t.Errorf("%s, %s: not found: %+v of %d", kind, what, s.Test(ada), s.Values())
			}
			if found(file, bob, 1) {
				t.Errorf("%s, %s: it is said to be another's", kind, what)
			}
		}
	}
}

// TestRoundingTakesAMarkOut is what the threat model says: a mark is in the last bits.
func TestRoundingTakesAMarkOut(t *testing.T) {
	ada := markOf(t, "ada")
	all := values(t, marked(t, ada, form(t, drawn(12, "a", twin.F32, 64_000))))
	for what, change := range map[string]func(float32) float32{
		"four digits": func(v float32) float32 {
			short, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'e', 3, 32), 32)
			return float32(short)
		},
		"sixteen bits": func(v float32) float32 { return math.Float32frombits((math.Float32bits(v) + 0x8000) &^ 0xffff) },
		"a scale":      func(v float32) float32 { return v * 1.001 },
		"a step":       func(v float32) float32 { return v + 1e-4 },
	} {
		changed := twin.Tensor{Name: "a", Type: twin.F32, Shape: []int{len(all)}}
		for _, v := range all {
			changed.Data = put(changed.Data, twin.F32, change(v))
		}
		if found(twin.Write([]twin.Tensor{changed}), ada, 1) {
			t.Errorf("%s: the mark is found, and the threat model says that it is not", what)
		}
	}
	if !found(sample(all, 640, twin.F32), ada, 1) {
		t.Error("what was not changed is not found")
	}
}

// TestNobodyIsAccusedByChance: files that nobody marked, files of few values again and again, and files marked for others, each against many
// marks.
func TestNobodyIsAccusedByChance(t *testing.T) {
	marks := make([]artefact.Mark, 60)
	for i := range marks {
		marks[i] = markOf(t, fmt.Sprint("person", i))
	}
	repeated := bytes.Repeat([]byte{0, 0, 0x80, 0x3f, 0xcd, 0xcc, 0xcc, 0x3d}, 40_000)
	files := map[string][]byte{"zeros": make([]byte, 100_000), "text": []byte(strings.Repeat("0.1 0.25 1e-3, 17\n", 5_000)), "two values": repeated}
	for i := range uint64(12) {
		for _, kind := range []twin.Type{twin.F32, twin.F16, twin.BF16} {
			files[fmt.Sprint("unmarked ", kind, i)] = form(t, drawn(100+i, "a", kind, 40, 50))
			files[fmt.Sprint("another's ", kind, i)] = marked(t, markOf(t, fmt.Sprint("other", i)), form(t, drawn(200+i, "a", kind, 40, 50)))
		}
	}
	closest := 0
	for what, file := range files {
		s := artefact.Read(file)
		for i, m := range marks {
			powers, is := s.Sure(s.Test(m), 1)
			if is {
				t.Errorf("%s: person %d is accused", what, i)
			}
			closest = max(closest, powers)
		}
	}
	if closest > 5 {
		t.Errorf("of %d looks the closest has the odds of one in 10^%d", len(files)*len(marks), closest)
	}
}

func TestAMarkIsOfItsSecretItsRecipientAndItsFile(t *testing.T) {
	file := form(t, drawn(1, "a", twin.F32, 1000))
	r := artefact.Recipient{Grant: "grt_1", Person: "ada", Job: "job_1", File: "a.safetensors"}
	want := marked(t, must(artefact.MarkOf(secret, r)), file)
	others := []artefact.Recipient{{"grt_2", "ada", "job_1", "a.safetensors"}, {"grt_1", "bob", "job_1", "a.safetensors"}, {"grt_1", "ada", "job_2", "a.safetensors"}, {"grt_1", "ada", "job_1", "b.safetensors"}}
	for _, other := range others {
		if bytes.Equal(marked(t, must(artefact.MarkOf(secret, other)), file), want) {
			t.Errorf("%+v has the same mark", other)
		}
	}
	if bytes.Equal(marked(t, must(artefact.MarkOf(narthex.NewSecret(strings.Repeat("x", 32)), r)), file), want) {
		t.Error("another secret makes the same mark")
	}
	if !bytes.Equal(marked(t, must(artefact.MarkOf(secret, r)), file), want) {
		t.Error("one mark is two")
	}
	for _, none := range []narthex.Secret{{}, narthex.NewSecret(""), narthex.NewSecret("short")} {
		if _, err := artefact.MarkOf(none, r); err == nil {
			t.Error("a mark without a secret")
		}
		if _, err := artefact.Print(none); err == nil {
			t.Error("a print without a secret")
		}
	}
	if _, err := (artefact.Mark{}).Put(file); err == nil {
		t.Error("no mark was put in")
	}
	if _, err := markOf(t, "ada").Put(append(file, 0)); err == nil {
		t.Error("what is not in its form was marked")
	}
	if print := must(artefact.Print(secret)); len(print) != 16 || strings.Contains(secret.Reveal(), print) {
		t.Errorf("the print is %q", print)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func FuzzCanonical(f *testing.F) {
	f.Add(twin.Write([]twin.Tensor{{Name: "a", Type: twin.F32, Shape: []int{1}, Data: []byte{1, 2, 3, 4}}}))
	f.Add(twin.Write([]twin.Tensor{{Name: "b", Type: twin.BF16, Shape: []int{2}, Data: []byte{1, 2, 3, 4}}, {Name: "a", Type: twin.F16, Shape: []int{1}, Data: []byte{0, 128}}}))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	m := markOf(f, "ada")
	f.Fuzz(func(t *testing.T, data []byte) {
		artefact.Read(data).Test(m)
		got, err := artefact.Canonical(data, most)
		if err != nil {
			return
		}
		again, err := artefact.Canonical(got, most)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("a form is not its own: %v", err)
		}
		with, err := m.Put(got)
		if err != nil || len(with) != len(got) {
			t.Fatalf("a form is not marked: %v", err)
		}
		if again, err = artefact.Canonical(with, most); err != nil || !bytes.Equal(again, with) {
			t.Fatalf("a marked form is none: %v", err)
		}
	})
}
