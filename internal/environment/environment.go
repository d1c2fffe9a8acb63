// Package environment holds what jobs have around them: the module that the shipped environments place beside the host's own files, and
// the digest of a folder, by which an asset, a study or an environment is known to be the one that people approved.
//
// It promises bytes of the module that are the same in every build of one version, and a digest for a folder of plain files alone: a
// link, a device or a name that could be read in two ways is refused, and so is a file that changes while it is read.
//
// It trusts nothing in a folder and runs nothing. Whoever may write to a folder can change it after its digest was taken: who needs it
// unchanged copies it first, or keeps others from writing. Read next: folder.go, python/narthex_safetensors.py, narthex.FolderDigest.
package environment

import _ "embed"

//go:embed python/narthex_safetensors.py
var reader string

// ReaderName is the name of the module under which a study imports [Reader].
const ReaderName = "narthex_safetensors.py"

// Reader gives the Python module that reads safetensors files strictly: float16, bfloat16 and float32, with numpy and without pickle.
// The bytes are the caller's.
func Reader() []byte { return []byte(reader) }
