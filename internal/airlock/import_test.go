package airlock_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/twin"
)

func zipOf(t testing.TB, comment string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create("a.py")
	if err == nil {
		_, err = f.Write([]byte("print(1)"))
	}
	if err != nil || w.SetComment(comment) != nil || w.Close() != nil {
		t.Fatal("no archive")
	}
	return out.String()
}

func tarOf(t testing.TB) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "a", Size: 1, Mode: 0o600, Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil || w.Close() != nil {
		t.Fatal("no archive")
	}
	return out.String()
}

// elf makes a program for Linux of 64 bits with headers of these kinds.
func elf(kinds ...uint32) string {
	order, out := binary.LittleEndian, make([]byte, 64+56*len(kinds))
	copy(out, "\x7fELF\x02\x01\x01")
	order.PutUint16(out[16:], 2)
	order.PutUint64(out[32:], 64)
	order.PutUint16(out[54:], 56)
	order.PutUint16(out[56:], uint16(len(kinds)))
	for i, kind := range kinds {
		order.PutUint32(out[64+56*i:], kind)
	}
	return string(out)
}

func safetensors(data ...byte) string {
	return string(twin.Write([]twin.Tensor{{Name: "a", Type: twin.U8, Shape: []int{len(data)}, Data: data}}))
}

// pickles are of what a program of Python's makes, by protocol: that of a call, of a list, of a map and of an object.
var pickles = map[string]string{
	"of a call, protocol 0":        "cposix\nsystem\np0\n(Vid\np1\ntp2\nRp3\n.",
	"of a call, without notes":     "cos\nsystem\n(S'id'\ntR.",
	"of a call, by its mark":       "(S'id'\nios\nsystem\n.",
	"of a call, by an object":      "(cos\nsystem\nS'id'\no.",
	"of a call, lines of Windows":  "cos\r\nsystem\r\n(S'id'\r\ntR.",
	"of a list, protocol 0":        "(lp0\nI1\naI2\na.",
	"of a list, with text behind":  "(lp0\nI1\naI2\na.and more text\n",
	"of a map, protocol 0":         "(dp0\nVa\np1\nI1\ns.",
	"of a list, protocol 1":        "]q\x00(K\x01K\x02e.",
	"of a call, protocol 1":        "cposix\nsystem\nq\x00(X\x02\x00\x00\x00idq\x01tq\x02Rq\x03.",
	"of a call, protocol 2":        "\x80\x02cposix\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03.",
	"of a call, protocol 4":        "\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
	"of nothing, protocol 5":       "\x80\x05N.",
	"behind a mark of encoding":    "\xef\xbb\xbfcos\nsystem\n(S'id'\ntR.",
	"behind empty lines":           "\n\n cos\nsystem\n(S'id'\ntR.",
	"that has no end for too long": strings.Repeat("(", 200_000),
}

// TestWhatAStudyMayNotBring: each under an innocent name, at each place, and refused by what it is.
func TestWhatAStudyMayNotBring(t *testing.T) {
	packed := func(write func(*bytes.Buffer)) string {
		var out bytes.Buffer
		write(&out)
		return out.String()
	}
	gz := packed(func(out *bytes.Buffer) { w := gzip.NewWriter(out); _, _ = w.Write([]byte("x")); _ = w.Close() })
	zl := packed(func(out *bytes.Buffer) { w := zlib.NewWriter(out); _, _ = w.Write([]byte("x")); _ = w.Close() })
	for name, c := range map[string]struct{ content, says string }{
		"a zip archive":                   {zipOf(t, ""), "zip archive"},
		"a zip archive with a comment":    {zipOf(t, "words\nbehind"), "zip archive"},
		"a zip archive behind text":       {"#!/bin/sh\nexit\n" + zipOf(t, ""), "zip archive"},
		"a zip archive with bytes behind": {"print(1)\n" + zipOf(t, "") + "\n# the end", "zip archive"},
		"a zip archive in a safetensors":  {safetensors([]byte(zipOf(t, ""))...), "zip archive"},
		"a zip archive behind a program":  {elf(1) + zipOf(t, ""), "zip archive"},
		"a tar archive":                   {tarOf(t), "tar archive"},
		"a gzip stream":                   {gz, "gzip"},
		"a zlib stream":                   {zl, "zlib"},
		"an xz stream":                    {"\xfd7zXZ\x00\x00", "xz"},
		"a bzip2 stream":                  {"BZh91AY&SY\x00\x00", "bzip2"},
		"a zstd stream":                   {"\x28\xb5\x2f\xfd\x00", "zstd"},
		"a 7z archive":                    {"7z\xbc\xaf\x27\x1c", "7z"},
		"a cpio archive of text":          {"070701" + strings.Repeat("0", 104) + "a\n", "cpio"},
		"a library":                       {"!<arch>\na.o/            0           0     0     644     0         `\n", "library"},
		"a document":                      {"%PDF-1.7\n1 0 obj\n", "PDF"},
		"a program for Windows":           {"MZ\x90\x00", "Windows"},
		"a program for macOS":             {"\xcf\xfa\xed\xfe\x07", "macOS"},
		"a class":                         {"\xca\xfe\xba\xbe\x00\x00\x00\x41", "Java"},
		"a WebAssembly module":            {"\x00asm\x01\x00\x00\x00", "WebAssembly"},
		"compiled Python":                 {"\xcb\x0d\x0d\x0a" + strings.Repeat("\x00", 12) + "\xe3", "compiled Python"},
		"an array":                        {"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n\x00\x00\x00\x00", "NumPy"},
		"an array of objects":             {"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n\x80\x04.", "NumPy"},
		"weights in GGUF":                 {"GGUF\x03\x00\x00\x00", "GGUF"},
		"an HDF5 file":                    {"\x89HDF\r\n\x1a\n", "HDF5"},
		"a database":                      {"SQLite format 3\x00", "database"},
		"an image":                        {"\x89PNG\r\n\x1a\n", "image"},
		"bytes":                           {"\x01\x02\x03", "neither text nor safetensors"},
		"text of another encoding":        {"caf\xe9", "neither text nor safetensors"},
		"text with a sign that is none":   {"a\x00b", "neither text nor safetensors"},
		"text that moves the cursor":      {"a\x1b[2Jb", "neither text nor safetensors"},
	} {
		for _, path := range []string{"main.py", "data/a.txt", "notes/read.me", "data/b.csv"} {
			err := airlock.CheckImport(path, []byte(c.content), "run")
			if !narthex.IsKind(err, narthex.Invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s as %s: %v", name, path, err)
			}
		}
	}
	for name, content := range pickles {
		for _, path := range []string{"main.py", "data/a.txt", "vectors/a.json", "vectors/a.safetensors"} {
			if err := airlock.CheckImport(path, []byte(content), "run"); !narthex.IsKind(err, narthex.Invalid) {
				t.Errorf("a pickle %s is brought as %s", name, path)
			}
		}
		if err := airlock.CheckImport("run", []byte(content), "run"); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("a pickle %s is brought as the program", name)
		}
		if err := airlock.CheckImport("data/a.txt", []byte(content), ""); err == nil || !strings.Contains(err.Error(), "pickle") && !strings.Contains(err.Error(), "neither") {
			t.Errorf("of a pickle %s it says %v", name, err)
		}
	}
	for _, suffix := range []string{".pkl", ".PT", ".pth", ".ckpt", ".npy", ".npz", ".joblib", ".zip", ".tar.gz", ".so", ".so.6", ".pyc", ".whl", ".wasm", ".h5", ".gguf"} {
		if err := airlock.CheckImport("data/x"+suffix, []byte("plain words\n"), ""); !narthex.IsKind(err, narthex.Invalid) || !strings.Contains(err.Error(), "ends in .") {
			t.Errorf("a file that ends in %s: %v", suffix, err)
		}
	}
}

// TestTheRuleIsThatOfThePlace: what may stand where.
func TestTheRuleIsThatOfThePlace(t *testing.T) {
	program, dynamic := elf(1, 6, 1), elf(6, 3, 1)
	good := safetensors(1, 2, 3)
	for name, c := range map[string]struct {
		path, content, program string
		says                   string // "" where it may
	}{
		"code":                               {"main.py", "import numpy\nprint(numpy.pi)\n", "", ""},
		"a script with its program":          {"run.sh", "#!/bin/sh\nexit 0\n", "", ""},
		"words of other letters":             {"notes.md", "\ufeffÄrger, 数据, 🙂\r\n", "", ""},
		"nothing":                            {"data/empty.txt", "", "", ""},
		"a table":                            {"data/a.csv", "a,b\n1,2\n", "", ""},
		"JSON with remarks, not a vector":    {"data/a.json", "// words\n{\"a\": 1}\n", "", ""},
		"safetensors in data":                {"data/a.safetensors", good, "", ""},
		"safetensors anywhere":               {"a.safetensors", good, "", ""},
		"its static program":                 {"run", program, "run", ""},
		"its program in a folder":            {"bin/run", program, "bin/run", ""},
		"its script":                         {"run", "#!/bin/sh\n", "run", ""},
		"another program":                    {"other", program, "run", "program for Linux"},
		"a program where none is named":      {"run", program, "", "program for Linux"},
		"a program in data":                  {"data/run", program, "run", "program for Linux"},
		"its program that wants a loader":    {"run", dynamic, "run", "not static"},
		"its program, cut":                   {"run", program[:100], "run", "is none"},
		"its program for Windows":            {"run", "MZ\x90\x00", "run", "Windows"},
		"a script in data by its name":       {"data/a.py", "x = 1\n", "", "script"},
		"a script in data by its first line": {"data/a.txt", " #!/bin/sh\nexit\n", "", "script"},
		"a vector":                           {"vectors/v.safetensors", good, "", ""},
		"a vector as JSON":                   {"vectors/v.json", "[0.1, 2e-3]\n", "", ""},
		"a vector as a table":                {"vectors/v.csv", "1,2\n", "", "safetensors and JSON alone"},
		"a vector without a suffix":          {"vectors/v", good, "", "safetensors and JSON alone"},
		"a program as a vector":              {"vectors/v", program, "vectors/v", "safetensors and JSON alone"},
		"JSON with something behind":         {"vectors/v.json", "[1] [2]", "", "no JSON of one value"},
		"JSON with a name twice":             {"vectors/v.json", "{\"a\":1,\"a\":2}", "", "no JSON of one value"},
		"JSON with a number that is none":    {"vectors/v.json", "[NaN]", "", "no JSON of one value"},
		"JSON with remarks":                  {"vectors/v.json", "[1] // one", "", "no JSON of one value"},
		"a vector with bytes behind":         {"vectors/v.safetensors", good + "x", "", "one way only"},
		"a vector that is cut":               {"vectors/v.safetensors", good[:len(good)-1], "", "one way only"},
		"a pickle as a vector":               {"vectors/v.safetensors", pickles["of a call, protocol 4"], "", "one way only"},
		"safetensors that are none, in data": {"data/v.SAFETENSORS", "x", "", "one way only"},
	} {
		err := airlock.CheckImport(c.path, []byte(c.content), c.program)
		if c.says == "" && err != nil || c.says != "" && (!narthex.IsKind(err, narthex.Invalid) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, command := range map[string][]string{"": nil, "run": {"/study/run", "x"}, "bin/a": {"/study/bin/a"}} {
		if got := airlock.ProgramOf(command); got != want {
			t.Errorf("%q runs %q", command, got)
		}
	}
	if got := airlock.ProgramOf([]string{"/usr/bin/python3", "/study/run"}); got != "" {
		t.Errorf("a script is the program %q", got)
	}
}

// TestNoHonestTextIsRefused: every text of this repository may be brought.
func TestNoHonestTextIsRefused(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".git") || entry.Name() == "bin" || entry.Name() == "dist") {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() || !strings.Contains(" .go .md .yaml .py .json .txt .csv .cedar .css .js .html .toml .mod .sum ", " "+filepath.Ext(name)+" ") {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		seen++
		if err := airlock.CheckImport("x.txt", content, ""); err != nil && !bytes.ContainsAny(content, "\x00\x1b\x7f") && bytes.Equal(bytes.ToValidUTF8(content, nil), content) {
			t.Errorf("%s: %v", name, err)
		}
		return nil
	})
	if err != nil || seen < 500 {
		t.Errorf("%d texts were tried: %v", seen, err)
	}
}

// FuzzImport: no content stops it, what is taken in is text, tensors or the program, and no error says anything of it.
func FuzzImport(f *testing.F) {
	for _, content := range pickles {
		f.Add("data/a.txt", []byte(content))
	}
	f.Add("run", []byte(elf(1)))
	f.Add("vectors/a.json", []byte("[1]"))
	f.Add("vectors/a.safetensors", []byte(safetensors(1)))
	f.Add("a", []byte(zipOf(f, "")))
	f.Fuzz(func(t *testing.T, path string, content []byte) {
		err := airlock.CheckImport(path, content, "run")
		if err == nil {
			_, read := twin.Read(content)
			if bytes.HasPrefix(content, []byte{0x80}) && read != nil || bytes.HasPrefix(content, []byte("\x7fELF")) && path != "run" && read != nil {
				t.Errorf("%q brings %q", path, content)
			}
		} else if !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("it says %v", err)
		}
	})
}
