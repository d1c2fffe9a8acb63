package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/disclosure"
	"narthex/internal/examine"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/measure"
	"narthex/internal/store"
	"narthex/internal/study"
	"narthex/internal/wire"
	"narthex/policy"
)

const (
	mostJob       = 24 << 20 // of a request that brings a study, in bytes
	mostStudy     = 16 << 20 // of a study's files together, in bytes
	mostFiles     = 200      // of a study
	mostOpenJobs  = 16       // of a grant, waiting and running
	mostUnbegun   = 64       // of a grant's latest jobs, twice as many, that ended in a day without having begun
	usualMinutes  = 10       // of wall time, where nothing is asked
	mostListed    = 1000     // jobs and releases in a list
	takeOut       = narthex.AttributeName("output.release")
	bitsOfOneByte = 8
)

// jobCall is a job that is asked for.
type jobCall struct {
	asset   narthex.AssetName
	version narthex.VersionName
	against narthex.VersionName
	plan    narthex.Plan     // without the digests of the asset, which are the versions'; its attribute is empty where the asset's kind says it
	request *measure.Request // of a program of ours; nil where it is not known, or a study
}

func (c jobCall) Against() narthex.VersionName { return c.against }

func (c jobCall) Names() (narthex.AssetName, narthex.VersionName) { return c.asset, c.version }

func (jobCall) Missing() string { return "asset" }

func (jobCall) Param(r *narthex.Reason) string {
	switch {
	case r == nil:
	case r.Limit == "memory_mb" || r.Limit == "wall_minutes":
		return string(r.Limit)
	case r.Limit == "statistics" || r.Limit == "digits":
		return "files"
	}
	return ""
}

func (c jobCall) Uses(asset narthex.Asset, taxonomy *narthex.Taxonomy) ([]narthex.Use, error) {
	versions := []narthex.VersionName{orDefault(c.version, asset)}
	if c.against != "" {
		versions = append(versions, c.against)
	}
	for _, name := range versions {
		if version, known := asset.Version(name); !known || version.Folder == "" {
			return nil, narthex.Refusedf("Nothing can run beside %s: the lab states no folder of its bytes. Ask the lab.", asset.Name).For("asset")
		}
	}
	if versions[0] == c.against {
		return nil, narthex.Invalidf("A version is compared with another one.").For("against")
	}
	name := c.plan.Attribute
	if name == "" {
		name, _ = taxonomy.StudiesBeside(asset.Kind)
	}
	attribute, known := taxonomy.Attribute(name)
	if !known || !attribute.IsOf(asset.Kind) {
		return nil, narthex.Refusedf("Nothing of this kind runs beside %s. `narthex job environments` lists what others there are.", asset.Name).For("environment")
	}
	if c.plan.Devices > 0 && !deviceBudget(taxonomy, name) {
		return nil, narthex.Refusedf("No budget of %s counts devices, so no such job has any. Leave them out with --devices 0.", name).For("devices")
	}
	// What the attribute does not limit the environment does.
	use := narthex.Use{Attribute: name}
	for _, fact := range c.facts() {
		if _, limited := attribute.Limits[fact.Limit]; limited {
			use.Facts = append(use.Facts, fact)
		}
	}
	return []narthex.Use{use}, nil
}

// facts is what of a job any attribute may limit.
func (c jobCall) facts() []narthex.Fact {
	facts := []narthex.Fact{
		{Limit: "wall_minutes", Value: narthex.NumberValue(float64(c.plan.WallMinutes))},
		{Limit: "memory_mb", Value: narthex.NumberValue(float64(c.plan.MemoryMB))},
	}
	if c.request != nil {
		facts = append(facts, narthex.Fact{Limit: "statistics", Value: narthex.NamesValue(c.request.Statistics...)},
			narthex.Fact{Limit: "digits", Value: narthex.NumberValue(float64(c.request.Digits))})
	}
	return facts
}

func (c jobCall) Take(narthex.Asset, *narthex.Taxonomy, []policy.Layer) ([]narthex.Demand, error) {
	return []narthex.Demand{
		{Unit: narthex.Calls, Least: 1, Most: 1},
		{Unit: narthex.CPUMinutes, Least: c.plan.CPUMinutes, Most: c.plan.CPUMinutes},
		{Unit: narthex.GPUMinutes, Least: c.plan.GPUMinutes, Most: c.plan.GPUMinutes},
		{Unit: narthex.Bytes, Least: c.plan.OutcomeBytes, Most: c.plan.OutcomeBytes, Bits: bitsOfOneByte},
	}, nil
}

func orDefault(version narthex.VersionName, asset narthex.Asset) narthex.VersionName {
	if version == "" {
		return asset.Default
	}
	return version
}

// SubmitJob serves POST /v1/jobs: a study is frozen, decided and put in the queue.
func (d *Door) SubmitJob() http.Handler {
	return d.Handler(func(v *visit) error {
		if err := d.Published.Ready(); err != nil {
			return err
		}
		in, err := readBody[client.SubmitJob](v, mostJob)
		if err != nil {
			return err
		}
		job, err := v.submit(in)
		if err != nil {
			return err
		}
		return v.json(job)
	})
}

// readBody reads a request's body; one that does not read is a denial.
func readBody[T any](v *visit, most int64) (in T, err error) {
	data, err := wire.ReadBody(v.r, most)
	if err == nil {
		in, err = wire.Decode[T](data, wire.Limits{Bytes: most, Depth: 8})
	}
	if err != nil {
		return in, v.denyUnread(err)
	}
	return in, nil
}

func (v *visit) submit(in client.SubmitJob) (narthex.Job, error) {
	var none narthex.Job
	if no := v.door.noJobs(); no != nil {
		return none, v.denyUnread(no)
	}
	call, err := v.plan(in)
	if err != nil {
		return none, v.denyUnread(err)
	}
	// Nothing is kept of a job that is denied, so it is decided before its files are stored, and again when it is recorded.
	allowed, err := v.wouldAllow(call, (*attempt).roomForJob)
	if err != nil {
		return none, err
	}
	var job narthex.Job
	err = v.door.Hall.tidy.keep(func() error {
		if allowed {
			if err := v.keep(in.Files, call.plan.Study); err != nil {
				return err
			}
		}
		return v.decide(call, func(a *attempt) (err error) {
			job, err = a.takeJob(call, allowed)
			return err
		})
	})
	if err == nil {
		v.door.Hall.Wake()
	}
	return job, err
}

// plan fixes everything of a job that its submitter says.
func (v *visit) plan(in client.SubmitJob) (call jobCall, err error) {
	rules, err := v.door.Rules.Get()
	if err != nil {
		return call, err
	}
	asset, version, _ := strings.Cut(in.Asset, "@")
	call = jobCall{asset: narthex.AssetName(asset), version: narthex.VersionName(version)}
	environment, print, err := EnvironmentOf(rules, in.Environment)
	if err != nil {
		return call, err
	}
	pathway, err := v.pathway()
	if err != nil {
		return call, err
	}
	if !environment.Allows(pathway) {
		return call, noEnvironment()
	}
	frozen, lines, err := freezeStudy(in.Files)
	if err != nil {
		return call, err
	}
	does, err := call.does(in, environment)
	if err != nil {
		return call, err
	}
	wall := in.WallMinutes
	if wall == 0 {
		wall = min(usualMinutes, environment.Limits.WallMinutes)
	}
	memory := in.MemoryMB
	if memory == 0 {
		memory = environment.Limits.MemoryMB
	}
	if wall < 1 || wall > environment.Limits.WallMinutes {
		return call, narthex.Invalidf("A job of the environment %s has from 1 to %d minutes.", in.Environment, environment.Limits.WallMinutes).For("wall_minutes")
	}
	if memory < leastMemory || memory > environment.Limits.MemoryMB {
		return call, narthex.Invalidf("A job of the environment %s has from %d to %d megabytes of memory.", in.Environment, leastMemory, environment.Limits.MemoryMB).For("memory_mb")
	}
	root, err := v.door.Hall.roots.get(v.r.Context(), environment, print)
	if err != nil {
		return call, err
	}
	devices, refused := v.door.Hall.devicesOf(environment, in.Devices)
	if refused != nil {
		return call, refused
	}
	call.plan = narthex.Plan{Asset: call.asset, Environment: in.Environment, EnvironmentDigest: print, Root: root, Study: frozen, Command: does.command, Outputs: does.outputs,
		MemoryMB: memory, WallMinutes: wall, CPUMinutes: wall * environment.Limits.CPUs, Attribute: environment.Computes}
	if devices > 0 {
		call.plan.Device, call.plan.Devices, call.plan.GPUMinutes = environment.Device, devices, devices*wall
	}
	call.plan.OutcomeBytes = airlock.OutcomeBytes(call.plan, lines)
	return call, nil
}

// doing is what a job runs, and what of it may leave.
type doing struct {
	command []string
	outputs []narthex.Output
}

// does reads what is to run: the study's own code, or a request to a program of ours.
func (c *jobCall) does(in client.SubmitJob, environment narthex.Environment) (does doing, err error) {
	if environment.Computes != "" {
		return c.asks(in)
	}
	if in.Against != "" {
		return does, narthex.Invalidf("A study runs beside one version. Two are compared in an environment whose program takes requests; `narthex job environments` lists them.").For("against")
	}
	at := slices.IndexFunc(in.Files, func(f client.StudyFile) bool { return f.Path == study.File })
	if at < 0 {
		return does, narthex.Invalidf("A study says in %s what it is and what it will write; that file is not there.", study.File).For("files")
	}
	parsed, err := study.Parse(in.Files[at].Data)
	if err != nil {
		return does, err
	}
	if err := checkImports(in.Files, parsed.Command); err != nil {
		return does, err
	}
	if does.command, err = environment.Runs(parsed.Command); err != nil {
		return does, narthex.AsError(err).For("files")
	}
	does.outputs = make([]narthex.Output, len(parsed.Outputs))
	for i, o := range parsed.Outputs {
		does.outputs[i] = narthex.Output{Name: o.Name, Kind: string(o.Kind), Says: o.Says}
	}
	return does, nil
}

// asks reads a request, which is one file and brings no code.
func (c *jobCall) asks(in client.SubmitJob) (does doing, err error) {
	if len(in.Files) != 1 || in.Files[0].Path != measure.File {
		return does, narthex.Invalidf("In the environment %s a program of the lab's software runs. It takes a request, the one file %s, and no code.", in.Environment, measure.File).For("files")
	}
	asset, version, named := strings.Cut(in.Against, "@")
	if in.Against != "" && (narthex.AssetName(asset) != c.asset || !named || version == "") {
		return does, narthex.Invalidf("The second is another version of the same asset, as ASSET@VERSION.").For("against")
	}
	c.against = narthex.VersionName(version)
	request, err := measure.Parse(in.Files[0].Data, in.Against != "")
	if err != nil {
		return does, narthex.AsError(err).For("files")
	}
	c.request = &request
	folders := []string{"/asset"}
	if c.against != "" {
		folders = []string{"/asset/A", "/asset/B"}
	}
	does.command = append([]string{"/program", examine.Word, examine.MeasureWord, "/study", "/out"}, folders...)
	does.outputs = []narthex.Output{{Name: measure.Output, Kind: string(disclosure.CSV), Says: measure.Says}}
	return does, nil
}

// pathway gives the pathway of the key's grant.
func (v *visit) pathway() (narthex.PathwayName, error) {
	grant, err := journal.Peek[narthex.Grant](v.r.Context(), v.door.Journal, store.Grants, string(v.key.Grant))
	if err != nil || grant == nil {
		return "", narthex.Unavailablef("The grant could not be looked up; try again in a moment.").Because(err)
	}
	e, err := journal.Peek[narthex.Engagement](v.r.Context(), v.door.Journal, store.Engagements, string(grant.Engagement))
	if err != nil || e == nil {
		return "", narthex.Unavailablef("The engagement of the grant could not be read; try again.").Because(err)
	}
	return e.Application.Pathway, nil
}

// EnvironmentOf gives an environment in force, with the digest of what the lab directory says of it.
func EnvironmentOf(rules *book.Rules, name narthex.EnvironmentName) (narthex.Environment, narthex.Digest, error) {
	for _, e := range rules.Directory.Environments {
		if e.Name == name && name != "" {
			print, err := canon.Digest(e)
			return e, print, err
		}
	}
	return narthex.Environment{}, "", noEnvironment()
}

// noEnvironment answers for an environment that is not there, and for one that is for others.
func noEnvironment() *narthex.Error {
	return narthex.Invalidf("There is no environment of that name for you. `narthex job environments` lists them.").For("environment")
}

// freezeStudy gives the digest of a study's files, and how many lines they have together.
func freezeStudy(files []client.StudyFile) (narthex.Digest, int, error) {
	if len(files) == 0 || len(files) > mostFiles {
		return "", 0, narthex.Invalidf("A study has from 1 to %d files.", mostFiles).For("files")
	}
	list, lines, sum := []narthex.Frozen{}, 0, 0
	for i, f := range files {
		field := "files." + strconv.Itoa(i)
		if err := airlock.CheckPath(f.Path); err != nil {
			return "", 0, narthex.AsError(err).For(field + ".path")
		}
		if i > 0 && files[i-1].Path >= f.Path {
			return "", 0, narthex.Invalidf("The files of a study are sorted by their paths, and none is there twice.").For(field + ".path")
		}
		for above := path.Dir(f.Path); above != "."; above = path.Dir(above) {
			if slices.ContainsFunc(files[:i], func(before client.StudyFile) bool { return before.Path == above }) {
				return "", 0, narthex.Invalidf("A path is a file or a folder; this one lies in a file.").For(field + ".path")
			}
		}
		if sum += len(f.Data); sum > mostStudy {
			return "", 0, narthex.Invalidf("The files of a study have at most %d bytes together.", mostStudy).For("files")
		}
		lines += strings.Count(string(f.Data), "\n") + 1
		list = append(list, narthex.Frozen{Name: f.Path, Bytes: int64(len(f.Data)), Digest: narthex.MakeDigest(sha256.Sum256(f.Data))})
	}
	digest, err := airlock.FrozenDigest(list)
	return digest, lines, err
}

// checkImports holds a study's files to what one may bring.
func checkImports(files []client.StudyFile, command []string) error {
	program := airlock.ProgramOf(command)
	for i, f := range files {
		if err := airlock.CheckImport(f.Path, f.Data, program); err != nil {
			return narthex.AsError(err).For("files." + strconv.Itoa(i) + ".data")
		}
	}
	return nil
}

// wouldAllow decides without recording anything. Where it is allowed, also says whether there is room for it.
func (v *visit) wouldAllow(call Asked, also func(*attempt) error) (allowed bool, err error) {
	err = v.door.Journal.View(v.r.Context(), func(tx *journal.Tx) error {
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		rules, err := v.door.Rules.Check(tx)
		if err != nil {
			return err
		}
		a := &attempt{v: v, tx: tx, h: h, rules: rules, call: call}
		if allowed = a.decide() == nil; allowed {
			return also(a)
		}
		return nil
	})
	return allowed, err
}

// keep stores the files of a study, and their list under the study's digest.
func (v *visit) keep(files []client.StudyFile, digest narthex.Digest) error {
	ctx := context.WithoutCancel(v.r.Context())
	list := []narthex.Frozen{}
	for _, f := range files {
		print, err := book.PutBlob(ctx, v.door.Journal, f.Data)
		if err != nil {
			return err
		}
		list = append(list, narthex.Frozen{Name: f.Path, Bytes: int64(len(f.Data)), Digest: print})
	}
	form, err := canon.JSON(list)
	if err != nil {
		return err
	}
	stored, err := book.PutBlob(ctx, v.door.Journal, form)
	if err == nil && stored != digest {
		err = fmt.Errorf("the study that is kept is not the one that was frozen")
	}
	return err
}

// takeJob records a job that is allowed.
func (a *attempt) takeJob(call jobCall, kept bool) (narthex.Job, error) {
	var none narthex.Job
	if !kept {
		return none, narthex.Unavailablef("What the job rests on changed at this moment; try again.")
	}
	if err := a.roomForJob(); err != nil {
		return none, err
	}
	plan := call.plan
	plan.Version, plan.AssetDigest, plan.Against, plan.AgainstDigest = a.version.Name, a.version.Digest, a.against.Name, a.against.Digest
	plan.Attribute = a.question.Uses[0].Attribute
	if _, print, err := EnvironmentOf(a.rules, plan.Environment); err != nil || print != plan.EnvironmentDigest {
		return none, narthex.Unavailablef("The environment changed at this moment; try again.")
	}
	approval, err := studyApproval(a.tx, a.h.grant.Agreement)
	if err != nil {
		return none, err
	}
	plan.Approval = approval
	form, err := canon.JSON(plan)
	if err != nil {
		return none, err
	}
	holds, fields, err := a.take()
	if err != nil {
		return none, err
	}
	index, err := a.tx.Append(narthex.EntryJobTaken, append(fields, narthex.CanonicalField("job", string(form)))...)
	if err != nil {
		return none, err
	}
	job := book.Job{Job: narthex.Job{ID: narthex.MakeJobID(index), Grant: a.h.grant.ID, Engagement: a.h.grant.Engagement, Agreement: a.h.grant.Agreement, Key: a.h.key.ID, Person: a.h.person.ID,
		Plan: plan, State: airlock.JobBegins(plan), TakenAt: a.tx.Now()}, Holds: holds}
	if err := a.v.door.Bell.tellStudy(a.tx, job.Job, airlock.JobEvent{By: job.Person}, index); err != nil {
		return none, err
	}
	return job.Job, journal.Put(a.tx, store.Jobs, string(job.ID), &job)
}

// roomForJob refuses one more job where as many wait or run as may.
func (a *attempt) roomForJob() error {
	open, err := book.Listed[book.Job](a.tx, store.Jobs, listing.OpenJobs, mostListed)
	if err != nil {
		return err
	}
	mine := 0
	for _, j := range open {
		if j.Grant == a.h.grant.ID {
			mine++
		}
	}
	if mine >= mostOpenJobs {
		return &narthex.Error{Kind: narthex.Exhausted, Code: "too_many_at_once", Public: fmt.Sprintf("%d jobs of this grant wait or run, which is as many as may. Let one end, or cancel one.", mine)}
	}
	if len(open) >= mostListed {
		return narthex.Unavailablef("As many jobs wait on this node as may. Try again when some have ended.")
	}
	return a.roomForStudy()
}

// roomForStudy refuses one more job where many of the grant's were handed in and never began: they cost nothing, and their studies were stored.
func (a *attempt) roomForStudy() error {
	latest, err := book.Latest[book.Job](a.tx, store.Jobs, listing.JobsOf(a.h.grant.ID), 2*mostUnbegun)
	if err != nil {
		return err
	}
	unbegun := 0
	for _, j := range latest {
		if j.State.Over() && j.StartedAt.IsZero() && a.tx.Now().Sub(j.TakenAt) < 24*time.Hour {
			unbegun++
		}
	}
	if unbegun >= mostUnbegun {
		return &narthex.Error{Kind: narthex.Exhausted, Code: "too_many_at_once", Public: fmt.Sprintf("%d jobs of this grant ended within a day without having begun. No more are taken before tomorrow.", unbegun)}
	}
	return nil
}

// Jobs serves GET /v1/jobs: the jobs of the key's grant.
func (d *Door) Jobs() http.Handler {
	return d.Handler(func(v *visit) error {
		list := client.JobList{}
		err := v.read("jobs", func(tx *journal.Tx, h holder) *narthex.Error {
			list.Jobs = []client.JobView{}
			jobs, err := book.Latest[book.Job](tx, store.Jobs, listing.JobsOf(h.grant.ID), mostListed)
			if err != nil {
				return narthex.AsError(err)
			}
			places, err := placesOf(tx)
			if err != nil {
				return narthex.AsError(err)
			}
			for _, j := range jobs {
				if h.sees(j.Plan.Asset) {
					list.Jobs = append(list.Jobs, client.JobView{Job: airlock.ToldJob(j.Job), Place: places[j.ID]})
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(list)
	})
}

// Job serves GET /v1/jobs/{job}.
func (d *Door) Job() http.Handler {
	return d.Handler(func(v *visit) error {
		var view client.JobView
		err := v.read("job", func(tx *journal.Tx, h holder) *narthex.Error {
			job, err := jobOf(tx, h, path.Base(v.r.URL.Path))
			if err != nil {
				return narthex.AsError(err)
			}
			places, err := placesOf(tx)
			if err != nil {
				return narthex.AsError(err)
			}
			view = client.JobView{Job: airlock.ToldJob(job.Job), Place: places[job.ID]}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(view)
	})
}

// sees says whether the holder's key shows an asset.
func (h holder) sees(asset narthex.AssetName) bool {
	seen := book.Seen(h.key, h.grant)
	return seen.Shows(asset)
}

// jobOf gives a job of the holder's grant on an asset that their key shows; any other is as if absent.
func jobOf(tx *journal.Tx, h holder, id string) (book.Job, error) {
	if _, err := narthex.JobID(id).Index(); err != nil {
		return book.Job{}, narthex.WithheldError()
	}
	job, err := journal.Get[book.Job](tx, store.Jobs, id)
	if err != nil {
		return book.Job{}, err
	}
	if job == nil || job.Grant != h.grant.ID || !h.sees(job.Plan.Asset) {
		return book.Job{}, narthex.WithheldError()
	}
	return *job, nil
}

// placesOf gives the place of each job that waits among those that wait for the same asset, from 1.
func placesOf(tx *journal.Tx) (map[narthex.JobID]int, error) {
	open, err := book.Listed[book.Job](tx, store.Jobs, listing.OpenJobs, mostListed)
	if err != nil {
		return nil, err
	}
	var waiting []narthex.Job
	for _, j := range open {
		if j.State == narthex.JobQueued {
			waiting = append(waiting, j.Job)
		}
	}
	places, last := map[narthex.JobID]int{}, map[narthex.AssetName]int{}
	for _, j := range airlock.Order(waiting, usedMinutes(tx)) {
		last[j.Plan.Asset]++
		places[j.ID] = last[j.Plan.Asset]
	}
	return places, nil
}

// usedMinutes gives what a grant used of its time of processors and devices on an asset. Each account is read once.
func usedMinutes(tx *journal.Tx) func(narthex.GrantID, narthex.AssetName) int64 {
	accounts := map[narthex.GrantID]policy.Account{}
	return func(grant narthex.GrantID, asset narthex.AssetName) int64 {
		account, known := accounts[grant]
		if !known {
			account, _ = accountOf(tx, string(grant)) // one that does not read has used nothing, and its jobs do not begin
			accounts[grant] = account
		}
		sum := int64(0)
		for _, line := range account.Budgets {
			if line.Key.Asset == asset && (line.Key.Limit == "cpu_hours" || line.Key.Limit == "gpu_hours") { // of the one attribute by which studies run beside it
				sum += line.Budget.Used
			}
		}
		return sum
	}
}

// CancelJob serves POST /v1/jobs/{job}/cancel.
func (d *Door) CancelJob() http.Handler {
	return d.Handler(func(v *visit) error {
		if _, err := readBody[struct{}](v, 1<<10); err != nil {
			return err
		}
		id := path.Base(path.Dir(v.r.URL.Path))
		var job book.Job
		var who narthex.PersonID
		err := v.update(func(tx *journal.Tx) error {
			h, err := v.hold(tx)
			if err != nil {
				return err
			}
			who = h.person.ID
			if job, err = jobOf(tx, h, id); err != nil || !job.State.Waits() {
				return err
			}
			job, err = v.door.Bell.ChangeJob(tx, job, airlock.JobEvent{Act: airlock.JobCancel, By: h.person.ID})
			return err
		})
		if err != nil {
			return err
		}
		if job.State == narthex.JobRunning && v.door.Hall != nil {
			v.door.Hall.Cancel(job.ID, who)
		}
		return v.json(client.JobView{Job: airlock.ToldJob(job.Job)})
	})
}

// ChangeJob does an act on a job with its entry, settles what it holds once it is over, and tells of it.
func (b Bell) ChangeJob(tx *journal.Tx, job book.Job, e airlock.JobEvent) (book.Job, error) {
	next, err := airlock.NextJob(job.Job, e, tx.Now())
	if err != nil {
		return job, err
	}
	form, err := canon.JSON(airlock.RecordedJobEvent(e))
	if err != nil {
		return job, err
	}
	index, err := tx.Append(narthex.EntryJobChanged, narthex.TextField("job", job.ID), narthex.TextField("grant", job.Grant), narthex.CanonicalField("event", string(form)))
	if err != nil {
		return job, err
	}
	ends := next.State.Over() && !job.State.Over()
	if job.Job = next; ends {
		if err := book.Settle(tx, job.Person, job.Holds, airlock.JobUsed(next.Plan, e)); err != nil {
			return job, err
		}
		if next.State != narthex.JobReturned { // what was returned is told with the words
			if err := b.tellJob(tx, next, e.By, index); err != nil {
				return job, err
			}
		}
	}
	if err := b.tellStudy(tx, next, e, index); err != nil {
		return job, err
	}
	return job, journal.Put(tx, store.Jobs, string(job.ID), &job)
}
