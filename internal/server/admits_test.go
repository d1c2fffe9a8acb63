package server_test

import (
	"net/http"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/sandbox/fake"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// TestTheHorizonShowsTheNumberThatTheDoorAdmitsBy: of what `narthex horizon` says is left, a call, a job and a release that take all of it
// are admitted, and those that take a byte more are not; and what would be decided is said by the same number.
func TestTheHorizonShowsTheNumberThatTheDoorAdmitsBy(t *testing.T) {
	m := openMix(t, "", 1, leaves(results))
	h := &hall{Env: m.Env, key: m.keys[0]}
	left := func(want int64) {
		t.Helper()
		is := account(t, m.Env)
		m.cap = is.Used + is.Reserved + want
		m.rule(t)
		if is = account(t, m.Env); is.Left != want || is.Left != is.Allowed-is.Used-is.Reserved {
			t.Fatalf("of %d bytes the horizon shows %+v", want, is)
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		if codeOf(err) != "lifetime_exhausted" {
			t.Errorf("%s that takes a byte more: %v", what, err)
		}
	}
	job := must(h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), WallMinutes: 1}))
	h.over(t, job.ID)
	asked := must(h.asks(t, job.ID))
	must(h.holder().WithdrawRelease(t.Context(), asked.ID))

	const body, bytes = 8, 15 // tokens of 15 bits
	left(bytes - 1)
	if status, text, err := m.Chat(t.Context(), m.keys[0], scoredCall(body, "")); err != nil || status != http.StatusTooManyRequests || !strings.Contains(text, "lifetime_exhausted") {
		t.Errorf("a call that takes a byte more: %d %s %v", status, text, err)
	}
	explain := func() client.Explanation {
		view := must(h.holder().OwnGrant(t.Context()))
		return must(m.People["sam"].Explain(t.Context(), view.Grant.ID, client.Explain{Surface: "chat", Request: scoredCall(body, "")}))
	}
	if said := explain(); said.Allowed || said.Code != "lifetime_exhausted" {
		t.Errorf("it is explained as %+v", said)
	}
	left(bytes)
	if said := explain(); !said.Allowed {
		t.Errorf("it is explained as %+v", said)
	}
	if status, text, err := m.Chat(t.Context(), m.keys[0], scoredCall(body, "")); err != nil || status != http.StatusOK {
		t.Errorf("a call that takes what is left: %d %s %v", status, text, err)
	}

	again := func() (narthex.Job, error) {
		return h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), WallMinutes: 1})
	}
	left(job.Plan.OutcomeBytes - 1)
	_, err := again()
	refused("a job", err)
	left(job.Plan.OutcomeBytes)
	h.over(t, must(again()).ID)
	if is := account(t, m.Env); is.Left != 0 {
		t.Errorf("a job that takes what is left leaves %d", is.Left)
	}

	left(asked.Charge - 1)
	_, err = h.asks(t, job.ID)
	refused("a release", err)
	left(asked.Charge)
	must(h.asks(t, job.ID))
	if is := account(t, m.Env); is.Left != 0 || is.Reserved != asked.Charge {
		t.Errorf("a release that takes what is left leaves %+v", is)
	}
}

// TestWithoutBubblewrapTheGatewayServesWhatNeedsNoJobs: and who asks for a job is told what the lab has to install.
func TestWithoutBubblewrapTheGatewayServesWhatNeedsNoJobs(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	h := openHallWith(t, fake.Play(nil), func(c *server.Config) { c.Host = nil })
	if status, text, err := h.Chat(t.Context(), h.key, testenv.Hello); err != nil || status != http.StatusOK {
		t.Errorf("a call: %d %s %v", status, text, err)
	}
	_, err := h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles()})
	if !narthex.IsKind(err, narthex.Unavailable) || !strings.Contains(narthex.AsError(err).Public, "apt-get install bubblewrap") {
		t.Errorf("a job: %v", err)
	}
	if denied := verified(t, h.Env).ByType[narthex.EntryCallDenied]; denied != 1 {
		t.Errorf("%d entries say so", denied)
	}
}
