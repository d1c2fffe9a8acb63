package sandbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Lay writes the files of a study, as a/b.py, into a folder, such that everyone may read them and run those that are programs. It gives
// how many lines each has. The names are those of plain paths that stay below the folder.
func Lay(folder string, files map[string][]byte) (lines map[string]int, err error) {
	lines = map[string]int{}
	for name, data := range files {
		lines[name] = strings.Count(string(data), "\n") + 1
		at := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o644)
		if len(data) > 4 && string(data[:4]) == "\x7fELF" {
			mode = 0o755
		}
		if err := os.WriteFile(at, data, mode); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// mostOutput bounds one file as a job left it, in bytes.
const mostOutput = 4 << 20

// Freeze copies one file that a job left: a plain one, with one name and without holes, of at most 4 MiB. Class says why not: missing,
// shape or size.
func Freeze(out *os.Root, name string) (data []byte, class string, err error) {
	info, err := out.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "missing", nil
	case err != nil:
		return nil, "", err
	case !info.Mode().IsRegular():
		return nil, "shape", nil
	case info.Size() > mostOutput:
		return nil, "size", nil
	}
	file, err := out.Open(name)
	if err != nil {
		return nil, "shape", nil
	}
	defer file.Close()
	again, err := file.Stat()
	if err != nil || !again.Mode().IsRegular() || !os.SameFile(info, again) || hollow(again) {
		return nil, "shape", nil
	}
	data, err = io.ReadAll(io.LimitReader(file, mostOutput+1))
	if err == nil && len(data) > mostOutput {
		return nil, "size", nil
	}
	return data, "", err
}
