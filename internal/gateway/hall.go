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
	"sync/atomic"
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
	Bell     Bell
	Live     *live.Registry
	Driver   sandbox.Driver // of Open
	Examiner Examiner       // of Open
	Folder   string         // of this node alone, for studies while they run
	Program  string         // this very program, a static one, which runs in jobs that take requests
	Log      *slog.Logger

	ready atomic.Bool             // whether jobs may begin: until then only what an earlier node left is ended, and Driver and Examiner are nobody's
	roots roots                   // what the environments in force have on this host
	has   atomic.Pointer[Devices] // of the host; nil for none
	tidy  tidy

	mu    sync.Mutex // guards no, runs, by, turns and taken
	no    *narthex.Error
	runs  map[narthex.JobID]context.CancelFunc
	by    map[narthex.JobID]narthex.PersonID // who cancelled one that runs
	wake  chan struct{}
	looks chan struct{}                       // as many looks into files, and makings of twins, at once as it holds
	twins chan struct{}                       // one making of twins at once, so that jobs and releases have a look left
	turns map[narthex.AssetName]chan struct{} // who asks for something of an asset to leave, one after the other
	taken map[narthex.GrantID][]time.Time     // the looks of a day
	done  sync.WaitGroup
}

// mostLooks is how many looks into files run at once: each may take gigabytes of memory.
const mostLooks = 2

// examine gives files their forms or looks into them, when it is its turn.
func (h *Hall) examine(ctx context.Context, task airlock.Task, versions ...string) (answer airlock.Answer, err error) {
	err = inTurn(ctx, h.looks, func() error {
		answer, err = h.Examiner.Examine(ctx, task, versions...)
		return err
	})
	return answer, err
}

// alone does what may be done for one at a time beside an asset: those who come first go first, and nobody who asks more often overtakes.
func (h *Hall) alone(ctx context.Context, asset narthex.AssetName, do func() error) error {
	h.mu.Lock()
	turn := h.turns[asset]
	if turn == nil {
		turn = make(chan struct{}, 1)
		h.turns[asset] = turn
	}
	h.mu.Unlock()
	return inTurn(ctx, turn, do)
}

// inTurn does something when it is its turn.
func inTurn(ctx context.Context, turn chan struct{}, do func() error) error {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Examiner reads what may do harm, where a fault in that harms nobody.
type Examiner interface {
	// Examine gives files their forms, or looks into them beside the folders of the asset's versions.
	Examine(ctx context.Context, task airlock.Task, versions ...string) (airlock.Answer, error)
	// Twin makes the mock twins of the weights and records in the folder, which follow from its digest.
	Twin(ctx context.Context, asset string, digest narthex.Digest) (airlock.Twins, error)
}

// NewHall makes a hall; Run must run for its jobs to begin.
func NewHall(h *Hall) *Hall {
	h.taken = map[narthex.GrantID][]time.Time{}
	h.by = map[narthex.JobID]narthex.PersonID{}
	h.runs, h.wake, h.looks = map[narthex.JobID]context.CancelFunc{}, make(chan struct{}, 1), make(chan struct{}, mostLooks)
	h.twins, h.turns = make(chan struct{}, 1), map[narthex.AssetName]chan struct{}{}
	h.roots.log, h.roots.known = h.Log, map[narthex.EnvironmentName]ground{}
	return h
}

// Wake has the hall look whether a job may begin.
func (h *Hall) Wake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Cancel ends a job that runs. By is who cancels it, or nobody where what stops its key does.
func (h *Hall) Cancel(id narthex.JobID, by narthex.PersonID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if cancel, runs := h.runs[id]; runs {
		if h.by[id] == "" {
			h.by[id] = by
		}
		cancel()
	}
}

// look is how often the hall looks at what runs and waits without being woken.
const look = time.Second

// Run begins jobs until ctx ends, and then ends those that run. Before that it closes the jobs of a node that ended without closing them.
// What may run no longer is ended beside that, for a beginning reads all bytes of an asset and takes its time.
func (h *Hall) Run(ctx context.Context) {
	for h.closeLost(ctx) != nil && ctx.Err() == nil {
		time.Sleep(pause)
	}
	h.done.Go(func() { h.each(ctx, h.wake, look, h.turn) })
	h.done.Go(func() { h.each(ctx, nil, look, h.lookAround) })
	h.done.Go(func() { h.each(ctx, nil, look, h.tidyUp) })
	h.each(ctx, nil, look, h.sweep)
	h.done.Wait()
	h.has.Load().wait()
}

// each does something when it is woken and as often as pause says, until ctx ends.
func (h *Hall) each(ctx context.Context, wake <-chan struct{}, pause time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			h.Log.Warn("the queue of jobs could not be looked at", "cause", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-tick.C:
		}
	}
}

// closeLost ends the jobs that the store says run: no job runs when a node begins.
func (h *Hall) closeLost(ctx context.Context) error {
	_, running, err := h.open(ctx, func(*journal.Tx, book.Job) bool { return true })
	if err != nil || len(running) == 0 {
		return err
	}
	return h.Journal.Update(ctx, func(tx *journal.Tx) error {
		for _, job := range running {
			now, err := journal.Get[book.Job](tx, store.Jobs, string(job.ID))
			if err != nil {
				return err
			}
			if now == nil || now.State != narthex.JobRunning {
				continue
			}
			if _, err := h.Bell.ChangeJob(tx, *now, lost(now.Plan)); err != nil {
				return err
			}
		}
		return nil
	})
}

// lost is the end of a job of which nobody knows more.
func lost(p narthex.Plan) airlock.JobEvent {
	return airlock.JobEvent{Act: airlock.JobEnd, End: &narthex.JobEnd{Class: sandbox.Lost, WallMinutes: p.WallMinutes, CPUMinutes: p.CPUMinutes, GPUMinutes: p.GPUMinutes}}
}

// open gives those of the jobs that wait and run of which want holds.
func (h *Hall) open(ctx context.Context, want func(*journal.Tx, book.Job) bool) (waiting, running []narthex.Job, err error) {
	err = h.Journal.View(ctx, func(tx *journal.Tx) error {
		waiting, running = nil, nil
		open, err := book.Listed[book.Job](tx, store.Jobs, listing.OpenJobs, mostListed)
		for _, job := range open {
			switch {
			case !want(tx, job):
			case job.State == narthex.JobRunning:
				running = append(running, job.Job)
			default:
				waiting = append(waiting, job.Job)
			}
		}
		return err
	})
	return waiting, running, err
}

// sweep ends what may run no longer, in the queue, beside assets and on its way out.
func (h *Hall) sweep(ctx context.Context) error {
	waiting, running, err := h.open(ctx, func(tx *journal.Tx, job book.Job) bool { return h.endsJob(tx, job) != "" })
	for _, job := range running {
		h.Cancel(job.ID, "")
	}
	for _, job := range waiting {
		if err == nil {
			err = h.drop(ctx, job.ID)
		}
	}
	return errors.Join(err, h.stopReleases(ctx), h.sweepRules(ctx))
}

// turn begins the next job that may.
func (h *Hall) turn(ctx context.Context) error {
	if !h.ready.Load() {
		return nil
	}
	untended := h.has.Load().tend(ctx) // which nobody has until they are
	var next *book.Job
	err := h.Journal.View(ctx, func(tx *journal.Tx) error {
		next = nil
		open, err := book.Listed[book.Job](tx, store.Jobs, listing.OpenJobs, mostListed)
		if err != nil {
			return err
		}
		var waiting, running []narthex.Job
		for _, job := range open {
			if job.State == narthex.JobRunning {
				running = append(running, job.Job)
			} else if job.State == narthex.JobQueued && stopsJob(tx, job) == "" {
				waiting = append(waiting, job.Job)
			}
		}
		if job, found := airlock.Turn(waiting, running, h.has.Load().Spare(), usedMinutes(tx)); found {
			next, err = journal.Get[book.Job](tx, store.Jobs, string(job.ID))
		}
		return err
	})
	if err != nil || next == nil {
		return errors.Join(untended, err)
	}
	if err := h.begin(ctx, *next); err != nil {
		return errors.Join(untended, err)
	}
	h.Wake()
	return untended
}

// drop cancels a job that waits and may begin no longer.
func (h *Hall) drop(ctx context.Context, id narthex.JobID) error {
	return h.Journal.Update(ctx, func(tx *journal.Tx) error {
		job, err := journal.Get[book.Job](tx, store.Jobs, string(id))
		if err != nil || job == nil || !job.State.Waits() {
			return err
		}
		code := h.endsJob(tx, *job)
		if code == "" || code == narthex.Unavailable.String() { // what cannot be looked at does not begin, and may later
			return nil
		}
		_, err = h.Bell.ChangeJob(tx, *job, airlock.JobEvent{Act: airlock.JobCancel, Code: code})
		return err
	})
}

// holderOf gives the holder of a key by its identifier, with the locks on what it rests on, or those of them that may be told of; nil where
// the key is revoked or gone.
func holderOf(tx *journal.Tx, grant narthex.GrantID, key narthex.KeyID, told bool) (*holder, error) {
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
	h := &holder{key: k, grant: g, person: person, told: told}
	return h, h.look(tx)
}

// stopsJob gives the code of what stops a job's key from being used on its asset, or "". What cannot be looked at stops it.
func stopsJob(tx *journal.Tx, job book.Job) string {
	return stops(tx, job.Grant, job.Key, job.Plan.Asset)
}

func stops(tx *journal.Tx, grant narthex.GrantID, key narthex.KeyID, asset narthex.AssetName) string {
	return stopsAs(tx, grant, key, asset, false)
}

// stopsAs does it for what is, or for what may be told.
func stopsAs(tx *journal.Tx, grant narthex.GrantID, key narthex.KeyID, asset narthex.AssetName, told bool) string {
	h, err := holderOf(tx, grant, key, told)
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
	devices, ready := h.has.Load().take(job.Plan.Device, job.Plan.Devices)
	if !ready {
		return nil // one went out of use meanwhile
	}
	begun := false
	defer func() {
		if !begun {
			h.has.Load().untouched(devices)
			_ = os.RemoveAll(h.studyOf(job.ID)) // the next start wipes what is left
		}
	}()
	box, err := h.prepare(ctx, job)
	if ctx.Err() != nil { // the node ends, and the next one looks anew
		return ctx.Err()
	}
	if err != nil { // what the plan says is not here: that is an end without a beginning
		h.Log.Warn("a job could not begin", "job", string(job.ID), "cause", err.Error())
		return h.Journal.Update(ctx, func(tx *journal.Tx) error {
			now, err := journal.Get[book.Job](tx, store.Jobs, string(job.ID))
			if err != nil || now == nil || now.State != narthex.JobQueued {
				return err
			}
			_, err = h.Bell.ChangeJob(tx, *now, airlock.JobEvent{Act: airlock.JobCancel, Code: "changed"})
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
	h.mu.Lock()
	h.runs[job.ID] = cancel // before anybody can see that it runs, and cancel it
	h.mu.Unlock()
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
		_, err = h.Bell.ChangeJob(tx, *now, airlock.JobEvent{Act: airlock.JobStart})
		return err
	})
	if err != nil {
		h.leave(job.ID)
		entered.Leave()
		cancel()
		if errors.Is(err, errMoved) {
			return nil
		}
		return err
	}
	begun, box.Devices = true, devices
	h.done.Go(func() {
		defer entered.Leave()
		defer cancel()
		h.run(entered.Context(), job, box)
	})
	return nil
}

func (h *Hall) leave(id narthex.JobID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.runs, id)
	delete(h.by, id)
}

// studyOf is where a job's study lies while it runs.
func (h *Hall) studyOf(id narthex.JobID) string { return filepath.Join(h.Folder, string(id)) }

// errMoved says that a job is not where it was.
var errMoved = errors.New("the job is not where it was")

// subjectsOf is everything a lock on which ends the job.
func subjectsOf(tx *journal.Tx, job book.Job) ([]string, error) {
	holder, err := holderOf(tx, job.Grant, job.Key, false)
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
	if err != nil || print != plan.EnvironmentDigest {
		return none, errors.New("the environment is not the one of the plan")
	}
	if root, err := h.roots.read(ctx, around, print); err != nil || root != plan.Root {
		return none, errors.Join(errors.New("the environment's root on this host is not the one of the plan"), err)
	}
	asset, err := versionOf(ctx, rules, plan.Asset, plan.Version, plan.AssetDigest)
	if err != nil {
		return none, err
	}
	var against string
	if plan.Against != "" {
		if against, err = versionOf(ctx, rules, plan.Asset, plan.Against, plan.AgainstDigest); err != nil {
			return none, err
		}
	}
	folder := h.studyOf(job.ID)
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
	var program string
	if around.Computes != "" {
		program = h.Program
	}
	limits := around.Limits
	return sandbox.Job{ID: boxID(job.ID), Root: around.Root, Command: plan.Command, Asset: asset, Against: against, Program: program, Study: folder, Library: library, Lines: lines, Limits: sandbox.Limits{
		Wall: time.Duration(plan.WallMinutes) * time.Minute, CPU: time.Duration(plan.CPUMinutes) * time.Minute, Memory: plan.MemoryMB << 20,
		Scratch: limits.ScratchMB << 20, Out: limits.OutMB << 20, Processes: int(limits.Processes), Files: 1000}}, nil
}

// versionOf gives the folder of an asset's version, where directory and bytes are what a plan says.
func versionOf(ctx context.Context, rules *book.Rules, asset narthex.AssetName, name narthex.VersionName, digest narthex.Digest) (string, error) {
	version, known := rules.Directory.Assets[asset].Version(name)
	if !known || version.Digest != digest {
		return "", errors.New("the asset's version is not the one of the plan")
	}
	if found, err := environment.ReadFolder(ctx, version.Folder); err != nil || found.Digest != digest {
		return "", errors.Join(errors.New("the bytes of the asset are not those that the lab directory states"), err)
	}
	return version.Folder, nil
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
	if ended.Line < 1 || ended.Line > ready.Lines[ended.File] { // no place of the study's
		ended.File, ended.Line = "", 0
	}
	end := narthex.JobEnd{Class: ended.Class, File: ended.File, Line: ended.Line, WallMinutes: airlock.Minutes(max(ended.Wall, h.Journal.Now().Sub(began)), plan.WallMinutes), CPUMinutes: airlock.Minutes(ended.CPU, plan.CPUMinutes)}
	end.GPUMinutes = plan.Devices * end.WallMinutes
	event := airlock.JobEvent{Act: airlock.JobEnd, End: &end}
	switch ended.Class {
	case sandbox.Lost:
		event = lost(plan)
	case sandbox.Cancelled:
		h.mu.Lock()
		event.By = h.by[job.ID]
		h.mu.Unlock()
	}
	_ = h.tidy.keep(func() error { // what is taken in waits for its entry
		h.finish(ctx, job, ready, event)
		return nil
	})
	h.leave(job.ID)
	h.Wake()
}

// finish takes in what a job left, wipes the rest, and records how it ended.
func (h *Hall) finish(ctx context.Context, job book.Job, ready sandbox.Job, event airlock.JobEvent) {
	id, keep := string(job.ID), context.WithoutCancel(ctx)
	if class := event.End.Class; class != sandbox.Cancelled && class != sandbox.Lost {
		pack, err := h.pack(keep, job, ready.Asset)
		if err != nil {
			h.Log.Warn("what a job left could not be taken in", "job", id, "cause", err.Error())
			pack = nil
		}
		event.Package = pack
	}
	gone := h.Driver.Remove(keep, ready.ID)
	h.has.Load().used(ready.Devices, gone)
	if err := errors.Join(gone, os.RemoveAll(ready.Study)); err != nil {
		h.Log.Warn("what is left of a job could not be wiped", "job", id, "cause", err.Error())
	}
	for {
		err := h.Journal.Update(keep, func(tx *journal.Tx) error {
			now, err := journal.Get[book.Job](tx, store.Jobs, id)
			if err != nil || now == nil || now.State != narthex.JobRunning {
				return err
			}
			_, err = h.Bell.ChangeJob(tx, *now, event)
			if narthex.IsKind(err, narthex.Conflict) { // an end that no job has
				_, err = h.Bell.ChangeJob(tx, *now, lost(job.Plan))
			}
			return err
		})
		if err == nil || ctx.Err() != nil && narthex.IsKind(err, narthex.Unavailable) {
			return // a store that takes nothing any more is closed by the next start
		}
		time.Sleep(pause)
	}
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
	answer, err := h.examine(ctx, task)
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
