// Package environment holds what the shipped environments of jobs have beside the host's own files.
//
// It promises bytes that are the same in every build of one version: what is placed in an environment is part of what its digest says.
// It trusts nothing and runs nothing. Read next: python/narthex_safetensors.py, narthex.Environment.
package environment

import _ "embed"

//go:embed python/narthex_safetensors.py
var reader string

// ReaderName is the name of the module under which a study imports [Reader].
const ReaderName = "narthex_safetensors.py"

// Reader gives the Python module that reads safetensors files strictly: float16, bfloat16 and float32, with numpy and without pickle.
// The bytes are the caller's.
func Reader() []byte { return []byte(reader) }
