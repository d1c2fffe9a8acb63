// Gencorpus builds minim's pre-training corpus by the rule in data/code/corpus, checks its digest, and writes it gzipped.
//
// usage: gencorpus FILE, from the folder demo/minilab
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
)

// want is the digest of the corpus that the model was trained on, which the toolchain of go.mod's line gives.
const (
	want      = "f7c34e7b326b59cc5f25df099eadc49b2be7a789af5c0d97398746155e3567a2"
	toolchain = "go1.26.8"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gencorpus FILE")
		os.Exit(2)
	}
	if err := build(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gencorpus:", err)
		os.Exit(1)
	}
}

func build(path string) error {
	if whole(path) {
		return nil
	}
	command := exec.Command("go", "run", "./data/code/corpus")
	command.Stderr = os.Stderr
	corpus, err := command.Output()
	if err != nil {
		return fmt.Errorf("build the corpus: %w", err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(corpus)); sum != want {
		return fmt.Errorf("the corpus has the digest %s and not %s: it is made from the doc comments of %s, and this is %s; install that toolchain", sum, want, toolchain, runtime.Version())
	}
	var packed bytes.Buffer
	zipper, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := zipper.Write(corpus); err != nil {
		return err
	}
	if err := zipper.Close(); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path+".new", packed.Bytes(), 0o644), os.Rename(path+".new", path))
}

// whole says whether the file is there already, with the right content.
func whole(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	unzipper, err := gzip.NewReader(file)
	if err != nil {
		return false
	}
	sum := sha256.New()
	_, err = io.Copy(sum, unzipper)
	return err == nil && fmt.Sprintf("%x", sum.Sum(nil)) == want
}
