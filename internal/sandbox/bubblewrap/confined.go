package bubblewrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"narthex/internal/sandbox"
)

var _ sandbox.Confiner = (*Driver)(nil)

// Confined runs a program of ours to its end.
func (d *Driver) Confined(ctx context.Context, c sandbox.Child) ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	b := box{shown: []shown{{c.Path, "/program", false, readOnly}}}
	for _, name := range c.ReadOnly {
		b.shown = append(b.shown, shown{name, name, isFolder(name), readOnly})
	}
	return d.confined(ctx, b, c)
}

// probe is a child that ends at once, and well. Where it does not, the error has what bubblewrap said.
func (d *Driver) probe(ctx context.Context) error {
	said, err := memory("stderr", nil)
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	_, err = d.confined(ctx, box{program: nothing(), stderr: said}, sandbox.Child{Output: 1, Memory: 64 << 20, Processes: 4, CPU: 10 * time.Second, Wall: 30 * time.Second})
	if err == nil {
		return nil
	}
	text := make([]byte, 400)
	n, _ := said.ReadAt(text, 0) // what is not there is not told
	return fmt.Errorf("%w: %q", err, text[:n])
}

// confined runs what stands at /program of a box.
func (d *Driver) confined(ctx context.Context, b box, c sandbox.Child) ([]byte, error) {
	limits := sandbox.Limits{CPU: c.CPU, Memory: c.Memory, Processes: c.Processes}
	b.command, b.at, b.limits = append([]string{"/program"}, c.Args...), "/", d.limitsOf(limits)
	stdin, err := memory("stdin", c.Stdin)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stdin.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b.stdin, b.stdout = stdin, w
	at, err := d.take(limits)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	group := at.group
	defer d.filling.Go(d.refill)
	defer func() { _ = group.remove() }() // what is left of a group is removed by the next Open
	run, err := d.start(ctx, at, b)
	_ = w.Close() // it is the child's
	if err != nil {
		return nil, err
	}
	defer run.close()

	defer context.AfterFunc(ctx, func() { run.end(sandbox.Cancelled) })()
	var stdout bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() {
		if _, err := io.CopyN(&stdout, r, c.Output+1); err == nil {
			run.end(sandbox.OutOfSpace)
		}
	})
	look := func() (sandbox.Class, error) {
		cpu, used, outOfMemory, err := group.used(run.pid, nil)
		switch {
		case outOfMemory || used > c.Memory:
			return sandbox.OutOfMemory, err
		case cpu > c.CPU:
			return sandbox.OutOfTime, err
		}
		return "", err
	}
	if err := run.attend(c.Wall, look); err != nil {
		return nil, err
	}
	reading.Wait()
	over, err := look()
	if err != nil {
		return nil, err
	}
	class := run.why(over)
	if class == sandbox.Done {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, &sandbox.Fault{Class: class}
}
