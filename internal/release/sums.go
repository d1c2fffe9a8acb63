package release

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// SumsFile holds the SHA-256 of every other file of a release, as sha256sum writes them.
const SumsFile = "SHA256SUMS"

// Sum gives the checksums of the files in dist, sorted by name.
func Sum(dist string) ([]byte, error) {
	entries, err := os.ReadDir(dist)
	if err != nil {
		return nil, fmt.Errorf("sum release: %w", err)
	}
	var out strings.Builder
	for _, entry := range entries {
		if entry.Name() == SumsFile {
			continue
		}
		if !entry.Type().IsRegular() {
			return nil, fmt.Errorf("sum release: %s is no plain file", entry.Name())
		}
		data, err := os.ReadFile(filepath.Join(dist, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("sum release: %w", err)
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(data), entry.Name())
	}
	return []byte(out.String()), nil
}

// checkSums compares the files in dist with their checksums, in both directions, and gives the digest of the checksums.
func checkSums(dist string) (digest string, err error) {
	stated, err := os.ReadFile(filepath.Join(dist, SumsFile))
	if err != nil {
		return "", fmt.Errorf("check release: %w", err)
	}
	is, err := Sum(dist)
	if err != nil {
		return "", err
	}
	if len(is) == 0 {
		return "", errors.New("check release: there is no file but the checksums")
	}
	if string(is) != string(stated) {
		return "", fmt.Errorf("check release: %s, so this is not what was released; fetch it again, or build it yourself and compare", differ(string(is), string(stated)))
	}
	sum := sha256.Sum256(stated)
	return hex.EncodeToString(sum[:]), nil
}

// differ names the first file that is not as stated.
func differ(is, stated string) string {
	for line := range strings.Lines(is) {
		if !strings.Contains("\n"+stated, "\n"+line) {
			return "the file " + strings.TrimSpace(line[2*sha256.Size:]) + " is not the one of " + SumsFile
		}
	}
	return SumsFile + " names files that are not here, or in another form"
}

// isNamed says whether the files in dist bear the version, so that none is entered or taken under the name of another.
func isNamed(dist, version string) error {
	if _, err := os.Stat(filepath.Join(dist, billFile(version))); err != nil {
		return fmt.Errorf("check release: there is no %s in it, so it is not version %s", billFile(version), version)
	}
	return nil
}

func billFile(version string) string { return "narthex-" + version + ".cdx.json" }
