package audit

import (
	"encoding/json"
	"testing"

	"narthex"
)

// TestAPlanReservesItsTimes: a job whose devices nobody asked a budget for is no job, whatever else was.
func TestAPlanReservesItsTimes(t *testing.T) {
	plan := narthex.Plan{WallMinutes: 5, CPUMinutes: 10, Device: "gpu", Devices: 2, GPUMinutes: 10}
	cpu, gpu := narthex.Demand{Unit: narthex.CPUMinutes, Least: 10, Most: 10}, narthex.Demand{Unit: narthex.GPUMinutes, Least: 10, Most: 10}
	less := gpu
	less.Most = 9
	none := plan
	none.Device, none.Devices, none.GPUMinutes = "", 0, 0
	odd := plan
	odd.GPUMinutes = 5
	for what, c := range map[string]struct {
		plan    narthex.Plan
		demands []narthex.Demand
		want    bool
	}{
		"all of it": {plan, []narthex.Demand{cpu, gpu}, true}, "no devices": {none, []narthex.Demand{cpu}, true}, "none asked for": {plan, []narthex.Demand{cpu}, false}, "fewer asked for": {plan, []narthex.Demand{cpu, less}, false},
		"no processors asked for": {plan, []narthex.Demand{gpu}, false}, "devices of another number": {odd, []narthex.Demand{cpu, gpu}, false}, "more asked for": {none, []narthex.Demand{cpu, gpu}, false},
	} {
		facts, err := json.Marshal(map[string]any{"demands": c.demands})
		if err != nil {
			t.Fatal(err)
		}
		if got := planned(c.plan, string(facts)); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
