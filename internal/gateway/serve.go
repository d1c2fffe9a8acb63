package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/gateway/live"
	"narthex/internal/gateway/model"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/upstream"
	"narthex/internal/wire"
	"narthex/policy"
)

// Chat serves POST /v1/chat/completions.
func (d *Door) Chat() http.Handler {
	return d.Handler(func(v *visit) error { return v.complete(model.ParseChat) })
}

// Completions serves POST /v1/completions.
func (d *Door) Completions() http.Handler {
	return d.Handler(func(v *visit) error { return v.complete(model.ParseCompletion) })
}

// serving is an admitted call on its way.
type serving struct {
	*admission
	v      *visit
	call   *model.Call
	live   *live.Call
	cutter *model.Cutter
	shown  string // the call's identifier
	closed bool   // its outcome is recorded, or waits to be
}

// complete is the life of a model call.
func (v *visit) complete(parse func([]byte) (*model.Call, error)) error {
	if err := v.door.Published.Ready(); err != nil {
		return err
	}
	body, err := wire.ReadBody(v.r, model.MaxBody)
	if err != nil {
		return v.denyUnread(err)
	}
	call, err := parse(body)
	if err != nil {
		return v.denyUnread(err)
	}
	if v.seal, err = v.newSeal(body); err != nil {
		return err
	}
	// The call is in the registry before it is admitted: a lock either commits first and is seen, or finds it here.
	grant, err := journal.Peek[narthex.Grant](v.r.Context(), v.door.Journal, store.Grants, string(v.key.Grant))
	if err != nil || grant == nil {
		return narthex.Unavailablef("The grant could not be looked up; try again in a moment.").Because(err)
	}
	person, err := journal.Peek[narthex.Person](v.r.Context(), v.door.Journal, store.People, string(v.key.Person))
	if err != nil || person == nil {
		return narthex.Unavailablef("The key's person could not be looked up; try again in a moment.").Because(err)
	}
	nations, err := journal.Peek[book.Nationalities](v.r.Context(), v.door.Journal, store.Meta, book.NationalitiesKey(v.key.Person))
	if err != nil {
		return narthex.Unavailablef("The key's person could not be looked up; try again in a moment.").Because(err)
	}
	if nations == nil {
		nations = &book.Nationalities{}
	}
	asset, _ := call.Model()
	subjects := book.RestsOn(v.key, grant, person.Region, nations.List, asset)
	if grant.AuthorisedFor != "" {
		word, err := journal.Peek[narthex.SignedAuthorisation](v.r.Context(), v.door.Journal, store.Meta, book.AuthorisedKey(grant.Persons[0]))
		if err != nil {
			return narthex.Unavailablef("The institution's authorisation could not be looked up; try again in a moment.").Because(err)
		}
		if word != nil {
			v.official = word.Signature.By
			subjects = append(subjects, book.WordBy(v.official))
		}
	}
	entered, err := v.door.Live.Enter(v.r.Context(), v.key.ID, v.breaker(), subjects...)
	if err != nil {
		return v.denyUnread(err)
	}
	defer entered.Leave()
	admitted, err := v.admit(call)
	if admitted == nil {
		return err
	}
	entered.Admit(admitted.until)
	s := &serving{admission: admitted, v: v, call: call, live: entered, shown: string(narthex.MakeCallID(admitted.intent))}
	defer s.leave()
	s.cutter = model.NewCutter(call, s.limits())
	s.cutter.SetID(s.shown)
	v.w.Header().Set("Narthex-Call", s.shown)
	if err != nil {
		return s.failed(fmt.Errorf("%w: %w", errNotAsked, err))
	}
	if call.Stream() {
		return s.stream()
	}
	return s.whole()
}

// leave closes a call that a fault of ours ended before its outcome, so that it does not stay open and reserved until the next
// start.
func (s *serving) leave() {
	if s.closed {
		return
	}
	if err := s.settle("broken", model.Usage{}, nil); err != nil {
		s.v.door.Log.Error("a call that ended by a fault of ours could not be settled yet", "call", s.shown, "cause", err.Error())
	}
}

// limits is what the answer is cut to.
func (s *serving) limits() model.Limits {
	topK, granted := s.decision.Number("model.logprobs", "top_k")
	decimals, _ := s.decision.Number("model.logprobs", "decimals")
	asset, version := s.call.Model()
	name := string(asset)
	if version != "" {
		name += "@" + string(version)
	}
	return model.Limits{Model: name, MaxTokens: s.answerTokens(), Logprobs: granted, TopK: int(topK), Decimals: int(decimals)}
}

// answerTokens is how long each answer may be.
func (s *serving) answerTokens() int64 {
	return s.call.AnswerTokens(s.asset, s.decision.Amount(narthex.Tokens))
}

// ask builds the request to the upstream from the call.
func (s *serving) ask() (client *upstream.Client, path string, body []byte, err error) {
	if client, err = s.v.door.Upstreams.For(s.asset); err != nil {
		return nil, "", nil, fmt.Errorf("%w: %w", errNotAsked, err)
	}
	path = "/v1/chat/completions"
	if s.call.Surface() == model.Completions {
		path = "/v1/completions"
	}
	topK, asked := s.call.Logprobs()
	if !asked {
		topK = -1
	}
	return client, path, s.call.Upstream(s.version, s.answerTokens(), topK), nil
}

// whole serves an answer at once: asked, cut, settled, recorded, and only then written.
func (s *serving) whole() error {
	out, usage, err := s.fetch()
	if err != nil || s.live.Ended() != nil { // the answer may have come all the same, and does not leave
		return s.failed(err)
	}
	if err := s.settle("served", usage, out); err != nil {
		return err
	}
	s.v.w.Header().Set("Content-Type", "application/json")
	s.v.w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	if err := s.write(out); err != nil {
		panic(http.ErrAbortHandler) // the outcome is recorded: the answer was made and could not be taken
	}
	s.v.door.Meter.Call(string(s.call.Surface()), "served")
	return nil
}

func (s *serving) fetch() ([]byte, model.Usage, error) {
	client, path, body, err := s.ask()
	if err != nil {
		return nil, model.Usage{}, err
	}
	status, answer, err := client.DoAll(s.live.Context(), http.MethodPost, path, body)
	if err != nil {
		return nil, model.Usage{}, err
	}
	if status != http.StatusOK {
		return nil, model.Usage{}, statusError{status, contextTooLong(answer)}
	}
	return s.cutter.Answer(answer)
}

// statusError is an upstream that answered with an error.
type statusError struct {
	status  int
	tooLong bool
}

func (e statusError) Error() string { return http.StatusText(e.status) }

// contextTooLong says whether an upstream refused because the prompt is longer than its context.
func contextTooLong(body []byte) bool {
	answer, err := wire.DecodeLenient[struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}](body, wire.Limits{Bytes: 1 << 16, Depth: 8})
	return err == nil && answer.Error.Code == "context_length_exceeded"
}

// stream serves an answer piece by piece. What ends it, from the piece that says so to the usage and the last word, is written
// only when the outcome is recorded.
func (s *serving) stream() error {
	client, path, body, err := s.ask()
	if err != nil {
		return s.failed(err)
	}
	ctx, leave := context.WithCancel(s.live.Context())
	defer leave()
	answer, err := client.Do(ctx, http.MethodPost, path, "text/event-stream", body)
	if err != nil {
		return s.failed(err)
	}
	defer answer.Body.Close()
	if answer.Status != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<16)) // what cannot be read is no reason
		return s.failed(statusError{answer.Status, contextTooLong(text)})
	}
	s.v.w.Header().Set("Content-Type", "text/event-stream")
	s.v.wrote = true
	events := wire.NewEvents(answer.Body, mostEvent)
	var last []byte // from the event on that ends the answer
	for {
		data, err := events.Next()
		if err == io.EOF && events.Done() {
			break
		}
		if err == io.EOF {
			err = upstream.ErrBroken // it closed without saying that it was done
		}
		if err == nil {
			data, err = s.cutter.Event(data)
		}
		switch {
		case err != nil || data == nil:
		case s.cutter.Done():
			last = append(last, eventLine(data)...)
		default:
			err = s.event(data)
		}
		if err != nil {
			return s.failed(err)
		}
	}
	if err := s.finish(last); err != nil {
		return err
	}
	defer time.AfterFunc(afterDone, leave).Stop()
	io.Copy(io.Discard, answer.Body) // to the end, so that the connection is kept; the answer is complete without it
	return nil
}

// afterDone is how long an upstream that said that it is done may take to end its answer, before its connection is given up.
const afterDone = 100 * time.Millisecond

// slowest is how long one write may wait for its reader.
const slowest = 30 * time.Second

// mostEvent bounds one event of an upstream's stream, in bytes.
const mostEvent = 1 << 20

var (
	errCut = errors.New("the call was cut")
	// errNotAsked says that the node itself could not ask: what the call took is known, and is nothing.
	errNotAsked = errors.New("the upstream was not asked")
)

// eventLine is an event as it goes over the wire.
func eventLine(data []byte) []byte {
	line := make([]byte, 0, len(data)+8)
	return append(append(append(line, "data: "...), data...), "\n\n"...)
}

// event writes one event through the gate.
func (s *serving) event(data []byte) error {
	line := eventLine(data)
	if err := s.write(line); err != nil {
		return err
	}
	s.v.seal.answer.Write(line)
	return nil
}

// write lets bytes through the gate, now. errCut says that the gate is shut.
func (s *serving) write(data []byte) error {
	wrote, err := s.live.Write(s.v.door.Journal.Now(), func() error {
		control := http.NewResponseController(s.v.w)
		// A reader who takes nothing is left after a while. Whoever cuts sets the end of the call before the deadline of the
		// connection, so one of the two is seen here.
		if err := control.SetWriteDeadline(time.Now().Add(slowest)); err != nil {
			return err
		}
		if s.live.Ended() != nil {
			return errCut
		}
		if _, err := s.v.w.Write(data); err != nil {
			return err
		}
		return control.Flush()
	})
	if !wrote {
		return errCut
	}
	return err
}

// finish records the outcome and lets the end of the answer go. A stream whose answers did not all end is broken.
func (s *serving) finish(last []byte) error {
	if !s.cutter.Done() || s.live.Ended() != nil {
		return s.failed(upstream.ErrBroken)
	}
	usage, _ := s.cutter.Usage()
	last = append(last, eventLine([]byte("[DONE]"))...)
	if err := s.settle("served", usage, last); err != nil {
		return err
	}
	s.v.door.Meter.Call(string(s.call.Surface()), "served")
	if err := s.write(last); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// brokeOff is the refusal where the model's answer did not come whole.
func brokeOff() *narthex.Error {
	return narthex.Unavailablef("The model broke off or answered with something that cannot be passed on. What the call could have cost is charged; try again.")
}

// failed ends a call that was not served whole: it costs the worst case, whatever the upstream says or does not say, unless the
// prompt did not fit or the node could not ask. The caller learns which kind of thing failed and nothing of the upstream's.
func (s *serving) failed(cause error) error {
	if s.live.Ended() != nil || errors.Is(cause, errCut) {
		return s.ended()
	}
	var refused statusError
	status, used := "broken", model.Usage{}
	public := brokeOff()
	switch {
	case errors.As(cause, &refused) && refused.tooLong:
		status, used.Known = "refused", true // as the protocol has it: nothing was begun
		public = narthex.Invalidf("The prompt is longer than the model's context; shorten it.").For("messages")
		public.Code = "context_length_exceeded"
	case errors.As(cause, &refused) && refused.status < 500:
		status = "refused"
		public = narthex.Unavailablef("The model's server refused the request. What the call could have cost is charged; tell the lab, with the request's id.")
	case errors.Is(cause, errNotAsked):
		status, used.Known = "down", true
		public = narthex.Unavailablef("The model's server was not asked, for the node lacks what it takes; nothing was charged. Tell the lab, with the request's id.")
	case errors.Is(cause, upstream.ErrDown):
		status = "down"
		public = narthex.Unavailablef("The model's server was not reached. What the call could have cost is charged; ask the lab for it back, with the request's id, and try again later.")
	case errors.Is(cause, context.Canceled) || s.v.r.Context().Err() != nil:
		status = "left"
	}
	if !used.Known {
		s.v.w.Header().Set("X-Should-Retry", "false") // each try is charged: a person decides on it, and no client by itself
	}
	var told []byte // a stream that began breaks off instead
	if !s.v.wrote {
		told = model.ErrorBody(public, s.v.id)
	}
	if err := s.settle(status, used, told); err != nil {
		return err
	}
	s.v.door.Meter.Call(string(s.call.Surface()), status)
	return public.Because(cause)
}

// ended closes a call that was cut: without a last word. Why stands in the answer to the next call and with the grant; but of one that is
// to look broken the records say what they say where the model broke off.
func (s *serving) ended() error {
	status, told := "cut", []byte(nil)
	if end := s.live.Ended(); end != nil && end.Code == "broken" {
		status = end.Code
		if !s.v.wrote {
			told = model.ErrorBody(brokeOff(), s.v.id)
		}
	}
	if err := s.settle(status, model.Usage{}, told); err != nil && !narthex.IsKind(err, narthex.Conflict) {
		s.v.door.Log.Warn("a cut call could not be settled", "call", s.shown, "cause", err.Error())
	}
	s.v.door.Meter.Call(string(s.call.Surface()), status)
	panic(http.ErrAbortHandler)
}

// settle turns what was reserved into what was used and records the outcome, in one commit: it commits to what has left and to
// the rest, which leaves when it is recorded. It is done even when the caller has left.
func (s *serving) settle(status string, usage model.Usage, rest []byte) error {
	used := []policy.Used{{Unit: narthex.Calls, Amount: 1}, {Unit: narthex.Tokens, Amount: usage.Total()}}
	if !usage.Known {
		used = []policy.Used{{Unit: narthex.Calls, Amount: 1}, {Unit: narthex.Tokens, Amount: -1}}
	}
	if s.bits > 0 && (usage.Known || status == "served") { // else it is unknown, and costs what was reserved
		used = append(used, policy.Used{Unit: narthex.Bytes, Amount: policy.InBytes(s.cutter.Scored(), s.bits)})
	}
	s.closed = true
	end := s.live.Ended()
	left := narthex.MakeDigest([32]byte{}) // where the rest does not leave; an error that tells of it is in no outcome
	if s.v.wrote {
		left = narthex.MakeDigest([32]byte(s.v.seal.answer.Sum(nil)))
	}
	s.v.seal.answer.Write(rest)
	answer := narthex.MakeDigest([32]byte(s.v.seal.answer.Sum(nil)))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.v.r.Context()), 30*time.Second)
	defer cancel()
	outcome := func(tx *journal.Tx) error {
		if status == "cut" && end != nil {
			cut := client.CutView{Call: narthex.CallID(s.shown), At: end.At, Code: end.Code}
			if end.Lock != nil {
				cut.Reason = end.Lock.Reason
			}
			if err := book.AddCut(tx, s.grant, cut); err != nil {
				return err
			}
		}
		return closeCall(tx, s.intent, s.holds, s.grant, s.v.key.Person, status, used, answer)
	}
	err := s.v.door.Journal.Update(ctx, outcome)
	if err != nil && !narthex.IsKind(err, narthex.Conflict) {
		// The caller gets no last byte. What the call took is recorded as soon as the store takes it.
		status, answer = "unrecorded", left
		s.v.door.Later.add(outcome)
	}
	return err
}

// closeCall settles the accounts and appends the outcome.
func closeCall(tx *journal.Tx, intent uint64, holds []policy.Hold, grant narthex.GrantID, person narthex.PersonID, status string, used []policy.Used, answer narthex.Digest) error {
	if err := book.Settle(tx, person, holds, used); err != nil {
		return err
	}
	form, err := canon.JSON(used)
	if err != nil {
		return err
	}
	_, err = tx.AppendOutcome(intent, narthex.TextField("grant", grant), narthex.TextField("status", status),
		narthex.CanonicalField("used", string(form)), narthex.TextField("answer", answer))
	return err
}

// ignoreGone takes a failed last write as the caller's choice: the outcome is recorded.
func ignoreGone(err error) error {
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}
