package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/disclosure"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/internal/testenv/rig"
)

// confines sets a node up to run jobs in real sandboxes, and to look into what they leave in one too: the test's own program is the other
// half.
func confines(t testing.TB) func(*server.Config) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	text, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Host, c.Self = nil, program }
}

// prey are the assets beside which hostile jobs run.
var prey = []string{"prey-a", "prey-b", "prey-c"}

// besideHostile is a lab in which Python runs beside the model and beside each prey, in real sandboxes; raw is its store.
func besideHostile(t *testing.T, raw *store.Store) *testenv.Env {
	t.Helper()
	options, _ := testenv.Beside(t, testenv.Options{Config: confines(t), Wrap: func(s store.Store) store.Store { *raw = s; return s }, Files: func(files lab.Files) {
		model := strings.Replace(string(files["assets/model.yaml"]), "lifetime_bytes: 9000", "lifetime_bytes: 1000000", 1)
		files["assets/model.yaml"] = []byte(model)
		for _, name := range prey {
			files["assets/"+name+".yaml"] = []byte(strings.Replace(model, "name: model\n", "name: "+name+"\n", 1))
		}
		files["environments/box.yaml"] = []byte("name: box\ntitle: python\nroot: /\ncommand: [/usr/bin/python3, -I, /study/main.py]\nlimits: {memory_mb: 128, wall_minutes: 20, cpus: 1, processes: 16, scratch_mb: 64, out_mb: 64}\npathways: [any]\n")
		pathway := strings.ReplaceAll(string(files["pathways/test.yaml"]), "most: 9000", "most: 1000000")
		for _, attribute := range []string{"weights.compute", "output.release"} {
			pathway = strings.Replace(pathway, attribute+", assets: [model]", attribute+", assets: [model, "+strings.Join(prey, ", ")+"]", 1)
		}
		files["pathways/test.yaml"] = []byte(pathway)
	}}, nil)
	return testenv.New(t, options)
}

// besideTerms are the terms by which jobs run beside an asset.
func besideTerms(asset narthex.AssetName) []narthex.Term {
	n := narthex.NumberValue
	return []narthex.Term{
		{Asset: asset, Attribute: "weights.compute", Limits: map[narthex.LimitName]narthex.Value{"cpu_hours": n(100), "wall_minutes": n(20), "memory_mb": n(128), "bytes_out": n(500_000)}},
		{Asset: asset, Attribute: "output.release", Limits: map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "figure"), "bytes_out": n(500_000)}},
	}
}

// pythonStudy is a study of one script that is known on this host by a word.
func pythonStudy(script, word string) []client.StudyFile {
	return []client.StudyFile{{Path: "main.py", Data: []byte(script)},
		{Path: "study.yaml", Data: []byte("name: a-study\ncommand: [/usr/bin/python3, -I, /study/main.py, " + word + "]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n  - {name: figure.png, kind: png, says: a figure}\n")}}
}

// honestScript computes and keeps to its own folders; it fails where anything of another's is there.
const honestScript = `import os, socket
mine = NUMBER
for folder in ('/scratch', '/out'):
    assert not os.listdir(folder)
    open(folder + '/same', 'w').write(str(mine))
assert open('/asset/weights.bin').read() == 'the weights'
block = bytearray(24 << 20)
assert not any(block[::4096])
sum = 0
for i in range(200000):
    sum = (sum * 31 + mine + i) % 9973
for folder in ('/scratch', '/out'):
    assert os.listdir(folder) == ['same'] and open(folder + '/same').read() == str(mine)
os.unlink('/out/same')
open('/out/table.csv', 'w').write('honest,sum\n%d,%d\n' % (mine, sum))
`

// honestTable is what the honest script of a number leaves, in its form.
func honestTable(t *testing.T, mine int) narthex.Digest {
	t.Helper()
	sum := 0
	for i := range 200000 {
		sum = (sum*31 + mine + i) % 9973
	}
	form, err := disclosure.Canonical(disclosure.CSV, fmt.Appendf(nil, "honest,sum\n%d,%d\n", mine, sum), disclosure.Standard())
	if err != nil {
		t.Fatal(err)
	}
	return narthex.MakeDigest(sha256.Sum256(form))
}

// hostileScripts want more than they have, or leave what is hard to take in. Each ends as one of its classes, or is cancelled; those that go
// on to their deadline are named by out_of_time.
var hostileScripts = map[string]struct {
	script string
	ends   []string
}{
	"forks without end":         {"import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n", []string{"out_of_time"}},
	"computes in children":      {"import os\nfor i in range(3):\n    os.fork()\nwhile True:\n    pass\n", []string{"out_of_time"}},
	"sleeps past its deadline":  {"import signal, time\nfor s in range(1, 65):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\nwhile True:\n    time.sleep(600)\n", []string{"out_of_time"}},
	"takes memory":              {"all = []\nwhile True:\n    all.append(bytes(1 << 20).replace(b'\\0', b'x'))\n", []string{"out_of_memory"}},
	"takes memory in children":  {"import os, time\nfor i in range(8):\n    if os.fork() == 0:\n        all = b'x' * (40 << 20)\n        time.sleep(600)\ntime.sleep(600)\n", []string{"out_of_memory"}},
	"fills its folders":         {"for name in ('/scratch/f', '/out/f'):\n    try:\n        with open(name, 'wb') as f:\n            while True:\n                f.write(b'x' * 65536)\n    except OSError:\n        pass\nraise SystemExit(1)\n", []string{"out_of_space", "out_of_memory"}},
	"prints gigabytes":          {"import os\nfor i in range(GIGABYTES * 1024):\n    os.write(1 + i % 2, b'x' * (1 << 20))\n", []string{"done", "out_of_time"}},
	"opens sockets":             {"import socket\nwhile True:\n    for family in range(1, 45):\n        try:\n            socket.socket(family, socket.SOCK_STREAM)\n            raise SystemExit(0)\n        except OSError:\n            pass\n    break\nraise SystemExit(3)\n", []string{"failed"}},
	"reads /proc":               {"import os\nfor top in ('/proc', '/sys', '/root', '/home', '/tmp', '/mnt', '/var'):\n    try:\n        os.listdir(top)\n        raise SystemExit(0)\n    except OSError:\n        pass\nraise SystemExit(3)\n", []string{"failed"}},
	"leaves links and pipes":    {"import os\nos.symlink('/proc/self/root/etc/passwd', '/out/table.csv')\nos.mkfifo('/out/figure.png')\nos.symlink('/', '/out/root')\nos.symlink('loop', '/out/loop')\n", []string{"done"}},
	"leaves a hundred thousand": {"import os\ni = 0\nwhile i < 100000:\n    os.close(os.open('/out/%d' % i, os.O_CREAT))\n    i += 1\n", []string{"out_of_space", "failed"}},
	"leaves odd names":          {"import os\nfor name in (b'a\\nb', b'\\xff\\x01', b'..\\\\..\\\\x', b'n' * 255, b'-rf', b'table.csv\\n'):\n    open(b'/out/' + name, 'w').write('x')\nos.makedirs('/out/table.csv/' + '/'.join('d' * 40))\n", []string{"done"}},
	"leaves a hole":             {"open('/out/table.csv', 'w').truncate(1 << 22)\n", []string{"done"}},
	"leaves a wide table":       {"open('/out/table.csv', 'w').write(','.join('c%d' % i for i in range(400000)) + '\\n')\n", []string{"done"}},
	"leaves a bomb of a figure": {"import struct, zlib\ndef chunk(k, d):\n    return struct.pack('>I', len(d)) + k + d + struct.pack('>I', zlib.crc32(k + d))\nopen('/out/figure.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 1000, 1 << 30, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(bytes(1 << 24), 9) * 4) + chunk(b'IEND', b''))\n", []string{"done"}},
	"aborts":                    {"import os\nos.abort()\n", []string{"failed"}},
	"crashes":                   {"import ctypes\nctypes.string_at(0)\n", []string{"failed"}},
	"kills all it can":          {"import os, signal\nfor pid in [1, -1] + list(range(2, 5000)):\n    try:\n        if pid != os.getpid():\n            os.kill(pid, signal.SIGKILL)\n    except OSError:\n        pass\n", []string{"done", "failed"}},
	"leaves a daemon":           {"import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True:\n            time.sleep(1)\n", []string{"done"}},
}

// TestRigHonestJobsBesideHostileOnes runs honest jobs beside one asset while hostile ones run beside three others, on one node, in real
// sandboxes: no honest job fails or leaves another table than its own, no call is refused, each hostile job ends as its kind ends, and
// nothing of any is left on the host. The short form has 30 honest jobs and ends each hostile one after two seconds; NARTHEX_RIG=long has
// 100, and more until each kind of hostile job has ended, and lets those that go on do so to their deadlines.
func TestRigHonestJobsBesideHostileOnes(t *testing.T) {
	seed, honest := rig.Begin(t, "./internal/server", 30, 100)
	long := os.Getenv("NARTHEX_RIG") == "long"
	var raw store.Store
	e := besideHostile(t, &raw)
	_, key := e.Grant(t, "", append(besideTerms("model"), testenv.Tokens(1e9, nil))...)
	word := fmt.Sprintf("canary-%d-%d", os.Getpid(), seed)
	over := make(chan struct{})
	var hostile sync.WaitGroup
	var mu sync.Mutex // guards ended
	ended := map[string]map[string]int{}
	for i, asset := range prey {
		suffix := fmt.Sprint("-", asset)
		e.Outsiders(t, suffix, "Institute of "+asset)
		_, theirs := e.Grant(t, suffix, besideTerms(narthex.AssetName(asset))...)
		draw := mathrand.New(mathrand.NewPCG(seed, uint64(i)))
		hostile.Go(func() {
			names := slices.Sorted(maps.Keys(hostileScripts))
			for {
				for _, at := range draw.Perm(len(names)) {
					select {
					case <-over:
						return
					default:
					}
					class, err := runHostile(t.Context(), e.Client.With(theirs), asset, names[at], word, long, over)
					if err != nil {
						t.Errorf("%s: %v", names[at], err)
						return
					}
					mu.Lock()
					if ended[names[at]] == nil {
						ended[names[at]] = map[string]int{}
					}
					ended[names[at]][class]++
					mu.Unlock()
				}
			}
		})
	}
	var calls, refused atomic.Int64
	hostile.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
			}
			calls.Add(1)
			if status, _, err := e.Chat(context.WithoutCancel(t.Context()), key, testenv.Hello); err != nil || status != http.StatusOK {
				refused.Add(1)
			}
		}
	})
	began := time.Now()
	failures := honestJobs(t, e.Client.With(key), raw, honest, word)
	for all := false; long && !all; {
		mu.Lock()
		all = len(ended) == len(hostileScripts)
		mu.Unlock()
		if !all {
			failures += honestJobs(t, e.Client.With(key), raw, 20, word)
			honest += 20
		}
	}
	took := time.Since(began)
	close(over)
	hostile.Wait()
	if refused.Load() != 0 || calls.Load() == 0 {
		t.Errorf("of %d calls %d were refused", calls.Load(), refused.Load())
	}
	sum := 0
	for name, classes := range ended {
		for class, n := range classes {
			sum += n
			if !slices.Contains(hostileScripts[name].ends, class) && class != "cancelled" {
				t.Errorf("one that %s ended as %s, %d times", name, class, n)
			}
		}
	}
	until(t, "no process of a job is left", func() bool { return processesWith(t, word) == 0 })
	if left, err := filepath.Glob(filepath.Join(e.Dir, "data", "studies", "job_*")); err != nil || len(left) != 0 {
		t.Errorf("studies are left: %v %v", left, err)
	}
	t.Logf("%d honest jobs in %s, %d failed; %d hostile jobs ended beside them, %d calls of which %d were refused; %v", honest, took.Round(time.Second), failures, sum, calls.Load(), refused.Load(), ended)
	if sum < honest/4 {
		t.Errorf("only %d hostile jobs ended beside %d honest ones: the rig does not load the host", sum, honest)
	}
}

// honestJobs hands honest jobs in, a few at once, and counts those that failed.
func honestJobs(t *testing.T, holder *client.Client, raw store.Store, many int, word string) (failures int) {
	t.Helper()
	ids := map[narthex.JobID]int{}
	wait := func(most int) {
		for deadline := time.Now().Add(20 * time.Minute); len(ids) > most; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the honest jobs do not end")
			}
			for id, mine := range ids {
				job, err := holder.Job(t.Context(), id)
				if narthex.IsKind(err, narthex.Exhausted) { // who asks so often waits
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if !job.State.Over() {
					break
				}
				delete(ids, id)
				if left := frozen(t, raw, id); job.State != narthex.JobDone || len(left) != 1 || left[0].Digest != honestTable(t, mine) {
					failures++
					t.Errorf("honest job %d ended as %s, %+v, and left %+v", mine, job.State, job.End, left)
				}
			}
		}
	}
	for mine := range many {
		wait(7)
		job, err := holder.SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", WallMinutes: 10, MemoryMB: 128, Files: pythonStudy(strings.Replace(honestScript, "NUMBER", fmt.Sprint(mine), 1), word)})
		if err != nil {
			t.Fatalf("honest job %d is refused: %v", mine, err)
		}
		ids[job.ID] = mine
	}
	wait(0)
	return failures
}

// frozen gives what a job left, as the store has it.
func frozen(t *testing.T, raw store.Store, id narthex.JobID) []narthex.Frozen {
	t.Helper()
	var job narthex.Job
	err := raw.View(t.Context(), func(r store.Reader) error {
		row, err := r.Get(store.Jobs, string(id))
		if err == nil {
			err = json.Unmarshal(row, &job)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if job.Package == nil {
		return nil
	}
	return job.Package.Files
}

// runHostile hands a hostile job in and gives how it ended. Its author ends it after a while, or lets it go on.
func runHostile(ctx context.Context, holder *client.Client, asset, name, word string, long bool, over <-chan struct{}) (class string, err error) {
	script := strings.Replace(hostileScripts[name].script, "GIGABYTES", map[bool]string{false: "1", true: "4"}[long], 1)
	job, err := holder.SubmitJob(ctx, client.SubmitJob{Asset: asset, Environment: "box", WallMinutes: 1, MemoryMB: 128, Files: pythonStudy(script, word)})
	if err != nil {
		return "", err
	}
	patience := time.After(2 * time.Second)
	if long {
		patience = nil
	}
	for {
		select {
		case <-over:
			_, err = holder.CancelJob(ctx, job.ID)
			over = nil
		case <-patience:
			_, err = holder.CancelJob(ctx, job.ID)
		case <-time.After(100 * time.Millisecond):
		}
		if err != nil && !narthex.IsKind(err, narthex.Conflict) && !narthex.IsKind(err, narthex.Exhausted) { // it had ended
			return "", err
		}
		view, err := holder.Job(ctx, job.ID)
		if err != nil && !narthex.IsKind(err, narthex.Exhausted) {
			return "", err
		}
		if err != nil || !view.State.Over() {
			continue
		}
		if view.End == nil {
			return "cancelled", nil
		}
		return string(view.End.Class), nil
	}
}

// processesWith counts the processes of this host that have a word among their arguments.
func processesWith(t *testing.T, word string) (n int) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range entries {
		text, _ := os.ReadFile(name) // one that has ended has none
		if slices.Contains(strings.Split(string(text), "\x00"), word) {
			n++
		}
	}
	return n
}
