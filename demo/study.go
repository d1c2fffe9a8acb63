package demo

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed study/study.yaml study/*.py study-hidden/study.yaml study-hidden/*.py
var studies embed.FS

// Study gives the files of the demonstration's study, which a researcher runs beside the weights: study.yaml, and what it runs.
func Study() (fs.FS, error) { return fs.Sub(studies, "study") }

// WriteStudy writes the study into a new folder.
func WriteStudy(dir string) error {
	files, err := Study()
	if err != nil {
		return err
	}
	return os.CopyFS(dir, files)
}

// WriteHiddenStudy writes into a new folder the study as somebody would send it who takes weights along: one of its tables looks like
// results and is a slice of a layer.
func WriteHiddenStudy(dir string) error {
	if err := WriteStudy(dir); err != nil {
		return err
	}
	for _, name := range []string{"study.yaml", "results.py"} {
		data, err := studies.ReadFile("study-hidden/" + name)
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, name), data, 0o644)); err != nil {
			return err
		}
	}
	return nil
}
