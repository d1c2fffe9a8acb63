package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"narthex"
)

// Device is one thing of the host that jobs compute on: one job has it at a time.
type Device struct {
	Name  string             // the host's own: no two have the same
	Kind  narthex.DeviceKind // as environments ask for it
	Paths []DevicePath       // what a job that has it sees, and nothing else of it
	// Requests are the kinds of control requests (ioctl) that a job may make of its drivers, each the second lowest byte of the request's
	// number, such as 0x46 of NVIDIA's. What is not here cannot be asked.
	Requests []int
	Wipe     []string // a program of the host, absolute, and its arguments, which makes the device forget what a job left in it
}

// DevicePath is a file or device node of the host, or a folder of files, and where a job sees it.
type DevicePath struct {
	Host, Inside string // absolute; Inside lies below /dev/, or below /device/, where programs look for libraries first
	Write        bool   // else it is read-only, and a device node cannot be opened
}

// EveryJobs are the devices that every job has.
func EveryJobs() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
}

// ttyRequests are the control requests of terminals, which no device has.
const ttyRequests = 0x54

// devicesFile is the file in which a host states its devices.
type devicesFile struct {
	Devices []struct {
		Name  string `yaml:"name"`
		Kind  string `yaml:"kind"`
		Paths []struct {
			Path  string `yaml:"path"`
			At    string `yaml:"at"` // where a job sees it; empty for the same path
			Write bool   `yaml:"write"`
		} `yaml:"paths"`
		Requests []int    `yaml:"requests"`
		Wipe     []string `yaml:"wipe"`
	} `yaml:"devices"`
}

// ReadDevices reads the file in which a host states its devices. What is missing, unknown or not on this host is Invalid.
func ReadDevices(file string) ([]Device, error) {
	bad := func(err error, format string, args ...any) ([]Device, error) {
		return nil, narthex.Invalidf(format, args...).For("devices").Because(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return bad(err, "The file of devices cannot be read.")
	}
	var stated devicesFile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&stated); err != nil {
		return bad(err, "The file of devices is not the YAML that docs/life-of-a-release.md describes: devices with name, kind, paths, requests and wipe.")
	}
	var devices []Device
	for _, s := range stated.Devices {
		d := Device{Name: s.Name, Kind: narthex.DeviceKind(s.Kind), Requests: s.Requests, Wipe: s.Wipe}
		for _, p := range s.Paths {
			at := p.At
			if at == "" {
				at = p.Path
			}
			d.Paths = append(d.Paths, DevicePath{Host: p.Path, Inside: at, Write: p.Write})
		}
		if err := d.check(); err != nil {
			return bad(err, "The file of devices: %s", narthex.AsError(err).Public)
		}
		if slices.ContainsFunc(devices, func(other Device) bool { return other.Name == d.Name }) {
			return bad(nil, "The file of devices names %s twice.", d.Name)
		}
		for _, p := range append(slices.Clone(d.Paths), DevicePath{Host: d.Wipe[0]}) {
			info, err := os.Stat(p.Host)
			switch {
			case err != nil:
				return bad(err, "The device %s states %s, which is not on this host. Take the device out, or see to it.", d.Name, p.Host)
			case info.Mode()&os.ModeDevice != 0 && !p.Write:
				return bad(nil, "The device %s states the device node %s without write: true. Nothing holds a node to being read.", d.Name, p.Host)
			case info.IsDir() && p.Write:
				return bad(nil, "The device %s states the folder %s with write: true. A job writes to no folder of the host; state the files.", d.Name, p.Host)
			}
		}
		devices = append(devices, d)
	}
	if len(devices) == 0 {
		return bad(nil, "The file of devices states none; start without it.")
	}
	if err := checkTogether(devices); err != nil {
		return bad(err, "The file of devices: %s", narthex.AsError(err).Public)
	}
	return devices, nil
}

// checkTogether holds devices to each other: each has something that no other has, or two jobs would have one device, and a job can have all of
// a kind.
func checkTogether(devices []Device) error {
	kinds := map[narthex.DeviceKind][]Device{}
	for i, d := range devices {
		kinds[d.Kind] = append(kinds[d.Kind], d)
		others, _ := DevicePaths(slices.Delete(slices.Clone(devices), i, i+1))
		if !slices.ContainsFunc(d.Paths, func(p DevicePath) bool { return !slices.Contains(others, p) }) {
			return narthex.Invalidf("The device %s states nothing that is its own, so two jobs would have it at a time. State the path that no other device has.", d.Name).For("devices")
		}
		if err := checkDevices(kinds[d.Kind]); err != nil {
			return err
		}
	}
	return nil
}

// check says what of a device is unset or not to be had, as an Invalid error.
func (d Device) check() error {
	switch {
	case narthex.CheckName("a device", d.Name) != nil || narthex.CheckName("a kind of device", string(d.Kind)) != nil:
		return narthex.Invalidf("A device has a name and a kind, in lower-case letters, digits and . _ -.").For("devices")
	case len(d.Paths) == 0:
		return narthex.Invalidf("The device %s states no path, so a job would see nothing of it.", d.Name).For("devices")
	case len(d.Wipe) == 0 || !plain(d.Wipe[0]):
		return narthex.Invalidf("The device %s states no program that wipes it between jobs, by its absolute path. Where it keeps nothing, state /usr/bin/true.", d.Name).For("devices")
	}
	for _, p := range d.Paths {
		if !plain(p.Host) || !plain(p.Inside) || !strings.HasPrefix(p.Inside, "/dev/") && !strings.HasPrefix(p.Inside, "/device/") || slices.Contains(EveryJobs(), p.Inside) {
			return narthex.Invalidf("The device %s states a path that is not absolute, or that a job would see elsewhere than below /dev/ or /device/, or where every job has a device: state another place with at.", d.Name).For("devices")
		}
	}
	for _, r := range d.Requests {
		if r < 0 || r > 0xFF || r == ttyRequests {
			return narthex.Invalidf("The device %s states a kind of requests that is none: 0 to 255, and not those of terminals.", d.Name).For("devices")
		}
	}
	return nil
}

// plain says whether a path is absolute and has one spelling.
func plain(name string) bool { return filepath.IsAbs(name) && filepath.Clean(name) == name }

// checkDevices says what of a job's devices cannot be.
func checkDevices(devices []Device) error {
	names, at := map[string]bool{}, map[string]DevicePath{}
	for _, d := range devices {
		if err := d.check(); err != nil {
			return err
		}
		if names[d.Name] {
			return narthex.Invalidf("A job has the device %s twice.", d.Name).For("devices")
		}
		names[d.Name] = true
		for _, p := range d.Paths {
			if was, there := at[p.Inside]; there && was != p {
				return narthex.Invalidf("Two devices of a job stand at %s, and are not the same there.", p.Inside).For("devices")
			}
			at[p.Inside] = p
		}
	}
	return nil
}

// DevicePaths gives what a job sees of its devices, each path once; and the kinds of requests that it may make of them.
func DevicePaths(devices []Device) (paths []DevicePath, requests []int) {
	for _, d := range devices {
		for _, p := range d.Paths {
			if !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
		requests = append(requests, d.Requests...)
	}
	slices.Sort(requests)
	return paths, slices.Compact(requests)
}

// String names a device for operators.
func (d Device) String() string { return fmt.Sprintf("%s, a %s", d.Name, d.Kind) }
