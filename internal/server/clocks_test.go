package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// at gives the one status of a chat call with more headers.
func at(t *testing.T, e *testenv.Env, key string, headers ...string) (int, string) {
	t.Helper()
	list := converse(t, e, request("POST", chats, key, testenv.Hello, append(headers, closing)...))
	if len(list) != 1 {
		t.Fatalf("%d answers", len(list))
	}
	return list[0].status, list[0].body
}

// TestAGrantEndsToTheMillisecond, whatever time the caller says it is, and the refusal records both times.
func TestAGrantEndsToTheMillisecond(t *testing.T) {
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock})
	grant, _ := e.Grant(t, "", testenv.Tokens(1_000_000, nil))
	clock.Stop(grant.NotAfter.Add(-time.Hour))
	again, err := e.Client.Login(t.Context(), e.People["ada"].Login)
	if err != nil {
		t.Fatal(err)
	}
	minted, err := e.Client.With(again.Token).Mint(t.Context(), grant.ID, client.Mint{Label: "late"})
	if err != nil || !minted.Key.NotAfter.Equal(grant.NotAfter) {
		t.Fatalf("the key ends at %v and the grant at %v, %v", minted.Key.NotAfter, grant.NotAfter, err)
	}
	claims := func(at time.Time) []string {
		stamp := at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
		return []string{"Date: " + stamp, "If-Unmodified-Since: " + stamp, "If-Modified-Since: " + stamp, "X-Request-Start: " + fmt.Sprint(at.UnixMilli()), "X-Timestamp: " + at.Format(time.RFC3339), "Expires: " + stamp}
	}
	before, after := grant.NotAfter.AddDate(0, 0, -30), grant.NotAfter.AddDate(0, 0, 30)
	for _, c := range []struct {
		now  time.Time
		says []string
		want int
	}{
		{grant.NotAfter.Add(-time.Millisecond), nil, 200},
		{grant.NotAfter.Add(-time.Millisecond), claims(after), 200},
		{grant.NotAfter, nil, 403},
		{grant.NotAfter, claims(before), 403},
		{grant.NotAfter.Add(time.Millisecond), nil, 403},
		{grant.NotAfter.Add(time.Millisecond), claims(before), 403},
	} {
		clock.Stop(c.now)
		if status, body := at(t, e, minted.Token, c.says...); status != c.want || c.want == 403 && !strings.Contains(body, `"code":"expired"`) {
			t.Errorf("at the end %+v, told %v: %d %s", c.now.Sub(grant.NotAfter), c.says, status, body)
		}
	}
	var denial entry // the last
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryCallDenied {
			denial = entry
		}
	}
	end, now := grant.NotAfter.UTC().Format("2006-01-02T15:04:05.000Z"), grant.NotAfter.UTC().Add(time.Millisecond).Format("2006-01-02T15:04:05.000Z")
	if reasons := denial.Field("reasons"); !strings.Contains(reasons, "expired") || !strings.Contains(reasons, end) || !strings.Contains(reasons, now) {
		t.Errorf("the last entry is %s: %s; it should tell of %s and %s", denial.Type, reasons, end, now)
	}
}

// TestATimeIsReadInItsOneForm: an instant in UTC to the second, or no time at all.
func TestATimeIsReadInItsOneForm(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	ada := session(t, e, "ada")
	for text, good := range map[string]bool{
		"2027-01-31T09:30:00Z": true, "2028-02-29T00:00:00Z": true, "2027-03-28T02:30:00Z": true, "9999-12-31T23:59:59Z": true, "1970-01-01T00:00:00Z": true,
		"2027-02-29T00:00:00Z": false, "2027-02-30T00:00:00Z": false, "2027-13-01T00:00:00Z": false, "2027-00-10T00:00:00Z": false, "2027-01-00T00:00:00Z": false,
		"2016-12-31T23:59:60Z": false, "2027-01-01T24:00:00Z": false, "2027-01-01T23:60:00Z": false, "10000-01-01T00:00:00Z": false, "1969-12-31T23:59:59Z": false, "-0001-01-01T00:00:00Z": false, "0000-01-01T00:00:00Z": false,
		"2027-01-31T09:30:00+00:00": false, "2027-01-31T09:30:00+01:00": false, "2027-01-31T09:30:00-00:00": false, "2027-01-31T09:30:00z": false, "2027-01-31t09:30:00Z": false, "2027-01-31 09:30:00Z": false,
		"2027-01-31T09:30:00.5Z": false, "2027-01-31T09:30:00.123456789012Z": false, "2027-01-31T09:30:00,5Z": false, "2027-01-31T09:30Z": false, "2027-01-31T9:30:00Z": false, "2027-01-31T09:30:00": false, "2027-01-31": false,
		"20270131T093000Z": false, "2027-W04-7T09:30:00Z": false, " 2027-01-31T09:30:00Z": false, "2027-01-31T09:30:00Z ": false, "1801387800": false, "": false, "now": false, "２027-01-31T09:30:00Z": false,
	} {
		if read, err := narthex.ParseTime(text); (err == nil) != good || good && read.Format(time.RFC3339) != text {
			t.Errorf("%q is read as %v, %v", text, read, err)
		}
		body := `{"pathway":"test","title":"x","answers":{"why":"x"},"terms":[{"attribute":"model.sample","asset":"model","limits":{"tokens":10,"not_after":"` + text + `"}}]}`
		list := converse(t, e, request("POST", "/api/engagements", ada, body, closing))
		if len(list) != 1 || (list[0].status == 200) != good || !good && list[0].status != 400 || good && !strings.Contains(list[0].body, `"not_after":"`+text+`"`) {
			t.Errorf("a term that ends at %q: %v", text, list)
		}
	}
	for _, value := range []string{"1801387800", "-1", "1e400", "null", "true", `["2027-01-31T09:30:00Z"]`, `{"$date":0}`} {
		body := `{"pathway":"test","title":"x","answers":{"why":"x"},"terms":[{"attribute":"model.sample","asset":"model","limits":{"tokens":10,"not_after":` + value + `}}]}`
		if list := converse(t, e, request("POST", "/api/engagements", ada, body, closing)); !slices.Equal(statuses(list), []int{400}) {
			t.Errorf("a term that ends at %s: %v", value, list)
		}
	}
}

// TestNoDayIsRefilledTwiceByAClock that goes over midnight and back, and no entry is of an earlier time than the one before it.
func TestNoDayIsRefilledTwiceByAClock(t *testing.T) {
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock})
	_, key := e.Grant(t, "", testenv.Tokens(1_000_000, limits{"tokens_per_day": number(40)}))
	e.Model.Handle(testenv.Answer("hello", 7, 5))
	spend := func() int { // until no call more is served
		for served := 0; ; served++ {
			if status, _ := at(t, e, key); status != 200 {
				return served
			}
		}
	}
	midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	clock.Stop(midnight.Add(-time.Second))
	first := spend()
	if status, _ := at(t, e, key); first < 1 || status != 429 {
		t.Fatalf("%d calls were served before midnight, and the next is %d", first, status)
	}
	clock.Stop(midnight)
	if second := spend(); second != first {
		t.Errorf("%d calls were served on the first day and %d on the second", first, second)
	}
	for _, now := range []time.Time{midnight.Add(-time.Millisecond), midnight.Add(-3 * time.Second), midnight.Add(-time.Hour), midnight.Add(-25 * time.Hour), midnight.Add(time.Second)} {
		clock.Stop(now)
		if more := spend(); more != 0 {
			t.Errorf("%d calls more are served with the clock at midnight %+v", more, now.Sub(midnight))
		}
	}
	all := entries(t, e)
	if !slices.IsSortedFunc(all, func(a, b entry) int { return a.at.Compare(b.at) }) {
		t.Error("an entry is of an earlier time than the one before it")
	}
	if last := all[len(all)-1].at; !last.Equal(midnight.Add(time.Second)) {
		t.Errorf("the last entry is of %v", closing)
	}
}
