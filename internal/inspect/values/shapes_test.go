package values_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"narthex/demo/minilab"
	"narthex/internal/disclosure"
	look "narthex/internal/inspect/values"
)

func TestFilesOfTensorsAreKnownByTheirShape(t *testing.T) {
	whole, err := minilab.WeightsFile("final")
	if err != nil {
		t.Fatal(err)
	}
	zipped := func(name string) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		part, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, c := range []struct {
		name string
		data []byte
		is   bool
	}{
		{"safetensors", whole[:5000], true},
		{"its header", whole[8:400], true},
		{"one tensor's line", []byte(`{"data_offsets":[0,8],"dtype":"F16","shape":[2,2]}`), true},
		{"GGUF", append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 40)...), true},
		{"GGUF, its high byte first", append([]byte("GGUF\x00\x00\x00\x03"), make([]byte, 40)...), true},
		{"GGML", append([]byte("tjgg\x01\x00\x00\x00"), make([]byte, 40)...), true},
		{"NPY", []byte("\x93NUMPY\x01\x00v\x00{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }\n"), true},
		{"NPY without its mark", []byte("{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }\n"), true},
		{"NPZ", zipped("w.npy"), true},
		{"a zip of PyTorch", zipped("archive/data.pkl"), true},
		{"its values", zipped("model/data/0"), true},
		{"HDF5", []byte("\x89HDF\r\n\x1a\n\x00"), true},
		{"Parquet", append(append([]byte("PAR1"), make([]byte, 20)...), "PAR1"...), true},
		{"Parquet's end", append(make([]byte, 30), "\x10\x00\x00\x00PAR1"...), true},
		{"Arrow", append([]byte("ARROW1\x00\x00"), make([]byte, 20)...), true},
		{"a checkpoint of TensorFlow", append(make([]byte, 30), "\x57\xfb\x80\x8b\x24\x75\x47\xdb"...), true},
		{"TensorFlow Lite", []byte("\x1c\x00\x00\x00TFL3\x14\x00"), true},
		{"MATLAB", []byte("MATLAB 5.0 MAT-file, Platform: GLNXA64"), true},
		{"a pickle", []byte("\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02e."), true},
		{"a pickle of protocol 2", []byte("\x80\x02]q\x00(K\x01K\x02e."), true},
		{"a pickle of PyTorch", []byte("\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00."), true},
		{"a pickle of text", []byte("cnumpy.core.multiarray\n_reconstruct\np0\n."), true},
		{"a zip of texts", zipped("notes.txt"), false},
		{"GGUF in a text", []byte("We read GGUF files and wrote none."), false},
		{"PAR1 in a text", []byte("PAR1 was the first part."), false},
		{"offsets in a text", []byte("The data_offsets were read."), false},
		{"a text of NumPy", []byte("computed with numpy\nand numpy.core.multiarray\n"), false},
		{"a short text", []byte("ok"), false},
		{"nothing", nil, false},
	} {
		for _, before := range []int{0, 3, 1000} {
			data := append(bytes.Repeat([]byte(" "), before), c.data...)
			if before > 0 && slices.Contains([]string{"TensorFlow Lite", "Arrow", "Parquet", "a pickle of protocol 2"}, c.name) {
				continue // known where they begin alone
			}
			found := look.WeighDecoded(data, nil)
			if got := has(found, "weights/shape"); got != c.is {
				t.Errorf("%s behind %d bytes: %v", c.name, before, found)
			}
		}
	}
}

func TestTablesOfATensorsSides(t *testing.T) {
	held := []look.Tensor{{Name: "w", Sizes: []int{1, 30, 12}, Values: make([]float32, 360)}, {Name: "tiny", Sizes: []int{4, 4}, Values: make([]float32, 16)}}
	r := rand.New(rand.NewPCG(41, 42))
	matrix := func(rows, wide int, json bool, numbered bool) look.File {
		var lines []string
		for i := range rows {
			var cells []string
			if numbered {
				cells = append(cells, fmt.Sprint(i))
			}
			for range wide {
				cells = append(cells, fives(4, r.NormFloat64()))
			}
			lines = append(lines, strings.Join(cells, ","))
		}
		if json {
			return formed(t, "a.json", "[["+strings.Join(lines, "],[")+"]]")
		}
		var names []string
		for i := range strings.Count(lines[0], ",") + 1 {
			names = append(names, fmt.Sprintf("c%d", i))
		}
		return formed(t, "a.csv", strings.Join(names, ",")+"\n"+strings.Join(lines, "\n")+"\n")
	}
	for _, c := range []struct {
		rows, wide     int
		json, numbered bool
		is             bool
	}{
		{30, 12, false, false, true}, {12, 30, false, false, true}, {30, 12, true, false, true}, {30, 12, false, true, true},
		{29, 12, false, false, false}, {30, 11, false, false, false}, {4, 4, true, false, false}, {12, 12, false, false, false},
	} {
		found := look.Weigh([]look.File{matrix(c.rows, c.wide, c.json, c.numbered)}, held)
		if has(found, "weights/sides") != c.is {
			t.Errorf("%v: %v", c, found)
		}
	}
}

func TestPicturesOfATensor(t *testing.T) {
	held := []look.Tensor{{Name: "w", Sizes: []int{30, 24}, Values: make([]float32, 720)}}
	r := rand.New(rand.NewPCG(43, 44))
	grey := func(wide, high, scale int, value func(x, y int) float64) look.File {
		m := image.NewGray(image.Rect(0, 0, wide*scale, high*scale))
		for y := range high * scale {
			for x := range wide * scale {
				m.SetGray(x, y, color.Gray{Y: uint8(255 * value(x/scale, y/scale))})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		return formed(t, "a.png", b.String())
	}
	noise := map[[2]int]float64{}
	random := func(x, y int) float64 {
		if _, has := noise[[2]int{x, y}]; !has {
			noise[[2]int{x, y}] = math.Round(r.Float64()*16) / 16
		}
		return noise[[2]int{x, y}]
	}
	level := func(x, y int) float64 { return float64(min(1, x/40)) }
	for _, c := range []struct {
		name string
		file look.File
		want string
	}{
		{"its sides", grey(24, 30, 1, level), "weights/sides"},
		{"its sides, turned and three times as large", grey(30, 24, 3, random), "weights/noise weights/sides"},
		{"noise of other sides", grey(50, 50, 1, random), "weights/noise"},
		{"noise in squares", grey(40, 50, 4, random), "weights/noise"},
		{"an area", grey(80, 60, 1, level), ""},
		{"not a picture", look.File{Name: "a.png", Kind: disclosure.PNG, Bytes: []byte("\x89PNG\r\n\x1a\nrest")}, "weights/bound"},
	} {
		if got := strings.Join(rules(look.Weigh([]look.File{c.file}, held)), " "); got != c.want {
			t.Errorf("%s: %q and not %q", c.name, got, c.want)
		}
	}
	huge := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	huge = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(huge, 1<<30), 1<<30)
	huge = append(huge, 8, 0, 0, 0, 0)
	huge = append(huge, checksumOf(huge[12:])...)
	if got := rules(look.Weigh([]look.File{{Name: "a.png", Kind: disclosure.PNG, Bytes: huge}}, held)); !slices.Equal(got, []string{"weights/bound"}) {
		t.Errorf("a picture of 2^60 pixels: %v", got)
	}
}

func checksumOf(data []byte) []byte {
	crc := ^uint32(0)
	for _, b := range data {
		crc ^= uint32(b)
		for range 8 {
			crc = crc>>1 ^ 0xedb88320&-(crc&1)
		}
	}
	return binary.BigEndian.AppendUint32(nil, ^crc)
}

// TestWeightsInNoOrder: what is put into another order is known by how it is spread, where there is enough of it in its unit, or by how
// much there is.
func TestWeightsInNoOrder(t *testing.T) {
	held := tensors(t, "final")[:8]
	r := rand.New(rand.NewPCG(45, 46))
	shuffled := func(n int, factor float64) look.File {
		values := slices.Clone(held[3].Values)
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		var all []float64
		for _, v := range values[:n] {
			all = append(all, factor*float64(v))
		}
		return formed(t, "a.txt", joined(all, "\n"))
	}
	if got := rules(look.Weigh([]look.File{shuffled(2000, 1)}, held)); !slices.Equal(got, []string{"weights/spread"}) {
		t.Errorf("in its unit: %v", got)
	}
	if got := rules(look.Weigh([]look.File{shuffled(2000, 1.5)}, held)); len(got) > 0 {
		t.Errorf("in another unit, which is not claimed: %v", got)
	}
	if got := rules(look.Weigh([]look.File{shuffled(900, 1)}, held)); len(got) > 0 {
		t.Errorf("a few, which is not claimed: %v", got)
	}
	if got := rules(look.Weigh([]look.File{shuffled(20_500, 1.5)}, held)); !slices.Contains(got, "weights/volume") {
		t.Errorf("many: %v", got)
	}
	half := []look.File{shuffled(11_000, 1.5), shuffled(11_000, 0.3)}
	half[1].Name = "b.txt"
	found := look.Weigh(half, held)
	for _, f := range half {
		if !slices.ContainsFunc(found, func(x look.Finding) bool { return x.File == f.Name && x.Rule == "weights/volume" }) {
			t.Errorf("%s is not named: %v", f.Name, found)
		}
	}
}

// TestNumbersThatWereNotComparedAreNamed: what stands behind more numbers than are compared is not passed over.
func TestNumbersThatWereNotComparedAreNamed(t *testing.T) {
	held := tensors(t, "final")[:2]
	r := rand.New(rand.NewPCG(47, 48))
	var files []look.File
	for i := range 20 {
		var all []float64
		for range 20_000 {
			all = append(all, r.NormFloat64())
		}
		files = append(files, formed(t, fmt.Sprintf("a%02d.txt", i), joined(all, "\n")))
	}
	var some []float64
	for _, v := range held[0].Values[:12] {
		some = append(some, float64(v))
	}
	files = append(files, formed(t, "b.txt", joined(some, " ")))
	found := look.Weigh(files, held)
	if !slices.ContainsFunc(found, func(x look.Finding) bool { return x.File == "b.txt" && x.Rule == "weights/bound" }) {
		t.Errorf("%v", rules(found))
	}
}

func TestIntegersThatAreTheBitsOfWeights(t *testing.T) {
	held := tensors(t, "final")[:3]
	var halves, wide, signed []string
	for _, v := range held[0].Values[500:520] {
		halves = append(halves, fmt.Sprint(toHalf(float64(v))))
		signed = append(signed, fmt.Sprint(int16(toHalf(float64(v)))))
		wide = append(wide, fmt.Sprint(math.Float32bits(v)))
	}
	for _, numbers := range [][]string{halves, wide, signed} {
		f := formed(t, "a.json", "["+strings.Join(numbers, ",")+"]")
		if got := look.Weigh([]look.File{f}, held); !has(got, "weights/values") {
			t.Errorf("%s: %v", f.Bytes, got)
		}
	}
}
