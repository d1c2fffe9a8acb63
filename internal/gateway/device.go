package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/durable"
	"narthex/internal/sandbox"
)

// Devices are those of this host. A job has its devices alone. Before the first job of a node, and after each, a device is wiped, and before
// that is done well nobody has it. Where it fails the device is out of use until an operator looked: until then a file of its name stands in
// the folder and says why, and who takes the file away has the device wiped again.
type Devices struct {
	folder string // of this node alone, on a disk
	driver sandbox.Driver
	log    *slog.Logger
	wake   func()

	mu   sync.Mutex // guards what follows
	all  []*device
	done sync.WaitGroup
}

// device is one of the host, and where it stands.
type device struct {
	sandbox.Device
	state  deviceState
	unkept bool // it is out of use, and no file says so
}

type deviceState int

const (
	unwiped deviceState = iota // nobody knows what it holds
	wiping
	ready
	taken
	outOfUse
)

// NewDevices makes the devices of a host; nobody has one before Run. The folder is made where absent; where it cannot be it is Unavailable.
func NewDevices(folder string, all []sandbox.Device, driver sandbox.Driver, log *slog.Logger) (*Devices, error) {
	d := &Devices{folder: folder, driver: driver, log: log, wake: func() {}}
	for _, of := range all {
		d.all = append(d.all, &device{Device: of})
	}
	if len(all) > 0 {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, narthex.Unavailablef("The node cannot keep which of its devices are out of use, so no job runs on it. See to the folder devices in its data directory.").Because(err)
		}
	}
	return d, nil
}

// Spare gives the devices of each kind.
func (d *Devices) Spare() map[narthex.DeviceKind]airlock.Spare {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	spare := map[narthex.DeviceKind]airlock.Spare{}
	for _, of := range d.all {
		s := spare[of.Kind]
		if of.state != outOfUse {
			s.InTime++
		}
		if of.state == ready {
			s.Now++
		}
		spare[of.Kind] = s
	}
	return spare
}

// Has gives how many devices of a kind there are, and how many of them are out of use.
func (d *Devices) Has(kind narthex.DeviceKind) (all, out int64) {
	if d == nil {
		return 0, 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, of := range d.all {
		if of.Kind == kind {
			all++
			if of.state == outOfUse {
				out++
			}
		}
	}
	return all, out
}

// OutOfUse gives how many devices are out of use.
func (d *Devices) OutOfUse() (out int64) {
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, of := range d.all {
		if of.state == outOfUse {
			out++
		}
	}
	return out
}

// take gives devices to a job, or none where not as many are ready.
func (d *Devices) take(kind narthex.DeviceKind, n int64) ([]sandbox.Device, bool) {
	if n == 0 {
		return nil, true
	}
	if d == nil {
		return nil, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var got []*device
	for _, of := range d.all {
		if of.Kind == kind && of.state == ready && int64(len(got)) < n {
			got = append(got, of)
		}
	}
	if int64(len(got)) < n {
		return nil, false
	}
	var given []sandbox.Device
	for _, of := range got {
		of.state = taken
		given = append(given, of.Device)
	}
	return given, true
}

// set changes where devices stand that a job had.
func (d *Devices) set(of []sandbox.Device, to deviceState) {
	if d == nil || len(of) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, mine := range d.all {
		if mine.state == taken && slices.ContainsFunc(of, func(o sandbox.Device) bool { return o.Name == mine.Name }) {
			mine.state = to
		}
	}
}

// untouched takes back the devices of a job that did not begin.
func (d *Devices) untouched(of []sandbox.Device) { d.set(of, ready) }

// used takes back the devices of a job that ended, and whether all of it is gone: where it is not, something of it may still have them.
func (d *Devices) used(of []sandbox.Device, gone error) {
	if d == nil || len(of) == 0 {
		return
	}
	if gone != nil {
		for _, device := range of {
			d.putOut(device, fmt.Errorf("what had it may be there still: %w", gone))
		}
		return
	}
	d.set(of, unwiped)
	d.wake()
}

// tend wipes what nobody knows the content of, and looks at what is out of use. It returns at once.
func (d *Devices) tend(ctx context.Context) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs error
	for _, of := range d.all {
		if of.state != unwiped && of.state != outOfUse || of.unkept {
			continue
		}
		switch _, err := os.Lstat(d.mark(of.Device)); {
		case err == nil:
			if of.state != outOfUse {
				d.log.Error("a device is out of use since its last wipe, before this start; look at it, then remove the file", "device", of.Name, "file", d.mark(of.Device))
			}
			of.state = outOfUse
		case !errors.Is(err, fs.ErrNotExist):
			errs = errors.Join(errs, err)
		default:
			of.state = wiping
			d.done.Go(func() { d.wipe(ctx, of) })
		}
	}
	return errs
}

// wipe wipes one device.
func (d *Devices) wipe(ctx context.Context, of *device) {
	err := d.driver.Wipe(ctx, of.Device)
	if err != nil && ctx.Err() == nil {
		d.putOut(of.Device, err)
		return
	}
	to := ready
	if err != nil { // the node ends; the next one wipes it
		to = unwiped
	}
	d.mu.Lock()
	of.state = to
	d.mu.Unlock()
	d.wake()
}

// putOut takes a device out of use.
func (d *Devices) putOut(of sandbox.Device, why error) {
	d.log.Error("a device could not be wiped and is out of use; look at it, then remove the file", "device", of.Name, "file", d.mark(of), "cause", why.Error())
	text := "The device " + of.String() + " could not be wiped after a job, and no job has it: " + why.Error() + "\nLook at it. When it holds nothing of a job, remove this file; it is wiped again and then in use.\n"
	err := durable.WriteFile(d.mark(of), []byte(text), 0o600)
	if err != nil {
		d.log.Error("that a device is out of use could not be kept; it is until this node ends", "device", of.Name, "cause", err.Error())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, mine := range d.all {
		if mine.Name == of.Name {
			mine.state, mine.unkept = outOfUse, err != nil
		}
	}
}

// mark is the file that says that a device is out of use.
func (d *Devices) mark(of sandbox.Device) string { return filepath.Join(d.folder, of.Name) }

// wait returns when nothing is wiped any more.
func (d *Devices) wait() {
	if d != nil {
		d.done.Wait()
	}
}

// deviceBudget says whether some budget of an attribute counts devices: else what a job uses of them would be bounded by nothing.
func deviceBudget(taxonomy *narthex.Taxonomy, attribute narthex.AttributeName) bool {
	known, is := taxonomy.Attribute(attribute)
	if !is {
		return false
	}
	for _, limit := range known.Limits {
		if limit.Kind == narthex.BudgetKind && limit.Counted() == narthex.GPUMinutes {
			return true
		}
	}
	return false
}

// devicesOf gives how many devices of an environment's kind a job asks for, or why it cannot have as many.
func (h *Hall) devicesOf(environment narthex.Environment, asked *int64) (int64, *narthex.Error) {
	n := environment.Devices
	if asked != nil {
		n = *asked
	}
	has, _ := h.has.Load().Has(environment.Device)
	switch {
	case n < 0 || n > narthex.MostDevices:
		return 0, narthex.Invalidf("A job has from 0 to %d devices.", narthex.MostDevices).For("devices")
	case n > 0 && environment.Device == "":
		return 0, narthex.Invalidf("Jobs of the environment %s have no devices. `narthex job environments` says which have.", environment.Name).For("devices")
	case n > has:
		return 0, narthex.Invalidf("The job asks for %d devices of the kind %s, and the host of this node has %d. Ask for fewer with --devices, or choose another environment.", n, environment.Device, has).For("devices")
	}
	return n, nil
}

// DevicesOf gives how many devices of a kind the host has, and how many of them are out of use.
func (h *Hall) DevicesOf(kind narthex.DeviceKind) (all, out int64) {
	if h == nil {
		return 0, 0
	}
	return h.has.Load().Has(kind)
}

// Use gives the hall the devices of its host, before it runs.
func (h *Hall) Use(devices *Devices) {
	devices.wake = h.Wake
	h.has.Store(devices)
}

// OutOfUse gives how many devices of the host wait for an operator.
func (h *Hall) OutOfUse() int64 {
	if h == nil {
		return 0
	}
	return h.has.Load().OutOfUse()
}
