package bubblewrap

import (
	"encoding/binary"
	"math"
	"runtime"
)

// A stub is the program that a job begins as, of one page. It does what bubblewrap cannot: it says that the sandbox stands, waits to
// be let go, sets limits, shuts the files that the job does not need, closes every descriptor but three, and becomes the command that
// its arguments name. It is a list of system calls that nothing branches in: where one fails, it ends with stubFailed. So there is no
// runtime to start and nothing to parse.

// stubFailed is the exit code of a stub of which a call failed.
const stubFailed = 120

// call is a system call of a stub.
type call struct {
	number uintptr
	args   []any // uint64, []byte whose address is given, or a place
	some   bool  // it fails at 0 too
}

// place is an argument that is known only when the stub runs.
type place int

const (
	last  place = iota // what the call before gave; only as the first argument
	stack              // 64 bytes that may be written to
)

// machine writes the code of one architecture. Arguments are counted from 0.
type machine struct {
	elf    uint16 // its number in a program's header
	value  func(n int, v uint64) []byte
	place  func(n int, p place) []byte
	call   func(number uint64) []byte
	failed func(back int, some bool) []byte // goes that many bytes back from its beginning, where the call before failed
	become func(execve uint64) []byte       // the program and arguments that stand behind the stub's own name
}

// base is where a stub is loaded, and head is how long its headers are.
const (
	base = 0x400000
	head = 64 + 56
)

// assemble writes a stub: its headers, the data of the calls, the end after a failure, and the calls in order.
func assemble(m machine, calls []call, execve, exit uintptr) []byte {
	var data []byte
	at := map[*byte]uint64{}
	for _, c := range calls {
		for _, arg := range c.args {
			if bytes, is := arg.([]byte); is {
				at[&bytes[0]] = base + head + uint64(len(data))
				data = append(data, bytes...)
				data = append(data, make([]byte, -len(data)&7)...)
			}
		}
	}
	end := append(m.value(0, stubFailed), m.call(uint64(exit))...)
	var code []byte
	for _, c := range calls {
		for n, arg := range c.args {
			switch arg := arg.(type) {
			case uint64:
				code = append(code, m.value(n, arg)...)
			case []byte:
				code = append(code, m.value(n, at[&arg[0]])...)
			case place:
				code = append(code, m.place(n, arg)...)
			}
		}
		code = append(code, m.call(uint64(c.number))...)
		code = append(code, m.failed(len(end)+len(code), c.some)...)
	}
	code = append(code, m.become(uint64(execve))...)
	code = append(code, end...)

	entry := base + head + uint64(len(data)+len(end))
	size := uint64(head + len(data) + len(end) + len(code))
	le := binary.LittleEndian
	out := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	out = le.AppendUint16(out, 2) // an executable
	out = le.AppendUint16(out, m.elf)
	out = le.AppendUint32(out, 1)
	out = le.AppendUint64(out, entry)
	out = le.AppendUint64(out, 64) // where the one segment's header is
	out = le.AppendUint64(out, 0)
	out = le.AppendUint32(out, 0)
	for _, n := range []uint16{64, 56, 1, 0, 0, 0} {
		out = le.AppendUint16(out, n)
	}
	out = le.AppendUint32(out, 1)   // loaded
	out = le.AppendUint32(out, 4|1) // to be read and run
	for _, n := range []uint64{0, base, base, size, size, 1 << 16} {
		out = le.AppendUint64(out, n)
	}
	return append(append(append(out, data...), end...), code...)
}

// host gives the machine that this program is built for.
func host() (machine, bool) {
	switch runtime.GOARCH {
	case "amd64":
		return amd64(), true
	case "arm64":
		return arm64(), true
	}
	return machine{}, false
}

func amd64() machine {
	registers := []byte{7, 6, 2, 10, 8, 9} // rdi rsi rdx r10 r8 r9
	value := func(register byte, v uint64) []byte {
		return binary.LittleEndian.AppendUint64([]byte{0x48 | register>>3, 0xB8 | register&7}, v)
	}
	call := func(number uint64) []byte { return append(value(0, number), 0x0F, 0x05) }
	return machine{
		elf:   62,
		value: func(n int, v uint64) []byte { return value(registers[n], v) },
		place: func(n int, p place) []byte {
			r := registers[n]
			if p == last {
				return []byte{0x48 | r>>3, 0x89, 0xC0 | r&7} // mov r, rax
			}
			return []byte{0x48 | r>>3<<2, 0x8D, 0x44 | r&7<<3, 0x24, 0xC0} // lea r, [rsp-64]
		},
		call: call,
		failed: func(back int, some bool) []byte {
			jump := byte(0x88) // js
			if some {
				jump = 0x8E // jle
			}
			return binary.LittleEndian.AppendUint32([]byte{0x48, 0x85, 0xC0, 0x0F, jump}, uint32(-(back + 9))) // test rax, rax
		},
		become: func(execve uint64) []byte {
			return append([]byte{
				0x48, 0x8B, 0x7C, 0x24, 0x10, // mov rdi, [rsp+16]
				0x48, 0x8D, 0x74, 0x24, 0x10, // lea rsi, [rsp+16]
				0x48, 0x8B, 0x04, 0x24, // mov rax, [rsp]
				0x48, 0x8D, 0x54, 0xC4, 0x10, // lea rdx, [rsp+rax*8+16]
			}, call(execve)...)
		},
	}
}

func arm64() machine {
	words := func(words ...uint32) (out []byte) {
		for _, w := range words {
			out = binary.LittleEndian.AppendUint32(out, w)
		}
		return out
	}
	value := func(register uint32, v uint64) []byte {
		out := words(0xD2800000 | uint32(v&math.MaxUint16)<<5 | register) // movz
		for part := uint32(1); part < 4; part++ {
			out = append(out, words(0xF2800000|part<<21|uint32(v>>(16*part)&math.MaxUint16)<<5|register)...) // movk
		}
		return out
	}
	call := func(number uint64) []byte { return append(value(8, number), words(0xD4000001)...) } // svc #0
	return machine{
		elf:   183,
		value: func(n int, v uint64) []byte { return value(uint32(n), v) },
		place: func(n int, p place) []byte {
			if p == last {
				return words(0xAA0003E0 | uint32(n)) // mov xn, x0
			}
			return words(0xD1000000 | 64<<10 | 31<<5 | uint32(n)) // sub xn, sp, #64
		},
		call: call,
		failed: func(back int, some bool) []byte {
			condition := uint32(0b1011) // lt
			if some {
				condition = 0b1101 // le
			}
			away := uint32(-(back + 4) / 4)
			return words(0xF100001F, 0x54000000|away&0x7FFFF<<5|condition) // cmp x0, #0
		},
		become: func(execve uint64) []byte {
			return append(words(
				0xF9400BE0, // ldr x0, [sp, #16]
				0x910043E1, // add x1, sp, #16
				0xF94003E3, // ldr x3, [sp]
				0x8B030C22, // add x2, x1, x3, lsl #3
			), call(execve)...)
		},
	}
}
