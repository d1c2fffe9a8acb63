package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/environment"
	"narthex/internal/gateway/live"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/sandbox"
	"narthex/internal/store"
)

// Hall is where jobs run: one at a time beside an asset, those of the grants that used least first. What a job is was fixed before it
// waits, and it begins only where everything on this host is still what its plan says. A lock, the end of a grant and everything else
// that stops a key ends its jobs.
type Hall struct {
	Journal  *journal.Journal
	Rules    *book.InForce
	Live     *live.Registry
	Driver   sandbox.Driver
	Examiner Examiner
	Folder   string // of this node alone, for studies while they run
	Log      *slog.Logger

	mu   sync.Mutex // guards runs
	runs map[narthex.JobID]context.CancelFunc
	wake chan struct{}
	done sync.WaitGroup

	twins chan struct{} // holds one while twins are made
}

// Examiner reads what may do harm, where a fault in that harms nobody. Asset is the folder of the asset's bytes.
type Examiner interface {
	// Examine gives files their forms, or looks into them.
	Examine(ctx context.Context, task airlock.Task, asset string) (airlock.Answer, error)
	// Twin makes the mock twins of the weights in the folder, which follow from its digest.
	Twin(ctx context.Context, asset string, digest narthex.Digest) (airlock.Twins, error)
}

// NewHall makes a hall; Run must run for its jobs to begin.
func NewHall(h *Hall) *Hall {
	h.runs, h.wake, h.twins = map[narthex.JobID]context.CancelFunc{}, make(chan struct{}, 1), make(chan struct{}, 1)
	return h
}

// Wake has the hall look whether a job may begin.
func (h *Hall) Wake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Cancel ends a job that runs.
func (h *Hall) Cancel(id narthex.JobID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if cancel, runs := h.runs[id]; runs {
		cancel()
	}
}

// look is how often the hall looks at what runs and waits without being woken.
const look = time.Second

// Run begins jobs until ctx ends, and then ends those that run. Before that it closes the jobs of a node that ended without closing them.
func (h *Hall) Run(ctx context.Context) {
	for h.closeLost(ctx) != nil && ctx.Err() == nil {
		time.Sleep(pause)
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := h.turn(ctx); err != nil && ctx.Err() == nil {
			h.Log.Warn("the queue of jobs could not be looked at", "cause", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-h.wake:
		case <-tick.C:
		}
	}
	h.done.Wait()
}

// closeLost ends the jobs that the store says run: no job runs when a node begins.
func (h *Hall) closeLost(ctx context.Context) error {
	return h.Journal.Update(ctx, func(tx *journal.Tx) error {
		open, err := book.Listed[book.Job](tx, store.Jobs, listing.OpenJobs, mostListed)
		if err != nil {
			return err
		}
		for _, job := range open {
			if job.State != narthex.JobRunning {
				continue
			}
			end := narthex.JobEnd{Class: string(sandbox.Lost), WallMinutes: job.Plan.WallMinutes, CPUMinutes: job.Plan.CPUMinutes}
			if _, err := changeJob(tx, job, airlock.JobEvent{Act: airlock.JobEnd, End: &end}); err != nil {
				return err
			}
		}
		return nil
	})
}

// turn ends what may run no longer, in the queue and beside assets, and begins what may.
func (h *Hall) turn(ctx context.Context) error {
	var stopped []book.Job
	var next *book.Job
	err := h.Journal.View(ctx, func(tx *journal.Tx) error {
		stopped, next = nil, nil
		open, err := book.Listed[book.Job](tx, store.Jobs, listing.OpenJobs, mostListed)
		if err != nil {
			return err
		}
		var waiting, running []narthex.Job
		by := map[narthex.JobID]book.Job{}
		for _, job := range open {
			by[job.ID] = job
			switch code := stopsJob(tx, job); {
			case code != "":
				stopped = append(stopped, job)
			case job.State == narthex.JobQueued:
				waiting = append(waiting, job.Job)
			}
			if job.State == narthex.JobRunning {
				running = append(running, job.Job)
			}
		}
		if job, found := airlock.Turn(waiting, running, usedMinutes(tx)); found {
			row := by[job.ID]
			next = &row
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, job := range stopped {
		if job.State == narthex.JobRunning {
			h.Cancel(job.ID)
			continue
		}
		if err := h.drop(ctx, job.ID); err != nil {
			return err
		}
	}
	if err := h.stopReleases(ctx); err != nil || next == nil {
		return err
	}
	if err := h.begin(ctx, *next); err != nil {
		return err
	}
	h.Wake()
	return nil
}

// drop cancels a job that waits and may begin no longer.
func (h *Hall) drop(ctx context.Context, id narthex.JobID) error {
	return h.Journal.Update(ctx, func(tx *journal.Tx) error {
		job, err := journal.Get[book.Job](tx, store.Jobs, string(id))
		if err != nil || job == nil || job.State != narthex.JobQueued {
			return err
		}
		code := stopsJob(tx, *job)
		if code == "" {
			return nil
		}
		_, err = changeJob(tx, *job, airlock.JobEvent{Act: airlock.JobCancel, Code: code})
		return err
	})
}

// holderOf gives the holder of a key by its identifier, with the locks on what it rests on; nil where the key is revoked or gone.
func holderOf(tx *journal.Tx, grant narthex.GrantID, key narthex.KeyID) (*holder, error) {
	name, err := journal.Get[book.KeyName](tx, store.KeyNames, string(grant)+"/"+string(key))
	if err != nil || name == nil {
		return nil, err
	}
	k, err := journal.Get[narthex.Key](tx, store.Keys, name.Token)
	if err != nil || k == nil || k.Revoked {
		return nil, err
	}
	g, err := journal.Get[narthex.Grant](tx, store.Grants, string(grant))
	if err != nil || g == nil {
		return nil, errors.Join(errors.New("a key without a grant"), err)
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(k.Person))
	if err != nil || person == nil {
		return nil, errors.Join(errors.New("a key without a person"), err)
	}
	h := &holder{key: k, grant: g, person: person}
	return h, h.look(tx)
}

// stopsJob gives the code of what stops a job's key from being used on its asset, or "". What cannot be looked at stops it.
func stopsJob(tx *journal.Tx, job book.Job) string {
	return stops(tx, job.Grant, job.Key, job.Plan.Asset)
}

func stops(tx *journal.Tx, grant narthex.GrantID, key narthex.KeyID, asset narthex.AssetName) string {
	h, err := holderOf(tx, grant, key)
	switch {
	case err != nil:
		return narthex.Unavailable.String()
	case h == nil:
		return "revoked"
	}
	if stopped := h.usable(tx, asset); stopped != nil {
		return stopped.Code
	}
	return ""
}

// begin begins a job, whose asset is free.
func (h *Hall) begin(ctx context.Context, job book.Job) error {
	ready, err := h.prepare(ctx, job)
	if err != nil { // what the plan says is not here: that is an end without a beginning
		h.Log.Warn("a job could not begin", "job", string(job.ID), "cause", err.Error())
		return h.Journal.Update(ctx, func(tx *journal.Tx) error {
			now, err := journal.Get[book.Job](tx, store.Jobs, string(job.ID))
			if err != nil || now == nil || now.State != narthex.JobQueued {
				return err
			}
			_, err = changeJob(tx, *now, airlock.JobEvent{Act: airlock.JobCancel, Code: "changed"})
			return err
		})
	}
	run, cancel := context.WithCancel(ctx)
	var subjects []string
	err = h.Journal.View(ctx, func(tx *journal.Tx) (err error) {
		subjects, err = subjectsOf(tx, job)
		return err
	})
	if err != nil {
		cancel()
		return err
	}
	entered, err := h.Live.Enter(run, job.Key, cancel, subjects...)
	if err != nil {
		cancel()
		return err
	}
	err = h.Journal.Update(ctx, func(tx *journal.Tx) error {
		now, err := journal.Get[book.Job](tx, store.Jobs, string(job.ID))
		if err != nil {
			return err
		}
		if now == nil || now.State != narthex.JobQueued {
			return errMoved
		}
		if stopsJob(tx, *now) != "" {
			return errMoved
		}
		_, err = changeJob(tx, *now, airlock.JobEvent{Act: airlock.JobStart})
		return err
	})
	if err != nil {
		entered.Leave()
		cancel()
		if errors.Is(err, errMoved) {
			return nil
		}
		return err
	}
	h.mu.Lock()
	h.runs[job.ID] = cancel
	h.mu.Unlock()
	h.done.Go(func() {
		defer entered.Leave()
		defer cancel()
		h.run(entered.Context(), job, ready)
	})
	return nil
}

// errMoved says that a job is not where it was.
var errMoved = errors.New("the job is not where it was")

// subjectsOf is everything a lock on which ends the job.
func subjectsOf(tx *journal.Tx, job book.Job) ([]string, error) {
	holder, err := holderOf(tx, job.Grant, job.Key)
	if err != nil || holder == nil {
		return nil, errors.Join(errMoved, err)
	}
	nations, err := book.NationsOf(tx, holder.person.ID)
	if err != nil {
		return nil, err
	}
	subjects := book.RestsOn(holder.key, holder.grant, holder.person.Region, nations, job.Plan.Asset)
	word, _, err := book.WordFor(tx, holder.grant)
	if err == nil && word != nil {
		subjects = append(subjects, book.WordBy(word.Signature.By))
	}
	return subjects, err
}

// prepare holds the host to the plan and writes the study out: the environment in force, the bytes of the asset, the study's files.
func (h *Hall) prepare(ctx context.Context, job book.Job) (sandbox.Job, error) {
	var none sandbox.Job
	rules, err := h.Rules.Get()
	if err != nil {
		return none, err
	}
	plan := job.Plan
	around, print, err := EnvironmentOf(rules, plan.Environment)
	if err != nil || print != plan.Environments {
		return none, errors.New("the environment is not the one of the plan")
	}
	version, known := rules.Directory.Assets[plan.Asset].Version(plan.Version)
	if !known || version.Digest != plan.AssetDigest {
		return none, errors.New("the asset's version is not the one of the plan")
	}
	if found, err := environment.ReadFolder(ctx, version.Folder); err != nil || found.Digest != plan.AssetDigest {
		return none, errors.Join(errors.New("the bytes of the asset are not those that the lab directory states"), err)
	}
	folder := filepath.Join(h.Folder, string(job.ID))
	if err := os.RemoveAll(folder); err != nil {
		return none, err
	}
	files := map[string][]byte{}
	err = h.Journal.View(ctx, func(tx *journal.Tx) error {
		files, err = readStudy(tx, plan.Study)
		return err
	})
	if err != nil {
		return none, err
	}
	lines, err := sandbox.Lay(folder, files)
	if err != nil {
		return none, err
	}
	library := filepath.Join(h.Folder, "library")
	if err := os.MkdirAll(library, 0o755); err != nil {
		return none, err
	}
	if err := os.WriteFile(filepath.Join(library, environment.ReaderName), environment.Reader(), 0o644); err != nil {
		return none, err
	}
	limits := around.Limits
	return sandbox.Job{ID: boxID(job.ID), Root: around.Root, Command: plan.Command, Asset: version.Folder, Study: folder, Library: library, Lines: lines, Limits: sandbox.Limits{
		Wall: time.Duration(plan.WallMinutes) * time.Minute, CPU: time.Duration(plan.CPUMinutes) * time.Minute, Memory: plan.MemoryMB << 20,
		Scratch: limits.ScratchMB << 20, Out: limits.OutMB << 20, Processes: int(limits.Processes), Files: 1000}}, nil
}

// boxID names a job to the driver.
func boxID(id narthex.JobID) string { return strings.ReplaceAll(string(id), "_", "-") }

// readStudy gives the files of a frozen study.
func readStudy(tx *journal.Tx, digest narthex.Digest) (map[string][]byte, error) {
	form, err := book.ReadBlob(tx, digest)
	if err != nil {
		return nil, err
	}
	var list []narthex.Frozen
	if err := json.Unmarshal(form, &list); err != nil {
		return nil, fmt.Errorf("read a study: %w", err)
	}
	files := map[string][]byte{}
	for _, f := range list {
		if err := airlock.CheckPath(f.Name); err != nil {
			return nil, err
		}
		if files[f.Name], err = book.ReadBlob(tx, f.Digest); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// run runs a job that was begun, to its end.
func (h *Hall) run(ctx context.Context, job book.Job, ready sandbox.Job) {
	id := string(job.ID)
	began := h.Journal.Now()
	ended, err := h.through(ctx, ready)
	if err != nil {
		h.Log.Warn("a job ended by a fault of the host", "job", id, "cause", err.Error())
		ended = sandbox.Ended{Class: sandbox.Lost}
	}
	plan := job.Plan
	end := narthex.JobEnd{Class: string(ended.Class), File: ended.File, Line: ended.Line, WallMinutes: airlock.Minutes(max(ended.Wall, h.Journal.Now().Sub(began)), plan.WallMinutes), CPUMinutes: airlock.Minutes(ended.CPU, plan.CPUMinutes)}
	if ended.Class == sandbox.Lost {
		end = narthex.JobEnd{Class: string(ended.Class), WallMinutes: plan.WallMinutes, CPUMinutes: plan.CPUMinutes}
	}
	event := airlock.JobEvent{Act: airlock.JobEnd, End: &end}
	keep := context.WithoutCancel(ctx)
	if ended.Class != sandbox.Cancelled && ended.Class != sandbox.Lost {
		if event.Package, err = h.pack(keep, job, ready.Asset); err != nil {
			h.Log.Warn("what a job left could not be taken in", "job", id, "cause", err.Error())
			event.Package = nil
		}
	}
	if err := errors.Join(h.Driver.Remove(keep, ready.ID), os.RemoveAll(ready.Study)); err != nil {
		h.Log.Warn("what is left of a job could not be wiped", "job", id, "cause", err.Error())
	}
	for {
		err := h.Journal.Update(keep, func(tx *journal.Tx) error {
			now, err := journal.Get[book.Job](tx, store.Jobs, id)
			if err != nil || now == nil || now.State != narthex.JobRunning {
				return err
			}
			_, err = changeJob(tx, *now, event)
			return err
		})
		if err == nil || ctx.Err() != nil && narthex.IsKind(err, narthex.Unavailable) {
			break // a store that takes nothing any more is closed by the next start
		}
		time.Sleep(pause)
	}
	h.mu.Lock()
	delete(h.runs, job.ID)
	h.mu.Unlock()
	h.Wake()
}

// through has the driver run a job until it ends; where ctx ends first the job is killed.
func (h *Hall) through(ctx context.Context, ready sandbox.Job) (sandbox.Ended, error) {
	keep := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		return sandbox.Ended{Class: sandbox.Cancelled}, nil
	}
	if err := h.Driver.Submit(keep, ready); err != nil {
		return sandbox.Ended{}, err
	}
	stop := context.AfterFunc(ctx, func() {
		if err := h.Driver.Cancel(keep, ready.ID); err != nil {
			h.Log.Error("a job could not be killed", "job", ready.ID, "cause", err.Error())
		}
	})
	defer stop()
	return h.Driver.Watch(keep, ready.ID)
}

// pack freezes what a job left under the names that its study declared, and gives each file its form.
func (h *Hall) pack(ctx context.Context, job book.Job, asset string) (*narthex.Package, error) {
	task := airlock.Task{Files: []airlock.Raw{}}
	pack := &narthex.Package{Files: []narthex.Frozen{}}
	err := h.Driver.Collect(ctx, boxID(job.ID), func(left sandbox.Left) error {
		for _, o := range job.Plan.Outputs {
			data, class, err := sandbox.Freeze(left.Out, o.Name)
			switch {
			case err != nil:
				return err
			case class == "missing":
				pack.Missing = append(pack.Missing, o.Name)
			case class != "":
				pack.Refused = append(pack.Refused, narthex.RefusedFile{Name: o.Name, Class: class})
			default:
				task.Files = append(task.Files, airlock.Raw{Name: o.Name, Kind: o.Kind, Data: data})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer, err := h.Examiner.Examine(ctx, task, "")
	if err != nil {
		return nil, err
	}
	pack.Refused = append(pack.Refused, answer.Formed.Refused...)
	for _, f := range answer.Formed.Files {
		digest, err := book.PutBlob(ctx, h.Journal, f.Data)
		if err != nil {
			return nil, err
		}
		pack.Files = append(pack.Files, narthex.Frozen{Name: f.Name, Kind: f.Kind, Bytes: int64(len(f.Data)), Digest: digest})
	}
	pack.Digest, err = airlock.FrozenDigest(pack.Files)
	return pack, err
}
