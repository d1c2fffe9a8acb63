package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/fake"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/internal/testenv/rig"
)

const (
	scoreBits   = 15  // of one token with its log-probability, under the terms of scored
	firstCap    = 400 // lifetime_bytes of the model, which is raised as it fills
	raise       = 400 // by this much
	mostOutJobs = 600 // bytes_out of a grant's jobs, with what they leave
	mostOut     = 200 // bytes_out of a grant's releases
	mixRounds   = 8   // of one life of the rig
	mixActs     = 9   // of each who acts, in a round
)

// mix is a node from which two grants take whatever they can, by every channel that there is.
type mix struct {
	*testenv.Env
	store *cutting
	files lab.Files
	keys  [2]string
	cap   int64
	play  atomic.Uint64 // seeds what jobs do

	mu        sync.Mutex // guards what follows
	scores    int64      // tokens that came with log-probabilities, in whole answers and in what came of broken ones
	fetched   map[narthex.ReleaseID]int64
	exhausted map[string]int // refusals, by their code
	did       map[string]int // acts that were done, by name
}

// TestRigNoMixOfChannelsPassesTheCap lets two grants take out what they can of one asset: by log-probabilities, whole, streamed and broken
// off; by jobs that leave something, fail, are cancelled and are lost; by releases that are asked for, edited, withdrawn, refused, released
// and fetched; three at a time, while the node dies at any commit and begins anew. What arrived, measured where it arrived, is never more
// than the account says, and the account never more than the asset's lifetime_bytes and each grant's bytes_out. When all is over the account
// is the sum of what each act cost, nothing is reserved, and the audit finds that the entries say the same.
func TestRigNoMixOfChannelsPassesTheCap(t *testing.T) {
	seed, lives := rig.Begin(t, "./internal/server", 1, 40)
	onBoth(t, func(t *testing.T, url string) {
		for life := range uint64(lives) {
			t.Run(fmt.Sprint(life), func(t *testing.T) { mixALife(t, url, seed+life) })
		}
	})
}

func mixALife(t *testing.T, url string, seed uint64) {
	draw := mathrand.New(mathrand.NewPCG(seed, 0))
	m := openMix(t, url, seed, nil)
	for round := range uint64(mixRounds) {
		if draw.IntN(2) == 0 {
			m.store.set(1+draw.IntN(60), draw.IntN(2) == 0)
		}
		var acting sync.WaitGroup
		for who := range uint64(3) {
			own := mathrand.New(mathrand.NewPCG(seed, 1+3*round+who))
			acting.Go(func() {
				for range mixActs {
					if who < 2 {
						m.take(t, own, int(who))
					} else {
						m.review(t, own)
					}
				}
			})
		}
		acting.Wait()
		m.store.mu.Lock()
		dead := m.store.left == 0
		m.store.mu.Unlock()
		if dead || draw.IntN(4) == 0 {
			_ = m.Node.Close() // it is dead, or not
			m.store.set(-1, false)
			m.Start(t)
		}
		m.store.set(-1, false)
		m.rest(t)
		m.held(t, false)
		if is := account(t, m.Env); is.Left < raise/2 {
			m.raise(t)
		}
	}
	for who := range m.keys {
		for _, r := range must(m.holder(who).OwnReleases(t.Context())).Releases {
			if !r.State.Over() {
				must(m.holder(who).WithdrawRelease(t.Context(), r.ID))
			}
		}
	}
	waitClosed(t, m.Env)
	m.held(t, true)
	is := account(t, m.Env)
	if is.Reserved != 0 {
		t.Errorf("when all is over %d bytes are reserved", is.Reserved)
	}
	left, spent := m.arrived(), m.spent(t)
	t.Logf("%d bytes arrived and %d are on the account, of %d; acts %v, refused %v", left, is.Used, m.cap, m.did, m.exhausted)
	if left < firstCap/2 || spent["released_bytes"] == 0 || spent["job_outcomes"] == 0 || m.scores == 0 {
		t.Errorf("only %d bytes arrived, %d tokens and %v: the rig takes too little", left, m.scores, spent)
	}
}

// openMix opens the lab of a mix, whose jobs are played by what is given, or, where that is nil, each by a draw.
func openMix(t *testing.T, url string, seed uint64, play fake.Play) *mix {
	t.Helper()
	m := &mix{store: &cutting{left: -1}, cap: firstCap, fetched: map[narthex.ReleaseID]int64{}, exhausted: map[string]int{}, did: map[string]int{}}
	m.play.Store(seed)
	if play == nil {
		play = m.job
	}
	options, _ := testenv.Beside(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { m.store.Store = s; return m.store },
		Config: func(c *server.Config) { c.Host.Examiner = testenv.Here{} },
		Files: func(files lab.Files) {
			roomy(files)
			m.files = maps.Clone(files)
		}}, play)
	m.Env = testenv.New(t, options)
	m.Model.Handle(scoring)
	n := narthex.NumberValue
	for who, suffix := range []string{"", "-2"} {
		if suffix != "" {
			m.Outsiders(t, suffix, "Second")
		}
		_, m.keys[who] = m.Grant(t, suffix, append(scored(1e6),
			testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": n(100), "wall_minutes": n(20), "memory_mb": n(64), "bytes_out": n(mostOutJobs)}),
			testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": n(mostOut)}))...)
	}
	m.rule(t)
	return m
}

// rule puts the cap in force.
func (m *mix) rule(t *testing.T) {
	t.Helper()
	files := maps.Clone(m.files)
	files["assets/model.yaml"] = bytes.Replace(files["assets/model.yaml"], []byte("lifetime_bytes: 1000000000"), fmt.Appendf(nil, "lifetime_bytes: %d", m.cap), 1)
	state := must(m.People["olga"].Propose(t.Context(), files))
	for _, name := range []string{"carol", "dan"} {
		must(m.People[name].ApproveLab(t.Context(), state.Proposed))
	}
}

func (m *mix) raise(t *testing.T) {
	t.Helper()
	m.cap += raise
	m.rule(t)
}

func (m *mix) holder(who int) *client.Client { return m.Client.With(m.keys[who]) }

// job plays a job: one of four kinds of end, with a table of numbers that nothing foretells.
func (m *mix) job(ctx context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
	draw := mathrand.New(mathrand.NewPCG(m.play.Add(1), 1))
	switch draw.IntN(8) {
	case 0:
		return sandbox.Ended{Class: sandbox.Lost}
	case 1:
		return sandbox.Ended{Class: sandbox.Failed, File: "run", Line: 1 + draw.IntN(2)}
	case 2:
		<-ctx.Done()
		return sandbox.Ended{}
	}
	table := "layer,value\n"
	for range 1 + draw.IntN(30) {
		table += fmt.Sprintf("%d,%.3g\n", draw.IntN(64), draw.NormFloat64())
	}
	for name, text := range map[string]string{"table.csv": table, "words.txt": fmt.Sprintf("%d layers\n", draw.IntN(100))} {
		if os.WriteFile(filepath.Join(out, name), []byte(text), 0o600) != nil {
			return sandbox.Ended{Class: sandbox.Failed}
		}
	}
	return sandbox.Ended{Class: sandbox.Done}
}

// done notes what became of an act. Only an end of room, a state that does not allow it and a node that died are no error.
func (m *mix) done(t *testing.T, act string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		m.did[act]++
	case narthex.IsKind(err, narthex.Exhausted):
		m.exhausted[narthex.AsError(err).Code]++
	case narthex.IsKind(err, narthex.Conflict), narthex.IsKind(err, narthex.Unavailable), narthex.IsKind(err, narthex.Internal):
	default:
		t.Errorf("%s: %v", act, err)
	}
}

// take does something as a holder.
func (m *mix) take(t *testing.T, draw *mathrand.Rand, who int) {
	holder, ctx := m.holder(who), t.Context()
	switch draw.IntN(10) {
	case 0, 1:
		m.score(t, draw, who)
	case 2, 3, 4:
		_, err := holder.SubmitJob(ctx, client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), WallMinutes: 1})
		m.done(t, "a job", err)
	case 5:
		if jobs, err := holder.Jobs(ctx); err == nil && len(jobs.Jobs) > 0 {
			_, err := holder.CancelJob(ctx, jobs.Jobs[draw.IntN(len(jobs.Jobs))].ID)
			m.done(t, "cancel", err)
		}
	case 6, 7:
		jobs, err := holder.Jobs(ctx)
		if err != nil {
			return
		}
		for _, at := range draw.Perm(len(jobs.Jobs)) {
			if job := jobs.Jobs[at]; job.State == narthex.JobDone && job.Package != nil {
				_, err := holder.SubmitRelease(ctx, client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "table.csv", Context: context20}, {Name: "words.txt", Context: context20}}[draw.IntN(2):]})
				m.done(t, "ask", err)
				return
			}
		}
	case 8, 9:
		list, err := holder.OwnReleases(ctx)
		if err != nil || len(list.Releases) == 0 {
			return
		}
		r := list.Releases[draw.IntN(len(list.Releases))]
		if draw.IntN(3) > 0 {
			for _, r = range list.Releases { // what is to be had is taken
				if r.State == narthex.ReleaseReleased {
					m.fetch(t, holder, r.ID)
				}
			}
		} else if draw.IntN(2) == 0 {
			_, err := holder.WithdrawRelease(ctx, r.ID)
			m.done(t, "withdraw", err)
		} else {
			_, err := holder.EditRelease(ctx, r.ID, client.EditRelease{Files: []client.WantedFile{{Name: "words.txt", Context: context20}}})
			if !narthex.IsKind(err, narthex.Invalid) { // it holds the table alone
				m.done(t, "edit", err)
			}
		}
	}
}

// score makes a call with log-probabilities, and counts those that came.
func (m *mix) score(t *testing.T, draw *mathrand.Rand, who int) {
	streamed, broken := draw.IntN(2) == 0, draw.IntN(4) == 0
	more := ""
	if streamed {
		more = `,"stream":true`
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.Client.Base()+"/v1/chat/completions", strings.NewReader(scoredCall(1+draw.IntN(60), more)))
	if err != nil {
		t.Error(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+m.keys[who])
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	body := io.Reader(answer.Body)
	if broken {
		body = io.LimitReader(body, 600)
	}
	data, err := io.ReadAll(body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scores += int64(bytes.Count(data, []byte(`"logprob":`)))
	switch {
	case answer.StatusCode == http.StatusTooManyRequests && bytes.Contains(data, []byte("lifetime_exhausted")):
		m.exhausted["lifetime_exhausted"]++
	case answer.StatusCode == http.StatusOK && err == nil:
		m.did["scores"]++
	}
}

// fetch takes a release, and measures what came.
func (m *mix) fetch(t *testing.T, holder *client.Client, id narthex.ReleaseID) {
	got, err := holder.FetchRelease(t.Context(), id)
	m.done(t, "fetch", err)
	if err != nil {
		return
	}
	var files []airlock.Raw
	for i, f := range got.Files {
		files = append(files, airlock.Raw{Name: f.Path, Kind: got.Release.Files[i].Kind, Data: f.Data})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fetched[id] = airlock.Charge(files)
}

// review does something as those who review.
func (m *mix) review(t *testing.T, draw *mathrand.Rand) {
	name := []string{"olga", "sam"}[draw.IntN(2)]
	list, err := m.People[name].Releases(t.Context())
	if err != nil || len(list.Releases) == 0 {
		return
	}
	r := list.Releases[draw.IntN(len(list.Releases))]
	seen, err := m.People[name].Release(t.Context(), r.ID)
	if err != nil {
		return
	}
	verdict := narthex.VerdictRelease
	if draw.IntN(8) == 0 {
		verdict = narthex.VerdictRefuse
	}
	in := client.VoteRelease{Saw: seen.Release.Package, Verdicts: verdicts(seen.Release, verdict)}
	if draw.IntN(8) == 0 {
		_, err = m.People[name].ReturnRelease(t.Context(), r.ID, client.VoteRelease{Saw: in.Saw, Comment: "say more of it"})
		m.done(t, "return", err)
		return
	}
	_, err = m.People[name].VoteRelease(t.Context(), r.ID, in)
	m.done(t, "vote", err)
}

// rest ends the jobs.
func (m *mix) rest(t *testing.T) {
	t.Helper()
	for who := range m.keys {
		for _, job := range must(m.holder(who).Jobs(t.Context())).Jobs {
			if !job.State.Over() {
				_, _ = m.holder(who).CancelJob(t.Context(), job.ID) // it may have ended meanwhile
			}
		}
		until(t, "the jobs are over", func() bool {
			for _, job := range must(m.holder(who).Jobs(t.Context())).Jobs {
				if !job.State.Over() {
					return false
				}
			}
			return true
		})
	}
}

// arrived is what the holders have, in bytes, rounded down: the log-probabilities, the files, and what the ends of jobs told.
func (m *mix) arrived() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := m.scores * scoreBits / 8
	for _, n := range m.fetched {
		sum += n
	}
	return sum
}

// rows reads every row of a table.
func rows[T any](t *testing.T, s store.Store, table store.Table) (list []T) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		list = nil
		found, err := r.Scan(table, store.Span{Limit: 10_000})
		for _, row := range found {
			var one T
			if err == nil {
				err = json.Unmarshal(row.Value, &one)
			}
			list = append(list, one)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// spent is what jobs and releases cost, each by what became of it, and by channel.
func (m *mix) spent(t *testing.T) map[string]int64 {
	t.Helper()
	spent := map[string]int64{}
	for _, job := range rows[narthex.Job](t, m.store, store.Jobs) {
		if job.End != nil {
			spent["job_outcomes"] += job.Plan.OutcomeBytes
		}
	}
	for _, r := range rows[narthex.Release](t, m.store, store.Releases) {
		switch {
		case r.State == narthex.ReleaseReleased:
			spent["released_bytes"] += r.Charge
		case r.State.Over():
			spent["released_bytes"] += min(airlock.TriedBytes, r.Charge)
		}
	}
	return spent
}

// held holds the account to what arrived, to what was done and to the caps. While calls are open, what they reserved counts.
func (m *mix) held(t *testing.T, closed bool) {
	t.Helper()
	is, spent := account(t, m.Env), m.spent(t)
	open := is.Reserved
	if closed {
		open = 0
	}
	if is.Allowed != m.cap || is.Used+is.Reserved > m.cap {
		t.Errorf("of %d bytes %d are used and %d reserved", m.cap, is.Used, is.Reserved)
	}
	if arrived := m.arrived() + spent["job_outcomes"]; arrived > is.Used+open {
		t.Errorf("%d bytes arrived, and the account says %d", arrived, is.Used)
	}
	for _, line := range is.Channels {
		if want, known := spent[line.Channel]; known && line.Used != want {
			t.Errorf("by %s %d bytes left, and the account says %d", line.Channel, want, line.Used)
		}
		if line.Channel == "logprobs" && line.Used+open < m.scores*scoreBits/8 {
			t.Errorf("%d tokens arrived, and the account says %d bytes", m.scores, line.Used)
		}
	}
	for who := range m.keys {
		for _, b := range must(m.holder(who).OwnGrant(t.Context())).Budgets {
			if b.Limit == "bytes_out" && b.Used+b.Reserved > b.Allowed {
				t.Errorf("grant %d: of %s %+v", who, b.Attribute, b)
			}
		}
	}
}
