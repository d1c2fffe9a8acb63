package server_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/passkey"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/internal/testenv/rig"
	"narthex/internal/visa"
)

// TestRigALockReachesEveryDescendant: random trees of organisations, people, engagements, grants and keys grow at a node, with everything
// that hangs on them: sessions, log-in keys, passkeys, drafts, codes that wait, members who have not accepted, what rests on an official's
// word or on a visa, and what can be made anew. Under a lock on any node nothing that hangs on it works and nothing new of it can be made;
// what hangs beside it works; and lifting gives back only what did not lapse or end meanwhile. Every leaf is tried through its route.
func TestRigALockReachesEveryDescendant(t *testing.T) {
	seed, many := rig.Begin(t, "./internal/server", 1_000, 100_000)
	barred, beside, kinds := 0, 0, map[string]int{}
	for n := 0; barred < many; n++ {
		f := plant(t, rand.New(rand.NewPCG(seed, uint64(n))))
		f.check("before any lock")
		for round := 0; round < 12 && barred+f.barred < many; round++ {
			f.round()
		}
		barred, beside = barred+f.barred, beside+f.beside
		for kind, times := range f.kinds {
			kinds[kind] += times
		}
	}
	t.Logf("%d leaves were tried under a lock, %d beside: %v", barred, beside, kinds)
	if beside == 0 {
		t.Error("no leaf was tried beside a lock")
	}
}

// forest is a node with trees of what can be locked.
type forest struct {
	*testing.T
	e      *testenv.Env
	r      *rand.Rand
	issuer *visa.Signer
	people []*insider
	leaves []*descendant
	nodes  map[narthex.LockSubject][]string
	held   []narthex.Lock
	late   []narthex.Lock // that were held when the leaves were last tried
	wither []func()

	barred, beside int
	kinds          map[string]int // of leaves that were tried under a lock
}

// insider is a person from outside.
type insider struct {
	*testenv.Person
	org      narthex.OrgID
	region   string
	nations  []string
	official bool
	gone     bool
}

// descendant is what a lock can stop.
type descendant struct {
	kind  string
	who   *insider // nil for the lab's own
	on    []string // what it hangs on, as locks name it
	dead  bool
	until time.Time                           // when it lapses; zero is never here
	try   func(context.Context) (error, bool) // whether it worked
}

// beyond is the answer of a try that does nothing: that the rules after the locks' refuse it.
func beyond(err error, kind narthex.Kind) (error, bool) { return err, narthex.IsKind(err, kind) }

func plant(t *testing.T, r *rand.Rand) *forest {
	issuer, keys := newIssuer(t)
	f := &forest{T: t, r: r, issuer: issuer, nodes: map[narthex.LockSubject][]string{"asset": {"model", "hidden"}, narthex.LockRegion: {"fr", "us", "jp"}, narthex.LockNationality: {"fr", "dz", "ch"}}, kinds: map[string]int{}}
	f.e = testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["pathways/test.yaml"] = bytes.ReplaceAll(files["pathways/test.yaml"], []byte("assets: [model]"), []byte("assets: [model, hidden]"))
		files["pathways/visiting.yaml"] = append(bytes.Replace(files["pathways/test.yaml"], []byte("name: test\n"), []byte("name: visiting\n"), 1),
			fmt.Sprintf("rests_on:\n  - {kind: visa, name: ControlledAccessGrants, value: %q, by: dac}\n", passports)...)
		trusted(map[string][]byte{passports: keys})(files)
	}, Config: func(c *server.Config) {
		c.Passkeys = passkey.Site{Party: site, Origins: []string{"https://" + site}}
	}})
	delete(f.e.People, "ada") // they act by themselves, and are logged in anew by no helper
	delete(f.e.People, "otto")
	for range 2 + r.IntN(2) {
		f.organisation()
	}
	lea := f.e.People["lea"]
	f.nodes["person"] = append(f.nodes["person"], string(lea.ID))
	f.add(descendant{kind: "session of the lab's", on: []string{"person/" + string(lea.ID)}, try: f.session(session(t, f.e, "lea")), until: f.e.Clock.Now().Add(12 * time.Hour)})
	return f
}

func (f *forest) add(l descendant) *descendant {
	f.leaves = append(f.leaves, &l)
	return &l
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// organisation grows an organisation with its people and what they have.
func (f *forest) organisation() {
	carol := f.e.People["carol"]
	var org narthex.OrgID
	var own []*insider
	for n := range 3 + f.r.IntN(2) {
		in := client.Invite{Name: "Someone", Email: "x@x.test", Org: org, Official: n == 0, Region: pick(f.r, "fr", "fr", "us", "jp", "")}
		if n == 0 {
			in.OrgName = fmt.Sprintf("Institute %d", len(f.people))
		}
		invited := must(carol.Invite(f.Context(), in))
		if n == 0 {
			org = invited.Org.ID
			f.nodes["org"] = append(f.nodes["org"], string(org))
		}
		p := &insider{Person: f.e.Join(f.T, "joining", invited.Code), org: org, region: in.Region, official: n == 0}
		delete(f.e.People, "joining")
		if p.nations = pick(f.r, nil, []string{"fr"}, []string{"dz", "fr"}, []string{"ch"}); p.nations != nil {
			slices.Sort(p.nations)
			must(carol.RecordNationalities(f.Context(), p.ID, client.Nationalities{Nationalities: p.nations}))
		}
		f.nodes["person"] = append(f.nodes["person"], string(p.ID))
		own = append(own, p)
		f.person(p)
	}
	f.people = append(f.people, own...)
	for range 2 {
		in := client.Invite{Name: "Waiting", Email: "w@x.test", Org: org, Region: pick(f.r, "fr", "us", "")}
		waiting := must(carol.Invite(f.Context(), in))
		f.nodes["person"] = append(f.nodes["person"], string(waiting.Person.ID))
		f.add(descendant{kind: "code", who: &insider{org: org, region: in.Region}, on: []string{"person/" + string(waiting.Person.ID), "org/" + string(org)},
			try: func(ctx context.Context) (error, bool) {
				_, err := f.e.Client.Redeem(ctx, waiting.Code, own[0].Login) // a log-in key that is in use
				return beyond(err, narthex.Conflict)
			}})
	}
	for range 3 + f.r.IntN(2) {
		f.engagement(own)
	}
}

func (p *insider) on() []string { return []string{"person/" + string(p.ID), "org/" + string(p.org)} }

func (f *forest) session(token string) func(context.Context) (error, bool) {
	c := f.e.Client.With(token)
	return func(ctx context.Context) (error, bool) {
		_, err := c.WhoAmI(ctx)
		return err, err == nil
	}
}

// person gives someone what a person has by themselves.
func (f *forest) person(p *insider) {
	add := func(kind string, try func(context.Context) (error, bool)) {
		f.add(descendant{kind: kind, who: p, on: p.on(), try: try})
	}
	out := func(ctx context.Context, session client.Session, err error) (error, bool) {
		if err == nil {
			_ = f.e.Client.With(session.Token).Logout(ctx) // not to push another session out; it may be locked out
		}
		return err, err == nil
	}
	for range 1 + f.r.IntN(3) {
		f.add(descendant{kind: "session", who: p, on: p.on(), until: f.e.Clock.Now().Add(12 * time.Hour), try: f.session(must(f.e.Client.Login(f.Context(), p.Login)).Token)})
	}
	add("log-in key", func(ctx context.Context) (error, bool) {
		session, err := f.e.Client.Login(ctx, p.Login)
		return out(ctx, session, err)
	})
	a, enrol := passkeyOf(f.T, p.Person, passkey.ES256)
	must(p.EnrollPasskey(f.Context(), enrol))
	add("passkey", func(ctx context.Context) (error, bool) {
		session, err := f.e.Client.PasskeyLogin(ctx, loginWith(f.T, f.e, a))
		return out(ctx, session, err)
	})
	text := client.Draft{Pathway: "test", Title: "a draft", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}}
	draft := must(p.Draft(f.Context(), text)).Engagement.ID
	add("draft", func(ctx context.Context) (error, bool) {
		_, err := p.Edit(ctx, draft, text)
		return err, err == nil
	})
	add("new draft", func(ctx context.Context) (error, bool) {
		view, err := p.Draft(ctx, text)
		if err == nil {
			_, err = p.Command(ctx, view.Engagement.ID, "withdraw", client.Command{})
		}
		return err, err == nil
	})
	add("new signing key", func(ctx context.Context) (error, bool) {
		signer, err := p.EnrollSigner(ctx, must(client.NewKey()))
		if err == nil {
			_, err = p.RevokeSigner(ctx, signer.Fingerprint)
		}
		return err, err == nil
	})
	if p.official {
		// Nobody knows the nationality of who is new, so a lock on any bars them.
		f.add(descendant{kind: "new invitation", who: &insider{region: p.region}, on: p.on(), try: func(ctx context.Context) (error, bool) {
			_, err := p.Invite(ctx, client.Invite{Name: "New", Email: "n@x.test", Org: p.org, Region: p.region})
			return err, err == nil
		}})
	}
	f.wither = append(f.wither, func() {
		if !p.gone {
			p.gone = true
			must(f.e.People["carol"].Suspend(f.Context(), p.ID, "left"))
			f.kill("person/" + string(p.ID))
		}
	})
}

// kill ends what hangs on something for good: of a person what is theirs, and what rests on their word.
func (f *forest) kill(on string) {
	for _, l := range f.leaves {
		l.dead = l.dead || slices.Contains(l.on, on)
	}
}

// engagement takes an application of someone through to a grant, with members, keys and what can be made of it.
func (f *forest) engagement(own []*insider) {
	official, ada := own[0], own[1+f.r.IntN(len(own)-1)]
	ctx, carol := f.Context(), f.e.People["carol"]
	pathway, word, until := narthex.PathwayName("test"), f.r.IntN(3) == 0, time.Time{}
	var visas []func()
	if f.r.IntN(3) == 0 {
		pathway, until = "visiting", f.e.Clock.Now().Add(time.Duration(1+f.r.IntN(300))*time.Hour/10).Truncate(time.Second)
	}
	var members []*insider
	for _, p := range own[1:] {
		if p != ada && f.r.IntN(2) == 0 {
			members = append(members, p)
		}
	}
	for _, p := range append([]*insider{ada}, members...) {
		if pathway == "visiting" && len(must(carol.Visas(ctx, p.ID)).Identities) > 0 {
			pathway = "test" // of two visas the one that lasts longer counts
		}
	}
	if pathway == "visiting" {
		now := f.e.Clock.Now().Truncate(time.Second)
		for _, p := range append([]*insider{ada}, members...) {
			link := client.VisaIdentity{Issuer: passports, Subject: string(p.ID)}
			must(carol.LinkIdentity(ctx, p.ID, link))
			must(p.AddVisa(ctx, must(f.issuer.Sign(visa.Stated{Issuer: passports, Subject: link.Subject, Type: "ControlledAccessGrants", Value: passports, Source: passports, By: "dac", Asserted: now, IssuedAt: now, Until: until}))))
			visas = append(visas, func() {
				if _, err := carol.UnlinkIdentity(ctx, p.ID, link); err == nil {
					f.kill("visa/" + string(p.ID))
				}
			})
		}
	}
	if pathway == "test" {
		until = time.Time{}
	}
	if word {
		begin := f.e.Clock.Now().UTC().Truncate(time.Second)
		in := official.Word(f.T, narthex.Authorisation{Format: narthex.AuthorisationFormat, Origin: origin, Org: ada.org, Person: ada.ID, Pathways: []narthex.PathwayName{"test", "visiting"}, NotBefore: begin, NotAfter: begin.AddDate(0, 0, 30)})
		must(official.Client.Authorise(ctx, ada.ID, in))
	}
	term := func(asset narthex.AssetName) narthex.Term {
		return narthex.Term{Attribute: "model.sample", Asset: asset, Limits: limits{"tokens": narthex.NumberValue(1e5), "actor_kinds": names("human", "agent")}}
	}
	terms := pick(f.r, []narthex.Term{term("model")}, []narthex.Term{term("hidden")}, []narthex.Term{term("model"), term("hidden")})
	draft := client.Draft{Pathway: pathway, Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: terms}
	for _, m := range members {
		draft.Members = append(draft.Members, m.ID)
	}
	view := must(ada.Draft(ctx, draft))
	id := view.Engagement.ID
	must(ada.Command(ctx, id, "submit", client.Command{}))
	view = must(ada.Client.Engagement(ctx, id))
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		view = must(f.e.People[name].Command(ctx, id, "approve", client.Command{As: role, Saw: view.Engagement.Digest}))
	}
	word = view.Engagement.Authorised != nil
	must(ada.Person.Sign(f.T, id, narthex.PartyResearcher))
	if !word {
		must(official.Person.Sign(f.T, id, narthex.PartyInstitution))
	}
	engagement := "engagement/" + string(id)
	if f.r.IntN(4) == 0 { // the lab's signature is still to come
		f.add(descendant{kind: "signature", who: ada, on: ada.on(), try: func(ctx context.Context) (error, bool) {
			_, err := ada.Client.Sign(ctx, id, client.Sign{Party: narthex.PartyResearcher, Digest: view.Engagement.Agreement, Signer: "none"})
			return err, codeOf(err) != "locked" && !narthex.IsKind(err, narthex.Unauthenticated)
		}})
		return
	}
	var joined []*insider
	for _, m := range members {
		if f.r.IntN(2) == 0 {
			f.add(descendant{kind: "acceptance", who: m, on: m.on(), try: func(ctx context.Context) (error, bool) {
				_, err := m.Command(ctx, id, "join", client.Command{Saw: textDigest("another")})
				return beyond(err, narthex.Conflict)
			}})
			continue
		}
		must(m.Command(ctx, id, "join", client.Command{Saw: view.Engagement.Agreement}))
		joined = append(joined, m)
	}
	view = must(f.e.People["dan"].Sign(f.T, id, narthex.PartyLab))
	grant := view.Engagement.Grant
	f.nodes["engagement"] = append(f.nodes["engagement"], string(id))
	f.nodes["grant"] = append(f.nodes["grant"], string(grant))
	for n, p := range append([]*insider{ada}, joined...) {
		on := append(p.on(), engagement, "grant/"+string(grant), "user/"+string(p.ID)+string(id))
		if word {
			on = append(on, "person/"+string(official.ID), "word/"+string(ada.ID))
		}
		if pathway == "visiting" {
			on = append(on, "visa/"+string(p.ID))
		}
		add := func(kind string, until time.Time, more []string, try func(context.Context) (error, bool)) {
			f.add(descendant{kind: kind, who: p, on: append(slices.Clone(on), more...), until: until, try: try})
		}
		for range 3 + f.r.IntN(4) {
			f.key(p, grant, terms, until, add)
		}
		add("new key", until, nil, func(ctx context.Context) (error, bool) {
			minted, err := p.Mint(ctx, grant, client.Mint{Label: "new"})
			if err == nil {
				_, err = p.RevokeKey(ctx, minted.Key.ID)
			}
			return err, err == nil
		})
		add("new visa of ours", until, nil, func(ctx context.Context) (error, bool) {
			_, err := p.IssueVisa(ctx, grant)
			return err, err == nil
		})
		if n > 0 {
			f.wither = append(f.wither, func() {
				if _, err := p.Command(ctx, id, "leave", client.Command{}); err == nil {
					f.kill("user/" + string(p.ID) + string(id))
				}
			})
		}
	}
	f.wither = append(append(f.wither, visas...), func() {
		if _, err := carol.Command(ctx, id, "end", client.Command{Text: "it is over"}); err == nil {
			f.kill("grant/" + string(grant))
		}
	})
	if word {
		f.wither = append(f.wither, func() {
			if _, err := official.Unauthorise(ctx, ada.ID); err == nil {
				f.kill("word/" + string(ada.ID))
			}
		})
	}
}

var codes = regexp.MustCompile(`"code":"([a-z_]+)"`)

// key mints a key of a grant, for a person or an agent of theirs, of which some live an hour.
func (f *forest) key(p *insider, grant narthex.GrantID, terms []narthex.Term, until time.Time, add func(string, time.Time, []string, func(context.Context) (error, bool))) {
	in, kind, asset := client.Mint{Label: "x"}, "key", pick(f.r, terms...).Asset
	if f.r.IntN(2) == 0 {
		kind = "key of an agent"
		in.Actor, in.Terms = narthex.Agent, []narthex.Term{{Attribute: "model.sample", Asset: asset, Limits: limits{"tokens": narthex.NumberValue(1e4), "actor_kinds": names("agent")}}}
	}
	if f.r.IntN(4) == 0 {
		in.Hours = 1
		if end := f.e.Clock.Now().Add(time.Hour); until.IsZero() || end.Before(until) {
			until = end
		}
	}
	minted := must(p.Mint(f.Context(), grant, in))
	on := "key/" + string(minted.Key.ID)
	f.nodes["key"] = append(f.nodes["key"], string(minted.Key.ID))
	body := strings.Replace(testenv.Hello, `"model":"model"`, `"model":"`+string(asset)+`"`, 1)
	add(kind, until, []string{on, "asset/" + string(asset)}, func(ctx context.Context) (error, bool) {
		status, text, err := f.e.Chat(ctx, minted.Token, body)
		if err != nil {
			return err, false
		}
		code := codes.FindStringSubmatch(text)
		if len(code) < 2 {
			return fmt.Errorf("%d %s", status, text), status == 200
		}
		return &narthex.Error{Kind: narthex.Refused, Code: code[1], Public: text}, false
	})
	f.wither = append(f.wither, func() {
		if _, err := f.e.People["sam"].RevokeKey(f.Context(), minted.Key.ID); err == nil {
			f.kill(on)
		}
	})
}

// stops says whether a lock stops a leaf.
func (l *descendant) stoppedBy(lock narthex.Lock) bool {
	switch lock.Subject {
	case narthex.LockRegion:
		return l.who != nil && (l.who.region == "" || l.who.region == lock.Target)
	case narthex.LockNationality:
		return l.who != nil && (len(l.who.nations) == 0 || slices.Contains(l.who.nations, lock.Target))
	}
	return slices.Contains(l.on, string(lock.Subject)+"/"+lock.Target)
}

// check tries every leaf that a lock stops or stopped before, and some of the others, and demands that each works exactly where nothing
// stops it and it is not over.
func (f *forest) check(when string) {
	f.Helper()
	now := f.e.Clock.Now()
	jobs, wg, mu := make(chan *descendant), sync.WaitGroup{}, sync.Mutex{}
	for range 8 {
		wg.Go(func() {
			for l := range jobs {
				err, works := l.try(f.Context())
				var by []string
				for _, lock := range f.held {
					if l.stoppedBy(lock) {
						by = append(by, string(lock.Subject)+" for "+string(lock.Reason))
					}
				}
				over := l.dead || !l.until.IsZero() && !now.Before(l.until)
				mu.Lock()
				if over || len(by) > 0 {
					if works {
						f.Errorf("%s, a %s works: stopped by %v, over %t; it hangs on %v", when, l.kind, by, over, l.on)
					} else if kind := narthex.AsError(err).Kind; kind == narthex.Internal {
						f.Errorf("%s, a %s fails and is not refused: %v", when, l.kind, err)
					}
				} else if !works {
					f.Errorf("%s, a %s does not work and nothing stops it: %v; it hangs on %v, and %v are held", when, l.kind, err, l.on, f.held)
				}
				switch {
				case over:
				case len(by) > 0:
					f.barred++
					f.kinds[l.kind]++
				default:
					f.beside++
				}
				mu.Unlock()
			}
		})
	}
	stopped := func(by []narthex.Lock, l *descendant) bool { return slices.ContainsFunc(by, l.stoppedBy) }
	for _, l := range f.leaves {
		if stopped(f.held, l) || stopped(f.late, l) || f.r.IntN(4) == 0 {
			jobs <- l
		}
	}
	close(jobs)
	wg.Wait()
	f.late = slices.Clone(f.held)
	if f.Failed() {
		f.FailNow()
	}
}

// lock sets a lock on a node of a kind, or another on the one that is locked.
func (f *forest) lock() {
	subject := pick(f.r, narthex.LockSubjects()...)
	in := client.LockRequest{Subject: subject, Target: pick(f.r, f.nodes[subject]...), Reason: pick(f.r, narthex.LockReasons()...)}
	if len(f.held) > 0 && f.r.IntN(2) == 0 {
		subject = f.held[0].Subject
		in.Subject, in.Target = subject, f.held[0].Target
	}
	switch {
	case subject.OfClass():
		in.Reason = pick(f.r, narthex.AlwaysLocks()...)
	case subject != "asset" && f.r.IntN(3) == 0:
		in.Reason, in.SilentUntil = narthex.LegalOrder, f.e.Clock.Now().Add(100*24*time.Hour).UTC().Truncate(time.Second)
	}
	f.held = append(f.held, must(f.e.People["sam"].Lock(f.Context(), in)).Lock)
}

// round sets a lock or two that overlap, lets things end and lapse beneath, and lifts them.
func (f *forest) round() {
	f.refresh()
	f.lock()
	f.check("under a lock")
	if f.r.IntN(2) == 0 {
		f.lock()
	}
	for range 1 + f.r.IntN(2) {
		pick(f.r, f.wither...)()
	}
	f.e.Clock.Move(time.Duration(3+f.r.IntN(60)) * time.Minute)
	f.check("when some of it ended")
	for len(f.held) > 0 {
		at := f.r.IntN(len(f.held))
		must(f.e.People["paul"].Unlock(f.Context(), f.held[at].ID))
		f.held = slices.Delete(f.held, at, at+1)
		f.e.Clock.Move(3 * time.Minute) // a log-in key answers a hundred challenges in two
		f.check("when a lock was lifted")
	}
}

// refresh logs everyone in anew with whom the rest acts.
func (f *forest) refresh() {
	renew := func(p *testenv.Person) {
		old := p.Client
		p.Client = f.e.Client.With(must(f.e.Client.Login(f.Context(), p.Login)).Token)
		_ = old.Logout(f.Context()) // it may be over
	}
	for _, name := range []string{"carol", "dan", "sam", "olga", "paul"} {
		renew(f.e.People[name])
	}
	for _, p := range f.people {
		if !p.gone {
			renew(p.Person)
		}
	}
}
