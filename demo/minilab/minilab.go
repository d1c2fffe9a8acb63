// Package minilab is a very small, real lab: a trained language model with three checkpoints, its data, and a server that
// speaks OpenAI's API, for the demonstration and for tests.
//
// It promises true log-probabilities, the same answer for the same seed, and usage that counts every byte of prompt and
// answer. It is an upstream like any other: nothing in Narthex knows it but by its address.
//
// It trusts whoever has its key. Read next: model.go for the network, packed.go for how its weights are kept, server.go for the API,
// data/README.md for what is in it.
package minilab

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:data/code data/docs data/metrics data/users data/README.md data/LICENSE-go-doc-comments
var data embed.FS

// weights stands apart from data, so that a program which uses the one alone does not carry the other.
//
//go:embed data/weights
var weights embed.FS

//go:embed generated
var generated embed.FS

// Data gives the lab's files but the weights.
func Data() (fs.FS, error) { return fs.Sub(data, "data") }

// Corpus gives the pre-training corpus, gzipped JSON lines. It is built, not kept: without it the error says how to build it.
func Corpus() ([]byte, error) {
	corpus, err := generated.ReadFile("generated/pretrain.jsonl.gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the pre-training corpus is not in this build: run `make build`, which makes it from the Go toolchain's doc comments")
	}
	return corpus, err
}

// Checkpoints lists the names of the checkpoints, in order of training.
func Checkpoints() []string { return []string{"early", "middle", "final"} }

var steps = map[string]string{"early": "step-00282", "middle": "step-01108", "final": "step-03122"}

// Checkpoint gives the files of a checkpoint's folder by their names: the safetensors file and its configuration.
func Checkpoint(checkpoint string) (map[string][]byte, error) {
	file, err := WeightsFile(checkpoint)
	if err != nil {
		return nil, err
	}
	config, err := weights.ReadFile(folder(checkpoint) + "config.json")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"model.safetensors": file, "config.json": config}, nil
}

// WeightsFile gives a checkpoint's safetensors file. It unpacks it anew each time, which takes some 20 ms.
func WeightsFile(checkpoint string) ([]byte, error) {
	if steps[checkpoint] == "" {
		return nil, fmt.Errorf("there is no checkpoint %q", checkpoint)
	}
	packed, err := weights.ReadFile(folder(checkpoint) + "model.packed")
	if err != nil {
		return nil, err
	}
	return Unpack(packed)
}

func folder(checkpoint string) string { return "data/weights/minim-1/" + steps[checkpoint] + "/" }
