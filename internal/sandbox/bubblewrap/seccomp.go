package bubblewrap

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// The filter of system calls is a list of what a job may do; all else is an error to it, as if the kernel had refused (EPERM), and a
// call of another architecture's or of the x32 numbers ends it. The list has what a program needs that reads, computes, writes its own
// files and has threads and children of its own. It has no socket, no key, no namespace, no mount, no other process's memory, no
// tracing, no memory that belongs to no process (so that what the processes have is what the job has), and no change of a limit upwards.

// Instructions of a filter (BPF).
const (
	load    = 0x20 // takes a word of the call
	equal   = 0x15
	atLeast = 0x35
	and     = 0x54
	answer  = 0x06

	allow = 0x7FFF0000
	kill  = 0x80000000
	errno = 0x00050000
)

// Requests of ioctl that golang.org/x/sys does not name.
const (
	fionbio  = 0x5421
	fionclex = 0x5450
	fioclex  = 0x5451
)

// instruction is one step of a filter: yes and no are how many are jumped over.
type instruction struct {
	code    uint16
	yes, no uint8
	k       uint32
}

// mostValues is how many values one test has at most: a step jumps over 255 others, and a test over itself.
const mostValues = 100

// test allows a call by one argument.
type test struct {
	number uintptr
	arg    int
	mask   uint32   // what of its lower half counts
	values []uint32 // one of these, [mostValues] at most
	whole  bool     // the upper half is 0 too
	more   bool     // another test of the call comes behind it; else it is refused here
}

// tests are the calls that are allowed with some arguments only.
func tests(asks []int) []test {
	const spaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	all := ^uint32(0)
	list := []test{
		{unix.SYS_CLONE, 0, spaces, []uint32{0}, false, false},
		{unix.SYS_SOCKETPAIR, 0, all, []uint32{unix.AF_UNIX}, false, false},
		{unix.SYS_PRLIMIT64, 2, all, []uint32{0}, true, false}, // reading
		{unix.SYS_IOCTL, 1, all, []uint32{unix.TCGETS, unix.TIOCGWINSZ, unix.TIOCINQ, fionbio, fioclex, fionclex}, false, false},
		{unix.SYS_PRCTL, 0, all, []uint32{unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_PDEATHSIG, unix.PR_GET_PDEATHSIG, unix.PR_GET_DUMPABLE, unix.PR_CAPBSET_READ, unix.PR_GET_NO_NEW_PRIVS, unix.PR_SET_NO_NEW_PRIVS, unix.PR_SET_VMA}, false, false},
		{unix.SYS_MKNODAT, 2, unix.S_IFMT, []uint32{0, unix.S_IFREG, unix.S_IFIFO}, false, false},
	}
	for some := range slices.Chunk(kindsOf(asks), mostValues) {
		list = append([]test{{unix.SYS_IOCTL, 1, 0xFF00, some, false, true}}, list...)
	}
	if oldMknod != 0 {
		list = append(list, test{oldMknod, 1, unix.S_IFMT, []uint32{0, unix.S_IFREG, unix.S_IFIFO}, false, false})
	}
	return list
}

// kindsOf gives kinds of control requests as they stand in a request's number.
func kindsOf(asks []int) (kinds []uint32) {
	for _, kind := range asks {
		kinds = append(kinds, uint32(kind)<<8)
	}
	return kinds
}

// filter gives the program of the list, with the kinds of control requests that the sandbox's devices take.
func filter(asks []int) []byte {
	steps := []instruction{
		{load, 0, 0, 4}, {equal, 1, 0, auditArch}, {answer, 0, 0, kill},
		{load, 0, 0, 0}, {atLeast, 0, 1, 0x40000000}, {answer, 0, 0, kill},
	}
	for _, number := range slices.Concat(everywhere(), old()) {
		steps = append(steps, instruction{equal, 0, 1, uint32(number)}, instruction{answer, 0, 0, allow})
	}
	for _, t := range tests(asks) {
		steps = append(steps, t.steps()...)
	}
	return encode(append(steps,
		instruction{equal, 0, 1, unix.SYS_CLONE3}, instruction{answer, 0, 0, errno | uint32(unix.ENOSYS)}, // its flags cannot be seen: libraries then use clone
		instruction{answer, 0, 0, errno | uint32(unix.EPERM)}))
}

// steps jumps over itself where the call is another.
func (t test) steps() []instruction {
	lower := uint32(16 + 8*t.arg)
	var inside []instruction
	if t.whole {
		inside = append(inside, instruction{load, 0, 0, lower + 4}, instruction{equal, 1, 0, 0}, instruction{answer, 0, 0, errno | uint32(unix.EPERM)})
	}
	inside = append(inside, instruction{load, 0, 0, lower}, instruction{and, 0, 0, t.mask})
	for _, v := range t.values {
		inside = append(inside, instruction{equal, 0, 1, v}, instruction{answer, 0, 0, allow})
	}
	if t.more {
		inside = append(inside, instruction{load, 0, 0, 0}) // the call's number again, for who comes next
	} else {
		inside = append(inside, instruction{answer, 0, 0, errno | uint32(unix.EPERM)})
	}
	return append([]instruction{{equal, 0, uint8(len(inside)), uint32(t.number)}}, inside...)
}

func encode(steps []instruction) (out []byte) {
	for _, s := range steps {
		out = binary.LittleEndian.AppendUint16(out, s.code)
		out = append(out, s.yes, s.no)
		out = binary.LittleEndian.AppendUint32(out, s.k)
	}
	return out
}

// everywhere are the calls that are allowed whatever their arguments, by numbers that every architecture has.
func everywhere() []uintptr {
	return []uintptr{
		// files that are open, and opening them
		unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_PREADV, unix.SYS_PWRITEV, unix.SYS_PREADV2, unix.SYS_PWRITEV2,
		unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE, unix.SYS_LSEEK, unix.SYS_FSTAT, unix.SYS_STATX, unix.SYS_FSTATFS, unix.SYS_STATFS, unix.SYS_GETDENTS64,
		unix.SYS_FCNTL, unix.SYS_FLOCK, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC_FILE_RANGE, unix.SYS_FTRUNCATE, unix.SYS_TRUNCATE, unix.SYS_FALLOCATE, unix.SYS_FADVISE64, unix.SYS_READAHEAD,
		unix.SYS_SENDFILE, unix.SYS_COPY_FILE_RANGE, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2,
		// names
		unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_UTIMENSAT,
		unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_CHDIR, unix.SYS_FCHDIR, unix.SYS_GETCWD, unix.SYS_UMASK,
		unix.SYS_GETXATTR, unix.SYS_LGETXATTR, unix.SYS_FGETXATTR, unix.SYS_LISTXATTR, unix.SYS_LLISTXATTR, unix.SYS_FLISTXATTR,
		// memory of its own
		unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MSYNC, unix.SYS_MINCORE, unix.SYS_MEMBARRIER,
		// processes and threads of its own
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_SET_TID_ADDRESS, unix.SYS_SET_ROBUST_LIST, unix.SYS_GET_ROBUST_LIST, unix.SYS_RSEQ,
		unix.SYS_FUTEX, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGSUSPEND, unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
		unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETGROUPS, unix.SYS_GETRESUID, unix.SYS_GETRESGID, unix.SYS_CAPGET,
		unix.SYS_GETPGID, unix.SYS_SETPGID, unix.SYS_GETSID, unix.SYS_SETSID, unix.SYS_GETPRIORITY, unix.SYS_SETPRIORITY, unix.SYS_GETRLIMIT, unix.SYS_SETRLIMIT, unix.SYS_GETRUSAGE, unix.SYS_TIMES,
		unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN, unix.SYS_GETCPU,
		// waiting and time
		unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY, unix.SYS_GETITIMER, unix.SYS_SETITIMER,
		unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_GETTIME, unix.SYS_TIMER_GETOVERRUN, unix.SYS_TIMER_DELETE,
		unix.SYS_PPOLL, unix.SYS_PSELECT6, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_EVENTFD2, unix.SYS_TIMERFD_CREATE, unix.SYS_TIMERFD_SETTIME, unix.SYS_TIMERFD_GETTIME, unix.SYS_SIGNALFD4,
		// the two ends of a pair of its own
		unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_SENDMSG, unix.SYS_RECVMSG, unix.SYS_SHUTDOWN, unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
		// what machine this is, and random numbers
		unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_GETRANDOM,
		// less still
		unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF,
	}
}
