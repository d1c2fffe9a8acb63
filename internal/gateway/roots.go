package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/canon"
	"narthex/internal/environment"
	"narthex/internal/journal"
	"narthex/internal/measure"
	"narthex/internal/sandbox"
)

// Open makes the hall ready for jobs. It is called once at most.
func (h *Hall) Open(driver sandbox.Driver, examiner Examiner) {
	h.Driver, h.Examiner = driver, examiner
	h.ready.Store(true)
	h.Wake()
}

// Refuse says why no job runs here, until Open.
func (h *Hall) Refuse(why *narthex.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.no = why
}

// noJobs says why no job runs here, or nothing where jobs do.
func (d *Door) noJobs() *narthex.Error {
	if d.Hall != nil && d.Hall.ready.Load() {
		return nil
	}
	if d.Hall != nil {
		d.Hall.mu.Lock()
		defer d.Hall.mu.Unlock()
		if d.Hall.no != nil {
			return d.Hall.no
		}
	}
	return narthex.Unavailablef("No job runs on this node: the lab directory in force has no environment. Ask the lab.")
}

// roots knows what the environments in force have on this host: the digest of what jobs would see, or why none may begin. What is known is for
// who asks; before a job begins its root is read anew, every byte.
type roots struct {
	log   *slog.Logger
	mu    sync.Mutex // guards what follows
	known map[narthex.EnvironmentName]ground
	at    time.Time      // of the last look at all
	rules narthex.Digest // the directory that was in force then
}

// ground is what is known of one environment.
type ground struct {
	print narthex.Digest // of what the lab directory says of it
	mark  string         // what says that nobody wrote to it since
	root  narthex.Digest // what it is
	no    *narthex.Error // why no job begins in it
}

// pauseOfRoots is how often marks are looked at, where the directory in force stays.
const pauseOfRoots = time.Minute

// get gives the digest of an environment's root, as it was read last, or why no job begins in it. Print is of what the directory says of it.
func (r *roots) get(ctx context.Context, e narthex.Environment, print narthex.Digest) (narthex.Digest, error) {
	r.mu.Lock()
	known, is := r.known[e.Name]
	r.mu.Unlock()
	if is && known.print == print && known.no == nil {
		return known.root, nil
	}
	if is && known.print == print { // it may have been mended
		if mark, err := markOf(ctx, e); err == nil && mark == known.mark {
			return "", known.no
		}
	}
	return r.read(ctx, e, print)
}

func orNone(err *narthex.Error) error {
	if err == nil {
		return nil
	}
	return err
}

// read reads an environment's root, every byte, and keeps what it found.
func (r *roots) read(ctx context.Context, e narthex.Environment, print narthex.Digest) (narthex.Digest, error) {
	found := ground{print: print}
	found.mark, _ = markOf(ctx, e) // before it is read, so that what is written meanwhile is another mark; without one it is read each time
	root, err := rootOf(ctx, e)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if found.root = root; err != nil {
		found.root, found.no = "", narthex.AsError(err)
	}
	r.mu.Lock()
	before, was := r.known[e.Name]
	r.known[e.Name] = found
	r.mu.Unlock()
	switch {
	case found.no != nil && (!was || before.no == nil || before.no.Public != found.no.Public):
		r.log.Error("no job begins in an environment: what this host has of it is not what it must be", "environment", string(e.Name), "root", e.Root, "says", found.no.Public, "cause", errors.Unwrap(found.no))
	case found.no == nil && was && before.no != nil:
		r.log.Info("jobs begin in an environment again", "environment", string(e.Name))
	}
	return found.root, orNone(found.no)
}

// rootOf gives the digest of what jobs see of an environment's root: of its files, or of the packages that the host has for it; nothing where it
// states neither. A root that is not the one of the lab directory, and a package that is not there, are Unavailable.
func rootOf(ctx context.Context, e narthex.Environment) (narthex.Digest, error) {
	if e.Root == "/" && len(e.Packages) == 0 {
		return "", nil
	}
	if e.Root == "/" {
		host, err := environment.ReadHost(environment.Dpkg, e.Packages)
		if err != nil {
			return "", err
		}
		if len(host.Lacks) > 0 {
			return "", narthex.Unavailablef("The node lacks %s, of which the environment %s is made. The lab installs it there: apt-get install %s.", strings.Join(host.Lacks, " and "), e.Name, strings.Join(host.Lacks, " "))
		}
		return host.Digest, nil
	}
	found, err := environment.ReadRoot(ctx, e.Root)
	if err != nil {
		return "", narthex.Unavailablef("The root of the environment %s cannot be read on the node. Tell the lab; `narthex environment build` makes it there.", e.Name).Because(err)
	}
	if found.Digest != e.Digest {
		return "", narthex.Unavailablef("The root of the environment %s on the node is not the one that the lab approved. Tell the lab; `narthex environment digest` says which one it is.", e.Name)
	}
	return found.Digest, nil
}

// markOf gives a text that is another one when what an environment has on this host may be another.
func markOf(ctx context.Context, e narthex.Environment) (string, error) {
	if e.Root != "/" {
		return environment.MarkRoot(ctx, e.Root)
	}
	root, err := rootOf(ctx, e) // which is as cheap
	if err != nil {
		return narthex.AsError(err).Public, nil
	}
	return string(root), nil
}

// lookAround looks at the roots of all environments, once a minute and when another directory is in force, and reads those to which somebody
// wrote.
func (h *Hall) lookAround(ctx context.Context) error {
	rules, err := h.Rules.Get()
	if err != nil || !h.ready.Load() {
		return nil // nobody can ask for a job yet
	}
	r := &h.roots
	r.mu.Lock()
	due := time.Since(r.at) >= pauseOfRoots || r.rules != rules.Directory.Digest
	if due {
		r.at, r.rules = time.Now(), rules.Directory.Digest
	}
	r.mu.Unlock()
	if !due {
		return nil
	}
	for _, e := range rules.Directory.Environments {
		print, err := canon.Digest(e)
		if err != nil {
			return err
		}
		mark, err := markOf(ctx, e)
		r.mu.Lock()
		known, is := r.known[e.Name]
		r.mu.Unlock()
		if err == nil && is && known.print == print && known.mark == mark {
			continue
		}
		if _, err := r.read(ctx, e, print); ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// Unready counts the environments in force in which no job begins, as far as they were looked at.
func (h *Hall) Unready() (n int) {
	rules, err := h.Rules.Get()
	if err != nil {
		return 0
	}
	h.roots.mu.Lock()
	defer h.roots.mu.Unlock()
	for _, e := range rules.Directory.Environments {
		if h.roots.known[e.Name].no != nil {
			n++
		}
	}
	return n
}

// Environments serves GET /v1/environments.
func (d *Door) Environments() http.Handler {
	return d.Handler(func(v *visit) error {
		var mine []narthex.Environment
		err := v.read("environments", func(tx *journal.Tx, h holder) *narthex.Error {
			mine = nil
			rules, err := d.Rules.Check(tx)
			if err != nil {
				return narthex.AsError(err)
			}
			e, err := engagementOf(tx, h.grant.Engagement)
			if err != nil {
				return narthex.AsError(err)
			}
			for _, environment := range rules.Directory.Environments {
				if environment.Allows(e.Application.Pathway) {
					mine = append(mine, environment)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		list := client.EnvironmentList{Environments: []client.EnvironmentView{}}
		for _, e := range mine {
			view, err := d.environmentView(v.r.Context(), e)
			if err != nil {
				return err
			}
			list.Environments = append(list.Environments, view)
		}
		return v.json(list)
	})
}

// environmentView gives an environment as those see it who may use it: without where it lies, and with why it cannot be used.
func (d *Door) environmentView(ctx context.Context, e narthex.Environment) (client.EnvironmentView, error) {
	print, err := canon.Digest(e)
	view := client.EnvironmentView{Name: e.Name, Title: e.Title, Command: e.Command, Limits: e.Limits, Digest: print, Packages: e.Packages, Root: e.Digest, Debian: e.Debian, Device: e.Device, Devices: e.Devices}
	if view.Computes = e.Computes; view.Computes != "" {
		view.Statistics = measure.Statistics()
	}
	view.OnHost, view.OutOfUse = d.Hall.DevicesOf(e.Device)
	if err != nil {
		return view, err
	}
	if no := d.noJobs(); no != nil {
		view.Unready = no.Public
		return view, nil
	}
	if _, err := d.Hall.roots.get(ctx, e, print); err != nil {
		view.Unready = narthex.AsError(err).Public
	}
	return view, nil
}
