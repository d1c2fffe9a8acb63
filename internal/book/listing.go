package book

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/horizon"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/report"
	"narthex/internal/store"
)

// Placed is what stands at a place of a list: the place is its key, and says all.
type Placed struct{}

// Grants is how many grants that run there are of a kind: of engagements that name a person, under "running/" and the person in
// Listings, or on an asset with the same terms until the same day, under "counts/".
type Grants struct {
	Running int `json:"running"`
}

// Follow keeps the lists with every change of what stands in them.
func Follow() map[store.Table]journal.Follow {
	return map[store.Table]journal.Follow{
		store.Engagements: follow(followEngagement),
		store.Grants:      follow(followGrant),
		store.People: follow(func(tx *journal.Tx, was, is *narthex.Person) error {
			return move(tx, personKeys(was), personKeys(is))
		}),
		store.Jobs:     follow(func(tx *journal.Tx, was, is *Job) error { return move(tx, jobKeys(was), jobKeys(is)) }),
		store.Releases: follow(func(tx *journal.Tx, was, is *Release) error { return move(tx, releaseKeys(was), releaseKeys(is)) }),
		store.Rules:    follow(func(tx *journal.Tx, was, is *narthex.Rule) error { return move(tx, ruleKeys(was), ruleKeys(is)) }),
	}
}

// follow gives what follows as the journal takes it.
func follow[T any](do func(tx *journal.Tx, was, is *T) error) journal.Follow {
	return func(tx *journal.Tx, was, is any) error {
		before, _ := was.(*T)
		after, fits := is.(*T)
		if !fits {
			return fmt.Errorf("a list follows %T and not %T", after, is)
		}
		return do(tx, before, after)
	}
}

func engagementKeys(e *narthex.Engagement) []string {
	if e == nil || e.ID == "" {
		return nil
	}
	return listing.Engagement(*e)
}

func grantKeys(g *narthex.Grant) []string {
	if g == nil {
		return nil
	}
	return listing.Grant(*g, printOf(*g))
}

func grantCounts(g *narthex.Grant) []string {
	if g == nil {
		return nil
	}
	return listing.Counts(*g, printOf(*g))
}

func personKeys(p *narthex.Person) []string {
	if p == nil {
		return nil
	}
	return listing.Someone(*p)
}

func jobKeys(j *Job) []string {
	if j == nil {
		return nil
	}
	return listing.Job(j.Job)
}

func releaseKeys(r *Release) []string {
	if r == nil {
		return nil
	}
	return listing.Release(r.Release)
}

func ruleKeys(r *narthex.Rule) []string {
	if r == nil {
		return nil
	}
	return listing.Rule(*r)
}

// printOf tells apart what grants allow on an asset.
func printOf(g narthex.Grant) func(narthex.AssetName) string {
	return func(asset narthex.AssetName) string {
		digest, err := canon.Digest(slices.DeleteFunc(slices.Clone(g.Terms), func(t narthex.Term) bool { return t.Asset != asset }))
		if err != nil {
			return "unreadable:" + string(g.ID) // like no other's
		}
		return string(digest)
	}
}

// move takes a row out of the places where it stood and puts it into those where it will.
func move(tx *journal.Tx, was, is []string) error {
	for _, key := range was {
		if _, stays := slices.BinarySearch(is, key); !stays {
			if err := journal.Delete[Placed](tx, store.Listings, key); err != nil {
				return err
			}
		}
	}
	for _, key := range is {
		if _, stood := slices.BinarySearch(was, key); !stood {
			if err := journal.Put(tx, store.Listings, key, &Placed{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func followGrant(tx *journal.Tx, was, is *narthex.Grant) error {
	if err := move(tx, grantKeys(was), grantKeys(is)); err != nil {
		return err
	}
	counts := map[string]int{}
	for _, key := range grantCounts(is) {
		counts[key]++
	}
	for _, key := range grantCounts(was) {
		counts[key]--
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		if err := addRunning(tx, key, counts[key]); err != nil {
			return err
		}
	}
	return nil
}

func followEngagement(tx *journal.Tx, was, is *narthex.Engagement) error {
	if err := move(tx, engagementKeys(was), engagementKeys(is)); err != nil {
		return err
	}
	if err := tally(tx, was, (*report.Tally).Remove); err != nil {
		return err
	}
	if err := tally(tx, is, (*report.Tally).Add); err != nil {
		return err
	}
	people := map[narthex.PersonID]int{}
	for _, person := range report.Insiders(*is) {
		people[person]++
	}
	if was != nil {
		for _, person := range report.Insiders(*was) {
			people[person]--
		}
	}
	for _, person := range slices.Sorted(maps.Keys(people)) {
		if err := addRunning(tx, listing.Running+string(person), people[person]); err != nil {
			return err
		}
	}
	return nil
}

// tally counts an engagement among its pathway's, or takes it out.
func tally(tx *journal.Tx, e *narthex.Engagement, count func(*report.Tally, narthex.Engagement)) error {
	if e == nil || e.ID == "" {
		return nil
	}
	key := listing.TalliesOf + string(e.Application.Pathway)
	row, err := journal.Get[report.Tally](tx, store.Listings, key)
	if err != nil {
		return err
	}
	var next report.Tally
	if row != nil {
		next = row.Clone()
	}
	if count(&next, *e); next.None() {
		return journal.Delete[report.Tally](tx, store.Listings, key)
	}
	return journal.Put(tx, store.Listings, key, &next)
}

func addRunning(tx *journal.Tx, key string, by int) error {
	if by == 0 {
		return nil
	}
	row, err := journal.Get[Grants](tx, store.Listings, key)
	if err != nil {
		return err
	}
	next := Grants{Running: by}
	if row != nil {
		next.Running += row.Running
	}
	if next.Running == 0 {
		return journal.Delete[Grants](tx, store.Listings, key)
	}
	return journal.Put(tx, store.Listings, key, &next)
}

// MakeLists makes the lists of a store that an earlier program left without any, before anything else changes it: all of them or none.
func MakeLists(ctx context.Context, s store.Store) error {
	var lists Lists
	made := false
	err := s.View(ctx, func(r store.Reader) error {
		lists = Lists{}
		there, err := r.Scan(store.Listings, store.Span{Limit: 1})
		if made = len(there) > 0; err != nil || made {
			return err
		}
		return errors.Join(everyRow(r, store.Engagements, lists.Engagement), everyRow(r, store.Grants, lists.Grant), everyRow(r, store.People, lists.Person),
			everyRow(r, store.Jobs, lists.Job), everyRow(r, store.Releases, lists.Release), everyRow(r, store.Rules, lists.Rule))
	})
	rows := lists.Rows()
	if err != nil || made || len(rows) == 0 {
		return err
	}
	return s.Update(ctx, func(tx store.Tx) error {
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			value, err := json.Marshal(rows[key])
			if err != nil {
				return fmt.Errorf("write a row: %w", err)
			}
			if err := tx.Put(store.Listings, key, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func everyRow[T any](r store.Reader, table store.Table, take func(T)) error {
	const many = 500
	for from := ""; ; {
		rows, err := r.Scan(table, store.Span{From: from, Limit: many})
		if err != nil {
			return err
		}
		for _, row := range rows {
			var item T
			if err := json.Unmarshal(row.Value, &item); err != nil {
				return fmt.Errorf("read a row of %s: %w: %w", table, store.ErrDamaged, err)
			}
			take(item)
			from = row.Key + "\x01" // identifiers have no such byte: the next key
		}
		if len(rows) < many {
			return nil
		}
	}
}

// Tallies gives what is counted of every pathway.
func Tallies(tx *journal.Tx) (map[narthex.PathwayName]report.Tally, error) {
	rows, err := journal.Scan[report.Tally](tx, store.Listings, store.Prefix(listing.TalliesOf, mostRows))
	tallies := map[narthex.PathwayName]report.Tally{}
	for _, row := range rows {
		tallies[narthex.PathwayName(strings.TrimPrefix(row.Key, listing.TalliesOf))] = *row.Row
	}
	return tallies, err
}

// mostRows bounds what is read of a list that is counted and not shown.
const mostRows = 1_000_000

// CountInsiders counts the people whom a grant of an engagement that runs names.
func CountInsiders(tx *journal.Tx) (int, error) {
	return countKeys(tx, store.Prefix(listing.Running, mostRows))
}

// CountLate counts the reviews of a pathway whose time is over.
func CountLate(tx *journal.Tx, pathway narthex.PathwayName) (int, error) {
	list := listing.DueOf(pathway)
	return countKeys(tx, store.Span{From: list, To: list + listing.Place(tx.Now(), ""), Limit: mostRows})
}

// countKeys counts the rows of a list in a View.
func countKeys(tx *journal.Tx, span store.Span) (int, error) {
	rows, err := tx.Reader().Scan(store.Listings, span)
	return len(rows), err
}

// EachClock goes through the engagements whose clocks may have something to say by now.
func EachClock(tx *journal.Tx, do func(narthex.EngagementID) error) error {
	rows, err := tx.Reader().Scan(store.Listings, store.Span{From: listing.Clocks, To: listing.Clocks + listing.Place(tx.Now(), "\xff"), Limit: mostRows})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := do(narthex.EngagementID(listing.Identifier(row.Key))); err != nil {
			return err
		}
	}
	return nil
}

// RunningOn gives the grants on an asset that have not ended and whose last day has not passed, also before their first day and
// while they are locked, but for one grant, which may be none. It reads a row for each day on which any of them ends, and those of
// today one by one, however many there are.
func RunningOn(tx *journal.Tx, asset narthex.AssetName, but narthex.GrantID) ([]horizon.Group, error) {
	less, err := journal.Get[narthex.Grant](tx, store.Grants, string(but))
	if err != nil || but != "" && less == nil {
		return nil, narthex.Unavailablef("A grant could not be read.").Because(err)
	}
	now, today, list := listing.Place(tx.Now(), "~"), listing.Day(tx.Now()), listing.CountsOn(asset)
	rows, err := journal.Scan[Grants](tx, store.Listings, store.Prefix(list, mostRows))
	if err != nil {
		return nil, err
	}
	var groups []horizon.Group
	last := ""
	for _, row := range rows {
		at := strings.LastIndexByte(row.Key, '/')
		print, day := row.Key[len(list):at], row.Key[at+1:]
		runs := listing.RunsOn(asset) + print + "/"
		count := row.Row.Running
		switch {
		case day < today:
			continue
		case day == today:
			rest, err := journal.Scan[Placed](tx, store.Listings, store.Span{From: runs + now, To: runs + day + "\xff", Limit: mostRows})
			if err != nil {
				return nil, err
			}
			count = len(rest)
		}
		if less != nil && slices.Contains(grantCounts(less), row.Key) && listing.Place(less.NotAfter, "") > now {
			count--
		}
		if count == 0 {
			continue
		}
		if print != last {
			terms, err := termsUnder(tx, runs)
			if err != nil {
				return nil, err
			}
			groups, last = append(groups, horizon.Group{Terms: terms}), print
		}
		groups[len(groups)-1].Count += uint64(count)
	}
	return groups, nil
}

// termsUnder gives the terms of the grants of a list, which are the same on its asset.
func termsUnder(tx *journal.Tx, list string) ([]narthex.Term, error) {
	first, err := journal.Scan[Placed](tx, store.Listings, store.Prefix(list, 1))
	if err != nil || len(first) == 0 {
		return nil, narthex.Unavailablef("A list of grants could not be read.").Because(err)
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, listing.Identifier(first[0].Key))
	if err != nil || grant == nil {
		return nil, narthex.Unavailablef("A grant could not be read.").Because(err)
	}
	return grant.Terms, nil
}

// EverOn gives the identifiers of all grants that ever showed an asset.
func EverOn(tx *journal.Tx, asset narthex.AssetName) ([]narthex.GrantID, error) {
	rows, err := journal.Scan[Placed](tx, store.Listings, store.Prefix(listing.ShownIn(asset), mostRows))
	ids := make([]narthex.GrantID, len(rows))
	for i, row := range rows {
		ids[i] = narthex.GrantID(listing.Identifier(row.Key))
	}
	return ids, err
}

// PeopleOf gives the people of an organisation, or of the lab where it is none, by identifier.
func PeopleOf(tx *journal.Tx, org narthex.OrgID) ([]narthex.Person, error) {
	return peopleIn(tx, listing.PeopleOf(org), mostRows)
}

// OfficialsOf gives the officials of an organisation, by identifier.
func OfficialsOf(tx *journal.Tx, org narthex.OrgID) ([]narthex.Person, error) {
	const most = 200
	return peopleIn(tx, listing.SpeakersOf(org), most)
}

func peopleIn(tx *journal.Tx, list string, most int) ([]narthex.Person, error) {
	rows, err := journal.Scan[Placed](tx, store.Listings, store.Prefix(list, most))
	if err != nil {
		return nil, err
	}
	people := make([]narthex.Person, 0, len(rows))
	for _, row := range rows {
		person, err := journal.Get[narthex.Person](tx, store.People, listing.Identifier(row.Key))
		if err != nil || person == nil {
			return nil, narthex.Unavailablef("A person could not be read.").Because(err)
		}
		people = append(people, *person)
	}
	return people, nil
}

// Walk goes through lists as one, in order of their places, from the one after a place on, and calls do with each place and the
// identifier at its end, each once, until do says that it is enough. Back goes from the last place to the first.
func Walk(tx *journal.Tx, lists []string, after string, back bool, do func(place, id string) (enough bool, err error)) error {
	const chunk = 64
	for {
		found := map[string]bool{}
		edge, cut := "", false // where the first list that was not read to its end stops
		for _, list := range lists {
			span := store.Span{From: list, To: list + "\xff", Reverse: back, Limit: chunk}
			switch {
			case after != "" && back:
				span.To = list + after
			case after != "":
				span.From = list + after + "\x01"
			}
			rows, err := tx.Reader().Scan(store.Listings, span)
			if err != nil {
				return err
			}
			for _, row := range rows {
				found[strings.TrimPrefix(row.Key, list)] = true
			}
			if len(rows) == chunk {
				if place := strings.TrimPrefix(rows[chunk-1].Key, list); !cut || back == (place > edge) {
					edge, cut = place, true
				}
			}
		}
		places := slices.Sorted(maps.Keys(found))
		if back {
			slices.Reverse(places)
		}
		for _, place := range places {
			if cut && place != edge && back == (place < edge) {
				break // a list that was not read to its end may hold one before it
			}
			enough, err := do(place, listing.Identifier(place))
			if err != nil || enough {
				return err
			}
			after = place
		}
		if !cut {
			return nil
		}
	}
}

// Lists is what every list must hold, by key, made of the rows that it follows. The zero Lists is ready to take them.
type Lists struct {
	rows    map[string]any
	tallies map[narthex.PathwayName]*report.Tally
	running map[string]int // by key
}

// Engagement takes in an engagement.
func (l *Lists) Engagement(e narthex.Engagement) {
	l.place(engagementKeys(&e))
	if l.tallies == nil {
		l.tallies = map[narthex.PathwayName]*report.Tally{}
	}
	if l.tallies[e.Application.Pathway] == nil {
		l.tallies[e.Application.Pathway] = &report.Tally{}
	}
	l.tallies[e.Application.Pathway].Add(e)
	for _, person := range report.Insiders(e) {
		l.count(listing.Running + string(person))
	}
}

// Grant takes in a grant.
func (l *Lists) Grant(g narthex.Grant) {
	l.place(grantKeys(&g))
	for _, key := range grantCounts(&g) {
		l.count(key)
	}
}

// Person takes in a person.
func (l *Lists) Person(p narthex.Person) { l.place(personKeys(&p)) }

// Job takes in a job.
func (l *Lists) Job(j Job) { l.place(jobKeys(&j)) }

// Release takes in a release.
func (l *Lists) Release(r Release) { l.place(releaseKeys(&r)) }

// Rule takes in a standing rule.
func (l *Lists) Rule(r narthex.Rule) { l.place(ruleKeys(&r)) }

func (l *Lists) place(keys []string) {
	if l.rows == nil {
		l.rows = map[string]any{}
	}
	for _, key := range keys {
		l.rows[key] = Placed{}
	}
}

func (l *Lists) count(key string) {
	if l.running == nil {
		l.running = map[string]int{}
	}
	l.running[key]++
}

// Rows gives what must stand in Listings, by key.
func (l *Lists) Rows() map[string]any {
	rows := maps.Clone(l.rows)
	for pathway, tally := range l.tallies {
		rows[listing.TalliesOf+string(pathway)] = tally
	}
	for key, n := range l.running {
		rows[key] = Grants{n}
	}
	return rows
}
