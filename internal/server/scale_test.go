package server_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/listing"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// readCounter counts the rows that are read.
type readCounter struct {
	store.Store
	rows   atomic.Int64
	grants atomic.Int64 // of those, grants
}

func (c *readCounter) View(ctx context.Context, read func(store.Reader) error) error {
	return c.Store.View(ctx, func(r store.Reader) error { return read(countedReader{r, c}) })
}

func (c *readCounter) Update(ctx context.Context, change func(store.Tx) error) error {
	return c.Store.Update(ctx, func(tx store.Tx) error { return change(countedTx{tx, countedReader{tx, c}}) })
}

type countedTx struct {
	store.Tx
	counted countedReader
}

func (t countedTx) Get(table store.Table, key string) ([]byte, error) {
	return t.counted.Get(table, key)
}

func (t countedTx) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	return t.counted.Scan(table, span)
}

type countedReader struct {
	store.Reader
	c *readCounter
}

func (r countedReader) Get(table store.Table, key string) ([]byte, error) {
	r.c.rows.Add(1)
	if table == store.Grants {
		r.c.grants.Add(1)
	}
	return r.Reader.Get(table, key)
}

func (r countedReader) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	rows, err := r.Reader.Scan(table, span)
	r.c.rows.Add(int64(len(rows)))
	return rows, err
}

// crowd is a node with many engagements in each state.
type crowd struct {
	e       *testenv.Env
	read    *readCounter
	lives   []narthex.Engagement // one real engagement in each state
	grant   narthex.Grant
	ids     uint64
	grown   int
	held    []narthex.GrantID
	example narthex.EngagementID // one in review
}

// crowded makes a node with one real engagement in each state.
func crowded(t testing.TB) *crowd {
	c := &crowd{read: &readCounter{}}
	c.e = testenv.New(t, testenv.Options{Wrap: func(s store.Store) store.Store { c.read.Store = s; return c.read }})
	c.e.Tampered = true // rows are put behind the ledger's back
	e, ctx := c.e, t.Context()
	ada := e.People["ada"]
	draft := func() narthex.EngagementID {
		view, err := ada.Draft(ctx, client.Draft{Pathway: "test", Title: "one of many", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}})
		must(t, err)
		return view.Engagement.ID
	}
	var view client.EngagementView
	do := func(who string, id narthex.EngagementID, command string, in client.Command) {
		if in.Saw == "see" {
			in.Saw = view.Engagement.Digest
		}
		var err error
		view, err = e.People[who].Command(ctx, id, command, in)
		must(t, err)
	}
	security := client.Command{As: narthex.Security, Text: "a reason", Saw: "see"}
	draft()
	for _, steps := range [][]string{{}, {"return"}, {"decline"}, {"withdraw"}, {"approve", "own"}} {
		id := draft()
		do("ada", id, "submit", client.Command{})
		c.example = id
		for _, step := range steps {
			switch step {
			case "withdraw":
				do("ada", id, step, client.Command{Text: "no more"})
			case "own":
				do("olga", id, "approve", client.Command{As: narthex.AssetOwner, Saw: "see"})
			default:
				do("sam", id, step, security)
			}
		}
		if len(steps) == 0 {
			defer func(id narthex.EngagementID) { c.example = id }(id)
		}
	}
	for _, end := range []string{"", "end", "close"} {
		c.grant, _ = e.Grant(t, "", testenv.Tokens(10, nil))
		id := c.grant.Engagement
		if end != "" {
			do("ada", id, "end", client.Command{Text: "done"})
		}
		if end == "close" {
			do("carol", id, "close", client.Command{Text: "done"})
		}
	}
	must(t, c.read.Store.View(ctx, func(r store.Reader) error {
		rows, err := r.Scan(store.Engagements, store.Span{Limit: 99})
		for _, row := range rows {
			var life narthex.Engagement
			if err := json.Unmarshal(row.Value, &life); err != nil {
				return err
			}
			c.lives = append(c.lives, life)
		}
		return err
	}))
	submitted := c.lives[0]
	for _, life := range c.lives {
		if life.State == narthex.InReview {
			submitted = life
		}
	}
	submitted.State, submitted.Since, submitted.Due = narthex.Submitted, time.Time{}, time.Time{} // the lab assigns at once, so that none stays there
	c.lives = append(c.lives, submitted)
	have := map[narthex.State]bool{}
	for _, life := range c.lives {
		have[life.State] = true
	}
	for _, state := range narthex.States() {
		if !have[state] {
			t.Fatalf("there is no engagement in state %s to make more of", state)
		}
	}
	return c
}

func (c *crowd) id() [16]byte {
	c.ids++
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], c.ids)
	return id
}

// grow makes there be n engagements in each state, each with its grant, of as many applicants.
func (c *crowd) grow(t testing.TB, n int) {
	var people []narthex.Person
	must(t, c.read.Store.Update(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Scan(store.People, store.Span{Limit: 99})
		for _, row := range rows {
			var p narthex.Person
			if err := json.Unmarshal(row.Value, &p); err != nil {
				return err
			}
			people = append(people, p)
		}
		return err
	}))
	ada := people[0]
	for _, p := range people {
		if p.Name == "Ada" {
			ada = p
		}
	}
	for c.grown < n {
		to := min(n, c.grown+500)
		must(t, c.read.Store.Update(t.Context(), func(tx store.Tx) error {
			var lists book.Lists
			put := func(table store.Table, id string, row any) error {
				value, err := json.Marshal(row)
				if err != nil {
					return err
				}
				return tx.Put(table, id, value)
			}
			for i := c.grown; i < to; i++ {
				p := ada
				p.ID = made[narthex.PersonID](t, c.id())
				lists.Person(p)
				if err := put(store.People, string(p.ID), p); err != nil {
					return err
				}
				for _, life := range c.lives {
					life.ID = made[narthex.EngagementID](t, c.id())
					life.CreatedAt = life.CreatedAt.Add(-time.Duration(i) * time.Minute)
					life.Application.Engagement, life.Application.Applicant, life.Authors = life.ID, p.ID, []narthex.PersonID{p.ID}
					if life.Grant != "" {
						g := c.grant
						g.ID, g.Engagement, g.Persons, g.Ended = made[narthex.GrantID](t, c.id()), life.ID, life.Authors, life.State != narthex.Active
						life.Grant = g.ID
						c.held = append(c.held, g.ID)
						lists.Grant(g)
						if err := put(store.Grants, string(g.ID), g); err != nil {
							return err
						}
					}
					lists.Engagement(life)
					if err := put(store.Engagements, string(life.ID), life); err != nil {
						return err
					}
				}
			}
			for key, row := range lists.Rows() {
				value, err := tx.Get(store.Listings, key)
				if err != nil {
					return err
				}
				if is, counted := row.(book.Grants); counted && value != nil {
					var was book.Grants
					if err := json.Unmarshal(value, &was); err != nil {
						return err
					}
					row = book.Grants{Running: was.Running + is.Running}
				} else if value != nil {
					continue // what else is counted is not added up here
				}
				if err := put(store.Listings, key, row); err != nil {
					return err
				}
			}
			return nil
		}))
		c.grown = to
	}
}

// key brings in an organisation that holds all grants of the crowd, and gives a key of one more of its own.
func (c *crowd) key(t testing.TB, suffix string) string {
	c.e.Outsiders(t, suffix, "Holder "+suffix)
	who, err := c.e.People["ada"+suffix].WhoAmI(t.Context())
	must(t, err)
	value, err := json.Marshal(book.Holdings{Grants: c.held})
	must(t, err)
	must(t, c.read.Store.Update(t.Context(), func(tx store.Tx) error {
		for _, id := range c.held {
			if err := tx.Put(store.Listings, listing.HeldOf(who.Person.Org, "model", "model.sample")+string(id), []byte("{}")); err != nil {
				return err
			}
		}
		return tx.Put(store.Holdings, book.Subject("org", who.Person.Org), value)
	}))
	_, key := c.e.Grant(t, suffix, testenv.Tokens(1e9, nil), testenv.Term("model.logprobs", nil))
	return key
}

func made[T ~string](t testing.TB, random [16]byte) T {
	id, err := narthex.NewID[T](random)
	must(t, err)
	return id
}

// looks is what people look at, each by who does.
func (c *crowd) looks() map[string]func(context.Context) error {
	p := c.e.People
	looks := map[string]func(context.Context) error{
		"an engagement": func(ctx context.Context) error { _, err := p["sam"].Engagement(ctx, c.example); return err },
		"a grant":       func(ctx context.Context) error { _, err := p["dan"].Client.Grant(ctx, c.grant.ID); return err },
		"the report":    func(ctx context.Context) error { _, err := p["carol"].Report(ctx); return err },
		"the horizon":   func(ctx context.Context) error { _, err := p["sam"].Horizon(ctx, "model"); return err },
		"locks":         func(ctx context.Context) error { _, err := p["sam"].Locks(ctx); return err },
		"pathways":      func(ctx context.Context) error { _, err := p["ada"].Pathway(ctx, "test"); return err },
	}
	for name, who := range map[string]string{"programme": "carol", "security": "sam", "asset owner": "olga", "legal": "lea", "researcher": "ada", "official": "otto"} {
		of := p[who]
		looks["engagements by "+name] = func(ctx context.Context) error { _, err := of.Engagements(ctx, client.Page{}); return err }
		looks["engagements in review by "+name] = func(ctx context.Context) error {
			_, err := of.Engagements(ctx, client.Page{State: narthex.InReview, Limit: 20})
			return err
		}
		looks["reviews waiting for "+name] = func(ctx context.Context) error {
			_, err := of.Engagements(ctx, client.Page{State: narthex.InReview, Mine: true})
			return err
		}
		looks["work of "+name] = func(ctx context.Context) error { _, err := of.Work(ctx, client.Page{}); return err }
		looks["grants by "+name] = func(ctx context.Context) error { _, err := of.Grants(ctx, client.Page{}); return err }
		looks["people by "+name] = func(ctx context.Context) error { _, err := of.People(ctx, client.Page{}); return err }
	}
	return looks
}

// TestAPageReadsNoMoreWhereThereIsMore: among ten times as many engagements, grants and people each list reads as many rows. What
// counts the grants and the reviews that run reads one small row of each, and no other.
func TestAPageReadsNoMoreWhereThereIsMore(t *testing.T) {
	c := crowded(t)
	reads := func(n int) map[string]int64 {
		c.grow(t, n)
		read := map[string]int64{}
		for name, look := range c.looks() {
			before := c.read.rows.Load()
			if err := look(t.Context()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			read[name] = c.read.rows.Load() - before
		}
		return read
	}
	few, many := reads(150), reads(1500)
	for name, n := range few {
		most := n + 20
		if name == "the report" {
			most = n + 2*1350 + 20
		}
		if many[name] > most {
			t.Errorf("%s reads %d rows among 1,500 of each state, and %d among 150", name, many[name], n)
		}
	}
}

// TestPagesTogetherAreTheWholeList goes through every list page by page: each row comes once, and none is left out.
func TestPagesTogetherAreTheWholeList(t *testing.T) {
	c := crowded(t)
	c.grow(t, 30)
	for who, want := range map[string]int{"carol": 30*len(c.lives) + len(c.lives) - 1 - 30 - 1, "ada": len(c.lives) - 1, "otto": 30*len(c.lives) + len(c.lives) - 1 - 30 - 1, "olga": 30*len(c.lives) + len(c.lives) - 1 - 30 - 1} {
		for _, limit := range []int{1, 7, 64, 65, 500} {
			seen := map[narthex.EngagementID]bool{}
			for of := (client.Page{Limit: limit}); ; {
				list, err := c.e.People[who].Engagements(t.Context(), of)
				must(t, err)
				if len(list.Engagements) > limit {
					t.Fatalf("a page of %d has %d", limit, len(list.Engagements))
				}
				for _, row := range list.Engagements {
					if seen[row.ID] {
						t.Fatalf("%s is shown %s twice", who, row.ID)
					}
					seen[row.ID] = true
				}
				if of.After = list.Next; of.After == "" {
					break
				}
			}
			if len(seen) != want {
				t.Errorf("%s sees %d in pages of %d, and there are %d", who, len(seen), limit, want)
			}
		}
	}
	people := map[narthex.PersonID]bool{}
	for of := (client.Page{Limit: 9}); ; {
		list, err := c.e.People["carol"].People(t.Context(), of)
		must(t, err)
		for _, p := range list.People {
			if people[p.ID] {
				t.Fatalf("%s is shown twice", p.ID)
			}
			people[p.ID] = true
		}
		if of.After = list.Next; of.After == "" {
			break
		}
	}
	if len(people) != 6+2+30 {
		t.Errorf("%d people are shown", len(people))
	}
	for name, of := range map[string]client.Page{"a limit of 501": {Limit: 501}, "a negative limit": {Limit: -1}, "an unknown state": {State: "asleep"}, "a page of what waits": {Mine: true, After: string(c.example)}} {
		if _, err := c.e.People["carol"].Engagements(t.Context(), of); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s is answered with %v", name, err)
		}
	}
	var other narthex.EngagementID
	for _, life := range c.lives {
		if life.State == narthex.Draft {
			other = life.ID
		}
	}
	for name, after := range map[string]string{"a draft of another": string(other), "none": "eng_aaaaaaaaaaaaaaaaaaaaaaaaaa", "no identifier": "x"} {
		if _, err := c.e.People["sam"].Engagements(t.Context(), client.Page{After: after}); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// TestASweepReadsWhatIsDueAndNoMore: among ten times as many engagements in each state a sweep reads as many rows.
func TestASweepReadsWhatIsDueAndNoMore(t *testing.T) {
	c := crowded(t)
	reads := func(n int) int64 {
		c.grow(t, n)
		before := c.read.rows.Load()
		if spoke, err := c.e.Node.Sweep(t.Context()); err != nil || spoke != 0 {
			t.Fatalf("%d clocks spoke: %v", spoke, err)
		}
		return c.read.rows.Load() - before
	}
	if few, many := reads(20), reads(200); many > few+20 {
		t.Errorf("a sweep reads %d rows among 200 of each state, and %d among 20", many, few)
	}
}

// TestWhatExcludesIsReadAndNoMore: among ten times as many grants of its organisation to decide a call that asks what may not be held
// beside something else reads as many grants; and the call is refused for the one that gives the other thing. What the door decides is
// counted where it is explained, for there nothing is in memory.
func TestWhatExcludesIsReadAndNoMore(t *testing.T) {
	c := crowded(t)
	call := func(key string) (int, string) {
		t.Helper()
		status, text, err := c.e.Chat(t.Context(), key, say(`"max_tokens":3,"logprobs":true`))
		must(t, err)
		return status, text
	}
	reads := func(n int) int64 {
		c.grow(t, n)
		key := c.key(t, fmt.Sprint(n))
		if status, text := call(key); status != http.StatusOK {
			t.Fatal(status, text)
		}
		own := must(c.e.Client.With(key).OwnGrant(t.Context()))
		before := c.read.grants.Load()
		said := must(c.e.People["ada"+fmt.Sprint(n)].Explain(t.Context(), own.Grant.ID, client.Explain{Surface: "chat", Request: say(`"max_tokens":3,"logprobs":true`)}))
		if !said.Allowed {
			t.Fatalf("%+v", said)
		}
		return c.read.grants.Load() - before
	}
	if few, many := reads(20), reads(200); many > few+5 || many == 0 {
		t.Errorf("it reads %d grants where the organisation holds %d, and %d where it holds a tenth", many, len(c.held), few)
	}
	key := c.key(t, "last")
	who, err := c.e.People["adalast"].WhoAmI(t.Context())
	must(t, err)
	must(t, c.read.Store.Update(t.Context(), func(tx store.Tx) error {
		g := c.grant
		g.ID, g.Org, g.Ended, g.Terms = made[narthex.GrantID](t, c.id()), who.Person.Org, false, []narthex.Term{testenv.Term("model.logit_bias", nil)}
		var lists book.Lists
		lists.Grant(g)
		for key := range lists.Rows() {
			if err := tx.Put(store.Listings, key, []byte("{}")); err != nil {
				return err
			}
		}
		value, err := json.Marshal(g)
		if err != nil {
			return err
		}
		return tx.Put(store.Grants, string(g.ID), value)
	}))
	if status, text := call(key); status != http.StatusForbidden || !strings.Contains(text, `"code":"excluded"`) {
		t.Errorf("beside the one grant that excludes it: %d %s", status, text)
	}
}

// BenchmarkSweep measures one sweep of all clocks among as many engagements in each state as NARTHEX_CROWD says, where nothing is due and
// where one in a hundred of the reviews is late, in milliseconds.
func BenchmarkSweep(b *testing.B) {
	c := crowded(b)
	n := many(b)
	c.grow(b, n)
	sweep := func(name string) {
		b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
			var slowest time.Duration
			for b.Loop() {
				began := time.Now()
				if _, err := c.e.Node.Sweep(b.Context()); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, time.Since(began))
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-most")
		})
	}
	sweep("nothing is due")
	c.late(b, max(1, n/100))
	sweep("one in a hundred reviews is late")
}

// late makes some of the reviews be late.
func (c *crowd) late(t testing.TB, n int) {
	must(t, c.read.Store.Update(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Scan(store.Engagements, store.Span{Limit: 1_000_000})
		for _, row := range rows {
			var life narthex.Engagement
			if err := json.Unmarshal(row.Value, &life); err != nil {
				return err
			}
			if life.State != narthex.InReview || n == 0 {
				continue
			}
			n--
			var was, is book.Lists
			was.Engagement(life)
			life.Since, life.Due = life.Since.AddDate(0, 0, -30), life.Since.AddDate(0, 0, -20)
			is.Engagement(life)
			value, err := json.Marshal(life)
			if err != nil {
				return err
			}
			if err := tx.Put(store.Engagements, row.Key, value); err != nil {
				return err
			}
			for key := range was.Rows() {
				if strings.HasPrefix(key, "clocks/") {
					if err := tx.Delete(store.Listings, key); err != nil {
						return err
					}
				}
			}
			for key := range is.Rows() {
				if strings.HasPrefix(key, "clocks/") {
					if err := tx.Put(store.Listings, key, []byte("{}")); err != nil {
						return err
					}
				}
			}
		}
		return err
	}))
}

// many is how many engagements in each state a benchmark has: as NARTHEX_CROWD says, or a thousand.
func many(b *testing.B) int {
	n := 1000
	if text := os.Getenv("NARTHEX_CROWD"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// BenchmarkLists measures what people look at among few and among many engagements: the slowest of nine looks, in milliseconds. NARTHEX_CROWD sets how many there
// are in each of the ten states; 1,000 where it is not set, which is ten thousand in all.
func BenchmarkLists(b *testing.B) {
	c := crowded(b)
	for _, n := range []int{10, many(b)} {
		c.grow(b, n)
		for name, look := range c.looks() {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				var slowest time.Duration
				for b.Loop() {
					began := time.Now()
					if err := look(b.Context()); err != nil {
						b.Fatal(err)
					}
					slowest = max(slowest, time.Since(began))
				}
				b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-most")
			})
		}
	}
}

// BenchmarkAdmission measures a call through the door where its organisation holds few grants and where it holds many: one that asks
// nothing that may not be held beside something else, and one that does.
func BenchmarkAdmission(b *testing.B) {
	c := crowded(b)
	for _, n := range []int{1, 1000} {
		c.grow(b, n)
		key := c.key(b, fmt.Sprint(n))
		for name, body := range map[string]string{"plain": testenv.Hello, "exclusive": say(`"max_tokens":3,"logprobs":true`)} {
			b.Run(fmt.Sprintf("%d/%s", len(c.held), name), func(b *testing.B) {
				for b.Loop() {
					if status, text, err := c.e.Chat(b.Context(), key, body); err != nil || status != http.StatusOK {
						b.Fatal(status, text, err)
					}
				}
			})
		}
	}
}

// TestAStoreWithoutListsGetsThem: what an earlier program left has no lists. The start makes them, as they would be.
func TestAStoreWithoutListsGetsThem(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		var raw store.Store
		e := testenv.New(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { raw = s; return s }})
		e.Grant(t, "", testenv.Tokens(10, nil))
		rows := func() (all []store.Row) {
			must(t, raw.View(t.Context(), func(r store.Reader) (err error) {
				all, err = r.Scan(store.Listings, store.Span{Limit: 9999})
				return err
			}))
			return all
		}
		want := rows()
		must(t, raw.Update(t.Context(), func(tx store.Tx) error {
			for _, row := range want {
				if err := tx.Delete(store.Listings, row.Key); err != nil {
					return err
				}
			}
			return nil
		}))
		must(t, e.Node.Close())
		e.Start(t)
		got := rows()
		if len(want) < 12 || len(got) != len(want) {
			t.Fatalf("%d rows were made of %d", len(got), len(want))
		}
		for i, row := range got {
			if row.Key != want[i].Key || string(row.Value) != string(want[i].Value) {
				t.Errorf("%s %s was made, and %s %s was there", row.Key, row.Value, want[i].Key, want[i].Value)
			}
		}
	})
}

// TestTwoHundredThatRunAskNothingOfTheProgramme: the list of work of a programme manager has what needs a person and no more, however many
// engagements run; what one of them comes to need stands there at once.
func TestTwoHundredThatRunAskNothingOfTheProgramme(t *testing.T) {
	c := crowded(t)
	waits := func() map[string]bool {
		t.Helper()
		items := map[string]bool{}
		list, err := c.e.People["carol"].Work(t.Context(), client.Page{Limit: 500})
		must(t, err)
		for _, item := range list.Work {
			items[item.Do+" "+string(item.Engagement)] = true
		}
		return items
	}
	before := waits()
	c.lives = slices.DeleteFunc(c.lives, func(e narthex.Engagement) bool { return e.State != narthex.Active })
	if len(c.lives) != 1 {
		t.Fatalf("%d engagements run", len(c.lives))
	}
	c.grow(t, 200)
	running, err := c.e.People["carol"].Engagements(t.Context(), client.Page{State: narthex.Active, Limit: 500})
	must(t, err)
	if len(running.Engagements) < 200 {
		t.Fatalf("%d engagements run", len(running.Engagements))
	}
	if after := waits(); !maps.Equal(before, after) {
		t.Errorf("before 200 ran there was\n%v\nand now\n%v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
	_, err = c.e.People["ada"].Command(t.Context(), c.lives[0].ID, "end", client.Command{Text: "done"})
	must(t, err)
	after := waits()
	for item := range before {
		delete(after, item)
	}
	if len(after) != 1 || !after["close "+string(c.lives[0].ID)] && !after["chase "+string(c.lives[0].ID)] {
		t.Errorf("once one of them ended there is beside that %v", slices.Sorted(maps.Keys(after)))
	}
}
