package lab

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed template
var template embed.FS

// Template gives the files that Init writes: a directory that loads without problems, with placeholders that a lab replaces.
func Template() (Files, error) {
	files := Files{}
	err := fs.WalkDir(template, "template", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := template.ReadFile(name)
		files[strings.TrimPrefix(name, "template/")] = data
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	return files, nil
}

// Init writes the template into a new or empty directory.
func Init(dir string) error {
	files, err := Template()
	if err != nil {
		return err
	}
	return files.Write(dir)
}
