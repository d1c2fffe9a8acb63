package values

import (
	"bytes"
	"encoding/binary"

	"narthex/internal/inspect/find"
)

// shape is how a file of tensors is known: by bytes that stand anywhere, and by what stands around them.
type shape struct {
	name string
	mark string
	is   func(data []byte, at int) bool // nil where the mark is enough
}

// shapes lists what holds tensors.
func shapes() []shape {
	word := func(least, most uint32) func([]byte, int) bool { // behind four bytes of mark
		return func(data []byte, at int) bool {
			if len(data) < at+8 {
				return false
			}
			little, big := binary.LittleEndian.Uint32(data[at+4:]), binary.BigEndian.Uint32(data[at+4:])
			return little >= least && little <= most || big >= least && big <= most
		}
	}
	entry := func(data []byte, at int) bool { // of a zip
		if len(data) < at+30 {
			return false
		}
		size := int(binary.LittleEndian.Uint16(data[at+26:]))
		name := data[at+30 : min(len(data), at+30+size)]
		return bytes.HasSuffix(name, []byte(".npy")) || bytes.HasSuffix(name, []byte("/data.pkl")) || bytes.Contains(name, []byte("/data/")) || bytes.Contains(name, []byte(".data/serialization_id"))
	}
	around := func(words ...string) func([]byte, int) bool {
		return func(data []byte, at int) bool {
			near := data[max(0, at-400):min(len(data), at+400)]
			for _, word := range words {
				if !bytes.Contains(near, []byte(word)) {
					return false
				}
			}
			return true
		}
	}
	return []shape{
		{"safetensors", `data_offsets`, around(`dtype`, `shape`)},
		{"GGUF", "GGUF", word(1, 9)}, {"GGML", "lmgg", nil}, {"GGML", "tjgg", word(1, 9)}, {"GGML", "fmgg", word(1, 9)}, {"GGML", "algg", word(1, 9)},
		{"NPY", "\x93NUMPY", nil}, {"NPY without its mark", "'fortran_order'", around(`'descr'`, `'shape'`)},
		{"a zip of tensors", "PK\x03\x04", entry},
		{"HDF5", "\x89HDF\r\n\x1a\n", nil},
		{"Parquet", "PAR1", func(data []byte, at int) bool {
			return at == 0 && len(data) > 12 && bytes.HasSuffix(data, []byte("PAR1")) || at >= 8 && at+4 == len(data) && int(binary.LittleEndian.Uint32(data[at-4:])) < at
		}},
		{"Arrow", "ARROW1", func(data []byte, at int) bool {
			return at == 0 && unreadable(data) || at >= 10 && at+6 == len(data) && unreadable(data)
		}},
		{"TensorFlow checkpoint", "\x57\xfb\x80\x8b\x24\x75\x47\xdb", nil}, {"TensorFlow Lite", "TFL3", func(data []byte, at int) bool { return at == 4 }},
		{"MATLAB", "MATLAB 5.0 MAT-file", nil},
		{"pickle", "\x80\x04\x95", frame}, {"pickle", "\x80\x05\x95", frame},
		{"pickle", "\x80\x02", opcode}, {"pickle", "\x80\x03", opcode},
		{"pickle of tensors", "torch._utils\n", global}, {"pickle of tensors", "torch\n", global},
		{"pickle of tensors", "numpy.core.multiarray\n", global}, {"pickle of tensors", "numpy._core.multiarray\n", global}, {"pickle of tensors", "numpy\n", global},
		{"pickle of tensors", "numpy.core.multiarray\x94", nil}, {"pickle of tensors", "numpy._core.multiarray\x94", nil}, {"pickle of tensors", "torch._utils\x94", nil},
	}
}

// frame says whether a frame of a pickle follows: its length is less than 2^32.
func frame(data []byte, at int) bool {
	return len(data) >= at+11 && bytes.Equal(data[at+7:at+11], make([]byte, 4))
}

// opcode says whether a pickle of protocol 2 or 3 begins: with an object that can be the outermost, and an end.
func opcode(data []byte, at int) bool {
	return len(data) > at+3 && bytes.IndexByte([]byte("c}](X"), data[at+2]) >= 0 && bytes.IndexByte(data[at+3:min(len(data), at+4096)], '.') >= 0 && (at == 0 || data[at+2] == 'c' || data[at+3] == 'q')
}

// global says whether the name of a module that ends its line is one that a pickle loads.
func global(data []byte, at int) bool {
	return at > 0 && data[at-1] == 'c' && (at == 1 || !letter(data[at-2]))
}

// known are the shapes and where their marks are found.
var known, marks = func() ([]shape, *find.Marks) {
	all := shapes()
	var marks []string
	for _, s := range all {
		marks = append(marks, s.mark)
	}
	return all, find.NewMarks(marks)
}()

// shapeOf gives the first shape that stands in bytes and where.
func shapeOf(data []byte) (name string, at int, is bool) {
	marks.Each(data, func(place, mark int) bool {
		if s := known[mark]; s.is == nil || s.is(data, place) {
			name, at, is = s.name, place, true
		}
		return is
	})
	return name, at, is
}
