package examine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"narthex/internal/airlock"
	"narthex/internal/measure"
	"narthex/internal/twin"
)

// Measure writes into the folder out what the request in a folder asks for of one version's weights, or of two.
func Measure(request, out string, versions ...string) error {
	if len(versions) < 1 || len(versions) > 2 {
		return errors.New("examine: one version or two")
	}
	data, err := os.ReadFile(filepath.Join(request, measure.File))
	if err != nil {
		return err
	}
	asked, err := measure.Parse(data, len(versions) == 2)
	if err != nil {
		return err
	}
	var all [2][]twin.Tensor
	for i, folder := range versions {
		if all[i], err = tensorsIn(folder); err != nil {
			return err
		}
	}
	if len(versions) == 2 && all[1] == nil {
		all[1] = []twin.Tensor{} // a version without weights, and not none
	}
	table, err := measure.Table(asked, all[0], all[1])
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, measure.Output), table, 0o644)
}

// tensorsIn gives the tensors of every file of weights in a folder.
func tensorsIn(folder string) (all []twin.Tensor, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	known := map[string]bool{}
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(name, airlock.Weights) {
			return err
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		tensors, err := twin.Read(data)
		if err != nil {
			return fmt.Errorf("examine: the weights %s do not read: %w", name, err)
		}
		if slices.ContainsFunc(tensors, func(t twin.Tensor) bool { was := known[t.Name]; known[t.Name] = true; return was }) {
			return errors.New("examine: a tensor stands in two files")
		}
		all = append(all, tensors...)
		return nil
	})
	return all, err
}
