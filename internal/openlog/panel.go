package openlog

import (
	"context"
	"errors"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/witness"
	"narthex/ledger"
)

// Witness is someone outside who signs that they have seen the tree grow.
type Witness interface {
	// Name is that of the witness's key, Key its verifier key.
	Name() string
	Key() string
	// Cosign asks for a cosignature and checks it: older is the size that the witness is believed to have signed, and proof
	// that the checkpoint's tree begins with it. A witness that has signed another size answers with a *witness.StaleError.
	Cosign(ctx context.Context, older uint64, proof []ledger.Hash, checkpoint string) (line string, err error)
}

// Panel is the witnesses of the directory in force, and how many of them must sign.
type Panel struct {
	Witnesses []Witness
	Require   int // 0 for none
}

// distinct gives the witnesses, each key once, whatever names it goes by. A key that cannot be read is nobody's.
func (p Panel) distinct() []Witness {
	var found []Witness
	seen := map[[32]byte]bool{}
	for _, w := range p.Witnesses {
		if key, err := ledger.WitnessKey(w.Key()); err == nil && !seen[key] {
			seen[key] = true
			found = append(found, w)
		}
	}
	return found
}

// pause is how long a witness that failed is left alone.
const pause = 5 * time.Second

// witnessState is what is known of a witness.
type witnessState struct {
	name    string
	older   uint64 // size of the tree that it is believed to have signed
	size    uint64 // of the last tree that it signed for us
	at      time.Time
	since   time.Time // it has been asked in vain since; zero while it answers
	next    time.Time // it is not asked again before
	wrong   string    // what stood in the way the last time
	alarmed bool
}

// asking is one question to a witness.
type asking struct {
	witness Witness
	state   *witnessState
	older   uint64
}

// choose brings the panel up to date and gives the witnesses to ask about a tree of that size.
func (l *Log) choose(panel Panel, size uint64, now time.Time) []asking {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = l.order[:0]
	var asked []asking
	for _, w := range panel.distinct() {
		state := l.panel[w.Key()]
		if state == nil {
			state = &witnessState{name: w.Name()}
			l.panel[w.Key()] = state
		}
		l.order = append(l.order, w.Key())
		if size > 0 && state.size != size && !now.Before(state.next) {
			asked = append(asked, asking{w, state, state.older})
		}
	}
	return asked
}

// ask gets one witness's cosignature, or "" and remembers why not.
func (l *Log) ask(ctx context.Context, a asking, size uint64, checkpoint string) string {
	line, err := l.cosign(ctx, a.witness, a.older, size, checkpoint)
	stale := new(witness.StaleError)
	if errors.As(err, &stale) && stale.Size <= size && stale.Size != a.older {
		line, err = l.cosign(ctx, a.witness, stale.Size, size, checkpoint)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	state, now := a.state, l.config.Journal.Now()
	if err == nil {
		state.older, state.size, state.at, state.since, state.next, state.wrong, state.alarmed = size, size, now, time.Time{}, time.Time{}, "", false
		return line
	}
	state.wrong, state.next = err.Error(), now.Add(pause)
	if state.since.IsZero() {
		state.since = now
	}
	forked := errors.As(err, &stale)
	if forked {
		state.wrong = "it has signed a tree that this one does not begin with: this database is behind, or another history was shown"
	}
	if !state.alarmed && (forked || now.Sub(state.since) >= l.config.Alarm) {
		state.alarmed = true
		l.config.Log.Error("a witness does not sign the ledger", "witness", state.name, "since", state.since, "cause", state.wrong)
	}
	return ""
}

func (l *Log) cosign(ctx context.Context, w Witness, older, size uint64, checkpoint string) (line string, err error) {
	var proof []ledger.Hash
	if older > 0 && older < size {
		err = l.config.Journal.View(ctx, func(tx *journal.Tx) error {
			proof, err = ledger.ProveConsistency(journal.Tiles{Reader: tx.Reader()}, older, size)
			return err
		})
		if err != nil {
			return "", errors.New("the proof for it could not be made")
		}
	}
	return w.Cosign(ctx, older, proof, checkpoint)
}

// signs says whether a witness counts towards the required ones: it has signed, and has not been silent for the alarm time.
func (l *Log) signs(state *witnessState, now time.Time) bool {
	return !state.at.IsZero() && (state.since.IsZero() || now.Sub(state.since) < l.config.Alarm)
}

// Witnesses tells which witness has signed what, in the directory's order.
func (l *Log) Witnesses() []client.WitnessView {
	now := l.config.Journal.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	views := []client.WitnessView{}
	for _, key := range l.order {
		w := l.panel[key]
		views = append(views, client.WitnessView{Name: w.name, Key: key, Size: w.size, At: w.at, SilentSince: w.since, Wrong: w.wrong,
			Alarm: w.alarmed || !w.since.IsZero() && now.Sub(w.since) >= l.config.Alarm})
	}
	return views
}

// Require is how many witnesses must sign before anything is served; 0 for none.
func (l *Log) Require() int { return l.config.Panel().Require }

// Ready refuses to serve while fewer witnesses than the directory in force requires have signed within the alarm time.
func (l *Log) Ready() error {
	panel := l.config.Panel()
	if panel.Require == 0 {
		return nil
	}
	now, signing := l.config.Journal.Now(), 0
	l.mu.Lock()
	for _, w := range panel.distinct() {
		if state := l.panel[w.Key()]; state != nil && l.signs(state, now) {
			signing++
		}
	}
	l.mu.Unlock()
	if signing >= panel.Require {
		return nil
	}
	err := narthex.Unavailablef("The lab requires %d witnesses of its ledger and %d sign, so nothing is served. Try again later; the operators see which are silent.", panel.Require, signing)
	err.Code = "witnesses_missing"
	return err
}
