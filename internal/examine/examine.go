// Package examine is the program's other half: it reads what a stranger's program wrote, in a process that has nothing else.
//
// It promises that it reads its task from its standard input, the asset's bytes from the one folder that it is given, and writes an answer
// to its standard output, and that it touches nothing beside. It trusts nothing that it reads, and is trusted for nothing: whoever runs it
// confines it, and holds its answer to the task. Read next: airlock, for what a task is.
package examine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"narthex/internal/airlock"
	"narthex/internal/inspect"
	"narthex/internal/twin"
)

// Word is the argument by which the program is its other half; a folder may follow it.
const Word = "examine"

// mostTask bounds what is read of a task, in bytes.
const mostTask = 512 << 20

// Run does one task.
func Run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) > 1 {
		return errors.New("examine: one folder at most")
	}
	data, err := io.ReadAll(io.LimitReader(stdin, mostTask+1))
	if err != nil || len(data) > mostTask {
		return errors.Join(errors.New("examine: the task does not read, or is too large"), err)
	}
	var task airlock.Task
	if err := json.Unmarshal(data, &task); err != nil {
		return fmt.Errorf("examine: the task does not read: %w", err)
	}
	var held inspect.Held
	if len(args) == 1 && task.Look {
		if held, err = read(args[0]); err != nil {
			return err
		}
	}
	answer, err := Do(task, held)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(answer)
}

// mostText bounds one text that files are compared with, in bytes.
const mostText = 64 << 20

// read takes in what a folder holds back: the tensors of its weights, and its texts. Weights that do not read are an error, for what is
// not known is not looked for.
func read(folder string) (inspect.Held, error) {
	var held inspect.Held
	root, err := os.OpenRoot(folder)
	if err != nil {
		return held, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".safetensors") {
			tensors, err := twin.Read(data)
			if err != nil {
				return fmt.Errorf("examine: the weights %s do not read: %w", name, err)
			}
			for _, t := range tensors {
				held.Tensors = append(held.Tensors, inspect.Tensor{Name: t.Name, Sizes: t.Shape, Values: t.Values()})
			}
			return nil
		}
		if len(data) <= mostText {
			held.Texts = append(held.Texts, inspect.Text{Name: name, Bytes: data})
		}
		return nil
	})
	return held, err
}
