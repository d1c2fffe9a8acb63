package sandbox_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/sandbox"
)

// TestAFileOfDevicesIsReadOrRefused: what is missing, unknown, unsafe or not on this host stops whoever reads it.
func TestAFileOfDevicesIsReadOrRefused(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, "library")
	if err := os.WriteFile(library, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	whole := "devices:\n  - name: gpu0\n    kind: gpu\n    paths:\n      - {path: /dev/null, at: /dev/gpu0, write: true}\n      - {path: " + library + ", at: /device/library}\n    requests: [0x46, 0]\n    wipe: [/usr/bin/true, -x]\n"
	read := func(text string) ([]sandbox.Device, error) {
		file := filepath.Join(dir, "devices.yaml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return sandbox.ReadDevices(file)
	}
	want := []sandbox.Device{{Name: "gpu0", Kind: "gpu", Paths: []sandbox.DevicePath{{Host: "/dev/null", Inside: "/dev/gpu0", Write: true}, {Host: library, Inside: "/device/library"}}, Requests: []int{0x46, 0}, Wipe: []string{"/usr/bin/true", "-x"}}}
	if got, err := read(whole); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for what, change := range map[string][2]string{
		"nothing":                    {whole, ""},
		"no device":                  {whole, "devices: []\n"},
		"a word that is not known":   {"kind: gpu", "kind: gpu\n    shared: true"},
		"no name":                    {"name: gpu0", "name: ''"},
		"no kind":                    {"kind: gpu", "kind: ''"},
		"no wipe":                    {"    wipe: [/usr/bin/true, -x]\n", ""},
		"a wipe that is not there":   {"/usr/bin/true", "/usr/bin/none-such"},
		"a node that is not there":   {"path: /dev/null", "path: /dev/none-such"},
		"a node to be read alone":    {", write: true", ""},
		"a folder to be written to":  {"{path: /dev/null, at: /dev/gpu0, write: true}", "{path: " + dir + ", at: /device/lib, write: true}"},
		"a place among the asset's":  {"at: /dev/gpu0", "at: /asset/gpu0"},
		"a place of another device":  {"at: /dev/gpu0", "at: /dev/zero"},
		"requests of terminals":      {"0x46", "0x54"},
		"two that are one device":    {"devices:\n", "devices:\n  - {name: gpu1, kind: gpu, paths: [{path: /dev/null, at: /dev/gpu0, write: true}], wipe: [/usr/bin/true]}\n"},
		"two at one place":           {"devices:\n", "devices:\n  - {name: gpu1, kind: gpu, paths: [{path: /dev/zero, at: /dev/gpu0, write: true}], wipe: [/usr/bin/true]}\n"},
		"a device that stands twice": {"devices:\n", "devices:\n  - {name: gpu0, kind: gpu, paths: [{path: /dev/null, at: /dev/gpu0, write: true}], wipe: [/usr/bin/true]}\n"},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if text == whole {
			t.Fatalf("%s changes nothing", what)
		}
		if _, err := read(text); !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != "devices" {
			t.Errorf("%s: %v", what, err)
		}
	}
	shared := "devices:\n"
	for _, name := range []string{"0", "1"} {
		shared += "  - {name: gpu" + name + ", kind: gpu, paths: [{path: /dev/zero, at: /dev/gpu" + name + ", write: true}, {path: /dev/null, at: /dev/ctl, write: true}], wipe: [/usr/bin/true]}\n"
	}
	if got, err := read(shared); err != nil || len(got) != 2 {
		t.Errorf("two with a node in common: %+v, %v", got, err)
	}
	if _, err := sandbox.ReadDevices(filepath.Join(dir, "absent")); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("a file that is not there: %v", err)
	}
}
