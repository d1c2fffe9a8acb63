package bubblewrap

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// verdict runs a filter over a call as the kernel would.
func verdict(t *testing.T, program []byte, number, argument uint32) uint32 {
	t.Helper()
	word := map[uint32]uint32{0: number, 4: auditArch, 24: argument} // the second argument; all else is 0
	acc := uint32(0)
	for at := 0; at*8 < len(program); at++ {
		step := program[at*8:]
		yes, no, k := int(step[2]), int(step[3]), binary.LittleEndian.Uint32(step[4:])
		holds := false
		switch binary.LittleEndian.Uint16(step) {
		case load:
			acc = word[k]
			continue
		case and:
			acc &= k
			continue
		case answer:
			return k
		case equal:
			holds = acc == k
		case atLeast:
			holds = acc >= k
		}
		if holds {
			at += yes
		} else {
			at += no
		}
	}
	t.Fatal("the filter ends without an answer")
	return 0
}

// TestHoweverManyRequestsDevicesTakeNoOtherCallIsAllowed: a step jumps over 255 others at most, and a device may state as many kinds as there are.
func TestHoweverManyRequestsDevicesTakeNoOtherCallIsAllowed(t *testing.T) {
	var asks []int
	for kind := range 256 {
		if kind != 0x54 {
			asks = append(asks, kind)
		}
	}
	for _, n := range []int{0, 1, 2, 60, 63, 64, 65, 125, 126, 127, 128, 200, len(asks)} {
		program := filter(asks[:n])
		if len(program) > 4096*8 {
			t.Fatalf("%d kinds take %d bytes", n, len(program))
		}
		for number := range uint32(600) {
			if got, want := verdict(t, program, number, 0x5412), verdict(t, filter(nil), number, 0x5412); got != want {
				t.Errorf("with %d kinds, call %d is answered with %#x and not %#x", n, number, got, want)
			}
		}
		for i, kind := range asks {
			allowed := verdict(t, program, unix.SYS_IOCTL, uint32(kind)<<8|1) == allow
			if allowed != (i < n) {
				t.Errorf("with %d kinds, a request of the kind %#x is allowed: %v", n, kind, allowed)
			}
		}
	}
}
