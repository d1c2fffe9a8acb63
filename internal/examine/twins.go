package examine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/twin"
)

// Twins makes the twins of the weights and the records in a folder, and counts what else lies there. They follow from the folder's digest,
// so that everyone who asks for them has the same. Weights and records that have no twin are an error.
func Twins(folder string, of narthex.Digest) (airlock.Twins, error) {
	made := airlock.Twins{Files: []airlock.Raw{}}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return made, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if !airlock.HasTwin(name) {
			made.Others++
			return nil
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		seed := sha256.Sum256([]byte(string(of) + "\n" + name))
		of := twin.Twin
		if twin.IsRecords(name) {
			of = func(data []byte, seed uint64) ([]byte, error) { return twin.Records(name, data, seed) }
		}
		mock, err := of(data, binary.BigEndian.Uint64(seed[:]))
		if err != nil {
			return fmt.Errorf("examine: %s: %w", name, err)
		}
		made.Files = append(made.Files, airlock.Raw{Name: name, Kind: strings.TrimPrefix(path.Ext(name), "."), Data: mock})
		return nil
	})
	slices.SortFunc(made.Files, func(a, b airlock.Raw) int { return strings.Compare(a.Name, b.Name) })
	return made, err
}
