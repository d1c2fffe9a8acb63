package airlock

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"narthex"
	"narthex/internal/twin"
)

// What a study brings is one of four things, by where it stands:
//
//	vectors/…      safetensors that read strictly, and JSON of one value
//	data/…         text that is no program, and safetensors
//	its program    the one file that its command names below /study: text, or a static program for Linux
//	anything else  text, and safetensors
//
// Text is UTF-8 without control characters but tabs and ends of lines. So what is packed, what runs by itself and what runs when it is read
// is no text and stays out, under whatever name; a pickle of the early protocols is text, and is read for what it is.
const (
	vectors = "vectors/"
	data    = "data/"
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

// ProgramOf gives the path of the study's file that a command runs, or "" where it runs what the environment has.
func ProgramOf(command []string) string {
	if len(command) == 0 {
		return ""
	}
	path, is := strings.CutPrefix(command[0], "/study/")
	if !is {
		return ""
	}
	return path
}

// CheckImport refuses what a study may not bring at a path; program is the path of its own program, or "". The error says what the file is
// and which rule it breaks, and nothing that stands in it.
func CheckImport(path string, content []byte, program string) error {
	if suffix, bad := suffixOf(path); bad {
		return narthex.Invalidf("A study brings no file that ends in %s. Bring vectors as safetensors or JSON, data as text, and programs by themselves.", suffix)
	}
	if what := packedIn(content); what != "" {
		return refuseImport(what)
	}
	tensors := strings.HasSuffix(strings.ToLower(path), Weights)
	switch {
	case tensors && path != program:
		return checkTensors(content)
	case strings.HasPrefix(path, vectors):
		return checkVectors(path, content)
	case !text(content) && path == program && path != "":
		return checkProgram(content)
	case !text(content):
		return refuseImport(kindOf(content))
	case pickled(content):
		return refuseImport("a pickle, which runs code when it is read")
	case strings.HasPrefix(path, data) && path != program:
		return checkData(path, content)
	}
	return nil
}

func refuseImport(what string) error {
	return narthex.Invalidf("This is %s, which a study does not bring. Bring vectors as safetensors or JSON, data as text, and at most one program that is no text: the one that the study's command names.", what)
}

// suffixes are of files that are packed, or run when they are read or lie somewhere, whatever they hold.
var suffixes = []string{".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".hdf5", ".gguf", ".onnx", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".jar", ".whl", ".egg",
	".so", ".dll", ".dylib", ".a", ".o", ".exe", ".class", ".wasm", ".pyc", ".pyo", ".pyd"}

func suffixOf(path string) (string, bool) {
	path = strings.ToLower(path)
	at := slices.IndexFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(path, suffix) })
	if at < 0 {
		at = slices.IndexFunc(suffixes, func(suffix string) bool { return strings.Contains(path, ".so.") && suffix == ".so" })
	}
	if at < 0 {
		return "", false
	}
	return suffixes[at], true
}

// text says whether content is UTF-8 without control characters but tabs, ends of lines and of pages.
func text(content []byte) bool {
	if !utf8.Valid(content) {
		return false
	}
	return !bytes.ContainsFunc(content, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' || r == 0x7f || r >= 0x80 && r < 0xa0
	})
}

func checkTensors(content []byte) error {
	if _, err := twin.Read(content); err != nil {
		return narthex.Invalidf("This is no safetensors file that reads in one way only (%s). Write it anew, without anything behind its last tensor.", err)
	}
	return nil
}

func checkVectors(path string, content []byte) error {
	if !strings.HasSuffix(strings.ToLower(path), ".json") {
		return narthex.Invalidf("Below %s there are safetensors and JSON alone. Write the file as one of them, or put it elsewhere.", vectors)
	}
	if !utf8.Valid(content) || !jsontext.Value(content).IsValid() {
		return narthex.Invalidf("This is no JSON of one value, with each name once and nothing behind it. Write it anew.")
	}
	return nil
}

// scripts are of files that some program runs; data holds none.
var scripts = []string{".py", ".pyw", ".ipynb", ".sh", ".bash", ".pl", ".rb", ".lua", ".js", ".mjs", ".php", ".ps1", ".bat", ".cmd", ".r"}

func checkData(path string, content []byte) error {
	path = strings.ToLower(path)
	if slices.ContainsFunc(scripts, func(suffix string) bool { return strings.HasSuffix(path, suffix) }) || bytes.HasPrefix(bytes.TrimLeft(content, "\ufeff \t\r\n"), []byte("#!")) {
		return narthex.Invalidf("Below %s there is nothing that runs, and this is a script. Put it beside the study's other code.", data)
	}
	return nil
}

// checkProgram takes a program for Linux that needs nothing beside itself: no loader, and so no libraries.
func checkProgram(content []byte) error {
	order := binary.LittleEndian
	if len(content) < 64 || string(content[:6]) != "\x7fELF\x02\x01" {
		return refuseImport(kindOf(content))
	}
	at, size, count := order.Uint64(content[32:]), uint64(order.Uint16(content[54:])), uint64(order.Uint16(content[56:]))
	if kind := order.Uint16(content[16:]); kind != 2 && kind != 3 || size != 56 || count == 0 || at > uint64(len(content)) || count*size > uint64(len(content))-at {
		return refuseImport("a file that begins as a program for Linux and is none")
	}
	for i := range count {
		const loader = 3
		if order.Uint32(content[at+i*size:]) == loader {
			return refuseImport("a program that is not static: it needs a loader and libraries that the environment need not have")
		}
	}
	return nil
}

// magics are how files begin that are no text, or are no study's though they may be.
var magics = []struct {
	name, begins string
	text         bool // it is refused though it is text
}{
	{"a zip archive", "PK\x03\x04", false}, {"a zip archive", "PK\x05\x06", false}, {"a gzip stream", "\x1f\x8b", false}, {"a bzip2 stream", "BZh", false}, {"an xz stream", "\xfd7zXZ\x00", false},
	{"an lzma stream", "\x5d\x00\x00", false}, {"a zlib stream", "\x78\x01", false}, {"a zlib stream", "\x78\x9c", false}, {"a zlib stream", "\x78\xda", false}, {"a compressed stream", "\x1f\x9d", false}, {"an lz4 stream", "\x04\x22\x4d\x18", false},
	{"a 7z archive", "7z\xbc\xaf\x27\x1c", false}, {"a zstd stream", "\x28\xb5\x2f\xfd", false}, {"a rar archive", "Rar!\x1a\x07", false}, {"a cab archive", "MSCF", false}, {"a cpio archive", "070701", true}, {"a cpio archive", "070702", true}, {"a cpio archive", "070707", true},
	{"an archive or library", "!<arch>\n", true}, {"an archive or library", "!<thin>\n", true}, {"a package", "\xed\xab\xee\xdb", false},
	{"a program for Linux", "\x7fELF", false}, {"a program for Windows", "MZ", false}, {"a program for macOS", "\xcf\xfa\xed\xfe", false}, {"a program for macOS", "\xce\xfa\xed\xfe", false},
	{"a program for macOS", "\xfe\xed\xfa\xcf", false}, {"a program for macOS", "\xfe\xed\xfa\xce", false}, {"a program for macOS or the Java machine", "\xca\xfe\xba\xbe", false}, {"a WebAssembly module", "\x00asm", false}, {"a program for Android", "dex\n", false},
	{"compiled code", "BC\xc0\xde", false}, {"compiled Lua", "\x1bLua", false}, {"a NumPy array", "\x93NUMPY", false}, {"an HDF5 file", "\x89HDF\r\n\x1a\n", false}, {"weights in GGUF", "GGUF", false}, {"a Parquet file", "PAR1", false}, {"an Arrow file", "ARROW1", false},
	{"a database", "SQLite format 3\x00", false}, {"a PDF", "%PDF-", true}, {"an office document", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", false}, {"an image", "\x89PNG\r\n\x1a\n", false},
}

// kindOf says what content is that is no text.
func kindOf(content []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(content, []byte(m.begins)) {
			return m.name
		}
	}
	if len(content) > 1 && content[0] == 0x80 && content[1] >= 2 && content[1] <= 5 || pickled(content) {
		return "a pickle, which runs code when it is read"
	}
	if len(content) > 16 && content[2] == '\r' && content[3] == '\n' {
		return "compiled Python"
	}
	return "neither text nor safetensors"
}

// packedIn says which archive or document content is, though it may read as something else too: by its end, as zip archives are known, by the
// mark of a tar archive, or by how it begins where that is text.
func packedIn(content []byte) string {
	if zipped(content) {
		return "a zip archive, or has one behind it"
	}
	if len(content) > 262 && string(content[257:262]) == "ustar" {
		return "a tar archive"
	}
	for _, m := range magics {
		if m.text && bytes.HasPrefix(content, []byte(m.begins)) {
			return m.name
		}
	}
	return ""
}

// zipped says whether a zip archive ends within what a reader of zip archives looks through: its last 64 KiB, whatever stands before and
// behind it.
func zipped(content []byte) bool {
	const record, most = 22, math.MaxUint16
	order := binary.LittleEndian
	tail := content[max(0, len(content)-record-most):]
	for at := 0; ; at++ {
		next := bytes.Index(tail[at:], []byte("PK\x05\x06"))
		if next < 0 {
			return false
		}
		at += next
		end := len(content) - len(tail) + at
		if len(content)-end < record {
			return false
		}
		size := uint64(order.Uint32(content[end+12:])) // of the list of files, which ends here
		if size == math.MaxUint32 || size <= uint64(end) && bytes.HasPrefix(content[uint64(end)-size:], []byte("PK\x01\x02")) {
			return true
		}
	}
}
