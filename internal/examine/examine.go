// Package examine is the program's other half: it reads what a stranger's program wrote, and makes the twins of weights, in a process that
// has nothing else.
//
// It promises that it reads its task from its standard input or its arguments, the asset's bytes from the one folder that it is given, and
// writes an answer to its standard output, and that it touches nothing beside. It trusts nothing that it reads, and is trusted for nothing: whoever runs it
// confines it, and holds its answer to the task. Read next: airlock, for what a task is.
package examine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/inspect"
	"narthex/internal/order"
	"narthex/internal/twin"
)

// Word is the argument by which the program is its other half. Behind it stands a folder or nothing, and the task is read; or TwinWord, a
// folder and its digest, and the twins of its weights are made.
const (
	Word     = "examine"
	TwinWord = "twin"
)

// mostTask bounds what is read of a task, in bytes.
const mostTask = 512 << 20

// Run does one task.
func Run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 3 && args[0] == TwinWord {
		twins, err := Twins(args[1], narthex.Digest(args[2]))
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(twins)
	}
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

// Twins makes the twins of the weights in a folder, and counts what else lies there. They follow from the folder's digest, so that
// everyone who asks for them has the same. Weights that have no twin are an error.
func Twins(folder string, of narthex.Digest) (airlock.Twins, error) {
	made := airlock.Twins{Files: []airlock.Raw{}}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return made, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if !strings.HasSuffix(name, airlock.Weights) {
			made.Others++
			return nil
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		seed := sha256.Sum256([]byte(string(of) + "\n" + name))
		mock, err := twin.Twin(data, binary.BigEndian.Uint64(seed[:]))
		if err != nil {
			return fmt.Errorf("examine: %s: %w", name, err)
		}
		made.Files = append(made.Files, airlock.Raw{Name: name, Kind: strings.TrimPrefix(airlock.Weights, "."), Data: mock})
		return nil
	})
	order.By(made.Files, func(a, b airlock.Raw) int { return strings.Compare(a.Name, b.Name) })
	return made, err
}
