package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/ledger"
	"narthex/policy"
)

// TestRigHistoriesAreLinearizable: in each round a thousand callers come at once to a budget that holds some of them, while others
// read it and, in every other round, a lock is set and lifted. What everyone saw must be explained by one order of acts on
// one budget, and that order must be the ledger's. NARTHEX_RIG=long plays two hundred rounds on each store.
func TestRigHistoriesAreLinearizable(t *testing.T) { onBoth(t, linearizable) }

const callers = 1000

func linearizable(t *testing.T, url string) {
	rounds, seed := 2, uint64(1)
	if os.Getenv("NARTHEX_RIG") == "long" {
		rounds = 200
	}
	if text := os.Getenv("NARTHEX_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("NARTHEX_SEED is no whole number: %v", err)
		}
	}
	t.Logf("NARTHEX_SEED=%d NARTHEX_RIG=%s go test -timeout 6h -run '^%s$' ./internal/server repeats this run", seed, os.Getenv("NARTHEX_RIG"), strings.ReplaceAll(t.Name(), "/", "$/^"))
	var kept store.Store
	e := testenv.New(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { kept = s; return s }})
	base := baseCost(t, e)
	acts, lost, slowest, met := 0, 0, time.Duration(0), map[string]int{}
	for n := 0; n < rounds; n++ {
		r := newRound(rand.New(rand.NewPCG(seed, uint64(n))), fmt.Sprintf("%d-%d", n, lost), n%2 == 1, base)
		h := r.play(t, e, kept)
		slowest = max(slowest, time.Since(r.start))
		if r.lost.Load() && lost < 1+rounds/10 {
			// The machine was too slow for the hold on the store, so the node stopped, as it must. It starts again, and so does the round.
			if err := e.Node.Close(); err != nil {
				t.Log(err)
			}
			e.Start(t)
			lost, n = lost+1, n-1
			continue
		}
		for _, what := range r.wrong {
			t.Error(what)
		}
		if !checkLinear(t, h, r.limit) || t.Failed() {
			t.Fatalf("in round %d", n)
		}
		for _, o := range h {
			met[o.Input.(act).kind]++
		}
		acts += len(h)
	}
	t.Logf("%d rounds, the slowest in %s, %d begun again: %d acts, %v", rounds, slowest.Round(time.Millisecond), lost, acts, met)
	for _, kind := range []string{reserve, settle, exhausted, locked, locking, lift, reading} {
		if met[kind] == 0 {
			t.Errorf("nobody met %q, so the rounds show little", kind)
		}
	}
}

// baseCost is what a call's prompt may cost at most.
func baseCost(t *testing.T, e *testenv.Env) int64 {
	e.Outsiders(t, "none", "Institute of none")
	_, key := e.Grant(t, "none", testenv.Tokens(1, nil))
	_, body, err := e.Chat(t.Context(), key, linearBody(0, 1))
	return int64(askedIn(t, body, err)) - 1
}

func linearBody(caller int, most int64) string {
	return fmt.Sprintf(`{"model":"model","messages":[{"role":"user","content":"%05d"}],"max_tokens":%d}`, caller, most)
}

// round is one budget and those who come to it.
type round struct {
	name        string
	base, limit int64
	most, spent []int64 // of each caller: what is asked for beyond the prompt, and what the model will say it took
	locks       bool
	start       time.Time
	asked, said []atomic.Int64 // when the model was asked by each caller, and when it answered; 0 for never
	reached     chan struct{}  // closed when the lock is to come
	lockAt      atomic.Int64   // so many calls reach the model before
	set         chan struct{}  // closed when it is set
	sawLock     atomic.Int64
	lost        atomic.Bool     // the node no longer held its store
	ctx         context.Context // ends when the round is lost, or stands still
	end         context.CancelFunc
	http        *http.Client

	mu     sync.Mutex // guards all below
	calls  map[uint64]called
	others history
	wrong  []string
}

// called is a call that was answered, under its intent's index.
type called struct {
	caller   int
	from, to int64
}

func newRound(random *rand.Rand, name string, locks bool, base int64) *round {
	r := &round{name: name, base: base, locks: locks, asked: make([]atomic.Int64, callers), said: make([]atomic.Int64, callers), reached: make(chan struct{}), set: make(chan struct{}),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}, calls: map[uint64]called{}}
	for range callers {
		most := 8 + random.Int64N(20)
		r.most, r.spent = append(r.most, most), append(r.spent, 1+random.Int64N(most))
	}
	room := int64(1)
	switch {
	case locks: // so that many are still to come when it is set
		room = callers/4 + random.Int64N(callers/4)
	case random.IntN(3) > 0:
		room += random.Int64N(callers / 4)
	}
	r.limit = room*(base+15) + random.Int64N(base)
	r.lockAt.Store(1 + random.Int64N(min(room, 50)))
	return r
}

// fault keeps what is wrong with an answer. Where the node says that it no longer holds its store, nothing is.
func (r *round) fault(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if strings.Contains(what, "no longer holds its store") {
		r.lost.Store(true)
		r.end()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, what)
}

func (r *round) now() int64 { return int64(time.Since(r.start)) + 1 }

// play lets everyone come at once and gives what they saw.
func (r *round) play(t *testing.T, e *testenv.Env, kept store.Store) history {
	suffix := "round" + r.name
	e.Outsiders(t, suffix, "Institute "+suffix)
	grant, key := e.Grant(t, suffix, testenv.Tokens(float64(r.limit), nil))
	e.Model.Handle(r.model)
	defer r.http.CloseIdleConnections()
	first := sizeOf(t, kept)
	r.ctx, r.end = context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer r.end()
	r.start = time.Now()
	var come, watch sync.WaitGroup
	for caller := range callers {
		come.Go(func() {
			if r.comes(caller) {
				r.call(e, key, caller)
			}
		})
	}
	done := make(chan struct{})
	for range 2 {
		watch.Go(func() { r.read(e, key, done) })
	}
	if r.locks {
		watch.Go(func() { r.lock(e, grant.ID, done) })
	}
	come.Wait()
	close(done)
	watch.Wait()
	if r.lost.Load() {
		return nil
	}
	if r.ctx.Err() != nil {
		r.fault("after two minutes somebody still had no answer")
	}
	waitSettled(t, e, key)
	return r.history(t, kept, first, grant.ID)
}

// model answers each caller with what the round says it took.
func (r *round) model(w http.ResponseWriter, request *http.Request) {
	at := r.now()
	body, err := io.ReadAll(request.Body)
	var ask struct{ Messages []struct{ Content string } }
	if err == nil {
		err = json.Unmarshal(body, &ask)
	}
	if err != nil || len(ask.Messages) != 1 {
		http.Error(w, "not a call of this round", http.StatusInternalServerError)
		return
	}
	caller, err := strconv.Atoi(ask.Messages[0].Content)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.asked[caller].Store(at)
	if r.lockAt.Add(-1) == 0 && r.locks {
		close(r.reached) // and this call is under way when the lock comes
		select {
		case <-r.set:
		case <-request.Context().Done():
		}
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	r.said[caller].Store(r.now())
	testenv.Answer("hello", int(r.base), int(r.spent[caller]))(w, request)
}

// comes waits until it is a caller's turn: where a lock comes, a quarter of them come while it is on its way and a quarter when
// it is set.
func (r *round) comes(caller int) bool {
	after := map[bool]chan struct{}{true: r.reached, false: r.set}[caller < callers*3/4]
	if !r.locks || caller < callers/2 {
		return true
	}
	select {
	case <-after:
		return true
	case <-r.ctx.Done():
		r.fault("the lock did not come")
		return false
	}
}

// call is one caller. What came of a call that was cut, the ledger says.
func (r *round) call(e *testenv.Env, key string, caller int) {
	request, err := http.NewRequestWithContext(r.ctx, http.MethodPost, e.Client.Base()+"/v1/chat/completions", strings.NewReader(linearBody(caller, r.most[caller])))
	if err != nil {
		r.fault("%v", err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	from := r.now()
	answer, err := r.http.Do(request)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	to := r.now()
	if err != nil {
		if !r.locks {
			r.fault("a call was cut and nobody locked anything: %v", err)
		}
		return
	}
	a := act{n: r.base + r.most[caller]}
	switch {
	case answer.StatusCode == http.StatusOK:
		index, err := narthex.CallID(answer.Header.Get("Narthex-Call")).Index()
		if err != nil {
			r.fault("%v", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls[index] = called{caller, from, to}
		return
	case bytes.Contains(body, []byte("budget_exhausted")):
		a.kind = exhausted
	case bytes.Contains(body, []byte(`"locked"`)):
		a.kind = locked
		r.sawLock.Add(1)
	default:
		r.fault("a caller got %d %s", answer.StatusCode, body)
		return
	}
	r.saw(a, from, to)
}

func (r *round) saw(a act, from, to int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.others.add(a, from, to)
}

// read reads the budget until everyone has come, or as often as a key may in a minute.
func (r *round) read(e *testenv.Env, key string, done chan struct{}) {
	for range 250 {
		from := r.now()
		view, err := e.Client.With(key).OwnGrant(r.ctx)
		if err != nil {
			r.fault("a reading: %v", err)
			return
		}
		for _, b := range view.Budgets {
			if b.Limit == "tokens" {
				r.saw(act{kind: reading, used: b.Used, reserved: b.Reserved, left: b.Left}, from, r.now())
			}
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// lock locks the grant when so many calls have reached the model, and lifts the lock when some were refused for it.
func (r *round) lock(e *testenv.Env, grant narthex.GrantID, done chan struct{}) {
	select {
	case <-r.reached:
	case <-r.ctx.Done():
		return
	}
	from := r.now()
	held, err := e.People["sam"].Lock(r.ctx, client.LockRequest{Subject: "grant", Target: string(grant), Reason: "compromised_credential"})
	to := r.now()
	close(r.set)
	if err != nil {
		r.fault("the lock: %v", err)
		return
	}
	r.saw(act{kind: locking}, from, to)
	for waits := true; waits && r.sawLock.Load() < 50; {
		select {
		case <-done:
			waits = false
		case <-time.After(time.Millisecond):
		}
	}
	from = r.now()
	if _, err := e.People["carol"].Unlock(r.ctx, held.Lock.ID); err != nil {
		r.fault("the lock's end: %v", err)
		return
	}
	r.saw(act{kind: lift}, from, r.now())
}

// waitSettled waits until nothing of the budget is reserved: a call that was cut settles after its caller has gone.
func waitSettled(t *testing.T, e *testenv.Env, key string) {
	for deadline := time.Now().Add(time.Minute); budget(t, e, key).Reserved != 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("something stays reserved")
		}
	}
}

func sizeOf(t *testing.T, kept store.Store) (size uint64) {
	err := kept.View(t.Context(), func(reader store.Reader) error {
		head, err := journal.ReadHead(reader)
		if err == nil {
			size = head.Size
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// history puts what the callers saw beside the order in which the ledger has it. Of a call whose caller saw no answer, the ledger
// also says what it came to, at some time of the round.
func (r *round) history(t *testing.T, kept store.Store, first uint64, grant narthex.GrantID) history {
	var h history
	held, ranks, rank := map[uint64]int64{}, map[string]int{}, 0
	end, size := r.now(), sizeOf(t, kept)
	entry := func(index uint64, _ ledger.Record, o ledger.Opening) error {
		switch {
		case o.Type == narthex.EntryLockSet:
			ranks[locking] = rank
		case o.Type == narthex.EntryLockLifted:
			ranks[lift] = rank
		case o.Text("grant") != string(grant):
			return nil
		case o.Type == narthex.EntryCallIntent:
			n, err := tokensHeld(o.Field("reserved"))
			if err != nil {
				return err
			}
			held[index] = n
			if c, known := r.calls[index]; known {
				h.add(act{kind: reserve, n: r.base + r.most[c.caller], rank: rank}, c.from, r.asked[c.caller].Load())
			} else {
				h.add(act{kind: reserve, n: n, rank: rank}, 0, end)
			}
		case o.Type == narthex.EntryCallOutcome:
			intent, err := narthex.CallID(o.Text("call")).Index()
			if err != nil {
				return err
			}
			if c, known := r.calls[intent]; known {
				h.add(act{kind: settle, n: r.base + r.most[c.caller], used: r.base + r.spent[c.caller], rank: rank}, r.said[c.caller].Load(), c.to)
			} else {
				used, err := tokensUsed(o.Field("used"), held[intent])
				if err != nil {
					return err
				}
				h.add(act{kind: settle, n: held[intent], used: used, rank: rank}, 0, end)
			}
		default:
			return nil
		}
		rank++
		return nil
	}
	if err := kept.View(t.Context(), func(reader store.Reader) error { return journal.EachEntry(reader, first, size, entry) }); err != nil {
		t.Fatal(err)
	}
	for _, o := range r.others {
		if a := o.Input.(act); a.changes() {
			a.rank = ranks[a.kind]
			o.Input = a
		}
		h = append(h, o)
	}
	return h
}

// tokensHeld reads what an intent says that it reserved of the budget of tokens.
func tokensHeld(text string) (int64, error) {
	var holds []policy.Hold
	if err := json.Unmarshal([]byte(text), &holds); err != nil {
		return 0, err
	}
	for _, hold := range holds {
		for _, taken := range hold.Budgets {
			if taken.Key.Limit == "tokens" {
				return taken.Amount, nil
			}
		}
	}
	return 0, fmt.Errorf("an intent reserved nothing: %s", text)
}

// tokensUsed reads what an outcome says that a call took; what is not known costs what was held.
func tokensUsed(text string, held int64) (int64, error) {
	var used []policy.Used
	if err := json.Unmarshal([]byte(text), &used); err != nil {
		return 0, err
	}
	for _, u := range used {
		if u.Unit == narthex.Tokens && u.Amount >= 0 {
			return u.Amount, nil
		}
	}
	return held, nil
}
