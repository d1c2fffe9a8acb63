package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/sandbox"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// living is a hall of which a test sees the frozen files, and whose jobs do what their study says.
type living struct {
	*hall
	raw  store.Store
	wipe chan struct{} // where it is there, a job's box is wiped for each that comes
}

// waitsToWipe is a driver that wipes when it is told to: by then what a job left is frozen, and no entry names it yet.
type waitsToWipe struct {
	sandbox.Driver
	of *living
}

func (w waitsToWipe) Remove(ctx context.Context, id string) error {
	if w.of.wipe != nil {
		<-w.of.wipe
	}
	return w.Driver.Remove(ctx, id)
}

func openLiving(t *testing.T) *living {
	t.Helper()
	l := &living{}
	l.hall = openHallWith(t, func(ctx context.Context, job sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
		said, err := os.ReadFile(filepath.Join(job.Study, "seed"))
		if err != nil {
			return sandbox.Ended{Class: sandbox.Failed}
		}
		if strings.HasPrefix(string(said), "on") {
			<-ctx.Done()
			return sandbox.Ended{}
		}
		last := said[len(said)-1] % 3 // so that jobs leave the same as others
		for name, text := range map[string]string{"table.csv": fmt.Sprintf("layer,value\n%d,1\n", last), "words.txt": fmt.Sprintf("layers: %s\n", said)} {
			if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o600); err != nil {
				return sandbox.Ended{Class: sandbox.Failed}
			}
		}
		return sandbox.Ended{Class: sandbox.Done}
	}, func(c *server.Config) {
		c.Host.Examiner, c.Host.Driver = testenv.Here{}, waitsToWipe{c.Host.Driver, l}
		c.Wrap = func(s store.Store) store.Store { l.raw = s; return s }
	})
	return l
}

// hand hands in a study with a seed, and a file that every study has.
func (l *living) hand(t *testing.T, seed string) narthex.Job {
	t.Helper()
	var job narthex.Job
	until(t, "a job is taken", func() bool {
		var err error
		job, err = l.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(client.StudyFile{Path: "seed", Data: []byte(seed)})})
		if err != nil && !narthex.IsKind(err, narthex.Exhausted) {
			t.Fatal(err)
		}
		return err == nil
	})
	return job
}

// files gives the frozen files that are stored.
func (l *living) files(t *testing.T) (digests []string) {
	t.Helper()
	err := l.raw.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Scan(store.Blobs, store.Span{Limit: 10_000})
		for _, row := range rows {
			if digest, _, _ := strings.Cut(row.Key, "/"); !slices.Contains(digests, digest) {
				digests = append(digests, digest)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return digests
}

// move moves the clock, logs everyone in again, has a new key minted, and holds what is stored to the ledger.
func (l *living) move(t *testing.T, by time.Duration) {
	t.Helper()
	l.Clock.Move(by)
	for _, p := range l.People {
		session := must(l.Client.Login(t.Context(), p.Login))
		p.Client = l.Client.With(session.Token)
	}
	l.key = must(l.People["ada"].Mint(t.Context(), l.grant.ID, client.Mint{Label: fmt.Sprint(l.Clock.Now().Unix())})).Token // the last one ended
	l.sound(t)
}

func (l *living) sound(t *testing.T) {
	t.Helper()
	if found := must(l.People["lea"].Audit(t.Context(), false)); len(found.Differences) > 0 {
		t.Errorf("the audit finds %+v", found.Differences)
	}
}

// TestFilesThatNothingNeedsGo lives many jobs, which share files with each other, through every end that a job and what it left can have. While
// something needs a file it is there; afterwards it is not, and of what was released all is.
func TestFilesThatNothingNeedsGo(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		l := openLiving(t)
		random := rand.New(rand.NewPCG(seed, 0))
		kept := map[string]bool{} // files of jobs of which something was released
		var released []narthex.ReleaseID
		lives := []string{"never", "cancelled", "done", "withdrawn", "refused", "released", "open"}
		for range 5 {
			lives = append(lives, lives[random.IntN(6)])
		}
		random.Shuffle(len(lives), func(i, j int) { lives[i], lives[j] = lives[j], lives[i] })
		var open narthex.ReleaseID
		for i, life := range lives {
			text := fmt.Sprint(random.IntN(4))
			switch life {
			case "never":
				first := l.hand(t, fmt.Sprint("on", i))
				until(t, "it runs", func() bool {
					job, err := l.holder().Job(t.Context(), first.ID)
					return err == nil && job.State == narthex.JobRunning
				})
				second := l.hand(t, text)
				must(l.holder().CancelJob(t.Context(), second.ID))
				must(l.holder().CancelJob(t.Context(), first.ID))
				l.over(t, first.ID)
				continue
			case "cancelled":
				job := l.hand(t, "on"+text)
				until(t, "it runs", func() bool {
					job, err := l.holder().Job(t.Context(), job.ID)
					return err == nil && job.State == narthex.JobRunning
				})
				must(l.holder().CancelJob(t.Context(), job.ID))
				l.over(t, job.ID)
				continue
			}
			before := l.files(t)
			job := l.over(t, l.hand(t, text).ID)
			if life == "done" {
				continue
			}
			r := must(l.asks(t, job.ID))
			verdict := narthex.VerdictRefuse
			switch life {
			case "open":
				open = r.ID
				continue
			case "withdrawn":
				must(l.holder().WithdrawRelease(t.Context(), r.ID))
				continue
			case "released":
				verdict = narthex.VerdictRelease
				released = append(released, r.ID)
				for _, digest := range l.files(t) {
					kept[digest] = kept[digest] || !slices.Contains(before, digest)
				}
			}
			for _, name := range []string{"olga", "sam"} {
				l.vote(t, name, l.review(t, name, r.ID), verdict)
			}
		}
		all := l.files(t)
		l.sound(t)
		for day := 0; day < 40; day += 5 {
			l.move(t, 5*24*time.Hour)
		}
		until(t, "what was asked for is withdrawn with the key that asked for it", func() bool {
			return must(l.holder().OwnRelease(t.Context(), open)).State == narthex.ReleaseWithdrawn
		})
		l.move(t, 31*24*time.Hour)
		var left []string
		until(t, "no file is there that only jobs had of which nothing left", func() bool {
			left = l.files(t)
			needed := 0
			jobs := must(l.holder().Jobs(t.Context()))
			for _, job := range jobs.Jobs {
				if job.ClearedAt.IsZero() {
					needed++
				}
			}
			time.Sleep(300 * time.Millisecond)
			return needed == len(released) && len(left) < len(all)
		})
		until(t, "the walk is over", func() bool {
			n := len(left)
			time.Sleep(1500 * time.Millisecond)
			left = l.files(t)
			return n == len(left)
		})
		l.sound(t)
		for _, id := range released {
			if got, err := l.holder().FetchRelease(t.Context(), id); err != nil || len(got.Files) != 2 {
				t.Errorf("what was released is given as %+v: %v", got.Files, err)
			}
		}
		// Each released job has a study of four files at most, their list, two files that it left, and what is kept of them for comparison; studies and tables are shared.
		if len(left) == 0 || len(left) > 3+5*len(released) {
			t.Errorf("%d files are left of %d, with %d releases", len(left), len(all), len(released))
		}
	}
}

// TestStorageReturnsToNone: where nothing was released nothing is left, not even what no entry ever named; and what a job left is told as gone.
func TestStorageReturnsToNone(t *testing.T) {
	l := openLiving(t)
	job := l.over(t, l.hand(t, "1").ID)
	if err := l.raw.Update(t.Context(), func(tx store.Tx) error { // as a node that ended between two pieces leaves it
		return tx.Put(store.Blobs, "sha256:"+strings.Repeat("ab", 32)+"/0000", []byte(`{"data":"`+base64.StdEncoding.EncodeToString(make([]byte, book.Piece))+`"}`))
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(l.files(t)); n != 7 { // a study of three files, their list, two that it left, and the orphan
		t.Errorf("%d files are stored", n)
	}
	l.move(t, 29*24*time.Hour)
	until(t, "the orphan is gone", func() bool { time.Sleep(100 * time.Millisecond); return len(l.files(t)) == 6 })
	must(l.asks(t, job.ID)) // a day before
	for _, r := range must(l.holder().OwnReleases(t.Context())).Releases {
		must(l.holder().WithdrawRelease(t.Context(), r.ID))
	}
	l.move(t, 29*24*time.Hour)
	time.Sleep(1200 * time.Millisecond)
	if n := len(l.files(t)); n != 7 { // with what is kept of what was asked for
		t.Errorf("a day before its end %d files are stored", n)
	}
	l.move(t, 2*24*time.Hour)
	until(t, "nothing is stored", func() bool { time.Sleep(100 * time.Millisecond); return len(l.files(t)) == 0 })
	if view := must(l.holder().Job(t.Context(), job.ID)); view.ClearedAt.IsZero() || view.Package == nil || view.State != narthex.JobDone {
		t.Errorf("the job is told as %+v", view.Job)
	}
	if _, err := l.asks(t, job.ID); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(narthex.AsError(err).Public, "30 days") {
		t.Errorf("what is gone is asked for: %v", err)
	}
	for _, r := range must(l.holder().OwnReleases(t.Context())).Releases {
		if _, err := l.People["sam"].Release(t.Context(), r.ID); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(narthex.AsError(err).Public, "30 days") {
			t.Errorf("who reviews is told of what is gone: %v", err)
		}
	}
	again := l.over(t, l.hand(t, "1").ID)
	if again.State != narthex.JobDone || again.Plan.Study != job.Plan.Study {
		t.Errorf("handed in again it is %s", again.State)
	}
	l.sound(t)
}

// TestAFileThatWaitsForItsEntryIsThere: what a job left is frozen, and the entry that names it does not come for a while, in which the walk over
// all files is due.
func TestAFileThatWaitsForItsEntryIsThere(t *testing.T) {
	l := openLiving(t)
	l.wipe = make(chan struct{})
	before := l.files(t)
	job := l.hand(t, "7")
	until(t, "what it left is frozen", func() bool { time.Sleep(50 * time.Millisecond); return len(l.files(t)) == len(before)+6 })
	l.Clock.Move(25 * time.Hour)
	time.Sleep(2500 * time.Millisecond) // the walk is tried each second
	close(l.wipe)
	l.move(t, 0)
	if view := l.over(t, job.ID); view.State != narthex.JobDone || len(l.files(t)) != len(before)+6 {
		t.Errorf("the job is %s, and %d files are there", view.State, len(l.files(t)))
	}
	l.sound(t)
}
