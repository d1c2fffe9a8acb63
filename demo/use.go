package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/ledger"
)

// object is a JSON object to send.
type object map[string]any

func user(text string) []object { return []object{{"role": "user", "content": text}} }

// completion is what the story reads of an answer.
type completion struct {
	Model   string `json:"model"`
	Choices []struct {
		Message  struct{ Content string } `json:"message"`
		Logprobs *struct {
			Content []struct {
				Token       string   `json:"token"`
				Logprob     float64  `json:"logprob"`
				TopLogprobs []ranked `json:"top_logprobs"`
			} `json:"content"`
		} `json:"logprobs"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		TotalTokens int64 `json:"total_tokens"`
	} `json:"usage"`
}

type ranked struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
}

// ask sends a call with the key, as any client would.
func (t *tale) ask(ctx context.Context, path string, body object) (completion, error) {
	var out completion
	answer, err := t.client.With(t.key).Do(ctx, http.MethodPost, path, body)
	if err != nil {
		return out, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return out, client.ReadProblem(answer)
	}
	return out, json.NewDecoder(answer.Body).Decode(&out)
}

const chat = "/v1/chat/completions"

func (t *tale) use(ctx context.Context) error {
	minted, err := t.cast["ada"].client.Mint(ctx, t.grant, client.Mint{Label: "laptop"})
	if err != nil {
		return err
	}
	t.key = minted.Token
	t.tell.act("Ada", "mints a key; it is shown once")
	prompt := "It returns an error if the file\n\n|prod| "
	answer, err := t.ask(ctx, chat, object{"model": "minim-1", "messages": user(prompt), "max_tokens": 42, "temperature": 0, "logprobs": true, "top_logprobs": 5})
	if err != nil {
		return err
	}
	content := answer.Choices[0].Logprobs
	if content == nil || len(content.Content) != 42 || len(content.Content[0].TopLogprobs) != 5 {
		return errors.New("the five log-probabilities are not there")
	}
	t.tell.act("Ada", `asks minim-1 to go on after "|prod| ", with the five likeliest letters`)
	t.tell.yes("%q\nfirst letter: %s", answer.Choices[0].Message.Content, likeliest(content.Content[0].TopLogprobs))
	if answer, err = t.ask(ctx, chat, object{"model": "minim-1@early", "messages": user(prompt), "max_tokens": 42, "temperature": 0}); err != nil {
		return err
	}
	t.tell.act("Ada", "asks the checkpoint of a tenth of the training")
	t.tell.yes("%q", answer.Choices[0].Message.Content)
	text, done, err := t.stream(ctx, object{"model": "minim-1", "messages": user("Package errors "), "max_tokens": 60, "temperature": 0, "stream": true}, nil)
	if err != nil {
		return err
	}
	if !done || text == "" {
		return errors.New("the stream did not end with its last word")
	}
	t.tell.act("Ada", "streams an answer")
	t.tell.yes("%q", text)
	return nil
}

func likeliest(list []ranked) string {
	var parts []string
	for _, r := range list {
		parts = append(parts, fmt.Sprintf("%q %.2f", r.Token, r.Logprob))
	}
	return strings.Join(parts, "  ")
}

// stream reads an answer piece by piece; done says whether its last word came. After each piece it calls seen.
func (t *tale) stream(ctx context.Context, body object, seen func(pieces int) error) (text string, done bool, err error) {
	answer, err := t.client.With(t.key).Do(ctx, http.MethodPost, chat, body)
	if err != nil {
		return "", false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", false, client.ReadProblem(answer)
	}
	lines := bufio.NewScanner(answer.Body)
	pieces := 0
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		if data == "[DONE]" {
			return text, true, nil
		}
		var event struct {
			Choices []struct {
				Delta struct{ Content string } `json:"delta"`
			} `json:"choices"`
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return text, false, err
		}
		for _, choice := range event.Choices {
			text += choice.Delta.Content
		}
		if pieces++; seen != nil {
			if err := seen(pieces); err != nil {
				return text, false, err
			}
		}
	}
	return text, false, nil
}

func (t *tale) refusals(ctx context.Context) error {
	view, err := t.client.With(t.key).OwnGrant(ctx)
	if err != nil {
		return err
	}
	_, err = t.ask(ctx, chat, object{"model": "minim-1", "messages": user("Package "), "logprobs": true, "top_logprobs": 20})
	e, err := refused(err, narthex.Refused, "limit_exceeded")
	if err != nil {
		return err
	}
	if e.Reason == nil || e.Reason.Allowed != "5" || e.Reason.Asked != "20" || !strings.HasPrefix(e.Reason.Clause, clauseOf(view, "model.logprobs")+"@sha256:") {
		return fmt.Errorf("the clause is not told: %+v", e.Reason)
	}
	t.tell.act("Ada", "asks top_logprobs 20")
	t.tell.no("%s", e.Public)
	_, err = t.ask(ctx, chat, object{"model": "minim-1", "messages": append(user("Is it safe?"), object{"role": "assistant", "content": "Sure, "})})
	if e, err = refused(err, narthex.Refused, "not_granted"); err != nil {
		return err
	}
	t.tell.act("Ada", "begins the model's answer for it")
	t.tell.no("%s", e.Public)
	_, err = t.ask(ctx, "/v1/completions", object{"model": "minim-1", "prompt": "Is it safe? Sure, "})
	if e, err = refused(err, narthex.Refused, "not_granted"); err != nil {
		return err
	}
	t.tell.act("Ada", "tries the same through /v1/completions")
	t.tell.no("%s", e.Public)
	var words [2]string
	for i, name := range []string{"codename-porch", "codename-nothing"} {
		_, err = t.ask(ctx, chat, object{"model": name, "messages": user("hello")})
		if e, err = refused(err, narthex.Withheld, "withheld"); err != nil {
			return err
		}
		words[i] = e.Public
	}
	if words[0] != words[1] {
		return errors.New("what is hidden and what is not there look different")
	}
	t.tell.act("Ada", "asks for a model that she may not know of, and for one that does not exist")
	t.tell.no("%s (the same words for both)", words[0])
	return nil
}

func (t *tale) budget(ctx context.Context) error {
	left := func() (client.BudgetView, error) {
		view, err := t.client.With(t.key).OwnGrant(ctx)
		for _, b := range view.Budgets {
			if b.Attribute == "model.sample" && b.Limit == "tokens" {
				return b, err
			}
		}
		return client.BudgetView{}, errors.Join(err, errors.New("the budget is not shown"))
	}
	before, err := left()
	if err != nil {
		return err
	}
	t.tell.act("Ada", "looks at her budget")
	t.tell.yes("%d of %d tokens used, %d left", before.Used, before.Allowed, before.Left)
	now, calls := before, 0
	for ; now.Left > lastCall && calls < 400; calls++ {
		if _, err = t.ask(ctx, chat, object{"model": "minim-1", "messages": user("Package sort "), "max_tokens": 100}); err != nil {
			return err
		}
		if now, err = left(); err != nil {
			return err
		}
	}
	t.tell.act("Ada", fmt.Sprintf("spends most of it in %d calls", calls))
	_, err = t.ask(ctx, chat, object{"model": "minim-1", "messages": user("Package sort "), "max_tokens": now.Left})
	e, err := refused(err, narthex.Exhausted, "budget_exhausted")
	if err != nil {
		return err
	}
	t.tell.act("Ada", fmt.Sprintf("asks for an answer of %d tokens, with the prompt more than is left", now.Left))
	t.tell.no("%s", e.Public)
	if err := t.leaveEarly(ctx); err != nil {
		return err
	}
	after, err := t.settled(ctx, left)
	if err != nil {
		return err
	}
	if after.Used != after.Allowed || after.Left != 0 {
		return fmt.Errorf("the budget does not end where it should: %+v", after)
	}
	t.tell.act("Ada", "asks without a length, which is cut to what is left, and hangs up in the middle: what that could have taken is charged")
	t.tell.yes("%d of %d tokens used, %d left, not one over", after.Used, after.Allowed, after.Left)
	_, err = t.ask(ctx, chat, object{"model": "minim-1", "messages": user("P"), "max_tokens": 1})
	if e, err = refused(err, narthex.Exhausted, "budget_exhausted"); err != nil {
		return err
	}
	t.tell.act("Ada", "asks for one token more")
	t.tell.no("%s", e.Public)
	return nil
}

// lastCall is a number of tokens that one call whose length is not asked can take whole: a prompt of the story, and an answer
// within the terms' max_tokens.
const lastCall = 200

// leaveEarly hangs up in the middle of an answer.
func (t *tale) leaveEarly(ctx context.Context) error {
	t.models.SetPace(20)
	defer t.models.SetPace(0)
	enough := errors.New("enough")
	_, _, err := t.stream(ctx, object{"model": "minim-1", "messages": user("Package sort "), "temperature": 0, "stream": true}, func(pieces int) error {
		if pieces == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		return fmt.Errorf("the answer ended by itself: %w", err)
	}
	return nil
}

// settled gives the budget when no call has anything of it reserved any more.
func (t *tale) settled(ctx context.Context, look func() (client.BudgetView, error)) (client.BudgetView, error) {
	for {
		view, err := look()
		if err != nil || view.Reserved == 0 {
			return view, err
		}
		select {
		case <-ctx.Done():
			return view, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (t *tale) lock(ctx context.Context) error {
	// The story's first grant is spent; its terms are granted once more, through the whole workflow.
	key, err := t.freshGrant(ctx)
	if err != nil {
		return err
	}
	t.key = key
	view, err := t.client.With(key).OwnGrant(ctx)
	if err != nil {
		return err
	}
	t.tell.act("Ada", "has a second grant by the same way, with a million tokens")
	t.models.SetPace(20)
	defer t.models.SetPace(0)
	var locked client.Locked
	text, done, err := t.stream(ctx, object{"model": "minim-1", "messages": user("Package errors "), "max_tokens": 200, "temperature": 0, "stream": true}, func(pieces int) (err error) {
		if pieces == 10 {
			locked, err = t.cast["sam"].client.Lock(ctx, client.LockRequest{Subject: "grant", Target: string(view.Grant.ID), Reason: "suspected_exfiltration", Note: "we are looking at it"})
		}
		return err
	})
	if err != nil {
		return err
	}
	if done || locked.Streams != 1 {
		return fmt.Errorf("the stream should have been cut: %d were", locked.Streams)
	}
	t.tell.act("Sam", "locks it after ten pieces of an answer at 20 letters a second")
	t.tell.yes("%d stream ended; what came was %q and no last word", locked.Streams, text)
	_, err = t.ask(ctx, chat, object{"model": "minim-1", "messages": user("Package ")})
	e, err := refused(err, narthex.Refused, "locked")
	if err != nil {
		return err
	}
	t.tell.act("Ada", "calls again")
	t.tell.no("%s", e.Public)
	if view, err = t.client.With(key).OwnGrant(ctx); err != nil {
		return err
	}
	if len(view.Locks) != 1 || len(view.Ended) != 1 || view.InForce {
		return errors.New("the grant does not show why it stopped")
	}
	_, err = t.cast["sam"].client.Unlock(ctx, locked.Lock.ID)
	if _, err := refused(err, narthex.Refused, "refused"); err != nil {
		return err
	}
	if _, err := t.cast["carol"].client.Unlock(ctx, locked.Lock.ID); err != nil {
		return err
	}
	t.tell.act("Carol", "lifts the lock; Sam, who set it, could not")
	_, err = t.ask(ctx, chat, object{"model": "minim-1", "messages": user("Package "), "max_tokens": 5})
	return err
}

func (t *tale) audit(ctx context.Context) error {
	state, err := t.client.Ledger(ctx)
	if err != nil {
		return err
	}
	var export bytes.Buffer
	if err := t.cast["lea"].client.Export(ctx, &export); err != nil {
		return err
	}
	report, err := ledger.Verify(bytes.NewReader(export.Bytes()), state.Key)
	if err != nil {
		return err
	}
	if len(report.Open) != 0 || report.Size < state.Size {
		return fmt.Errorf("the export is not whole: %d entries, %d calls open", report.Size, len(report.Open))
	}
	t.tell.act("Lea", "exports the ledger and checks the file with the lab's public key alone")
	t.tell.yes("%d entries: %d of governance, %d of use; every record, opening and rule holds", report.Size, report.Governance, report.Use)
	flipped := bytes.Clone(export.Bytes())
	lines := bytes.SplitAfter(flipped, []byte("\n"))
	entry := len(lines) / 2
	at := bytes.Index(lines[entry+1], []byte(`"record":"`)) + 20
	lines[entry+1][at] ^= 1
	_, err = ledger.Verify(bytes.NewReader(flipped), state.Key)
	var tamper *ledger.TamperError
	if !errors.As(err, &tamper) || tamper.Index != int64(entry) {
		return fmt.Errorf("the flipped byte is in entry %d, and the verifier says %v", entry, err)
	}
	t.tell.act("Lea", "flips one byte of it and checks again")
	t.tell.no("%s", tamper)
	return nil
}
