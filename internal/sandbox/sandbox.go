// Package sandbox (to be replaced by the driver's).
package sandbox

import (
	"context"
	"os"
	"time"
)

type Driver interface {
	Submit(ctx context.Context, job Job) error
	Watch(ctx context.Context, id string) (Ended, error)
	Cancel(ctx context.Context, id string) error
	Collect(ctx context.Context, id string, into func(*os.Root) error) error
	Remove(ctx context.Context, id string) error
}

type Job struct {
	ID           string
	Root         string
	Command      []string
	Asset, Study string
	Limits       Limits
}

type Limits struct {
	Wall, CPU            time.Duration
	Memory, Scratch, Out int64
	Processes, Files     int
}

type Class string

const (
	Done        Class = "done"
	Failed      Class = "failed"
	OutOfTime   Class = "out_of_time"
	OutOfMemory Class = "out_of_memory"
	OutOfSpace  Class = "out_of_space"
	Cancelled   Class = "cancelled"
	Lost        Class = "lost"
)

type Ended struct {
	Class     Class
	File      string
	Line      int
	Wall, CPU time.Duration
}
