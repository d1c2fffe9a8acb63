package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/examine"
	"narthex/internal/gateway"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/bubblewrap"
)

// Host is what jobs run on, and what looks into what they leave.
type Host struct {
	Driver   sandbox.Driver
	Examiner gateway.Examiner
	close    func() error
}

// openHost makes the hall, and this host ready for jobs where the directory has environments.
func (s *Server) openHost(ctx context.Context, rules *book.Rules) {
	s.hall = gateway.NewHall(&gateway.Hall{Journal: s.journal, Rules: s.rules, Bell: s.bell(), Live: s.live, Folder: filepath.Join(s.config.Data, "studies"), Program: s.config.Self, Log: s.config.Log})
	if len(rules.Directory.Environments) > 0 {
		s.tryHost(ctx)
	}
}

// tryHost makes this host ready for jobs. Where it cannot be, the node serves what takes no job, and who asks for one is told why.
func (s *Server) tryHost(ctx context.Context) {
	host := s.config.Host
	if host == nil {
		driver, err := bubblewrap.Open(ctx, bubblewrap.Config{Dir: filepath.Join(s.config.Data, "sandbox")})
		if err != nil {
			s.refuseJobs(narthex.AsError(err), err)
			return
		}
		host = &Host{Driver: driver, Examiner: confined{driver, s.config.Self}, close: driver.Close}
		s.config.Log.Info("jobs run in bubblewrap", "bounds", fmt.Sprintf("%+v", driver.Bounds()))
	}
	devices, err := gateway.NewDevices(filepath.Join(s.config.Data, "devices"), s.devices, host.Driver, s.config.Log)
	if err != nil {
		if host.close != nil { // or the next try finds its folder taken
			err = errors.Join(err, host.close())
		}
		s.refuseJobs(narthex.AsError(err), err)
		return
	}
	s.host = host
	s.hall.Use(devices)
	s.hall.Open(host.Driver, host.Examiner)
}

// refuseJobs has the hall say why no job runs, and the log once.
func (s *Server) refuseJobs(no *narthex.Error, cause error) {
	s.hall.Refuse(no)
	if s.noJobs != no.Public {
		s.config.Log.Warn("no job runs on this node, which looks again every half minute", "cause", cause.Error())
	}
	s.noJobs = no.Public
}

// readDevices gives what the host states of its devices.
func (s *Server) readDevices() ([]sandbox.Device, error) {
	if s.config.Devices == "" {
		return nil, nil
	}
	return sandbox.ReadDevices(s.config.Devices)
}

// keepHost makes this host ready for jobs once a directory that comes into force has environments, and once what was missing is there.
func (s *Server) keepHost(ctx context.Context) {
	const soon, later = time.Second, 30 * time.Second
	tick := time.NewTicker(soon)
	defer tick.Stop()
	for tried := time.Now(); s.host == nil; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		rules, err := s.rules.Get()
		if err != nil || len(rules.Directory.Environments) == 0 || s.noJobs != "" && time.Since(tried) < later {
			continue
		}
		tried = time.Now()
		s.tryHost(ctx)
	}
}

// confined looks into files by this very program, in a sandbox that has them and the asset and nothing else.
type confined struct {
	confiner sandbox.Confiner
	program  string
}

const (
	mostAnswer  = 64 << 20 // of what a look says, in bytes
	mostLook    = 2 << 30  // of memory for one look, in bytes
	longestLook = 2 * time.Minute
	mostThreads = 64
	mostTwins   = 96 << 20 // of what the twins of a folder are, in bytes
)

// Examine runs the look.
func (c confined) Examine(ctx context.Context, task airlock.Task, versions ...string) (airlock.Answer, error) {
	stdin, err := json.Marshal(task)
	if err != nil {
		return airlock.Answer{}, err
	}
	said, err := c.run(ctx, sandbox.Child{Args: versions, ReadOnly: versions, Stdin: stdin, Output: mostAnswer})
	if err != nil {
		return airlock.Answer{}, err
	}
	return airlock.ReadAnswer(task, said)
}

// Twin makes the twins of an asset's weights and records.
func (c confined) Twin(ctx context.Context, asset string, digest narthex.Digest) (airlock.Twins, error) {
	said, err := c.run(ctx, sandbox.Child{Args: []string{examine.TwinWord, asset, string(digest)}, ReadOnly: []string{asset}, Output: mostTwins})
	if err != nil {
		return airlock.Twins{}, err
	}
	return airlock.ReadTwins(said)
}

// run runs the program's other half.
func (c confined) run(ctx context.Context, child sandbox.Child) ([]byte, error) {
	child.Path, child.Args = c.program, append([]string{examine.Word}, child.Args...)
	child.Memory, child.Processes, child.CPU, child.Wall = mostLook, mostThreads, longestLook, longestLook
	return c.confiner.Confined(ctx, child)
}

// wipeStudies removes what an earlier process left of its jobs' studies.
func (s *Server) wipeStudies() error { return os.RemoveAll(filepath.Join(s.config.Data, "studies")) }
