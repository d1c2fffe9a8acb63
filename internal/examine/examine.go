// Package examine is the program's other half: it reads what a stranger's program wrote, and makes the twins of an asset or a table of its statistics, in a process that
// has nothing else.
//
// It promises that it reads its task from its standard input or its arguments, the asset's bytes from the folders that it is given, and
// writes an answer to its standard output, or a table into the folder that it is given for it, and that it touches nothing beside. It trusts nothing that it reads, and is trusted for nothing: whoever runs it
// confines it, and holds its answer to the task. Read next: airlock, for what a task is.
package examine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/inspect"
)

// Word is the argument by which the program is its other half. Behind it stand the folders of an asset's versions or nothing, and the task is
// read; or TwinWord, a folder and its digest, and the twins of its files are made; or MeasureWord, the folder of a request, that for the
// table and those of one version or two, and the table is made.
const (
	Word        = "examine"
	TwinWord    = "twin"
	MeasureWord = "measure"
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
	if len(args) > 3 && args[0] == MeasureWord {
		return Measure(args[1], args[2], args[3:]...)
	}
	if len(args) > 2 {
		return errors.New("examine: two folders at most")
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
	for _, folder := range args {
		if !task.Look {
			break
		}
		if err := read(folder, &held); err != nil {
			return err
		}
	}
	answer, err := Do(task, held)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(answer)
}
