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

//go:embed study-corpus/study.yaml study-corpus/*.py
var corpusStudy embed.FS

// WriteCorpusStudy writes into a new folder a study that runs beside the miniature lab's pre-training corpus: how many documents of each
// source hold a phrase. The corpus is made by a build and is not in the program, so the story does not tell of it.
func WriteCorpusStudy(dir string) error {
	files, err := fs.Sub(corpusStudy, "study-corpus")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, files)
}

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
