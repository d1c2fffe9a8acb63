package narthex

import "time"

// JobState is where a job stands. The zero state is none.
type JobState string

// The states of a job. The last four are final.
const (
	JobInReview  JobState = "in_review" // its study waits for people's approval
	JobQueued    JobState = "queued"
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
	JobReturned  JobState = "returned" // a reviewer of its study sent it back, and it did not run
)

// Over says whether nothing will come of the job any more.
func (s JobState) Over() bool {
	return s == JobDone || s == JobFailed || s == JobCancelled || s == JobReturned
}

// Waits says whether the job has not begun and may.
func (s JobState) Waits() bool { return s == JobInReview || s == JobQueued }

// Frozen is one file as it was frozen: its name, its size in bytes and the digest of its bytes. Kind is the kind of form that it has, where
// it has one.
type Frozen struct {
	Name   string `json:"name"`
	Kind   string `json:"kind,omitempty"`
	Bytes  int64  `json:"bytes"`
	Digest Digest `json:"digest"`
}

// Plan is everything that a job will be, fixed before it waits: nothing of it changes until it ended, and where something on the node is
// no longer what it says the job does not start.
type Plan struct {
	Asset             AssetName       `json:"asset"`
	Version           VersionName     `json:"version"`
	AssetDigest       Digest          `json:"asset_digest"` // of the version's folder
	Environment       EnvironmentName `json:"environment"`
	EnvironmentDigest Digest          `json:"environment_digest"` // of what the lab directory says of it
	Root              Digest          `json:"root,omitempty"`     // of the environment's root on the node; of the host's packages where it is the host's
	Study             Digest          `json:"study"`              // of the list of its files
	Command           []string        `json:"command"`            // an absolute path in the environment, and arguments
	Outputs           []Output        `json:"outputs"`            // what may leave, in this order
	MemoryMB          int64           `json:"memory_mb"`          // of all its processes and what lies in its folders
	WallMinutes       int64           `json:"wall_minutes"`
	CPUMinutes        int64           `json:"cpu_minutes"`           // reserved, and the most that it may use
	OutcomeBytes      int64           `json:"outcome_bytes"`         // what its end tells at most
	Device            DeviceKind      `json:"device,omitempty"`      // the kind of the devices that it has; empty for none
	Devices           int64           `json:"devices,omitempty"`     // how many it has, each alone
	GPUMinutes        int64           `json:"gpu_minutes,omitempty"` // reserved: of each of its devices for WallMinutes
	Attribute         AttributeName   `json:"attribute"`             // by which it runs: that of studies beside such an asset, or of a request
	// Against is a second version of the asset that lies beside the first, and AgainstDigest that of its folder.
	Against       VersionName    `json:"against,omitempty"`
	AgainstDigest Digest         `json:"against_digest,omitempty"`
	Approval      *StudyApproval `json:"approval,omitempty"` // what the agreement asks before it runs; nil for nothing
}

// Output is a file that a study says it will write: its name, and the kind of form that it has.
type Output struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Says string `json:"says,omitempty"`
}

// EndClass is how a job ended: a closed list. The zero EndClass is none.
type EndClass string

// The classes.
const (
	EndDone        EndClass = "done"          // the command ended with 0
	EndFailed      EndClass = "failed"        // the command ended with anything else
	EndOutOfTime   EndClass = "out_of_time"   // the time of the plan, or its processor time, was used up
	EndOutOfMemory EndClass = "out_of_memory" // its memory was used up
	EndOutOfSpace  EndClass = "out_of_space"  // it failed with /scratch or /out full, or left too many files
	EndCancelled   EndClass = "cancelled"
	EndLost        EndClass = "lost" // nobody knows: its node or its keeper died
)

// EndClasses lists every class.
func EndClasses() []EndClass {
	return []EndClass{EndDone, EndFailed, EndOutOfTime, EndOutOfMemory, EndOutOfSpace, EndCancelled, EndLost}
}

// JobEnd is what is told of how a job ended: a class of a closed list, a place in the study's own files, and times rounded up to minutes.
// It is all that comes out of a job without the airlock.
type JobEnd struct {
	Class       EndClass `json:"class"`
	File        string   `json:"file,omitempty"`
	Line        int      `json:"line,omitempty"`
	WallMinutes int64    `json:"wall_minutes"`
	CPUMinutes  int64    `json:"cpu_minutes"`
	GPUMinutes  int64    `json:"gpu_minutes,omitempty"` // of each of its devices for WallMinutes
}

// Job is a study that runs beside an asset. It is seen by those who hold its grant, and by the lab.
type Job struct {
	ID          JobID        `json:"id"`
	Grant       GrantID      `json:"grant"`
	Engagement  EngagementID `json:"engagement"`
	Agreement   Digest       `json:"agreement"`
	Key         KeyID        `json:"key"`
	Person      PersonID     `json:"person"`
	Plan        Plan         `json:"plan"`
	State       JobState     `json:"state"`
	TakenAt     time.Time    `json:"taken_at"`
	StartedAt   time.Time    `json:"started_at,omitzero"`
	EndedAt     time.Time    `json:"ended_at,omitzero"`
	End         *JobEnd      `json:"end,omitempty"`
	Package     *Package     `json:"package,omitempty"`     // what it left; only where it is done or failed
	Votes       []StudyVote  `json:"votes,omitempty"`       // on its study, before it runs
	RemindedAt  time.Time    `json:"reminded_at,omitzero"`  // when the clock reminded the reviewers of its study
	EscalatedAt time.Time    `json:"escalated_at,omitzero"` // when it told the programme
	ClearedAt   time.Time    `json:"cleared_at,omitzero"`   // since when its study and what it left are kept no longer
}

// Package is the files that a job left under the names that its study declared, each in its form, and their digest together. Missing are
// those that it did not write, Refused those that have no form, with the class of the rule that says so.
type Package struct {
	Digest  Digest        `json:"digest"`
	Files   []Frozen      `json:"files"`
	Missing []string      `json:"missing,omitempty"`
	Refused []RefusedFile `json:"refused,omitempty"`
}

// RefusedFile is a file that a job left and that has no form.
type RefusedFile struct {
	Name  string `json:"name"`
	Class string `json:"class"`
}
