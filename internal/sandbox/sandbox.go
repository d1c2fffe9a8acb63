// Package sandbox runs work that nobody trusts: a researcher's code beside an asset, and our own parsers over hostile bytes.
//
// It promises a contract that every driver keeps, and sandboxtest holds them to it. A job has no network, no environment but ours,
// a read-only root, the asset at /asset, the study at /study, the devices that it was given and no others, and two folders of its own, /scratch and /out, that no other job sees
// and that are gone afterwards. It ends by itself, at a limit, when cancelled, or with the node that began it, always as a whole. What
// a driver says of a job by itself is Ended and nothing else: a closed list, and a place inside the researcher's own files.
//
// It trusts the driver's host and kernel. It does not trust the job, nor anything that the job left: names, links, kinds and bytes in
// /out are hostile, and whoever collects them checks them. Read next: Driver; bubblewrap, the driver for one host.
package sandbox

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"narthex"
)

// Driver runs jobs beside an asset.
type Driver interface {
	// Submit begins a job and returns. A job of which anything is unset is Invalid; an ID that the driver has is a Conflict.
	Submit(ctx context.Context, job Job) error
	// Watch returns when the job has ended, with the same answer each time. A job that the driver does not have is Lost.
	Watch(ctx context.Context, id string) (Ended, error)
	// Cancel ends a job, and returns when no process of it is left. One that has ended, or is not there, is left as it is.
	Cancel(ctx context.Context, id string) error
	// Collect opens what an ended job left. Before the end, or without such a job, it is a Conflict. The roots are open until into
	// returns.
	Collect(ctx context.Context, id string, into func(Left) error) error
	// Remove ends the job where it runs, and wipes what is left of it. Without such a job it does nothing.
	Remove(ctx context.Context, id string) error
	// Wipe runs what a device's host states for that, outside of every sandbox, and returns when it has ended. No job has the device
	// meanwhile. After an error nobody knows what the device still holds.
	Wipe(ctx context.Context, device Device) error
}

// Left is what a job left. All of it is hostile.
type Left struct {
	Out     *os.Root // /out, as it was when the last process ended
	Printed *os.Root // two regular files, stdout and stderr, each cut at Limits.Out
}

// Confiner runs programs of ours over hostile bytes.
type Confiner interface {
	// Confined runs a program to its end and gives what it wrote to its standard output. Where it did not end with 0, within its
	// limits, the error is a Fault. What it wrote to its standard error is thrown away.
	Confined(ctx context.Context, child Child) (stdout []byte, err error)
}

// Child is a program of ours, confined as a job is, with no asset, no environment, no folder to write to, and three descriptors.
type Child struct {
	Path      string   // a static program on this host
	Args      []string // behind its name
	Stdin     []byte
	ReadOnly  []string // folders and files of this host that it sees, where they are
	Output    int64    // the most that it may write to its standard output, in bytes; above zero, as are the next four
	Memory    int64    // bytes
	Processes int      // with threads
	CPU, Wall time.Duration
}

// Fault is how a child ended that did not end well.
type Fault struct{ Class Class }

func (f *Fault) Error() string {
	return "A program that was confined did not finish: " + string(f.Class) + "."
}

// Check says what of a child is unset, as an Invalid error that names the field.
func (c Child) Check() error {
	for _, name := range append([]string{c.Path}, c.ReadOnly...) {
		if !filepath.IsAbs(name) || filepath.Clean(name) != name {
			return narthex.Invalidf("A confined program and what it sees are absolute paths; state them.").For("path")
		}
	}
	if c.Output <= 0 || c.Memory <= 0 || c.Processes <= 0 || c.CPU <= 0 || c.Wall <= 0 {
		return narthex.Invalidf("A confined program has every limit, above zero; state them.").For("limits")
	}
	return nil
}

// Job is one run.
type Job struct {
	ID      string         // 1 to 64 letters, digits and dashes, in lower case; it begins with a letter or digit
	Root    string         // a folder with usr/, which becomes /usr: "/" for the host's own
	Command []string       // the program, absolute inside, and its arguments
	Asset   string         // a folder on this host, read-only at /asset
	Against string         // another; where there is one, Asset is at /asset/A and this at /asset/B; empty for none
	Program string         // a static program of ours on this host, at /program; empty for none
	Study   string         // a folder on this host, read-only at /study
	Library string         // a folder on this host, read-only at /environment, where Python looks for modules; empty for none
	Lines   map[string]int // the study's files, as a/b.py, and how many lines each has: the only places that Ended can name
	Devices []Device       // those that it has, and nobody else while it runs; without one it sees none
	Limits  Limits
}

// Limits bound a job; each is above zero.
type Limits struct {
	Wall, CPU time.Duration // of the whole job; CPU is summed over its processes
	Memory    int64         // bytes, of all its processes and of what lies in /scratch and /out
	Scratch   int64         // bytes of /scratch
	Out       int64         // bytes of /out, and of each of stdout and stderr
	Processes int           // processes and threads at one time
	Files     int           // files and folders in /scratch, and as many in /out
}

// Ended is all that a job tells by itself.
type Ended struct {
	Class Class
	File  string // where it Failed: a name of Job.Lines, or empty
	Line  int    // from 1 to the file's number of lines, or 0
	Wall  time.Duration
	CPU   time.Duration // as far as it was measured; at least what the longest look saw
}

// Class is how a job ended, as the vocabulary has it.
type Class = narthex.EndClass

const (
	Done        = narthex.EndDone
	Failed      = narthex.EndFailed
	OutOfTime   = narthex.EndOutOfTime   // Wall or CPU was used up
	OutOfMemory = narthex.EndOutOfMemory // Memory was used up
	OutOfSpace  = narthex.EndOutOfSpace  // it failed with /scratch or /out full, or went over Files
	Cancelled   = narthex.EndCancelled   // by Cancel or Remove
	Lost        = narthex.EndLost
)

// Check says what of a job is unset or not to be run, as an Invalid error that names the field. Every driver asks it first.
func (j Job) Check() error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`).MatchString(j.ID) {
		return narthex.Invalidf("A job's id is 1 to 64 lower-case letters, digits and dashes; name it so.").For("id")
	}
	for _, folder := range []struct{ field, path string }{{"root", j.Root}, {"asset", j.Asset}, {"study", j.Study}} {
		if !filepath.IsAbs(folder.path) || filepath.Clean(folder.path) != folder.path {
			return narthex.Invalidf("A job's folders are absolute paths; state this one.").For(folder.field)
		}
	}
	for _, other := range []struct{ field, path string }{{"library", j.Library}, {"against", j.Against}, {"program", j.Program}} {
		if other.path != "" && (!filepath.IsAbs(other.path) || filepath.Clean(other.path) != other.path) {
			return narthex.Invalidf("A job's folders are absolute paths; state this one.").For(other.field)
		}
	}
	if len(j.Command) == 0 || !path.IsAbs(j.Command[0]) || slices.ContainsFunc(j.Command, func(s string) bool { return strings.ContainsRune(s, 0) }) {
		return narthex.Invalidf("A job's command is an absolute path inside the sandbox and its arguments, without NUL; state it.").For("command")
	}
	if j.Lines == nil {
		return narthex.Invalidf("A job lists the files of its study; an empty list names no place of a failure.").For("lines")
	}
	if err := checkDevices(j.Devices); err != nil {
		return err
	}
	l := j.Limits
	for _, limit := range []struct {
		field string
		value int64
	}{{"wall", int64(l.Wall)}, {"cpu", int64(l.CPU)}, {"memory", l.Memory}, {"scratch", l.Scratch}, {"out", l.Out}, {"processes", int64(l.Processes)}, {"files", int64(l.Files)}} {
		if limit.value <= 0 {
			return narthex.Invalidf("A job states every limit, above zero; state this one.").For(limit.field)
		}
	}
	return nil
}
