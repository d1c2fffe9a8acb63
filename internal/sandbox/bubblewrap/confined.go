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
	b := box{shown: []shown{{c.Path, "/program", false}}}
	for _, name := range c.ReadOnly {
		b.shown = append(b.shown, shown{name, name, isFolder(name)})
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
	defer func() { _ = group.remove() }() // what is left of a group is removed by the next Open
	run, err := d.start(ctx, at, b)
	_ = w.Close() // it is the child's
	if err != nil {
		return nil, err
	}
	defer run.close()

	var mu sync.Mutex
	var class sandbox.Class
	end := func(why sandbox.Class) {
		mu.Lock()
		defer mu.Unlock()
		if class == "" {
			class = why
		}
		run.kill()
	}
	defer context.AfterFunc(ctx, func() { end(sandbox.Cancelled) })()
	deadline := time.AfterFunc(c.Wall, func() { end(sandbox.OutOfTime) })
	defer deadline.Stop()
	var stdout bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() {
		if _, err := io.CopyN(&stdout, r, c.Output+1); err == nil {
			end(sandbox.OutOfSpace)
		}
	})
	if _, err := run.gate.Write([]byte{1}); err != nil {
		end(sandbox.Lost)
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case <-run.ended:
			running = false
		case <-ticker.C:
			cpu, used, outOfMemory, err := group.used(run.pid, nil)
			switch {
			case err != nil:
				end(sandbox.Lost)
			case outOfMemory || used > c.Memory:
				end(sandbox.OutOfMemory)
			case cpu > c.CPU:
				end(sandbox.OutOfTime)
			}
		}
	}
	if err := run.wait(); err != nil {
		return nil, err
	}
	reading.Wait()
	_, _, outOfMemory, _ := group.used(-1, nil) // it has ended; what is not known is no reason
	mu.Lock()
	defer mu.Unlock()
	switch {
	case class != "":
	case run.state.Success():
		return stdout.Bytes(), nil
	case !run.state.Exited():
		class = sandbox.Lost
	case outOfMemory:
		class = sandbox.OutOfMemory
	default:
		class = sandbox.Failed
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, &sandbox.Fault{Class: class}
}
