package audit

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/policy"
)

// jobTaken takes a job in: what it took of its budgets, as a call does, and its plan.
func (s *step) jobTaken() error {
	holds, err := s.took()
	if err != nil {
		return err
	}
	id := narthex.MakeJobID(s.index)
	j := book.Job{Job: narthex.Job{ID: id, Grant: narthex.GrantID(s.text("grant")), Agreement: narthex.Digest(s.text("agreement")), Key: narthex.KeyID(s.text("key")), TakenAt: s.at}, Holds: holds}
	var facts policy.Facts
	var uses []narthex.Use
	if decode(s.o.Field("job"), &j.Plan) != nil || decode(s.o.Field("facts"), &facts) != nil || decode(s.o.Field("uses"), &uses) != nil ||
		len(uses) != 1 || uses[0].Attribute != j.Plan.Attribute || facts.Against != j.Plan.Against || (j.Plan.Against == "") != (j.Plan.AgainstDigest == "") ||
		j.Plan.Asset != narthex.AssetName(s.text("asset")) || j.Plan.Version != narthex.VersionName(s.text("version")) {
		s.impossible(store.Jobs, string(id), "a job whose plan does not read, or is of another asset, version or attribute")
		return nil
	}
	if !planned(j.Plan, s.o.Field("facts")) {
		s.impossible(store.Jobs, string(id), "a job that reserved other times than its plan says")
	}
	if j.State = airlock.JobBegins(j.Plan); !s.approvalSigned(j) {
		s.impossible(store.Jobs, string(id), "a job that waits for other approvals than its agreement says")
	}
	j.Person, j.Engagement = s.Keys[j.Key].Person, s.Grants[j.Grant].Engagement
	s.Jobs[id] = j
	return nil
}

// approvalSigned says whether what a job waits for before it runs is what was signed. Where the document is not at hand there is nothing to
// hold it to.
func (s *step) approvalSigned(j book.Job) bool {
	a, err := s.docs.agreement(j.Agreement)
	if err != nil || a == nil {
		return err == nil
	}
	signed, err := lab.StudyOf(*a)
	if err != nil || (signed == nil) != (j.Plan.Approval == nil) {
		return false
	}
	return signed == nil || *signed == *j.Plan.Approval
}

// planned says whether the times that were decided on are those of a plan.
func planned(p narthex.Plan, facts string) bool {
	var f policy.Facts
	if decode(facts, &f) != nil || p.GPUMinutes != p.Devices*p.WallMinutes || p.Devices < 0 {
		return false
	}
	asked := map[narthex.Unit]int64{}
	for _, d := range f.Demands {
		asked[d.Unit] = d.Most
	}
	return asked[narthex.CPUMinutes] == p.CPUMinutes && asked[narthex.GPUMinutes] == p.GPUMinutes
}

// took takes what an entry says from the accounts, and gives the holds.
func (s *step) took() ([]policy.Hold, error) {
	if err := s.intent(); err != nil {
		return nil, err
	}
	call := s.Open[s.index]
	delete(s.Open, s.index)
	return call.Holds, nil
}

// settleHolds gives back what was not used.
func (s *step) settleHolds(holds []policy.Hold, used []policy.Used) {
	for _, hold := range holds {
		s.Accounts[hold.Holder] = s.Accounts[hold.Holder].Settle(hold, used)
	}
}

// absent says whether the opening of an entry is absent, whether or not it is told that it was erased.
func (f *Fold) absent(index uint64) bool {
	_, absent := f.Absent[index]
	return absent
}

func (s *step) jobChanged() error {
	id := narthex.JobID(s.text("job"))
	j, known := s.Jobs[id]
	var e airlock.JobEvent
	if index, err := id.Index(); err == nil && s.absent(index) {
		s.untold++
		return nil
	}
	if !known || string(j.Grant) != s.text("grant") || decode(s.o.Field("event"), &e) != nil {
		s.impossible(store.Jobs, string(id), "an act on a job that is not there, or of another grant")
		return nil
	}
	if e.Vote != nil {
		if may, err := s.hadRole(e.Vote.By, e.Vote.As, j.Plan.Asset); err != nil {
			return err
		} else if !may {
			s.impossible(store.Jobs, string(id), "a word on a study of somebody who did not have that role then")
			return nil
		}
	}
	next, err := airlock.NextJob(j.Job, e, s.at)
	if err != nil {
		s.impossible(store.Jobs, string(id), "an act that the job's state does not take")
		return nil
	}
	if e.Act == airlock.JobClear && !airlock.Clears(j.Job, s.releasesOf(j.Job), s.at) {
		s.impossible(store.Jobs, string(id), "an end of keeping its files while something of them is needed")
	}
	ends := next.State.Over() && !j.State.Over()
	if j.Job = next; ends {
		s.settleHolds(j.Holds, airlock.JobUsed(next.Plan, e))
	}
	s.Jobs[id] = j
	return nil
}

// releasesOf gives what was asked to leave of a job.
func (s *step) releasesOf(j narthex.Job) (releases []narthex.Release) {
	if j.Package == nil {
		return nil
	}
	for _, r := range s.Releases {
		if r.Job == j.ID {
			releases = append(releases, r.Release)
		}
	}
	return releases
}

// releaseTaken takes a release in.
func (s *step) releaseTaken() error {
	holds, err := s.took()
	if err != nil {
		return err
	}
	id := narthex.MakeReleaseID(s.index)
	r := book.Release{Holds: holds}
	if decode(s.o.Field("release"), &r.Release) != nil || r.Asset != narthex.AssetName(s.text("asset")) || string(r.Grant) != s.text("grant") || string(r.Key) != s.text("key") {
		s.impossible(store.Releases, string(id), "a release that does not read, or is of another asset, grant or key")
		return nil
	}
	job, known := s.Jobs[r.Job]
	if index, err := r.Job.Index(); known || err != nil || !s.absent(index) {
		var facts policy.Facts
		if digest, err := airlock.PackageDigest(r.Files); err != nil || decode(s.o.Field("facts"), &facts) != nil || facts.Against != job.Plan.Against || digest != r.Package || r.State != narthex.ReleaseSubmitted || !known || job.Package == nil || job.Grant != r.Grant || !airlock.Marked(r.Release) || !airlock.Left(r.Files, job.Package.Files) {
			s.impossible(store.Releases, string(id), "a release of what its job did not leave")
		}
	}
	if most, err := s.reviewersSigned(r.Release); err != nil {
		return err
	} else if r.Reviewers < most {
		s.impossible(store.Releases, string(id), "a release of which fewer people must say that it may leave than was signed")
	}
	r.ID, r.TakenAt = id, s.at
	s.Releases[id] = r
	return nil
}

// reviewersSigned gives how many people at least say of a release that it may leave, by what was signed, or 0 where the document is not at hand. A
// key's own terms may ask for more.
func (s *step) reviewersSigned(r narthex.Release) (int, error) {
	a, err := s.docs.agreement(s.Grants[r.Grant].Agreement)
	if err != nil || a == nil {
		return 0, err
	}
	out, _ := narthex.FindTerm(a.Terms, "output.release", r.Asset)
	return airlock.ReviewersOf(r.Files, int(out.Limits["reviewers"].Number)), nil
}

func (s *step) releaseChanged() error {
	id := narthex.ReleaseID(s.text("release"))
	r, known := s.Releases[id]
	var e airlock.ReleaseEvent
	if index, err := id.Index(); err == nil && s.absent(index) {
		s.untold++
		return nil
	}
	if !known || string(r.Grant) != s.text("grant") || decode(s.o.Field("event"), &e) != nil {
		s.impossible(store.Releases, string(id), "an act on a release that is not there, or of another grant")
		return nil
	}
	if e.Vote != nil {
		if may, err := s.hadRole(e.Vote.By, e.Vote.As, r.Asset); err != nil {
			return err
		} else if !may {
			s.impossible(store.Releases, string(id), "a word on a release of somebody who did not have that role then")
			return nil
		}
	}
	next, err := airlock.NextRelease(r.Release, e, s.at)
	if err != nil {
		s.impossible(store.Releases, string(id), "an act that the release's state does not take")
		return nil
	}
	if e.Act == airlock.ByRule {
		s.leftByRule(r.Release, *e.Rule)
	}
	was := r.State
	if r.Release = next; next.State.Over() && !was.Over() {
		s.settleHolds(r.Holds, airlock.ReleaseUsed(next))
	}
	s.Releases[id] = r
	return nil
}

// hadRole says whether a person had the role in which they spoke of a release or of a study beside an asset, when they did: by the directory that was in force, and of an owner
// whether the asset was theirs. What the directory was, where it cannot be read, is told elsewhere.
func (s *step) hadRole(by narthex.PersonID, as narthex.Role, asset narthex.AssetName) (bool, error) {
	d, err := s.docs.directory(s.Directory.InForce)
	if err != nil || d == nil {
		return true, err
	}
	p, known := s.People[by]
	if known && p.Handle == "" && p.Org == "" { // what told of them was erased
		return true, nil
	}
	named, is := d.Person(p.Handle)
	if !known || !is || p.Org != "" || p.State != narthex.PersonActive || !slices.Contains(named.Roles, as) {
		return false, nil
	}
	return as != narthex.AssetOwner || d.Owns(asset, narthex.Person{ID: by, Handle: p.Handle, State: p.State, Roles: named.Roles}), nil
}

// jobs holds the jobs that are stored to what their entries say; people's words, to their digests.
func (c *comparison) jobs() error {
	want := map[string]*book.Job{}
	for id, j := range c.Jobs {
		row := j
		want[string(id)] = &row
	}
	return compareRows(c, store.Jobs, want, func(_ string, want, found *book.Job) {
		recorded, err := canon.Digest(airlock.RecordedJob(found.Job))
		folded, failed := canon.Digest(want.Job)
		if err == nil && failed == nil && recorded == folded {
			want.Job = found.Job
		}
	})
}

// releases holds the releases that are stored to what their entries say; people's words, and what findings say, to their digests.
func (c *comparison) releases() error {
	want := map[string]*book.Release{}
	for id, r := range c.Releases {
		row := r
		want[string(id)] = &row
	}
	return compareRows(c, store.Releases, want, func(_ string, want, found *book.Release) {
		recorded, err := canon.Digest(airlock.Recorded(found.Release))
		folded, failed := canon.Digest(want.Release)
		if err == nil && failed == nil && recorded == folded {
			want.Release = found.Release
		}
	})
}

// blobs holds the pieces of frozen files to the digest under which they stand, and what entries name to being there. What no entry names
// may be there: a job that was denied at the last moment, or a node that ended, left it.
func (c *comparison) blobs() error {
	files := map[narthex.Digest][]string{} // the keys of the pieces of each file that is not as it must be
	whole := map[narthex.Digest]bool{}
	var digest narthex.Digest
	var keys []string
	sum, size, last := sha256.New(), 0, 0
	ended := func() {
		switch {
		case digest == "":
		case narthex.MakeDigest([32]byte(sum.Sum(nil))) == digest:
			whole[digest] = true
		case last < book.Piece || size == 0:
			files[digest] = keys // it ends as a file does; without an end it may be one that a node was writing when it ended
		default:
			files[digest] = nil
		}
		sum.Reset()
		keys, size, last = nil, 0, 0
	}
	err := each(c.r, store.Blobs, func(row store.Row) error {
		c.counted[string(store.Blobs)]++
		name, number, _ := strings.Cut(row.Key, "/")
		if is := narthex.Digest(name); is != digest {
			ended()
			digest = is
		}
		if _, err := narthex.ParseDigest(name); err != nil || number != fmt.Sprintf("%04d", len(keys)) {
			c.unexpected(store.Blobs, row)
			return nil
		}
		var piece book.Blob
		if err := json.Unmarshal(row.Value, &piece); err != nil {
			c.unreadable(store.Blobs, row.Key)
			return nil
		}
		keys = append(keys, row.Key)
		sum.Write(piece.Data)
		size, last = size+len(piece.Data), len(piece.Data)
		return nil
	})
	if err != nil {
		return err
	}
	ended()
	for digest, keys := range files {
		for _, key := range keys {
			c.differ(client.Difference{What: "row_differs", Table: string(store.Blobs), Key: key, Field: "data", Expected: string(digest), Found: "other bytes"})
		}
	}
	named, err := c.frozen()
	if err != nil {
		return err
	}
	for _, digest := range named {
		if _, found := files[digest]; !whole[digest] && (!found || files[digest] == nil) {
			c.missing(store.Blobs, string(digest)+"/0000")
		}
	}
	return nil
}

// frozen gives the digests of the files that entries name and that are still kept: of studies, of what jobs left, and of what wants to leave.
func (c *comparison) frozen() ([]narthex.Digest, error) {
	named := map[narthex.Digest]bool{}
	for _, j := range c.Jobs {
		if !j.ClearedAt.IsZero() {
			continue
		}
		if !named[j.Plan.Study] {
			value, err := c.r.Get(store.Blobs, string(j.Plan.Study)+"/0000")
			if err != nil {
				return nil, err
			}
			var list book.Blob
			var study []narthex.Frozen
			if json.Unmarshal(value, &list) == nil && json.Unmarshal(list.Data, &study) == nil {
				for _, f := range study {
					named[f.Digest] = true
				}
			}
		}
		named[j.Plan.Study] = true
		if j.Package == nil {
			continue
		}
		for _, f := range j.Package.Files {
			named[f.Digest] = true
		}
	}
	for _, r := range c.Releases {
		job, known := c.Jobs[r.Job]
		if r.State.Over() && r.State != narthex.ReleaseReleased && (!known || !job.ClearedAt.IsZero()) { // a job of somebody erased may be cleared
			continue
		}
		for _, f := range r.Files {
			named[f.Digest] = true
		}
		if r.Sketch.Digest != "" {
			named[r.Sketch.Digest] = true
		}
	}
	return slices.Sorted(maps.Keys(named)), nil
}
