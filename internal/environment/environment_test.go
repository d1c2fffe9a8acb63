package environment_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"narthex/internal/environment"
)

// file writes a header's length, the header and the tensors' bytes.
func file(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

// read gives what the reader says of a file: its tensors, or that it is damaged and why.
func read(t *testing.T, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{environment.ReaderName: environment.Reader(), "a.safetensors": data} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", `
import sys, narthex_safetensors as reader
try:
    for name, tensor in reader.load(sys.argv[1]).items():
        print(name, tensor.dtype, tensor.shape, tensor.ravel().tolist(), tensor.flags.writeable)
except reader.Damaged as why:
    print("damaged:", why)
`, filepath.Join(dir, "a.safetensors"))
	run.Env = []string{"PYTHONPATH=" + dir, "PYTHONDONTWRITEBYTECODE=1"}
	said, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

func TestTheReaderReadsItsThreeTypes(t *testing.T) {
	got := read(t, file(`{"__metadata__":{"by":"a test"},"c":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}}`,
		0x00, 0x3c, 0x00, 0xc1, 0x80, 0x3f, 0x20, 0xc0, 0x00, 0x00, 0x20, 0x3e))
	if want := "a float32 (2, 1) [1.0, -2.5] False\nb float32 (2,) [1.0, -2.5] False\nc float32 () [0.15625] False\n"; got != want {
		t.Errorf("it reads\n%s, want\n%s", got, want)
	}
}

func TestTheReaderRefusesWhatIsDamaged(t *testing.T) {
	tensor := func(name, dtype, shape, offsets string) string {
		return fmt.Sprintf(`%q:{"dtype":%q,"shape":%s,"data_offsets":%s}`, name, dtype, shape, offsets)
	}
	good := tensor("a", "F16", "[2]", "[0,4]")
	four := []byte{0, 0, 0, 0}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":                   {nil, "shorter than the length"},
		"a header beyond the file":  {binary.LittleEndian.AppendUint64(nil, 1<<40), "longer than the file"},
		"no JSON":                   {file("{"), "not JSON"},
		"a list":                    {file("[]"), "not an object"},
		"deep JSON":                 {file(strings.Repeat("[", 100_000)), "not JSON"},
		"no UTF-8":                  {file("{\"\xff\":1}"), "not JSON"},
		"not a number":              {file(`{"a":NaN}`), "no number of a header"},
		"a name twice":              {file("{"+good+","+good+"}", four...), "stands twice"},
		"a field more":              {file(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4],"x":1}}`, four...), "other fields"},
		"a type that is not read":   {file("{" + tensor("a", "F64", "[0]", "[0,0]") + "}"), "its type is none"},
		"a shape below nothing":     {file("{"+tensor("a", "F16", "[-2]", "[0,4]")+"}", four...), "whole numbers"},
		"a shape of a fraction":     {file("{"+tensor("a", "F16", "[2.0]", "[0,4]")+"}", four...), "whole numbers"},
		"a shape of true":           {file("{"+tensor("a", "F16", "[true,2]", "[0,4]")+"}", four...), "whole numbers"},
		"offsets of words":          {file("{"+tensor("a", "F16", "[2]", `["0",4]`)+"}", four...), "data_offsets"},
		"a tensor that is a number": {file(`{"a":1}`), "data_offsets"},
		"more bytes than its shape": {file("{"+tensor("a", "F16", "[1]", "[0,4]")+"}", four...), "not as many"},
		"bytes that two share":      {file("{"+good+","+tensor("b", "F16", "[2]", "[0,4]")+"}", four...), "where the last tensor ends"},
		"a hole":                    {file("{"+tensor("a", "F16", "[1]", "[2,4]")+"}", four...), "where the last tensor ends"},
		"a file that is cut":        {file("{"+good+"}", 0, 0, 0), "the file ends"},
		"a file that goes on":       {file("{"+good+"}", 0, 0, 0, 0, 0), "belong to no tensor"},
	} {
		if got := read(t, c.data); !strings.HasPrefix(got, "damaged:") || !strings.Contains(got, c.says) {
			t.Errorf("%s: it says %q, want %q", name, got, c.says)
		}
	}
}
