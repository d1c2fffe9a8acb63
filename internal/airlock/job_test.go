package airlock_test

import (
	"testing"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/policy"
)

// TestTheEndOfAJobTellsAtMostWhatTheHorizonCounts: 160 bits, also of the longest job with the most outputs, of a study whose every byte is
// a line.
func TestTheEndOfAJobTellsAtMostWhatTheHorizonCounts(t *testing.T) {
	const lines = 16<<20 + 200 // of a study: its bytes, and one of each file
	longest := narthex.Plan{WallMinutes: 10_080, CPUMinutes: 10_080 * 256, Outputs: make([]narthex.Output, 20)}
	if all := airlock.OutcomeBytes(longest, lines); all*8 > 160 || all < 16 {
		t.Errorf("it tells %d bytes", all)
	}
	shortest := narthex.Plan{WallMinutes: 1, CPUMinutes: 1, Outputs: make([]narthex.Output, 1)}
	if one := airlock.OutcomeBytes(shortest, 1); one*8 < 16+3+16+1+1+3 {
		t.Errorf("the shortest tells %d bytes", one)
	}
}

// TestDevicesAreTakenInTurn: a job that needs none passes, one whose turn it is keeps what is free until it has enough, and one that can never
// have enough keeps nothing.
func TestDevicesAreTakenInTurn(t *testing.T) {
	of := func(narthex.GrantID, narthex.AssetName) int64 { return 0 }
	job := func(n int, asset narthex.AssetName, kind narthex.DeviceKind, devices int64) narthex.Job {
		return narthex.Job{ID: narthex.MakeJobID(uint64(n)), Grant: "g", State: narthex.JobQueued, TakenAt: start.Add(time.Duration(n) * time.Second), Plan: narthex.Plan{Asset: asset, Device: kind, Devices: devices}}
	}
	two, one, none, other := job(1, "a", "gpu", 2), job(2, "b", "gpu", 1), job(3, "c", "", 0), job(4, "d", "tpu", 1)
	for what, c := range map[string]struct {
		waiting []narthex.Job
		running []narthex.Job
		spare   map[narthex.DeviceKind]airlock.Spare
		next    narthex.JobID
	}{
		"enough for the first":                {[]narthex.Job{two, one}, nil, map[narthex.DeviceKind]airlock.Spare{"gpu": {Now: 2, InTime: 2}}, two.ID},
		"what is free is the first one's":     {[]narthex.Job{two, one}, nil, map[narthex.DeviceKind]airlock.Spare{"gpu": {Now: 1, InTime: 2}}, ""},
		"one without passes":                  {[]narthex.Job{two, one, none}, nil, map[narthex.DeviceKind]airlock.Spare{"gpu": {Now: 1, InTime: 2}}, none.ID},
		"one of another kind passes":          {[]narthex.Job{two, one, other}, nil, map[narthex.DeviceKind]airlock.Spare{"gpu": {Now: 1, InTime: 2}, "tpu": {Now: 1, InTime: 1}}, other.ID},
		"who can have none keeps none":        {[]narthex.Job{two, one}, nil, map[narthex.DeviceKind]airlock.Spare{"gpu": {Now: 1, InTime: 1}}, one.ID},
		"whose asset is taken keeps none":     {[]narthex.Job{two, one}, []narthex.Job{job(9, "a", "", 0)}, map[narthex.DeviceKind]airlock.Spare{"gpu": {Now: 1, InTime: 2}}, one.ID},
		"a host without devices":              {[]narthex.Job{two, one}, nil, nil, ""},
		"a host without devices, and without": {[]narthex.Job{two, one, none}, nil, nil, none.ID},
	} {
		next, found := airlock.Turn(c.waiting, c.running, c.spare, of)
		if next.ID != c.next || found != (c.next != "") {
			t.Errorf("%s: %s, %t", what, next.ID, found)
		}
	}
}

// TestDevicesAreCountedForTheTimeOfTheJob: an end that tells another time of devices than that of its own time is none.
func TestDevicesAreCountedForTheTimeOfTheJob(t *testing.T) {
	running := narthex.Job{State: narthex.JobRunning, Plan: narthex.Plan{WallMinutes: 10, CPUMinutes: 10, Device: "gpu", Devices: 3, GPUMinutes: 30}}
	for gpu, good := range map[int64]bool{6: true, 5: false, 7: false, 0: false, -6: false} {
		e := airlock.JobEvent{Act: airlock.JobEnd, End: &narthex.JobEnd{Class: "failed", WallMinutes: 2, CPUMinutes: 1, GPUMinutes: gpu}}
		next, err := airlock.NextJob(running, e, start)
		if (err == nil) != good {
			t.Errorf("%d minutes of three devices in two: %v", gpu, err)
		}
		if good && used(airlock.JobUsed(next.Plan, e), narthex.GPUMinutes) != 6 {
			t.Errorf("it is settled as %+v", airlock.JobUsed(next.Plan, e))
		}
	}
	for what, c := range map[string]struct {
		e    airlock.JobEvent
		used int64
	}{
		"lost":      {airlock.JobEvent{Act: airlock.JobEnd, End: &narthex.JobEnd{Class: "lost", WallMinutes: 10, CPUMinutes: 10, GPUMinutes: 30}}, 30},
		"not begun": {airlock.JobEvent{Act: airlock.JobCancel}, 0},
	} {
		if n := used(airlock.JobUsed(running.Plan, c.e), narthex.GPUMinutes); n != c.used {
			t.Errorf("%s: %d minutes", what, n)
		}
	}
}

func used(all []policy.Used, unit narthex.Unit) int64 {
	for _, u := range all {
		if u.Unit == unit {
			return u.Amount
		}
	}
	return -1
}
