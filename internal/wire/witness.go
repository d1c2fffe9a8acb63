package wire

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"narthex"
)

// AddCheckpoint is the body of POST /add-checkpoint of c2sp.org/tlog-witness: the size that the witness is believed to know,
// the proof that the checkpoint's tree begins with that one, and the checkpoint.
type AddCheckpoint struct {
	Old        uint64
	Proof      [][32]byte // at most 63
	Checkpoint string
}

// mostProof is the most hashes that a consistency proof of the protocol has.
const mostProof = 63

// Text writes the body.
func (a AddCheckpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", a.Old)
	for _, hash := range a.Proof {
		b.WriteString(base64.StdEncoding.EncodeToString(hash[:]) + "\n")
	}
	return b.String() + "\n" + a.Checkpoint
}

// ParseAddCheckpoint reads the body in its one form. The checkpoint is not looked into.
func ParseAddCheckpoint(data []byte) (AddCheckpoint, error) {
	var a AddCheckpoint
	head, checkpoint, found := strings.Cut(string(data), "\n\n")
	if !found {
		return a, narthex.Invalidf("The body is not an old size, a proof, an empty line and a checkpoint.")
	}
	a.Checkpoint = checkpoint
	lines := strings.Split(head, "\n")
	size, begins := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseUint(size, 10, 62)
	if !begins || err != nil || strconv.FormatUint(old, 10) != size {
		return a, narthex.Invalidf("The body does not begin with an old size.")
	}
	if a.Old = old; len(lines)-1 > mostProof {
		return a, narthex.Invalidf("The proof has more than %d hashes.", mostProof)
	}
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(hash) != 32 {
			return a, narthex.Invalidf("The proof has a line that is not the base64 of 32 bytes.")
		}
		a.Proof = append(a.Proof, [32]byte(hash))
	}
	return a, nil
}
