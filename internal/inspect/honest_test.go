package inspect_test

import (
	"testing"

	"narthex/demo/minilab"
	"narthex/internal/inspect"
	"narthex/internal/twin"
)

// tensors reads a checkpoint of the miniature lab.
func tensors(t testing.TB, checkpoint string) (held []inspect.Tensor) {
	t.Helper()
	data, err := minilab.WeightsFile(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	all, err := twin.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		held = append(held, inspect.Tensor{Name: checkpoint + "/" + one.Name, Sizes: one.Shape, Values: one.Values()})
	}
	return held
}
