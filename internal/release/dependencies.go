package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// CheckDependencies compares every go.mod below root with docs/dependencies.md: each module has a line with its
// version, and no line is left of one that is gone. It names all that differ. It also refuses what would let a build take
// other code than the list says: a replacement by anything but this module itself, an exclusion, a toolchain left open.
func CheckDependencies(root string) error {
	list, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		return fmt.Errorf("check dependencies: %w", err)
	}
	have, want := listed(list), map[string]bool{}
	var errs []error
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "go.mod" {
			return err
		}
		errs = append(errs, checkMod(root, name, want))
		return nil
	})
	if err != nil {
		return fmt.Errorf("check dependencies: %w", err)
	}
	for name := range want {
		if !have[name] {
			errs = append(errs, fmt.Errorf("docs/dependencies.md has no line for %s: add `| %s |`, and say above why it is needed", name, strings.Replace(name, " ", " | ", 1)))
		}
	}
	for name := range have {
		if !want[name] {
			errs = append(errs, fmt.Errorf("docs/dependencies.md has a line for %s, which no go.mod names: remove it", name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return errors.Join(errs...)
}

// checkMod adds the modules of one go.mod to want.
func checkMod(root, name string, want map[string]bool) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse(name, text, nil)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range mod.Require {
		if r.Mod.Path != "narthex" { // a module of tests may need the product's own
			want[r.Mod.Path+" "+r.Mod.Version] = true
		}
	}
	for _, r := range mod.Replace {
		if r.Old.Path != "narthex" || filepath.Join(filepath.Dir(name), r.New.Path) != filepath.Clean(root) {
			errs = append(errs, fmt.Errorf("%s replaces %s: a build takes what is listed", name, r.Old.Path))
		}
	}
	if len(mod.Exclude) > 0 {
		errs = append(errs, fmt.Errorf("%s excludes %s: require the version that is wanted", name, mod.Exclude[0].Mod.Path))
	}
	if filepath.Dir(name) == filepath.Clean(root) && mod.Toolchain == nil {
		errs = append(errs, fmt.Errorf("%s names no toolchain, so nobody could build the same bytes", name))
	}
	return errors.Join(errs...)
}

// listed reads the list: each "path version" that has a line.
func listed(list []byte) map[string]bool {
	lines := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 {
			continue
		}
		path, version := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
		if cells[0] == "" && strings.HasPrefix(version, "v") && module.CheckPath(path) == nil {
			lines[path+" "+version] = true
		}
	}
	return lines
}
