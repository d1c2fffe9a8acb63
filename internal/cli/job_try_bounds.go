package cli

import (
	"context"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"narthex"
	"narthex/client"
	"narthex/internal/environment"
	"narthex/internal/study"
)

// What a node says of an environment bounds a trial, and is bounded itself: the node may be anybody's.

// ownCommand gives what the study states that it runs. A command that the node alone names does not run here.
func ownCommand(around client.EnvironmentView, s study.Study) ([]string, error) {
	if len(s.Command) == 0 {
		return nil, problem(narthex.Invalid, "write it into study.yaml as its command, if that is what you mean: "+visible(strings.Join(around.Command, " ")), "the study states no command, so what would run here is the node's word alone")
	}
	return (narthex.Environment{Command: around.Command}).Runs(s.Command)
}

// boundLimits holds limits to what an environment of any lab may state, and gives the memory that a trial has where nothing is said: the
// environment's, or half of this machine's.
func boundLimits(l *narthex.JobLimits) (usual int64, err error) {
	for _, limit := range []struct{ value, least, most int64 }{{l.MemoryMB, 16, 1 << 20}, {l.WallMinutes, 1, 7 * 24 * 60}, {l.CPUs, 1, 256}, {l.Processes, 1, 4096}, {l.ScratchMB, 1, 64 << 10}, {l.OutMB, 1, 1 << 10}} {
		if limit.value < limit.least || limit.value > limit.most {
			return 0, problem(narthex.Refused, "tell the lab", "the node states limits of the environment that none has")
		}
	}
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return 0, err
	}
	half := int64(uint64(machine.Totalram) * uint64(machine.Unit) / 2 >> 20)
	return min(l.MemoryMB, max(half, 16)), nil
}

// rootHere gives the root for a trial, and what it is: a copy with the digest that the node states, or this machine's own.
func rootHere(ctx context.Context, around client.EnvironmentView, named string) (root, words string, err error) {
	if named == "" && around.Root == "" {
		return "/", "as this machine has it", nil
	}
	if named == "" {
		return "/", "of which this machine's /usr stands for a root of its own: --root takes a copy, " + around.Root.Short(), nil
	}
	if root, err = filepath.Abs(named); err != nil {
		return "", "", err
	}
	if around.Root == "" {
		return "", "", problem(narthex.Invalid, "leave --root out; it has the packages of the machine", "the environment %s has no root of its own", around.Name)
	}
	found, err := environment.ReadRoot(ctx, root)
	if err != nil {
		return "", "", err
	}
	if found.Digest != around.Root {
		return "", "", problem(narthex.Conflict, "build it of what `narthex job environments --json` says", "%s is not the root of %s: it has the digest %s, and the node states %s", named, around.Name, found.Digest.Short(), around.Root.Short())
	}
	return root, "in a copy of its root, " + around.Root.Short(), nil
}
