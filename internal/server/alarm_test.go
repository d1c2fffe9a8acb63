package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/sandbox"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// channels gives what left of the model by each channel and what is reserved for it, of those with any.
func channels(t *testing.T, e *testenv.Env) string {
	t.Helper()
	is := account(t, e)
	var all []string
	var used, reserved int64
	for _, line := range is.Channels {
		used, reserved = used+line.Used, reserved+line.Reserved
		if line.Used > 0 || line.Reserved > 0 {
			all = append(all, fmt.Sprintf("%s %d+%d", line.Channel, line.Used, line.Reserved))
		}
	}
	if used != is.Used || reserved != is.Reserved || is.Left != is.Allowed-used-reserved {
		t.Errorf("the channels make %d and %d, and the account %d and %d with %d left", used, reserved, is.Used, is.Reserved, is.Left)
	}
	return strings.Join(all, ", ")
}

// TestTheHorizonShowsWhatLeftByEachChannel: log-probabilities, outcomes of jobs and released bytes apart, what is reserved of each while a
// job runs, a release waits and a call is open, and their sum is what the door admits by.
func TestTheHorizonShowsWhatLeftByEachChannel(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	options, _ := testenv.Beside(t, testenv.Options{}, func(ctx context.Context, job sandbox.Job, out string, a, b io.Writer) sandbox.Ended {
		close(begun)
		<-end
		return leaves(map[string]string{"table.csv": "layer,value\n0,1.23456\n"})(ctx, job, out, a, b)
	})
	e := testenv.New(t, options)
	e.Model.Handle(scoring)
	h := &hall{Env: e}
	h.grant, h.key = e.Grant(t, "", append(testenv.JobTerms(), testenv.Tokens(1000, nil), scored(1)[1])...)
	expect := func(when, want string) {
		t.Helper()
		if got := channels(t, e); got != want {
			t.Errorf("%s: %s, and should be %s", when, got, want)
		}
	}
	expect("before anything", "")
	if is := account(t, e); is.Days == nil || *is.Days <= 0 || *is.Days > 10 {
		t.Errorf("what is left lasts %v days", is.Days)
	}
	job := h.submit(t)
	outcome := job.Plan.OutcomeBytes
	<-begun
	expect("while a job runs", fmt.Sprintf("job_outcomes 0+%d", outcome))
	close(end)
	h.over(t, job.ID)
	expect("when it is over", fmt.Sprintf("job_outcomes %d+0", outcome))
	asked := must(h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "table.csv", Context: context20}}}))
	expect("while a release waits", fmt.Sprintf("released_bytes 0+%d, job_outcomes %d+0", asked.Charge, outcome))
	open, answer := make(chan struct{}), make(chan struct{})
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		close(open)
		<-answer
		scoring(w, r)
	})
	called := make(chan error)
	go func() {
		status, text, err := e.Chat(context.Background(), h.key, scoredCall(8, ""))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, text)
		}
		called <- err
	}()
	<-open
	expect("while a call is open", fmt.Sprintf("logprobs 0+15, released_bytes 0+%d, job_outcomes %d+0", asked.Charge, outcome))
	close(answer)
	check(t, <-called)
	for _, name := range []string{"olga", "sam"} {
		h.vote(t, name, h.review(t, name, asked.ID), narthex.VerdictRelease)
	}
	expect("at the end", fmt.Sprintf("logprobs 15+0, released_bytes %d+0, job_outcomes %d+0", asked.Charge, outcome))
}

// alarmLab gives a key whose calls each carry 15 bytes.
func alarmLab(t *testing.T, e *testenv.Env) (grant narthex.Grant, key string, call func(key string, times int)) {
	t.Helper()
	e.Model.Handle(scoring)
	grant, key = e.Grant(t, "", scored(1e6)...)
	return grant, key, func(key string, times int) {
		t.Helper()
		for range times {
			if status, text, err := e.Chat(t.Context(), key, scoredCall(8, "")); err != nil || status != http.StatusOK {
				t.Fatal(status, text, err)
			}
		}
	}
}

// alarmsOf gives how often each person was told of a kind, after three sweeps.
func alarmsOf(t *testing.T, e *testenv.Env, kind string) string {
	t.Helper()
	for range 3 {
		if _, err := e.Node.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	for _, who := range []string{"olga", "sam", "carol", "dan", "lea", "ada", "otto"} {
		n := 0
		for _, told := range toldTo(t, e, who) {
			if strings.HasPrefix(told, kind) {
				n++
			}
		}
		if n > 0 {
			all = append(all, fmt.Sprintf("%s %d", who, n))
		}
	}
	return strings.Join(all, ", ")
}

// TestWhoGuardsAnAssetIsToldWhatHasLeft: at a quarter, a half and three quarters its owner and security are told once each, through
// restarts and however often the clocks are swept, and once more where the rule is another.
func TestWhoGuardsAnAssetIsToldWhatHasLeft(t *testing.T) {
	e := testenv.New(t, leakLab("1000000000", "[behav, bulk]", "1"))
	_, key, call := alarmLab(t, e)
	ruleOf(t, e, "[behav, bulk]", 80)
	told := func(when, want string, passed int64) {
		t.Helper()
		if got := alarmsOf(t, e, "lifetime_"); got != want {
			t.Errorf("%s: %q is told, and should be %q", when, got, want)
		}
		if is := account(t, e).Passed; is != passed {
			t.Errorf("%s: the horizon says %d%%", when, is)
		}
	}
	call(key, 1) // 15 bytes
	told("below a quarter", "", 0)
	call(key, 1) // 30
	told("beyond a quarter", "olga 1, sam 1", 25)
	call(key, 2) // 60
	told("at three quarters", "olga 3, sam 3", 75)
	check(t, e.Node.Close())
	e.Start(t)
	told("after a restart", "olga 3, sam 3", 75)
	ruleOf(t, e, "[behav, bulk]", 200)
	told("with a higher rule", "olga 4, sam 4", 25)
	list := must(e.People["sam"].Notices(t.Context(), client.Page{})).Notices
	if n := list[0]; n.Happened != "Of the bytes of model that may ever leave, a quarter has left." || n.Do != "narthex horizon model" || n.Engagement != "" {
		t.Errorf("sam is told %+v", n)
	}
}

// TestADayFarBeyondOnesOwnIsTold: more than three times a person's own median day of at least five, whatever others took, once a day; it is
// shown beside the asset, counts for nothing at the door, and goes with an erasure.
func TestADayFarBeyondOnesOwnIsTold(t *testing.T) {
	var raw store.Store
	options := leakLab("1000000000", "[behav, bulk]", "1")
	options.Wrap = func(s store.Store) store.Store { raw = s; return s }
	e := testenv.New(t, options)
	grant, key, call := alarmLab(t, e)
	e.Outsiders(t, "2", "Second")
	_, other := e.Grant(t, "2", scored(1e6)...)
	day := e.Clock.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)
	next := func() {
		day = day.Add(24 * time.Hour)
		leap(t, e, day, "ada", "olga", "sam", "carol", "dan", "lea", "otto")
	}
	told := func(when, want string, days int) {
		t.Helper()
		if got := alarmsOf(t, e, "day_unusual"); got != want {
			t.Errorf("%s: %q is told, and should be %q", when, got, want)
		}
		if is := account(t, e).Unusual; len(is) != days {
			t.Errorf("%s: the horizon shows %+v", when, is)
		}
	}
	for range 4 {
		next()
		call(key, 1)
	}
	next()
	call(key, 9)
	told("on the fifth day", "", 0) // there are but four before it
	next()
	call(other, 9) // somebody else
	call(key, 3)
	told("at three times the median", "", 0)
	call(key, 1)
	told("beyond it", "olga 1, sam 1", 1)
	call(key, 1)
	told("and once a day", "olga 1, sam 1", 1)
	if d := account(t, e).Unusual[0]; d.Person != e.People["ada"].ID || d.Day != day.Format(time.DateOnly) || d.Bytes != 75 || d.Median != 15 {
		t.Errorf("the day is %+v", d)
	}
	next()
	call(key, 4)
	told("on another day", "olga 2, sam 2", 2)
	day = day.Add(40 * 24 * time.Hour)
	next()
	key = must(e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "later"})).Token
	call(key, 9)
	told("after a month", "olga 2, sam 2", 0) // there is no usual day any more
	ada := e.People["ada"].ID
	counted := func() (rows int) {
		t.Helper()
		check(t, raw.View(t.Context(), func(r store.Reader) error {
			for _, prefix := range []string{"days/", "unusual/"} {
				found, err := r.Scan(store.Notices, store.Prefix(prefix, 1000))
				if err != nil {
					return err
				}
				for _, row := range found {
					if strings.Contains(row.Key, string(ada)) {
						rows++
					}
				}
			}
			return nil
		}))
		return rows
	}
	if n := counted(); n != 1 {
		t.Errorf("of a month in which nothing left there are %d rows", n)
	}
	for _, command := range []string{"end", "close"} {
		_, err := e.People["carol"].Command(t.Context(), grant.Engagement, command, client.Command{Text: "done"})
		check(t, err)
	}
	_, err := e.People["carol"].Remove(t.Context(), ada, "left")
	check(t, err)
	_, err = e.People["dan"].Erase(t.Context(), ada, "asked for it")
	check(t, err)
	delete(e.People, "ada")
	if n := counted(); n != 0 {
		t.Errorf("%d rows count what an erased person took", n)
	}
}
