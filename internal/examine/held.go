package examine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"narthex/internal/airlock"
	"narthex/internal/inspect"
	"narthex/internal/twin"
)

const (
	mostText  = 64 << 20  // of one text that files are compared with and that no ending says to be one, in bytes; a larger one is left out
	mostTexts = 128 << 20 // of all texts together; where there is more, nothing is looked into
)

// read takes in what a folder holds back: the tensors of its weights, and its texts. Weights that do not read are an error, and so is more
// text than a look compares with, for what is not known is not looked for.
func read(folder string, held *inspect.Held) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !strings.HasSuffix(name, airlock.Weights) && info.Size() > mostTexts {
			if isText(name) {
				return errTooMuch
			}
			return nil
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		return Hold(name, data, held)
	})
}

var errTooMuch = errors.New("examine: the asset has more text than files can be compared with")

// isText says whether the name of a file says that it is text, packed or not.
func isText(name string) bool {
	name = strings.TrimSuffix(name, ".gz")
	for _, ending := range []string{".jsonl", ".json", ".csv", ".tsv", ".txt", ".md", ".yaml", ".xml", ".html"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// Hold takes one file of an asset among what is held back. Of JSON lines it is what their values say, as a reader of the records has it;
// of any other file that is no weights, its bytes.
func Hold(name string, data []byte, held *inspect.Held) error {
	if strings.HasSuffix(name, airlock.Weights) {
		tensors, err := twin.Read(data)
		if err != nil {
			return fmt.Errorf("examine: the weights %s do not read: %w", name, err)
		}
		for _, t := range tensors {
			held.Tensors = append(held.Tensors, inspect.Tensor{Name: t.Name, Sizes: t.Shape, Values: t.Values()})
		}
		return nil
	}
	if !isText(name) && len(data) > mostText {
		return nil
	}
	sum := 0
	for _, t := range held.Texts {
		sum += len(t.Bytes)
	}
	text := data
	if isText(name) {
		var err error
		if text, err = twin.Unpacked(name, data, mostTexts); err != nil {
			return fmt.Errorf("examine: the text %s does not read: %w", name, err)
		}
	}
	if twin.IsRecords(name) {
		text = twin.Said(text)
	}
	if sum+len(text) > mostTexts {
		return errTooMuch
	}
	held.Texts = append(held.Texts, inspect.Text{Name: name, Bytes: text})
	return nil
}
