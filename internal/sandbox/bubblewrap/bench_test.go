package bubblewrap_test

import (
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"narthex/internal/sandbox"
	"narthex/internal/sandbox/bubblewrap"
	"narthex/internal/sandbox/sandboxtest"
)

// BenchmarkStart measures a job that does nothing, from Submit to the answer of Watch, beside bubblewrap alone with the same namespaces
// and binds. The two take turns; the times are medians, ratio is ours by bubblewrap's, and ratio-undisturbed is that of the tenth that the
// rest of the machine disturbed least. The ratio-processor is that of the time on processors, of this process and what it began, which a
// machine that is busy with other work disturbs less.
func BenchmarkStart(b *testing.B) {
	d, err := bubblewrap.Open(b.Context(), bubblewrap.Config{Dir: b.TempDir()})
	sandboxtest.Must(b, err)
	defer func() { sandboxtest.Must(b, d.Close()) }()
	job := sandboxtest.Job(b, "start", "")
	job.Command = []string{"/usr/bin/true"}
	alone := strings.Fields("--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup --uid 65534 --gid 65534 --hostname job " +
		"--new-session --die-with-parent --cap-drop ALL --clearenv --setenv PATH /usr/bin:/bin " +
		"--ro-bind /usr /usr --ro-bind " + job.Asset + " /asset --ro-bind " + job.Study + " /study --ro-bind /etc/alternatives /etc/alternatives " +
		"--symlink usr/bin /bin --symlink usr/sbin /sbin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --dev-bind /dev/null /dev/null --dev-bind /dev/zero /dev/zero " +
		"--dev-bind /dev/full /dev/full --dev-bind /dev/random /dev/random --dev-bind /dev/urandom /dev/urandom --size 8388608 --tmpfs /scratch --size 1048576 --tmpfs /out " +
		"--remount-ro / --chdir /scratch -- /usr/bin/true")
	var bare, ours []time.Duration
	var bareTook, oursTook time.Duration
	for b.Loop() {
		began, took := time.Now(), processors(b)
		sandboxtest.Must(b, exec.Command("bwrap", alone...).Run())
		bare, bareTook = append(bare, time.Since(began)), bareTook+processors(b)-took
		began, took = time.Now(), processors(b)
		if ended := sandboxtest.Ended(b, d, job); ended.Class != sandbox.Done {
			b.Fatalf("%+v", ended)
		}
		ours = append(ours, time.Since(began))
		sandboxtest.Must(b, d.Remove(b.Context(), job.ID))
		oursTook += processors(b) - took
	}
	at := func(all []time.Duration, part int) float64 {
		slices.Sort(all)
		return all[len(all)/part].Seconds() * 1000
	}
	b.ReportMetric(at(bare, 2), "bubblewrap-ms")
	b.ReportMetric(at(ours, 2), "ours-ms")
	b.ReportMetric(at(ours, 2)/at(bare, 2), "ratio")
	b.ReportMetric(at(ours, 10)/at(bare, 10), "ratio-undisturbed")
	b.ReportMetric(oursTook.Seconds()/bareTook.Seconds(), "ratio-processor")
}

// processors is the time on processors of this process and of those that it began and waited for.
func processors(b *testing.B) (sum time.Duration) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		sandboxtest.Must(b, syscall.Getrusage(who, &used))
		sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return sum
}
