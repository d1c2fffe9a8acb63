package gateway

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/environment"
	"narthex/internal/journal"
	"narthex/policy"
)

// twinCall is a mock twin that is asked for. It is given to whom the least job beside the version would be allowed, and takes nothing:
// everyone has the same twin, so asking again tells nothing more.
type twinCall struct{ jobCall }

func (twinCall) Take(narthex.Asset, *narthex.Taxonomy, []policy.Layer) ([]narthex.Demand, error) {
	return []narthex.Demand{{Unit: narthex.Calls}, {Unit: narthex.CPUMinutes}, {Unit: narthex.GPUMinutes}, {Unit: narthex.Bytes, Bits: bitsOfOneByte}}, nil
}

// leastMemory is of a job, in megabytes.
const leastMemory = 16

// Twin serves GET /v1/assets/{asset}/twin.
func (d *Door) Twin() http.Handler {
	return d.Handler(func(v *visit) error {
		if no := d.noJobs(); no != nil {
			return v.denyUnread(no)
		}
		asset, version, _ := strings.Cut(path.Base(path.Dir(v.r.URL.Path)), "@")
		call := twinCall{jobCall{asset: narthex.AssetName(asset), version: narthex.VersionName(version), plan: narthex.Plan{WallMinutes: 1, MemoryMB: leastMemory}}}
		var of narthex.Version
		err := v.read("twin", func(tx *journal.Tx, h holder) *narthex.Error {
			rules, err := d.Rules.Check(tx)
			if err != nil {
				return narthex.AsError(err)
			}
			a := &attempt{v: v, tx: tx, h: h, rules: rules, call: call}
			denial := a.decide()
			of = a.version
			return denial
		})
		if err != nil {
			return err
		}
		made, err := d.Hall.twin(v.r.Context(), of)
		if err != nil {
			return v.denyUnread(err)
		}
		out := client.Twin{Asset: call.asset, Version: of.Name, Digest: of.Digest, Others: made.Others}
		for _, f := range made.Files {
			out.Files = append(out.Files, client.StudyFile{Path: f.Name, Data: f.Data})
		}
		return v.json(out)
	})
}

// twin has the twins of a version's weights and records made.
func (h *Hall) twin(ctx context.Context, of narthex.Version) (made airlock.Twins, err error) {
	var none airlock.Twins
	size, has, err := sizeOf(of.Folder)
	switch {
	case err != nil:
		return none, narthex.Unavailablef("The bytes of the version could not be read, so it has no twin now. Try again; tell the lab if it stays so.").Because(err)
	case size > client.MostTwin:
		return none, narthex.Refusedf("A twin is made of weights of %d bytes together at most, and this version has more. Try the study on a smaller version; the same names and types are enough.", client.MostTwin).For("asset")
	case !has:
		return none, narthex.Refusedf("Nothing of this version has a twin: it has no file of safetensors and none of JSON lines. Ask the lab.").For("asset")
	}
	changed := false
	err = inTurn(ctx, h.twins, func() error {
		found, err := environment.ReadFolder(ctx, of.Folder)
		if changed = err != nil || found.Digest != of.Digest; changed {
			return err
		}
		return inTurn(ctx, h.looks, func() error {
			made, err = h.Examiner.Twin(ctx, of.Folder, of.Digest)
			return err
		})
	})
	if changed {
		return none, narthex.Unavailablef("The bytes of the version are not those that the lab approved, so it has no twin. Tell the lab.").Because(err)
	}
	if err != nil {
		return none, narthex.Unavailablef("The twin could not be made. Try again; tell the lab if it stays so: weights that are damaged, or of a type that is not read, have none, nor have records of many gigabytes.").Because(err)
	}
	return made, nil
}

// sizeOf gives how many bytes the weights of a folder have together, and whether anything in it has a twin. It reads no file. The twin of
// records does not grow with them.
func sizeOf(folder string) (size int64, has bool, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return 0, false, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && strings.HasSuffix(name, airlock.Weights) {
			size += info.Size()
		}
		has = has || airlock.HasTwin(name)
		return err
	})
	return size, has, err
}
