package bubblewrap_test

// foreign are calls by the numbers of other architectures: the x32 numbers, and those of 32 bits by their own gate.
const foreign = `
attempt('a call of x32', lambda: in_child(lambda: libc.syscall(ctypes.c_long(0x40000000 + 39))))
import mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
gate = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
attempt('a call of 32 bits', lambda: in_child(gate))
`
