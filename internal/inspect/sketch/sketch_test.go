package sketch_test

import (
	"bytes"
	"reflect"
	"testing"

	"narthex/internal/inspect/sketch"
)

func some() []sketch.File {
	return []sketch.File{
		{Name: "a.csv", Columns: []sketch.Column{
			{Name: 7, Groups: []uint64{1, 9, 1 << 63}, Values: []float64{200, 1e300, 0}, Sum: 210, Total: 3.5, Rows: 3},
			{Name: 8, Groups: []uint64{1, 9, 1 << 63}, Values: []float64{1, 2, 3}, Sum: 6, Rows: 3},
			{Name: 9, Groups: []uint64{4}, Values: []float64{12345}, Sum: 12345, Rows: 1}},
			Records: []sketch.Record{{Names: 3, Keys: []uint64{2, 5}, Traits: []sketch.Trait{{Kinds: []uint64{8, 6}, Of: []int{1, 0}}}}, {Keys: []uint64{1}}}},
		{Name: "b.txt", Words: []byte("q9x z7w")},
	}
}

func TestWhatIsKeptIsReadBack(t *testing.T) {
	for _, files := range [][]sketch.File{some(), {}, {{Name: "x"}}} {
		data := sketch.Bytes(files)
		again, err := sketch.Read(data)
		if err != nil || !bytes.Equal(sketch.Bytes(again), data) {
			t.Fatalf("%v: %v", err, again)
		}
		for i := range again {
			if again[i].Words = nil; !reflect.DeepEqual(again[i].Columns, files[i].Columns) || !reflect.DeepEqual(again[i].Records, files[i].Records) || again[i].Name != files[i].Name {
				t.Errorf("%+v and not %+v", again[i], files[i])
			}
		}
		for n := range data {
			if _, err := sketch.Read(data[:n]); err == nil {
				t.Errorf("the first %d bytes are read", n)
			}
		}
		if _, err := sketch.Read(append(data, 0)); err == nil {
			t.Error("more is read")
		}
	}
}

// FuzzRead: whatever is read has that form and no other.
func FuzzRead(f *testing.F) {
	f.Add(sketch.Bytes(some()))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		if files, err := sketch.Read(data); err == nil && !bytes.Equal(sketch.Bytes(files), data) {
			t.Error("two forms are read")
		}
	})
}
