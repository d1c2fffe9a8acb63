package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"narthex"
)

// verification is what is known of a log while its records come in order, from an export or from a published log.
type verification struct {
	report Report
	tree   Tree
	story  story
	fields []narthex.Field // room for those of the next opening, where nobody keeps the last's
	since  []older
	last   Record
	hasher *hasher
	visit  func(index uint64, record Record, opening *Opening) error // nil where nobody looks on
}

// older is a checkpoint that the verifier kept.
type older struct {
	text string
	Checkpoint
	then Hash // the root that the log had at that size, when it was passed
}

// ErrForeign says that a checkpoint which the verifier kept is not signed by a key of the log, and so says nothing about it.
var ErrForeign = errors.New("the earlier checkpoint is not signed by a key of this log")

func newVerification(verifierKey string, since []string) (*verification, error) {
	if _, err := newVerifier(verifierKey); err != nil {
		return nil, &TamperError{-1, "the given key is not the log's: it is not of the form name+hash+key"}
	}
	v := &verification{story: newStory(verifierKey), hasher: newHasher(), report: Report{ByType: map[narthex.EntryType]int{}, Open: []narthex.CallID{}}}
	for _, text := range since {
		kept, err := ParseCheckpoint(text)
		if err != nil {
			return nil, errors.New("the earlier checkpoint does not read as one")
		}
		v.since = append(v.since, older{text: text, Checkpoint: kept, then: v.tree.Root()})
	}
	sort.Slice(v.since, func(a, b int) bool { return v.since[a].Size < v.since[b].Size })
	return v, nil
}

// tampered names the next entry.
func (v *verification) tampered(format string, args ...any) error {
	return &TamperError{int64(v.tree.Size()), fmt.Sprintf(format, args...)}
}

// time refuses a record that is earlier than the one before it.
func (v *verification) time(record Record) error {
	if v.tree.Size() > 0 && record.millis() < v.last.millis() {
		return v.tampered("it is earlier than the entry before it")
	}
	return nil
}

func (v *verification) opened(kind narthex.EntryType) {
	v.report.Opened++
	v.report.ByType[kind]++
}

// add takes a record in whose leaf is given. Full is told of the tiles that it fills.
func (v *verification) add(record Record, leaf Hash, full func(level int, index uint64, hashes []Hash)) {
	if v.tree.Size() == 0 {
		v.report.First = record.Time()
	}
	if record.Class() == narthex.UseEntry {
		v.report.Use++
	} else {
		v.report.Governance++
	}
	v.tree.grow(leaf, full)
	v.last = record
	for i := range v.since {
		if v.since[i].Size == v.tree.Size() {
			v.since[i].then = v.tree.Root()
		}
	}
}

// finish holds the tree to the checkpoint that the key in force has signed, and to the earlier ones.
func (v *verification) finish(checkpoint, stated, key string) error {
	r := &v.report
	root := v.tree.Root()
	r.Size, r.Root, r.Key, r.Checkpoint = v.tree.Size(), fmt.Sprintf("%x", root), key, checkpoint
	if r.Size > 0 {
		r.Last = v.last.Time()
	}
	for _, index := range slices.Sorted(maps.Keys(v.story.open)) {
		r.Open = append(r.Open, narthex.MakeCallID(index))
	}
	signed, err := openStated(checkpoint, stated, key)
	if err != nil {
		return err
	}
	r.Origin = signed.Origin
	if signed.Size != r.Size {
		return &TamperError{-1, fmt.Sprintf("the checkpoint counts %d entries and the log holds %d", signed.Size, r.Size)}
	}
	if signed.Root != root {
		return &TamperError{-1, "the entries fit together but are not those that the checkpoint signed"}
	}
	return v.continues()
}

// openStated opens a checkpoint under the key that must have signed it, which is also the one that the log must state.
func openStated(checkpoint, stated, key string) (Checkpoint, error) {
	signed, err := OpenCheckpoint(checkpoint, key)
	if err != nil {
		return Checkpoint{}, &TamperError{-1, "the checkpoint is not signed by the given key, or was changed"}
	}
	if stated != key {
		return Checkpoint{}, &TamperError{-1, "the log states another key than the one it was checked with"}
	}
	return signed, nil
}

// continues says whether the log goes on from what its earlier checkpoints signed.
func (v *verification) continues() error {
	for _, kept := range v.since {
		if !slices.ContainsFunc(v.story.keys.all, func(key string) bool { _, err := OpenCheckpoint(kept.text, key); return err == nil }) {
			return ErrForeign
		}
		if kept.Size > v.tree.Size() {
			return &TamperError{-1, fmt.Sprintf("the log holds %d entries, and a checkpoint that you kept signs %d: it was cut, or this is an older copy", v.tree.Size(), kept.Size)}
		}
		if kept.then != kept.Root {
			return &TamperError{-1, fmt.Sprintf("the first %d entries are not those that a checkpoint you kept signs: there are two histories, and the lab signed both", kept.Size)}
		}
	}
	return nil
}
