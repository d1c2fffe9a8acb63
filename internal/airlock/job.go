package airlock

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"narthex"
	"narthex/internal/disclosure"
	"narthex/internal/order"
	"narthex/policy"
)

// JobAct is something that happens to a job.
type JobAct string

// The acts.
const (
	JobStart  JobAct = "start"  // what the plan says was found on the node, and the job begins
	JobEnd    JobAct = "end"    // it ended by itself or was ended, and the end says how
	JobCancel JobAct = "cancel" // it will not begin any more
)

// JobEvent is one act, as the ledger has it but for people's words.
type JobEvent struct {
	Act     JobAct           `json:"act"`
	By      narthex.PersonID `json:"by,omitempty"`   // who cancelled it; empty for the node
	Code    string           `json:"code,omitempty"` // why the node cancelled it, from the codes of refusals
	End     *narthex.JobEnd  `json:"end,omitempty"`
	Package *narthex.Package `json:"package,omitempty"`

	Vote *narthex.StudyVote `json:"vote,omitempty"` // of approve and return
}

// NextJob gives the job after an event, or a Conflict where it cannot come.
func NextJob(j narthex.Job, e JobEvent, at time.Time) (narthex.Job, error) {
	switch e.Act {
	case JobStart:
		if j.State != narthex.JobQueued || e.End != nil || e.Package != nil {
			return j, badJob(j)
		}
		j.State, j.StartedAt = narthex.JobRunning, at
	case JobEnd:
		if j.State != narthex.JobRunning || e.End == nil || !slices.Contains(narthex.EndClasses(), e.End.Class) || !within(j.Plan, *e.End) || !declared(j.Plan, e.Package) {
			return j, badJob(j)
		}
		end := *e.End
		j.End, j.EndedAt, j.Package = &end, at, e.Package
		switch end.Class {
		case narthex.EndDone:
			j.State = narthex.JobDone
		case narthex.EndCancelled:
			j.State = narthex.JobCancelled
		default:
			j.State = narthex.JobFailed
		}
	case JobCancel:
		if !j.State.Waits() || e.End != nil || e.Package != nil {
			return j, badJob(j)
		}
		j.State, j.EndedAt = narthex.JobCancelled, at
	case JobClear: // the releases of it are its caller's to look at
		if !clearable(j, at) || e.End != nil || e.Package != nil || e.By != "" || e.Code != "" {
			return j, badJob(j)
		}
		j.ClearedAt = at
	default:
		return reviewed(j, e, at)
	}
	return j, nil
}

// within says whether an end tells no more than the plan foresaw.
func within(p narthex.Plan, end narthex.JobEnd) bool {
	return end.CPUMinutes >= 0 && end.CPUMinutes <= p.CPUMinutes && end.WallMinutes >= 0 && end.WallMinutes <= p.WallMinutes && end.GPUMinutes == p.Devices*end.WallMinutes && end.Line >= 0 && (end.File != "" || end.Line == 0)
}

// declared says whether a package tells of each output of the plan once, and of nothing else: that it is there, that it is missing, or which
// of a few rules refused it.
func declared(p narthex.Plan, pack *narthex.Package) bool {
	if pack == nil {
		return true
	}
	told := slices.Clone(pack.Missing)
	for _, f := range pack.Files {
		told = append(told, f.Name)
		if !slices.ContainsFunc(p.Outputs, func(o narthex.Output) bool { return o.Name == f.Name && o.Kind == f.Kind }) {
			return false
		}
	}
	for _, f := range pack.Refused {
		told = append(told, f.Name)
		if !slices.Contains(refusals, disclosure.Class(f.Class)) {
			return false
		}
	}
	outputs := []string{}
	for _, o := range p.Outputs {
		outputs = append(outputs, o.Name)
	}
	slices.Sort(told)
	slices.Sort(outputs)
	return slices.Equal(told, outputs)
}

// refusals is why a file that a job left is not in its package.
var refusals = []disclosure.Class{disclosure.UnknownKind, disclosure.TooLarge, disclosure.NotRead, disclosure.BadCharacter}

// ToldJob gives a job as those who hold its grant may see it. Of what it left they are told which outputs are there: sizes and digests are a
// job's to choose, and nobody has looked at them. When it ended is told in whole minutes from its start.
func ToldJob(j narthex.Job) narthex.Job {
	j.Votes, j.RemindedAt, j.EscalatedAt = toldVotes(j), time.Time{}, time.Time{}
	if j.End != nil {
		j.EndedAt = j.StartedAt.Add(time.Duration(j.End.WallMinutes) * time.Minute)
	}
	if j.Package != nil {
		pack := *j.Package
		pack.Digest, pack.Files = "", slices.Clone(pack.Files)
		for i, f := range pack.Files {
			pack.Files[i] = narthex.Frozen{Name: f.Name, Kind: f.Kind}
		}
		j.Package = &pack
	}
	return j
}

func badJob(j narthex.Job) error {
	return narthex.Conflictf("The job is %s, and that cannot be done with it now. `narthex job show %s` says where it stands.", stateWord(string(j.State)), j.ID)
}

func stateWord(state string) string {
	if state == "" {
		return "not known"
	}
	return state
}

// Minutes rounds a time up to minutes, each begun one whole, and to most at most.
func Minutes(d time.Duration, most int64) int64 {
	minutes := int64((d + time.Minute - 1) / time.Minute)
	return max(0, min(most, minutes))
}

// JobUsed gives what a job took of its budgets, by the event that ended it: a job that never began took nothing, one that was lost took
// what was reserved.
func JobUsed(p narthex.Plan, e JobEvent) []policy.Used {
	if e.End == nil {
		return []policy.Used{{Unit: narthex.Calls, Amount: 0}, {Unit: narthex.CPUMinutes, Amount: 0}, {Unit: narthex.GPUMinutes, Amount: 0}, {Unit: narthex.Bytes, Amount: 0}}
	}
	cpu, gpu := p.CPUMinutes, p.GPUMinutes
	if e.End != nil && e.End.Class != narthex.EndLost {
		cpu, gpu = e.End.CPUMinutes, e.End.GPUMinutes
	}
	return []policy.Used{{Unit: narthex.Calls, Amount: 1}, {Unit: narthex.CPUMinutes, Amount: cpu}, {Unit: narthex.GPUMinutes, Amount: gpu}, {Unit: narthex.Bytes, Amount: p.OutcomeBytes}}
}

// OutcomeBytes is what the end of a job tells at most, in bytes: sixteen bits for that it ended and how often it was tried, three for the
// class, when it ended to the millisecond, since who asks often enough sees that, the minutes of processor time, a place among the lines of
// the study's files, and three for what became of each output. The minutes of devices follow from those of its time.
func OutcomeBytes(p narthex.Plan, lines int) int64 {
	told := 16 + 3 + bits.Len64(uint64(p.WallMinutes)*60_000) + bits.Len64(uint64(p.CPUMinutes)) + bits.Len64(uint64(lines)) + 3*len(p.Outputs)
	return int64(told+7) / 8
}

// Spare is the devices of a kind on a host: those that a job may have now, and those that one may have in time.
type Spare struct{ Now, InTime int64 }

// Turn says which of the jobs that wait begins next: of those whose asset is free, the one whose grant used the least time on that asset,
// and of these the one that waits longest. Where it wants more devices than are free, nobody behind it takes one of that kind meanwhile;
// where it wants more than there are in use at all, it waits and keeps none. Used is the minutes that each grant used on an asset. False where
// none may begin.
func Turn(waiting, running []narthex.Job, spare map[narthex.DeviceKind]Spare, used func(narthex.GrantID, narthex.AssetName) int64) (narthex.Job, bool) {
	kept := map[narthex.DeviceKind]bool{}
	for _, j := range Order(waiting, used) {
		busy := slices.ContainsFunc(running, func(r narthex.Job) bool { return r.Plan.Asset == j.Plan.Asset })
		if j.State != narthex.JobQueued || busy {
			continue
		}
		devices := spare[j.Plan.Device]
		if j.Plan.Devices == 0 || j.Plan.Devices <= devices.Now && !kept[j.Plan.Device] {
			return j, true
		}
		kept[j.Plan.Device] = kept[j.Plan.Device] || j.Plan.Devices <= devices.InTime
	}
	return narthex.Job{}, false
}

// Order gives jobs that wait in the order in which they would begin as things stand.
func Order(waiting []narthex.Job, used func(narthex.GrantID, narthex.AssetName) int64) []narthex.Job {
	list := slices.Clone(waiting)
	order.By(list, func(a, b narthex.Job) int {
		x, _ := a.ID.Index()
		y, _ := b.ID.Index()
		return cmp.Or(cmp.Compare(used(a.Grant, a.Plan.Asset), used(b.Grant, b.Plan.Asset)), a.TakenAt.Compare(b.TakenAt), cmp.Compare(x, y))
	})
	return list
}
