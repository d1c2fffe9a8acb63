package bubblewrap

import "golang.org/x/sys/unix"

// auditArch is this architecture in a call that a filter sees. It has no call mknod.
const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	oldMknod  = 0
)

// old are the calls that later architectures no longer have.
func old() []uintptr {
	return []uintptr{unix.SYS_FSTATAT, unix.SYS_RENAMEAT}
}
