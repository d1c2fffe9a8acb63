// Pack packs a checkpoint's safetensors file for the repository, or gives back the file that a packed one holds: the format stands in
// demo/minilab/packed.go.
//
// usage: pack FROM TO, or pack -u FROM TO to unpack
package main

import (
	"flag"
	"fmt"
	"os"

	"narthex/demo/minilab"
)

func main() {
	unpack := flag.Bool("u", false, "unpack")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: pack FROM TO, or pack -u FROM TO to unpack") }
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	turn := minilab.Pack
	if *unpack {
		turn = minilab.Unpack
	}
	if err := convert(turn, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func convert(turn func([]byte) ([]byte, error), from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if data, err = turn(data); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
