package demo

import (
	"context"
	"os"
	"path/filepath"

	"narthex"
	"narthex/demo/minilab"
	"narthex/internal/environment"
)

// weightsFolder is where, in the demonstration's state, the bytes lie that jobs read.
const weightsFolder = "weights"

// folder is where a version's bytes lie, and what they are.
type folder struct {
	path   string
	digest narthex.Digest
}

// writeWeights writes every checkpoint of minim-1 into a folder of its own, of files that nobody may write to, and gives them by their
// names.
func writeWeights(ctx context.Context, dir string) (map[string]folder, error) {
	folders := map[string]folder{}
	for _, name := range minilab.Checkpoints() {
		files, err := minilab.Checkpoint(name)
		if err != nil {
			return nil, err
		}
		to := filepath.Join(dir, "minim-1", name)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return nil, err
		}
		for file, data := range files {
			if err := os.WriteFile(filepath.Join(to, file), data, 0o444); err != nil {
				return nil, err
			}
		}
		read, err := environment.ReadFolder(ctx, to)
		if err != nil {
			return nil, err
		}
		folders[name] = folder{to, read.Digest}
	}
	return folders, nil
}
