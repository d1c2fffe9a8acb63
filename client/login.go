package client

import "strings"

// LoginMessage is what a key signs to prove that it is held: the purpose and the values, each on a line of its own, after a
// line that no document of ours begins with. A proof for one purpose or lab is good for no other.
func LoginMessage(purpose, origin string, values ...string) []byte {
	return []byte("narthex proof v1\n" + purpose + "\n" + origin + "\n" + strings.Join(values, "\n") + "\n")
}
