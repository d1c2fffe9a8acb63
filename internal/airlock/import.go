package airlock

import (
	"bytes"
	"strings"

	"narthex"
)

// CheckPath refuses a path of a study's file that is not plain: names of letters, digits, dots, dashes and underscores that begin with no
// dot or dash, at most eight deep and 200 characters long.
func CheckPath(path string) error {
	parts := strings.Split(path, "/")
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	}
	bad := len(path) > 200 || len(parts) > 8
	for _, part := range parts {
		bad = bad || part == "" || part[0] == '.' || part[0] == '-' || strings.ContainsFunc(part, odd)
	}
	if bad {
		return narthex.Invalidf("A file's path has names of letters, digits, dots, dashes and underscores that begin with no dot or dash, at most 8 deep and 200 characters long.")
	}
	return nil
}

// archives and programs, by how they begin.
var magics = []struct{ name, begins string }{
	{"a zip archive", "PK\x03\x04"}, {"a zip archive", "PK\x05\x06"}, {"a gzip archive", "\x1f\x8b"}, {"a bzip2 archive", "BZh"}, {"an xz archive", "\xfd7zXZ\x00"},
	{"a 7z archive", "7z\xbc\xaf\x27\x1c"}, {"a zstd archive", "\x28\xb5\x2f\xfd"}, {"a rar archive", "Rar!\x1a\x07"}, {"a program for Windows", "MZ"}, {"a program for macOS", "\xcf\xfa\xed\xfe"},
	{"an HDF5 file", "\x89HDF\r\n\x1a\n"}, {"a library", "!<arch>\n"},
}

// CheckImport refuses what a study may not bring: archives, pickles and what holds them, whatever they are called. A program is brought by
// itself and runs where an environment runs it.
func CheckImport(path string, data []byte) error {
	for _, m := range magics {
		if bytes.HasPrefix(data, []byte(m.begins)) {
			return narthex.Invalidf("This is %s, which a study does not bring. Bring files as they are; vectors as safetensors or JSON.", m.name)
		}
	}
	if len(data) > 262 && string(data[257:262]) == "ustar" {
		return narthex.Invalidf("This is a tar archive, which a study does not bring. Bring files as they are.")
	}
	if pickled(data) {
		return narthex.Invalidf("This is a pickle, which runs code when it is read, and a study does not bring one. Bring vectors as safetensors or JSON.")
	}
	if bytes.HasPrefix(data, []byte("\x93NUMPY")) && bytes.Contains(data[:min(len(data), 4096)], []byte("'|O'")) {
		return narthex.Invalidf("This array holds a pickle, which runs code when it is read. Bring vectors as safetensors or JSON.")
	}
	for _, suffix := range []string{".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".npz", ".zip", ".tar", ".gz", ".so", ".dll"} {
		if strings.HasSuffix(strings.ToLower(path), suffix) {
			return narthex.Invalidf("A study brings no file that ends in %s. Bring vectors as safetensors or JSON, and programs by themselves.", suffix)
		}
	}
	return nil
}

// pickled says whether data is a pickle of protocol 2 or later, or looks like one of an earlier one.
func pickled(data []byte) bool {
	if len(data) < 3 || data[len(data)-1] != '.' {
		return false
	}
	if data[0] == 0x80 && data[1] >= 2 && data[1] <= 5 {
		return true
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	return data[0] == 'c' && len(first) < 80 && bytes.Contains(data, []byte("\n(")) && bytes.HasSuffix(data, []byte("R."))
}
