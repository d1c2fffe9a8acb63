package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"narthex"
)

// program gives the SHA-256 of the file that this program was started from, and its path.
func program() (narthex.Digest, string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", "", fmt.Errorf("find this program's file: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", "", fmt.Errorf("read this program's file: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", "", fmt.Errorf("read this program's file: %w", err)
	}
	return narthex.MakeDigest([32]byte(sum.Sum(nil))), path, nil
}
