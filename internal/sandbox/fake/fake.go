// Package fake is a driver of jobs without a sandbox: for tests of what stands above one.
//
// It promises the contract of package sandbox, with jobs that are functions. It confines nothing, and is for tests only. Read next: Play.
package fake

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"narthex"
	"narthex/internal/sandbox"
)

// Play is what a job does: it may write to the folder out and print, and says how it ended. It returns soon after ctx is done. The
// driver sets Wall, and the class where the job was cancelled or out of its time.
type Play func(ctx context.Context, job sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended

// Driver plays jobs.
type Driver struct {
	dir  string
	play Play
	mu   sync.Mutex // guards jobs
	jobs map[string]*job

	// Wiping is called at each Wipe; nil wipes where the device states any program but false.
	Wiping func(ctx context.Context, device sandbox.Device) error
}

var _ sandbox.Driver = (*Driver)(nil)

// New makes a driver that keeps what jobs leave in a folder which is there.
func New(dir string, play Play) *Driver {
	return &Driver{dir: dir, play: play, jobs: map[string]*job{}}
}

type job struct {
	dir    string
	cancel context.CancelCauseFunc
	over   chan struct{}
	ended  sandbox.Ended // after over
}

// errCancelled is the cause of a job's end by Cancel.
var errCancelled = errors.New("cancelled")

// Submit begins a job.
func (d *Driver) Submit(_ context.Context, j sandbox.Job) error {
	if err := j.Check(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.jobs[j.ID] != nil {
		return narthex.Conflictf("A job with this id was begun before; give each its own.").For("id")
	}
	begun := &job{dir: filepath.Join(d.dir, j.ID), over: make(chan struct{})}
	out, printed := filepath.Join(begun.dir, "out"), filepath.Join(begun.dir, "printed")
	if err := errors.Join(os.Mkdir(begun.dir, 0o700), os.Mkdir(out, 0o700), os.Mkdir(printed, 0o700)); err != nil {
		return err
	}
	stdout, err := os.Create(filepath.Join(printed, "stdout"))
	if err != nil {
		return err
	}
	stderr, err := os.Create(filepath.Join(printed, "stderr"))
	if err != nil {
		return errors.Join(err, stdout.Close())
	}
	d.jobs[j.ID] = begun
	ctx, cancel := context.WithCancelCause(context.Background())
	begun.cancel = cancel
	ctx, stop := context.WithTimeout(ctx, j.Limits.Wall)
	go func() {
		defer close(begun.over)
		defer stop()
		began := time.Now()
		begun.ended = d.play(ctx, j, out, &cut{stdout, j.Limits.Out}, &cut{stderr, j.Limits.Out})
		begun.ended.Wall = time.Since(began)
		switch {
		case errors.Is(context.Cause(ctx), errCancelled):
			begun.ended = sandbox.Ended{Class: sandbox.Cancelled, Wall: begun.ended.Wall}
		case ctx.Err() != nil:
			begun.ended = sandbox.Ended{Class: sandbox.OutOfTime, Wall: begun.ended.Wall}
		}
		_, _ = stdout.Close(), stderr.Close() // a test reads them
	}()
	return nil
}

// cut keeps what it takes up to a length.
type cut struct {
	f    *os.File
	left int64
}

func (c *cut) Write(p []byte) (int, error) {
	kept := p[:min(int64(len(p)), c.left)]
	c.left -= int64(len(kept))
	_, err := c.f.Write(kept)
	return len(p), err
}

func (d *Driver) find(id string) *job {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.jobs[id]
}

// Watch returns when the job has ended.
func (d *Driver) Watch(ctx context.Context, id string) (sandbox.Ended, error) {
	j := d.find(id)
	if j == nil {
		return sandbox.Ended{Class: sandbox.Lost}, nil
	}
	select {
	case <-j.over:
		return j.ended, nil
	case <-ctx.Done():
		return sandbox.Ended{}, ctx.Err()
	}
}

// Cancel ends a job.
func (d *Driver) Cancel(ctx context.Context, id string) error {
	j := d.find(id)
	if j == nil {
		return nil
	}
	j.cancel(errCancelled)
	_, err := d.Watch(ctx, id)
	return err
}

// Collect opens what an ended job left.
func (d *Driver) Collect(_ context.Context, id string, into func(sandbox.Left) error) (err error) {
	none := narthex.Conflictf("There is nothing to collect: no such job has ended here. Wait for its end first.").For("id")
	j := d.find(id)
	if j == nil {
		return none
	}
	select {
	case <-j.over:
	default:
		return none
	}
	out, err := os.OpenRoot(filepath.Join(j.dir, "out"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	printed, err := os.OpenRoot(filepath.Join(j.dir, "printed"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, printed.Close()) }()
	return into(sandbox.Left{Out: out, Printed: printed})
}

// Remove ends the job where it runs, and wipes what is left of it.
func (d *Driver) Remove(ctx context.Context, id string) error {
	if err := d.Cancel(ctx, id); err != nil {
		return err
	}
	j := d.find(id)
	if j == nil {
		return nil
	}
	err := os.RemoveAll(j.dir)
	d.mu.Lock()
	delete(d.jobs, id)
	d.mu.Unlock()
	return err
}

// Wipe plays that a device is wiped.
func (d *Driver) Wipe(ctx context.Context, device sandbox.Device) error {
	switch {
	case d.Wiping != nil:
		return d.Wiping(ctx, device)
	case filepath.Base(device.Wipe[0]) == "false":
		return errors.New("not wiped")
	}
	return ctx.Err()
}
