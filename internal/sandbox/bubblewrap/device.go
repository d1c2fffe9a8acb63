package bubblewrap

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"narthex/internal/sandbox"
)

// give has a sandbox see devices, and ask their drivers what they take.
func (b *box) give(devices []sandbox.Device) {
	paths, asks := sandbox.DevicePaths(devices)
	b.asks = asks
	libraries := false
	for _, p := range paths {
		as := readOnly
		switch {
		case p.Write && isNode(p.Host):
			as = asDevice
		case p.Write:
			as = readWrite
		}
		b.shown = append(b.shown, shown{p.Host, p.Inside, isFolder(p.Host), as})
		libraries = libraries || strings.HasPrefix(p.Inside, "/device/")
	}
	if libraries {
		b.env = append(b.env, "LD_LIBRARY_PATH", "/device")
	}
}

// isNode says whether a file of the host is a device.
func isNode(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&os.ModeDevice != 0
}

// longestWipe bounds the wiping of one device, and toEnd what it may take to end when it is over.
const (
	longestWipe = 5 * time.Minute
	toEnd       = 5 * time.Second
)

// Wipe runs the program that a device states, as the node's own user, without its environment, in a group of its own that ends with it.
func (d *Driver) Wipe(ctx context.Context, device sandbox.Device) error {
	ctx, stop := context.WithTimeout(ctx, longestWipe)
	defer stop()
	cmd := exec.CommandContext(ctx, device.Wipe[0], device.Wipe[1:]...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = toEnd
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it began and left
	}
	if err != nil {
		return fmt.Errorf("wipe the device %s: %w", device.Name, err)
	}
	return nil
}
