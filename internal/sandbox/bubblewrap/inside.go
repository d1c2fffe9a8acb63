package bubblewrap

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"narthex"
)

// gateFD is the descriptor that a stub finds beside the three: it writes a byte when the sandbox stands, and waits for one. Before the
// command all but the three are closed.
const gateFD = 3

// Descriptors that a stub gives itself.
const (
	ruleFD = 100
	pathFD = 101
)

// openFiles is how many descriptors a process of a job may have.
const openFiles = 1024

// opened is a folder or file of the sandbox, and what of it Landlock leaves.
type opened struct {
	path   string
	rights uint64
}

const (
	readFile   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	readFolder = readFile | unix.LANDLOCK_ACCESS_FS_READ_DIR
	useDevices = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	// ownFolder leaves all but devices and sockets.
	ownFolder = readFolder | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
)

// landlock is the version of Landlock that the kernel has, 0 where it has none.
func landlock() int {
	version, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if failed != 0 {
		return 0
	}
	return int(version)
}

// handled is what Landlock of a version refuses where no rule leaves it: every right over files, TCP, and signals and abstract sockets
// to the outside.
func handled(version int) (files uint64, attr []byte) {
	files = 1<<13 - 1
	for _, later := range []struct {
		version int
		right   uint64
	}{{2, unix.LANDLOCK_ACCESS_FS_REFER}, {3, unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV}} {
		if version >= later.version {
			files |= later.right
		}
	}
	le := binary.LittleEndian
	attr = le.AppendUint64(nil, files)
	if version >= 4 {
		attr = le.AppendUint64(attr, unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP)
	}
	if version >= 6 {
		attr = le.AppendUint64(attr, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET|unix.LANDLOCK_SCOPE_SIGNAL)
	}
	return files, attr
}

// limit is one that the kernel holds each process to.
type limit struct {
	resource int
	most     uint64
}

// inside is the stub of a sandbox with these limits, in which these paths are left.
func inside(version int, limits []limit, left []opened) ([]byte, error) {
	m, known := host()
	if !known {
		return nil, narthex.Unavailablef("Jobs run on amd64 and arm64; this node is of another kind. Run jobs on another node.")
	}
	le := binary.LittleEndian
	calls := []call{
		{unix.SYS_WRITE, []any{uint64(gateFD), []byte{1}, uint64(1)}, true},
		{unix.SYS_READ, []any{uint64(gateFD), stack, uint64(1)}, true},
	}
	for _, l := range limits {
		calls = append(calls, call{unix.SYS_SETRLIMIT, []any{uint64(l.resource), le.AppendUint64(le.AppendUint64(nil, l.most), l.most)}, false})
	}
	if version > 0 {
		files, attr := handled(version)
		calls = append(calls,
			call{unix.SYS_LANDLOCK_CREATE_RULESET, []any{attr, uint64(len(attr)), uint64(0)}, false},
			call{unix.SYS_DUP3, []any{last, uint64(ruleFD), uint64(0)}, false})
		for _, o := range left {
			here := int64(unix.AT_FDCWD)
			calls = append(calls,
				call{unix.SYS_OPENAT, []any{uint64(here), append([]byte(o.path), 0), uint64(unix.O_PATH | unix.O_CLOEXEC), uint64(0)}, false},
				call{unix.SYS_DUP3, []any{last, uint64(pathFD), uint64(0)}, false},
				call{unix.SYS_LANDLOCK_ADD_RULE, []any{uint64(ruleFD), uint64(unix.LANDLOCK_RULE_PATH_BENEATH), le.AppendUint32(le.AppendUint64(nil, o.rights&files), pathFD), uint64(0)}, false})
		}
		calls = append(calls, call{unix.SYS_LANDLOCK_RESTRICT_SELF, []any{uint64(ruleFD), uint64(0)}, false})
	}
	calls = append(calls, call{unix.SYS_CLOSE_RANGE, []any{uint64(3), uint64(1<<32 - 1), uint64(0)}, false})
	return assemble(m, calls, unix.SYS_EXECVE, unix.SYS_EXIT_GROUP), nil
}

// nothing is a program that ends with 0: a driver runs it to see that sandboxes stand.
func nothing() []byte {
	m, _ := host()
	return assemble(m, []call{{unix.SYS_EXIT_GROUP, []any{uint64(0)}, false}}, unix.SYS_EXECVE, unix.SYS_EXIT_GROUP)
}
