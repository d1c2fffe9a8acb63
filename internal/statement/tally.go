package statement

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/order"
	"narthex/internal/workflow"
	"narthex/ledger"
	"narthex/policy"
)

// Tally counts what the ledger says of one engagement. Its entries are given to it in their order.
type Tally struct {
	engagement narthex.EngagementID
	grant      narthex.GrantID
	targets    []string // what a lock stops the access by

	entries []client.StatementEntry
	issued  map[narthex.Digest]uint64
	locks   []client.StatementLock
	lockIDs []string
	silent  map[string]bool // locks of which nobody was to tell when they were set
	last    uint64
	at      time.Time

	calls       map[string]call
	uses        map[key]*use
	first, ends uint64
	count       client.StatementUse
	used        map[narthex.Unit]int64
	reasons     map[client.StatementRefusal]int64
}

type key struct {
	attribute narthex.AttributeName
	asset     narthex.AssetName
}

type use struct {
	key
	calls, refused int64
	used           map[narthex.Unit]int64
}

// call is one without an outcome so far.
type call struct {
	attributes []key
	hold       policy.Hold
	carried    int64 // bytes that were taken of its asset's account
	job        narthex.Job
	release    narthex.Release
}

// NewTally begins a tally of an engagement, its grant, and what a lock stops its access by: the identifiers of the engagement, the
// grant and the organisation, and the names of assets.
func NewTally(id narthex.EngagementID, grant narthex.GrantID, targets []string) *Tally {
	return &Tally{engagement: id, grant: grant, targets: targets, entries: []client.StatementEntry{}, issued: map[narthex.Digest]uint64{}, locks: []client.StatementLock{}, silent: map[string]bool{},
		calls: map[string]call{}, uses: map[key]*use{}, used: map[narthex.Unit]int64{}, reasons: map[client.StatementRefusal]int64{}}
}

// Issued gives the entry with which a statement of that digest was issued.
func (t *Tally) Issued(digest narthex.Digest) (uint64, bool) {
	index, is := t.issued[digest]
	return index, is
}

// Entry counts an entry. One whose opening was erased says nothing.
func (t *Tally) Entry(index uint64, at time.Time, o ledger.Opening) error {
	switch o.Type {
	case narthex.EntryEngagementChanged:
		if o.Text("engagement") != string(t.engagement) {
			return nil
		}
		if workflow.Command(o.Text("command")) == workflow.Issue { // a statement does not tell of statements
			t.issued[narthex.Digest(o.Text("saw"))] = index
			return nil
		}
		t.governance(index, at, o)
	case narthex.EntryAgreementRendered, narthex.EntryAgreementSigned, narthex.EntryGrantActive, narthex.EntryGrantEnded:
		if o.Text("engagement") == string(t.engagement) {
			t.governance(index, at, o)
		}
	case narthex.EntryLockSilenced:
		t.silent[o.Text("lock")] = true
	case narthex.EntryLockSet, narthex.EntryLockLifted:
		if !t.silent[o.Text("lock")] && slices.Contains(t.targets, o.Text("target")) {
			t.governance(index, at, o)
			t.lock(at, o)
		}
	case narthex.EntryCallIntent, narthex.EntryCallDenied, narthex.EntryCallOutcome, narthex.EntryJobTaken, narthex.EntryJobChanged, narthex.EntryReleaseTaken, narthex.EntryReleaseChanged:
		if o.Text("grant") == string(t.grant) && t.grant != "" {
			t.last, t.at = index, at
			return t.call(index, at, o)
		}
	}
	return nil
}

func (t *Tally) governance(index uint64, at time.Time, o ledger.Opening) {
	t.entries = append(t.entries, client.StatementEntry{Index: index, Type: o.Type})
	t.last, t.at = index, at
}

func (t *Tally) lock(at time.Time, o ledger.Opening) {
	if o.Type == narthex.EntryLockSet {
		t.lockIDs = append(t.lockIDs, o.Text("lock"))
		t.locks = append(t.locks, client.StatementLock{Subject: narthex.LockSubject(o.Text("subject")), Reason: narthex.LockReason(o.Text("reason")), From: at})
		return
	}
	if i := slices.Index(t.lockIDs, o.Text("lock")); i >= 0 {
		t.locks[i].Until = at
	}
}

func (t *Tally) of(k key) *use {
	if t.uses[k] == nil {
		t.uses[k] = &use{key: k, used: map[narthex.Unit]int64{}}
	}
	return t.uses[k]
}

func (t *Tally) call(index uint64, at time.Time, o ledger.Opening) error {
	switch o.Type {
	case narthex.EntryCallIntent, narthex.EntryJobTaken, narthex.EntryReleaseTaken:
		var uses []narthex.Use
		var holds []policy.Hold
		if json.Unmarshal([]byte(o.Field("uses")), &uses) != nil || json.Unmarshal([]byte(o.Field("reserved")), &holds) != nil || len(holds) == 0 {
			return fmt.Errorf("count call %d: its uses or amounts do not read", index)
		}
		made := call{hold: holds[0]}
		if last := holds[len(holds)-1]; last.Holder == policy.AssetHolder(narthex.AssetName(o.Text("asset"))) && len(last.Budgets) > 0 {
			made.carried = last.Budgets[0].Amount
		}
		for _, u := range uses {
			k := key{u.Attribute, narthex.AssetName(o.Text("asset"))}
			if !slices.Contains(made.attributes, k) {
				made.attributes = append(made.attributes, k)
				t.of(k).calls++
			}
		}
		if t.count.Calls == 0 {
			t.count.First = index
		}
		t.count.Calls++
		t.count.Last = index
		switch o.Type {
		case narthex.EntryJobTaken:
			if json.Unmarshal([]byte(o.Field("job")), &made.job.Plan) != nil {
				return fmt.Errorf("count job %d: its plan does not read", index)
			}
			made.job.State = airlock.JobBegins(made.job.Plan)
			t.calls[string(narthex.MakeJobID(index))] = made
		case narthex.EntryReleaseTaken:
			if json.Unmarshal([]byte(o.Field("release")), &made.release) != nil {
				return fmt.Errorf("count release %d: it does not read", index)
			}
			t.calls[string(narthex.MakeReleaseID(index))] = made
		default:
			t.calls[string(narthex.MakeCallID(index))] = made
		}
	case narthex.EntryJobChanged:
		made, open := t.calls[o.Text("job")]
		var e airlock.JobEvent
		next, err := made.job, json.Unmarshal([]byte(o.Field("event")), &e)
		if err == nil && open {
			next, err = airlock.NextJob(made.job, e, at)
		}
		return t.goesOn(index, o.Text("job"), open, err, next.State.Over(), func() (call, []policy.Used) {
			made.job = next
			return made, airlock.JobUsed(next.Plan, e)
		})
	case narthex.EntryReleaseChanged:
		made, open := t.calls[o.Text("release")]
		var e airlock.ReleaseEvent
		next, err := made.release, json.Unmarshal([]byte(o.Field("event")), &e)
		if err == nil && open {
			next, err = airlock.NextRelease(made.release, e, at)
		}
		return t.goesOn(index, o.Text("release"), open, err, next.State.Over(), func() (call, []policy.Used) {
			made.release = next
			return made, airlock.ReleaseUsed(next)
		})
	case narthex.EntryCallOutcome:
		var used []policy.Used
		if json.Unmarshal([]byte(o.Field("used")), &used) != nil {
			return fmt.Errorf("count the outcome %d: what was used does not read", index)
		}
		if made, open := t.calls[o.Text("call")]; open {
			delete(t.calls, o.Text("call"))
			t.settle(made, used)
		}
	default:
		return t.denied(index, o)
	}
	return nil
}

// goesOn counts what became of a job or a release: once it is over, what it used.
func (t *Tally) goesOn(index uint64, id string, open bool, err error, over bool, now func() (call, []policy.Used)) error {
	if err != nil {
		return fmt.Errorf("count entry %d: what became of a job or a release does not follow", index)
	}
	if !open { // it is over, and was counted
		return nil
	}
	made, used := now()
	if t.calls[id] = made; over {
		delete(t.calls, id)
		t.settle(made, used)
	}
	return nil
}

// settle charges a call: what it used, and of what is not known, what was taken for it.
func (t *Tally) settle(made call, used []policy.Used) {
	unknown := false
	charged := map[narthex.Unit]int64{}
	for _, u := range used {
		if u.Amount >= 0 {
			charged[u.Unit] = u.Amount
			continue
		}
		unknown = true
	}
	for _, taken := range made.hold.Budgets {
		amount, known := charged[taken.Unit]
		if !known || amount > taken.Amount {
			amount = taken.Amount
		}
		t.of(key{taken.Key.Attribute, taken.Key.Asset}).used[taken.Unit] = t.of(key{taken.Key.Attribute, taken.Key.Asset}).used[taken.Unit] + once(made, taken, amount)
		if _, told := charged[taken.Unit]; !told {
			charged[taken.Unit] = taken.Amount
		}
	}
	if bytes, told := charged[narthex.Bytes]; made.carried > 0 && (!told || bytes > made.carried) {
		charged[narthex.Bytes] = made.carried
	}
	for unit, amount := range charged {
		t.used[unit] += amount
	}
	if unknown {
		t.count.Unknown++
	}
}

// once counts an amount for the first of an attribute's budgets of a unit, and none for the others: a day's budget and the whole one
// are charged for the same.
func once(made call, taken policy.Taken, amount int64) int64 {
	first := slices.IndexFunc(made.hold.Budgets, func(b policy.Taken) bool {
		return b.Key.Attribute == taken.Key.Attribute && b.Key.Asset == taken.Key.Asset && b.Unit == taken.Unit
	})
	if made.hold.Budgets[first].Key != taken.Key {
		return 0
	}
	return amount
}

func (t *Tally) denied(index uint64, o ledger.Opening) error {
	var uses []narthex.Use
	var reasons []narthex.Reason
	if json.Unmarshal([]byte(o.Field("uses")), &uses) != nil || json.Unmarshal([]byte(o.Field("reasons")), &reasons) != nil {
		return fmt.Errorf("count the denial %d: it does not read", index)
	}
	t.count.Refused++
	told := []key{}
	for _, r := range reasons {
		clause, _, _ := strings.Cut(r.Clause, "@")
		t.reasons[client.StatementRefusal{Code: r.Code, Clause: clause, Attribute: r.Attribute}]++
		if k := (key{r.Attribute, narthex.AssetName(o.Text("asset"))}); r.Attribute != "" && k.asset != "" && !slices.Contains(told, k) {
			told = append(told, k)
			t.of(k).refused++
		}
	}
	return nil
}

// open charges what calls took that have no outcome yet.
func (t *Tally) open() (map[narthex.Unit]int64, map[key]map[narthex.Unit]int64) {
	all, by := map[narthex.Unit]int64{}, map[key]map[narthex.Unit]int64{}
	for _, made := range t.calls {
		seen := map[narthex.Unit]int64{}
		for _, taken := range made.hold.Budgets {
			k := key{taken.Key.Attribute, taken.Key.Asset}
			if by[k] == nil {
				by[k] = map[narthex.Unit]int64{}
			}
			by[k][taken.Unit] += once(made, taken, taken.Amount)
			seen[taken.Unit] = max(seen[taken.Unit], taken.Amount)
		}
		for unit, amount := range seen {
			all[unit] += amount
		}
	}
	return all, by
}

func (t *Tally) use() client.StatementUse {
	out := t.count
	all, _ := t.open()
	for unit, amount := range t.used {
		all[unit] += amount
	}
	out.Unknown += int64(len(t.calls))
	out.Used = amounts(all)
	return out
}

// byAttribute gives what was used and refused, in an order.
func (t *Tally) byAttribute() []use {
	_, open := t.open()
	var list []use
	for k, u := range t.uses {
		counted := *u
		counted.used = maps.Clone(u.used)
		for unit, amount := range open[k] {
			counted.used[unit] += amount
		}
		list = append(list, counted)
	}
	order.By(list, func(a, b use) int {
		return cmp.Or(cmp.Compare(a.asset, b.asset), cmp.Compare(a.attribute, b.attribute))
	})
	return list
}

func (t *Tally) refused() []client.StatementRefusal {
	list := []client.StatementRefusal{}
	for r, count := range t.reasons {
		r.Count = count
		list = append(list, r)
	}
	order.By(list, func(a, b client.StatementRefusal) int {
		return cmp.Or(cmp.Compare(a.Clause, b.Clause), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Attribute, b.Attribute))
	})
	return list
}

func amounts(by map[narthex.Unit]int64) []client.StatementAmount {
	list := []client.StatementAmount{}
	for _, unit := range slices.Sorted(maps.Keys(by)) {
		if by[unit] != 0 {
			list = append(list, client.StatementAmount{Unit: unit, Amount: by[unit]})
		}
	}
	return list
}
