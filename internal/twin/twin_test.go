package twin_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"narthex/demo/minilab"
	"narthex/internal/twin"
)

// file puts a header before data.
func file(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	out = append(out, header...)
	for i := range data {
		out = append(out, byte(i%2))
	}
	return out
}

func TestTheTwinOfTheMiniatureLab(t *testing.T) {
	for _, checkpoint := range minilab.Checkpoints() {
		original, err := minilab.WeightsFile(checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		made, err := twin.Twin(original, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := minilab.ReadWeights(made); err != nil {
			t.Errorf("%s: the model does not take its twin: %v", checkpoint, err)
		}
		one, err := twin.Read(original)
		if err != nil {
			t.Fatal(err)
		}
		two, err := twin.Read(made)
		if err != nil {
			t.Fatal(err)
		}
		if len(one) != len(two) || len(one) != 39 {
			t.Fatalf("%s: %d tensors and %d", checkpoint, len(one), len(two))
		}
		for i := range one {
			a, b := one[i], two[i]
			if a.Name != b.Name || a.Type != b.Type || !slices.Equal(a.Shape, b.Shape) {
				t.Errorf("%s: %s has a twin that is %s", checkpoint, a.Name, b.Name)
			}
			meanA, sdA := scale(a.Values())
			meanB, sdB := scale(b.Values())
			if n := math.Sqrt(float64(len(a.Values()))); math.Abs(meanA-meanB) > 5*sdA/n+0.06*math.Abs(meanA) || sdB < sdA*(0.94-4/n) || sdB > sdA*(1.06+4/n) {
				t.Errorf("%s: %s has mean %g and deviation %g, its twin %g and %g", checkpoint, a.Name, meanA, sdA, meanB, sdB)
			}
			same := 0
			for j := 0; j < len(a.Data); j += 2 {
				if a.Data[j] == b.Data[j] && a.Data[j+1] == b.Data[j+1] {
					same++
				}
			}
			if same*40 > len(a.Data) {
				t.Errorf("%s: %d of %d values of %s are in its twin where they were", checkpoint, same, len(a.Data)/2, a.Name)
			}
		}
		again, err := twin.Twin(original, 1)
		other, failed := twin.Twin(original, 2)
		if err != nil || failed != nil || !bytes.Equal(made, again) || bytes.Equal(made, other) {
			t.Errorf("%s: a twin does not follow from its seed", checkpoint)
		}
	}
}

func scale(values []float32) (mean, sd float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		sd += (float64(v) - mean) * (float64(v) - mean) / float64(len(values))
	}
	return mean, math.Sqrt(sd)
}

// TestATwinTellsTheScaleAndNothingElse: what else the values of a file are changes nothing.
func TestATwinTellsTheScaleAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]twin.Type{twin.F16, twin.BF16, twin.F32, twin.F64, twin.I8, twin.I16, twin.I32, twin.I64, twin.U8, twin.Bool}).Draw(t, "type")
		n := rapid.IntRange(1, 40).Draw(t, "values")
		data := make([]byte, n*kind.Width())
		for i := range data {
			switch kind {
			case twin.Bool:
				data[i] = byte(rapid.IntRange(0, 1).Draw(t, "byte"))
			default:
				data[i] = byte(rapid.IntRange(0, 63).Draw(t, "byte")) // of no number that is not finite
			}
		}
		tensors := []twin.Tensor{{Name: "w", Type: kind, Shape: []int{n}, Data: data}}
		one, err := twin.Twin(twin.Write(tensors), 7)
		if err != nil {
			t.Fatal(err)
		}
		turned := slices.Clone(data)
		for i := 0; i < n/2; i++ { // the same values in another order have the same scale
			j := n - 1 - i
			for b := range kind.Width() {
				x, y := i*kind.Width()+b, j*kind.Width()+b
				turned[x], turned[y] = turned[y], turned[x]
			}
		}
		tensors[0].Data = turned
		two, err := twin.Twin(twin.Write(tensors), 7)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) {
			t.Fatal("the order of the values shows in the twin")
		}
		back, err := twin.Read(one)
		if err != nil || len(back) != 1 || back[0].Type != kind || len(back[0].Data) != len(data) {
			t.Fatalf("the twin is read as %v: %v", back, err)
		}
		for _, v := range back[0].Values() {
			if math.IsNaN(float64(v)) {
				t.Fatal("the twin holds no number")
			}
		}
	})
}

func TestAConstantTensorHasATwinOfOtherValues(t *testing.T) {
	data := []byte{}
	for range 64 {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(1))
	}
	made, err := twin.Twin(twin.Write([]twin.Tensor{{Name: "norm", Type: twin.F32, Shape: []int{8, 8}, Data: data}}), 3)
	if err != nil {
		t.Fatal(err)
	}
	back, err := twin.Read(made)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(back[0].Values(), 1) || math.Abs(float64(back[0].Values()[0])-1) > 0.06 {
		t.Errorf("%v", back[0].Values()[:8])
	}
}

func TestASmallChangeDoesNotShowInTheTwin(t *testing.T) {
	file := func(change float32) []byte {
		data := []byte{}
		for i := range 1000 {
			v := float32(i%17) - 8 + 0.01
			if i == 500 {
				v += change
			}
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		return twin.Write([]twin.Tensor{{Name: "w", Type: twin.F32, Shape: []int{1000}, Data: data}})
	}
	one, err := twin.Twin(file(0), 5)
	two, failed := twin.Twin(file(0.125), 5)
	if err != nil || failed != nil || !bytes.Equal(one, two) {
		t.Errorf("one value that is another shows in the twin: %v, %v", err, failed)
	}
}

func TestMetadataIsNotInTheTwin(t *testing.T) {
	made, err := twin.Twin(file(`{"__metadata__":{"recipe":"secret"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), 1)
	if err != nil || bytes.Contains(made, []byte("secret")) || bytes.Contains(made, []byte("metadata")) {
		t.Errorf("%q: %v", made, err)
	}
}

func TestWhatIsNotFiniteHasNoTwin(t *testing.T) {
	for _, bits := range []uint32{0x7f800000, 0xff800000, 0x7fc00000} {
		data := binary.LittleEndian.AppendUint32(nil, bits)
		if _, err := twin.Twin(twin.Write([]twin.Tensor{{Name: "w", Type: twin.F32, Shape: []int{}, Data: data}}), 1); err == nil || !strings.Contains(err.Error(), "finite") {
			t.Errorf("%x: %v", bits, err)
		}
	}
}

func TestFilesThatAreNotRead(t *testing.T) {
	whole := `"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct {
		name, header string
		data         int
		want         string
	}{
		{"one tensor", `{` + whole + `}`, 8, ""},
		{"no tensor", `{}`, 0, ""},
		{"spaces behind the header", `{` + whole + `}   `, 8, ""},
		{"fields in another order", `{"w":{"data_offsets":[0,8],"shape":[2],"dtype":"F32"}}`, 8, ""},
		{"a single value", `{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4, ""},
		{"tensors in another order", `{"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 3, ""},
		{"an empty tensor", `{"a":{"dtype":"I8","shape":[0,9],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, ""},
		{"metadata", `{"__metadata__":{"a":"b"},` + whole + `}`, 8, ""},
		{"metadata of numbers", `{"__metadata__":{"a":1},` + whole + `}`, 8, "metadata"},
		{"metadata in depth", `{"__metadata__":{"a":{"b":"c"}},` + whole + `}`, 8, "metadata"},
		{"metadata that is a string", `{"__metadata__":"a",` + whole + `}`, 8, "metadata"},
		{"metadata twice", `{"__metadata__":{},"__metadata__":{},` + whole + `}`, 8, "distinct"},
		{"a list", `[1]`, 0, "object"},
		{"a space before", ` {` + whole + `}`, 8, "object"},
		{"a second object", `{` + whole + `}{}`, 8, "distinct"},
		{"a line behind it", "{" + whole + "}\n", 8, "distinct"},
		{"one name twice", `{` + whole + `,` + whole + `}`, 8, "distinct"},
		{"one name twice, escaped", `{` + whole + `,"\u0077":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, 16, "distinct"},
		{"a field twice", `{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8, "twice"},
		{"a field that is missing", `{"w":{"dtype":"F32","shape":[2]}}`, 8, "has not"},
		{"a field that is not known", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8, "not known"},
		{"bytes behind", `{` + whole + `}`, 9, "follow"},
		{"bytes that are missing", `{` + whole + `}`, 7, "outside"},
		{"a gap", `{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8, "begin"},
		{"one over the other", `{` + whole + `,"v":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, "begin"},
		{"one in the other's place", `{` + whole + `,"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8, "begin"},
		{"offsets the wrong way", `{"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"v":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4, "begin"},
		{"another size than its shape", `{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}`, 8, "size"},
		{"a shape that overflows", `{"w":{"dtype":"F16","shape":[2305843009213693952,4,4],"data_offsets":[0,0]}}`, 0, "size"},
		{"a shape that overflows to its size", `{"w":{"dtype":"I8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "size"},
		{"a shape that has no bytes and is endless", `{"w":{"dtype":"I8","shape":[0,4611686018427387903],"data_offsets":[0,0]}}`, 0, ""},
		{"nine axes", `{"w":{"dtype":"I8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 1, "short list"},
		{"a number with a point", `{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8, "whole"},
		{"a number below zero", `{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8, "whole"},
		{"minus nothing", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[-0,8]}}`, 8, "whole"},
		{"an exponent", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8e0]}}`, 8, "whole"},
		{"three offsets", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8, "whole"},
		{"one offset", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, 8, "two"},
		{"a type of the format that is not read", `{"w":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}`, 8, "F8_E4M3 is not read"},
		{"a type of nobody", `{"w":{"dtype":"secret","shape":[8],"data_offsets":[0,8]}}`, 8, "is not known"},
		{"a type that is a number", `{"w":{"dtype":1,"shape":[8],"data_offsets":[0,8]}}`, 8, "string"},
		{"no UTF-8", "{\"\xff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "distinct"},
	} {
		_, err := twin.Read(file(c.header, c.data))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	long := file(`{}`, 0)
	for _, data := range [][]byte{nil, long[:7], long[:9], append(bytes.Repeat([]byte{0xff}, 8), '{', '}'), append(make([]byte, 8), '{', '}'), file(`{"w":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}`, 0), append(file(`{"w":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}`, 0), 2), file("{}"+strings.Repeat(" ", 8<<20), 0)} {
		if _, err := twin.Read(data); err == nil {
			t.Errorf("%.20q is read", data)
		}
	}
}

func TestAValueIsTheNearestThatItsTypeHas(t *testing.T) {
	for _, v := range []float64{0, 1, -1, 0.1, -0.1, 65504, 6.1e-5, 6e-5, 5.9604644775390625e-8, -0.333251953125, 2049} {
		bits := uint16(0)
		best := math.Inf(1)
		for i := range 1 << 16 {
			one := twin.Tensor{Type: twin.F16, Data: binary.LittleEndian.AppendUint16(nil, uint16(i))}.Values()[0]
			if off := math.Abs(float64(one) - v); off < best {
				best, bits = off, uint16(i)
			}
		}
		got := math.Float32frombits(math.Float32bits(twin.Tensor{Type: twin.F16, Data: binary.LittleEndian.AppendUint16(nil, twin.ToHalf(v))}.Values()[0]))
		if math.Abs(float64(got)-v) > best {
			t.Errorf("%g is written as %g, and %x is nearer", v, got, bits)
		}
	}
}

// FuzzRead: what is read is read to the last byte, and written it is read as the same.
func FuzzRead(f *testing.F) {
	f.Add(file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"__metadata__":{"a":"b"},"b":{"dtype":"I8","shape":[2,1],"data_offsets":[1,3]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 3))
	f.Add(file(`{"w":{"dtype":"F16","shape":[2305843009213693952,4,4],"data_offsets":[0,0]}}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		tensors, err := twin.Read(data)
		if err != nil {
			return
		}
		size := 0
		for _, one := range tensors {
			size += len(one.Data)
			if len(one.Values()) != len(one.Data)/one.Type.Width() {
				t.Error("it has not as many values as it has bytes for")
			}
		}
		if size > len(data) {
			t.Error("the tensors have more bytes than the file")
		}
		again, err := twin.Read(twin.Write(tensors))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(tensors) {
			t.Errorf("written and read it is another: %v", err)
		}
		if made, err := twin.Twin(data, 1); err == nil {
			if _, err := twin.Read(made); err != nil {
				t.Errorf("its twin is not read: %v", err)
			}
		}
	})
}

func BenchmarkTwin(b *testing.B) {
	original, err := minilab.WeightsFile("final")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(original)))
	for b.Loop() {
		if _, err := twin.Twin(original, 1); err != nil {
			b.Fatal(err)
		}
	}
}
