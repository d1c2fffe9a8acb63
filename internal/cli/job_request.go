package cli

import (
	"io"
	"os"

	"narthex"
	"narthex/client"
	"narthex/internal/measure"
)

// isFile says whether what is named is a plain file and no folder: a request.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// readRequest reads a request to a program of the lab's software, and refuses what a node would; two says that it compares two versions.
func readRequest(name string, two bool) (studyFolder, error) {
	file, err := os.Open(name)
	if err != nil {
		return studyFolder{}, fileError("read", name, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return studyFolder{}, fileError("read", name, err)
	}
	if _, err := measure.Parse(data, two); err != nil {
		return studyFolder{}, advise(err, "mend it, and hand it in again; a folder in its place is a study with its code")
	}
	return studyFolder{files: []client.StudyFile{{Path: measure.File, Data: data}}, bytes: len(data)}, nil
}

// beside names the versions that a job has beside it, with their digests as shown writes them.
func beside(p narthex.Plan, shown func(narthex.Digest) string) string {
	text := string(p.Asset) + "@" + string(p.Version) + ", " + shown(p.AssetDigest)
	if p.Against != "" {
		text += ", and " + string(p.Asset) + "@" + string(p.Against) + ", " + shown(p.AgainstDigest)
	}
	return text
}

func whole(d narthex.Digest) string { return string(d) }
