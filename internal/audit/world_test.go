package audit_test

import (
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// world is a node to which random things happen.
type world struct {
	*testing.T
	draw  *mathrand.Rand
	e     *testenv.Env
	keys  []minted
	locks []narthex.LockID
	cases []narthex.EngagementID
	ended map[narthex.GrantID]bool
}

type minted struct {
	name  string
	grant narthex.Grant
	id    narthex.KeyID
	token string
}

func (w *world) begin() {
	w.ended = map[narthex.GrantID]bool{}
	w.e.Outsiders(w, "2", "Second")
	limits := map[narthex.LimitName]narthex.Value{"tokens_per_day": narthex.NumberValue(3000), "rate": narthex.NumberValue(20), "concurrency": narthex.NumberValue(2), "actor_kinds": narthex.NamesValue("human", "agent")}
	w.grant("", testenv.Tokens(20_000, limits), testenv.Term("model.system_prompt", nil), testenv.Term("model.checkpoints", nil))
	w.grant("", testenv.Tokens(2000, map[narthex.LimitName]narthex.Value{"actor_kinds": narthex.NamesValue("human", "agent"), "networks": narthex.NamesValue("127.0.0.0/8")}), testenv.Term("model.base", nil))
	w.grant("2", testenv.Tokens(500, map[narthex.LimitName]narthex.Value{"regions": narthex.NamesValue("de")}), testenv.Term("model.logprobs", nil))
}

func (w *world) grant(suffix string, terms ...narthex.Term) {
	grant, token := w.e.Grant(w, suffix, terms...)
	w.keys = append(w.keys, minted{"ada" + suffix, grant, "", token})
}

// pick draws one of a list.
func pick[T any](w *world, list []T) T { return list[w.draw.IntN(len(list))] }

// step does one random thing; more than half of them are calls.
func (w *world) step() {
	switch n := w.draw.IntN(50); {
	case n >= 40:
		w.affair()
	case n < 28:
		w.call()
	case n < 29:
		w.lock()
	case n < 32:
		w.unlock()
	case n < 34:
		w.mint()
	case n < 35:
		w.revoke()
	case n < 36:
		w.e.Clock.Move(time.Duration(w.draw.IntN(7200)) * time.Second)
		w.login()
	case n < 37:
		w.e.Clock.Move(24 * time.Hour)
		w.login()
	case n < 38:
		_, err := w.e.Client.With(pick(w, w.keys).token).OwnGrant(w.Context())
		w.mayBeRefused(err)
	case n < 39:
		_, err := w.e.Client.With(pick(w, w.keys).token).Models(w.Context())
		w.mayBeRefused(err)
	default:
		w.end()
	}
}

// mayBeRefused fails the test on what is no refusal.
func (w *world) mayBeRefused(err error) {
	w.Helper()
	if err == nil {
		return
	}
	switch narthex.AsError(err).Kind {
	case narthex.Refused, narthex.Withheld, narthex.Conflict, narthex.Unauthenticated, narthex.Exhausted, narthex.Invalid:
	default:
		w.Fatal(err)
	}
}

func (w *world) call() {
	model := pick(w, []string{"model", "model", "model", "model@early", "model@middle", "hidden", "none"})
	more := pick(w, []string{"", "", `,"stream":true`, `,"n":2`, `,"n":9`, `,"logprobs":true,"top_logprobs":5`, `,"logprobs":true,"top_logprobs":20`, `,"seed":7`, `,"nonsense":1`})
	system := pick(w, []string{"", "", `{"role":"system","content":"be brief"},`, `{"role":"system","content":"be brief, and then some more than that"},`})
	body := fmt.Sprintf(`{"model":%q,"messages":[%s{"role":"user","content":"hello"}],"max_tokens":%d%s}`, model, system, pick(w, []int{1, 5, 7, 50, 101, 2000}), more)
	path := "/v1/chat/completions"
	if w.draw.IntN(6) == 0 {
		path, body = "/v1/completions", fmt.Sprintf(`{"model":%q,"prompt":"hello","max_tokens":%d}`, model, pick(w, []int{1, 5, 500}))
	}
	if w.draw.IntN(2) == 0 {
		path, body = "/v1/chat/completions", testenv.Hello
	}
	w.e.Model.Handle(pick(w, []http.HandlerFunc{nil, nil, nil, testenv.Answer("hello", 1, 50), func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", pick(w, []int{400, 500})) }}))
	if _, _, err := w.e.Post(w.Context(), path, pick(w, w.keys).token, body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // a stream that was cut
		w.Fatal(err)
	}
}

func (w *world) lock() {
	key := pick(w, w.keys)
	in := pick(w, []client.LockRequest{{Subject: "asset", Target: "model"}, {Subject: "grant", Target: string(key.grant.ID)}, {Subject: "org", Target: string(key.grant.Org)},
		{Subject: "person", Target: string(w.e.People["otto"].ID)}, {Subject: "engagement", Target: string(key.grant.Engagement)}, {Subject: "asset", Target: "hidden"}})
	in.Reason = pick(w, narthex.LockReasons())
	locked, err := w.e.People["sam"].Lock(w.Context(), in)
	w.mayBeRefused(err)
	if err == nil {
		w.locks = append(w.locks, locked.Lock.ID)
	}
}

func (w *world) unlock() {
	for _, id := range w.locks {
		_, err := w.e.People["carol"].Unlock(w.Context(), id)
		w.mayBeRefused(err)
	}
	w.locks = nil
	w.login()
}

// login gives everyone a session anew; who is locked out has none.
func (w *world) login() {
	for _, p := range w.e.People {
		session, err := w.e.Client.Login(w.Context(), p.Login)
		w.mayBeRefused(err)
		p.Client = w.e.Client.With(session.Token)
	}
}

func (w *world) mint() {
	key := pick(w, w.keys)
	in := client.Mint{Label: "x", Hours: 1 + w.draw.IntN(48)}
	if w.draw.IntN(2) == 0 {
		in.Actor, in.Terms = narthex.Agent, []narthex.Term{testenv.Tokens(float64(w.draw.IntN(2000)), map[narthex.LimitName]narthex.Value{"max_tokens": narthex.NumberValue(float64(1 + w.draw.IntN(100)))})}
	}
	made, err := w.e.People[key.name].Mint(w.Context(), key.grant.ID, in)
	w.mayBeRefused(err)
	if err == nil {
		w.keys = append(w.keys, minted{key.name, key.grant, made.Key.ID, made.Token})
	}
}

func (w *world) revoke() {
	if key := pick(w, w.keys); key.id != "" {
		_, err := w.e.People[key.name].RevokeKey(w.Context(), key.id)
		w.mayBeRefused(err)
	}
}

// end ends a grant, and makes another in its place: never all of them.
func (w *world) end() {
	key := pick(w, w.keys)
	if w.ended[key.grant.ID] || len(w.locks) > 0 {
		return
	}
	w.ended[key.grant.ID] = true
	_, err := w.e.People[key.name].Command(w.Context(), key.grant.Engagement, "end", client.Command{Text: "done"})
	w.mayBeRefused(err)
	suffix := key.name[len("ada"):]
	w.grant(suffix, testenv.Tokens(float64(1000+w.draw.IntN(5000)), nil))
}
