// Package courier carries notices out of the store to people's mail and to webhooks.
//
// It promises at least once: what is in the outbox is tried until a receiver took it or the time for it is over, through restarts of
// the node, under one identifier at every try, by which a receiver drops doubles. No change waits for a delivery and none fails by
// one; each channel waits for itself alone; and however much waits, no more than a page of it is in memory. An address is looked up
// when a try is made and is written nowhere, so that a person who is erased is told nothing more. A specialist's one-time code, which goes by mail alone, is in memory until it has
// gone, and in no row.
//
// It trusts neither mail server nor webhook: of an answer it takes whether it was a yes. Read next: mail.go, hook.go, settings.go.
package courier

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/listing"
	"narthex/internal/notice"
	"narthex/internal/store"
)

// GiveUp is how long after a notice was made it is tried no more.
const GiveUp = 72 * time.Hour

// firstWait and mostWait bound the time between tries, which doubles.
const (
	firstWait = time.Minute
	mostWait  = 6 * time.Hour
)

// atOnce is how many notices of a channel are in memory.
const atOnce = 16

// Why a try failed; the words are the whole of what is kept of an answer.
const (
	Unreachable = "unreachable" // nothing answered, or the connection broke
	Untrusted   = "untrusted"   // no TLS where it must be, or a certificate that does not verify
	Unwelcome   = "unwelcome"   // our credentials were not taken
	Deferred    = "deferred"    // a mail server asked to come again
	Refused     = "refused"     // a mail server will never take it
	Answered    = "answered"    // a webhook answered with something else than a yes
	Redirected  = "redirected"  // a webhook sent us elsewhere; we do not go
	NoAddress   = "no_address"  // the person has none, or one that cannot be written to
	NotActive   = "not_active"  // the person is suspended, removed or erased
	NoChannel   = "no_channel"  // the settings have no such channel any more
	NoCode      = "no_code"     // the node that drew a specialist's code has stopped, and nobody knows it: they are asked anew
)

// Failure is why a try failed.
type Failure struct {
	Word  string
	Final bool // another try would fail too
}

func (f *Failure) Error() string { return "deliver a notice: " + f.Word }

// Parcel is a notice on its way.
type Parcel struct {
	book.Notice
	Text   notice.Text
	Lab    string         // what the lab is called
	Origin string         // of its ledger; names the sender in identifiers
	Email  string         // of the person or the specialist; empty for a webhook
	Code   narthex.Secret // of a specialist
	Now    time.Time
}

// Carrier carries parcels of one channel. An error is a Failure.
type Carrier interface {
	Carry(ctx context.Context, p Parcel) error
}

// Courier carries what waits. Every exported field must be set.
type Courier struct {
	Store    store.Store
	Clock    func() time.Time
	Random   io.Reader
	Log      *slog.Logger
	Origin   string
	Lab      func() string
	Channels map[string]Carrier

	codes sync.Map // of specialists to whom no mail went yet, by invitation; they stand nowhere else
	lanes sync.Map // by channel, a mutex: one try of a channel at a time, so that nothing is sent twice at once
}

// Run carries until the context ends, each channel by itself.
func (c *Courier) Run(ctx context.Context) {
	done := make(chan struct{})
	for channel := range c.Channels {
		go func() {
			defer func() { done <- struct{}{} }()
			c.run(ctx, channel)
		}()
	}
	for range c.Channels {
		<-done
	}
}

// often is how long a channel in which nothing waits is left alone.
const often = 2 * time.Second

func (c *Courier) run(ctx context.Context, channel string) {
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		carried, err := c.Round(ctx, channel)
		if err != nil && ctx.Err() == nil {
			c.Log.Warn("notices wait: the store could not be read or written", "channel", channel, "cause", err.Error())
		}
		if carried == atOnce && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Round makes one try of what waits in a channel now, of a page of it, and gives how many tries it made.
func (c *Courier) Round(ctx context.Context, channel string) (tried int, err error) {
	carrier, has := c.Channels[channel]
	if !has {
		return 0, nil
	}
	held, _ := c.lanes.LoadOrStore(channel, &sync.Mutex{})
	lane := held.(*sync.Mutex)
	lane.Lock()
	defer lane.Unlock()
	parcels, err := c.waiting(ctx, channel)
	for _, p := range parcels {
		if ctx.Err() != nil {
			return tried, ctx.Err()
		}
		var failed *Failure
		if (p.Person != "" || p.Invite != "") && p.Email == "" {
			failed = &Failure{p.Why, true}
		} else if err := carrier.Carry(ctx, p); err != nil && !errors.As(err, &failed) {
			failed = &Failure{Unreachable, false}
		}
		if ctx.Err() != nil && failed != nil {
			return tried, ctx.Err() // the node stops; that is no try
		}
		tried++
		if err := c.record(ctx, p.Notice, failed); err != nil {
			return tried, err
		}
	}
	return tried, err
}

// waiting reads a page of what is to be tried now, with the addresses.
func (c *Courier) waiting(ctx context.Context, channel string) ([]Parcel, error) {
	var parcels []Parcel
	now, list := c.Clock().UTC(), book.NoticesWaiting(channel)
	err := c.Store.View(ctx, func(r store.Reader) error {
		parcels = nil
		rows, err := r.Scan(store.Notices, store.Span{From: list, To: list + listing.Place(now, "\xff"), Limit: atOnce})
		if err != nil {
			return err
		}
		for _, row := range rows {
			key, _ := book.NoticeAt(list, row.Key)
			n, err := read[book.Notice](r, store.Notices, key)
			if err != nil {
				return err
			}
			if n == nil {
				continue
			}
			text, _ := n.Facts().Text()
			p := Parcel{Notice: *n, Text: text, Lab: c.Lab(), Origin: c.Origin, Now: now}
			if p.Person != "" {
				person, err := read[narthex.Person](r, store.People, string(p.Person))
				if err != nil {
					return err
				}
				switch {
				case person == nil || person.State != narthex.PersonActive:
					p.Why = NotActive
				case !writable(person.Email):
					p.Why = NoAddress
				default:
					p.Email = person.Email
				}
			}
			if p.Invite != "" {
				if err := c.address(r, &p); err != nil {
					return err
				}
			}
			parcels = append(parcels, p)
		}
		return nil
	})
	return parcels, err
}

// Keep holds a specialist's code in memory until it is mailed, or cannot be, or is forgotten.
func (c *Courier) Keep(invite narthex.InviteID, code narthex.Secret) (forget func()) {
	c.codes.Store(invite, code)
	return func() { c.codes.Delete(invite) }
}

// address finds the address of a specialist who is still asked, and their code.
func (c *Courier) address(r store.Reader, p *Parcel) error {
	e, err := read[narthex.Engagement](r, store.Engagements, string(p.Engagement))
	if err != nil {
		return err
	}
	at := -1
	if e != nil {
		at = slices.IndexFunc(e.Opinions, func(o narthex.Opinion) bool { return o.ID == p.Invite && o.Open(p.Now) && o.Login == "" })
	}
	code, kept := c.codes.Load(p.Invite)
	switch {
	case at < 0:
		p.Why = NotActive
	case !kept:
		p.Why = NoCode
	case !writable(e.Opinions[at].Email):
		p.Why = NoAddress
	default:
		p.Email, p.Code = e.Opinions[at].Email, code.(narthex.Secret)
	}
	return nil
}

func read[T any](r store.Reader, table store.Table, key string) (*T, error) {
	value, err := r.Get(table, key)
	if err != nil || value == nil {
		return nil, err
	}
	row := new(T)
	return row, json.Unmarshal(value, row)
}

// record writes what became of a try. A notice that is gone, or that someone else recorded a try of, stays as it is.
func (c *Courier) record(ctx context.Context, was book.Notice, failed *Failure) error {
	next := was
	next.Tries++
	now := c.Clock().UTC()
	switch {
	case failed == nil:
		next.State, next.Ended, next.Next, next.Why = book.NoticeSent, now, time.Time{}, ""
	case failed.Final || !now.Before(was.At.Add(GiveUp)):
		next.State, next.Ended, next.Next, next.Why = book.NoticeGivenUp, now, time.Time{}, failed.Word
		c.Log.Warn("a notice was given up; `narthex notices` shows it to the programme", "notice", was.ID, "channel", was.Channel, "tries", next.Tries, "because", failed.Word)
	default:
		wait, err := c.wait(was.Tries)
		if err != nil {
			return err
		}
		next.Next, next.Why = now.Add(wait), failed.Word
	}
	if next.State != book.NoticeWaiting {
		c.codes.Delete(was.Invite)
	}
	return c.Store.Update(ctx, func(tx store.Tx) error { return move(tx, was, &next) })
}

// wait gives the time to the next try: double that of the last, and a quarter more or less, so that what failed together does not come
// back together.
func (c *Courier) wait(tries int) (time.Duration, error) {
	wait := mostWait
	if tries < 10 {
		wait = min(firstWait<<tries, mostWait)
	}
	var drawn [8]byte
	if _, err := io.ReadFull(c.Random, drawn[:]); err != nil {
		return 0, err
	}
	return wait - wait/4 + time.Duration(binary.BigEndian.Uint64(drawn[:])%uint64(wait/2)), nil
}

// move puts a notice from where it stood to where it stands next; nil takes it away.
func move(tx store.Tx, was book.Notice, next *book.Notice) error {
	stored, err := read[book.Notice](tx, store.Notices, was.Key())
	if err != nil || stored == nil || stored.State != was.State || stored.Tries != was.Tries {
		return err
	}
	for _, place := range stored.Places() {
		if err := tx.Delete(store.Notices, place); err != nil {
			return err
		}
	}
	if next == nil {
		return tx.Delete(store.Notices, was.Key())
	}
	return put(tx, *next)
}

// put writes a notice and its places.
func put(tx store.Tx, n book.Notice) error {
	value, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := tx.Put(store.Notices, n.Key(), value); err != nil {
		return err
	}
	for _, place := range n.Places() {
		if err := tx.Put(store.Notices, place, []byte("{}")); err != nil {
			return err
		}
	}
	return nil
}

// Take writes notices that are told once, each that was not.
func (c *Courier) Take(ctx context.Context, tells []book.Once) error {
	if len(tells) == 0 {
		return nil
	}
	fresh := tells
	err := c.Store.View(ctx, func(r store.Reader) (err error) { // so that nothing is written where nothing is new
		fresh, err = untold(r, tells)
		return err
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		still, err := untold(tx, fresh)
		for _, once := range still {
			if err := tx.Put(store.Notices, once.Key(), []byte("{}")); err != nil {
				return err
			}
			for _, n := range once.Notices {
				if err := put(tx, n); err != nil {
					return err
				}
			}
		}
		return err
	})
}

// untold leaves out what was told.
func untold(r store.Reader, tells []book.Once) ([]book.Once, error) {
	var fresh []book.Once
	for _, once := range tells {
		there, err := r.Get(store.Notices, once.Key())
		if err != nil {
			return nil, err
		}
		if there == nil {
			fresh = append(fresh, once)
		}
	}
	return fresh, nil
}

// swept bounds what one Tidy does.
const swept = 500

// Tidy takes away what is kept no longer, and gives up what waits in a channel that the settings do not have any more.
func (c *Courier) Tidy(ctx context.Context) error {
	now := c.Clock().UTC()
	var old, lost []book.Notice
	var once []store.Row
	err := c.Store.View(ctx, func(r store.Reader) (err error) {
		old, lost = nil, nil
		if once, err = r.Scan(store.Notices, store.Span{From: book.NoticesOnce, To: book.NoticesOnce + listing.Place(now, ""), Limit: swept}); err != nil {
			return err
		}
		rows, err := r.Scan(store.Notices, store.Span{From: book.NoticesKept, To: book.NoticesKept + listing.Place(now, ""), Limit: swept})
		for _, row := range rows {
			key, _ := book.NoticeAt(book.NoticesKept, row.Key)
			if n, err := read[book.Notice](r, store.Notices, key); err != nil {
				return err
			} else if n != nil {
				old = append(old, *n)
			}
		}
		if err != nil {
			return err
		}
		lost, err = c.unknown(r)
		return err
	})
	if err != nil || len(old)+len(lost)+len(once) == 0 {
		return err
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		for _, row := range once {
			if err := tx.Delete(store.Notices, row.Key); err != nil {
				return err
			}
		}
		for _, n := range old {
			if err := move(tx, n, nil); err != nil {
				return err
			}
		}
		for _, n := range lost {
			next := n
			next.State, next.Ended, next.Next, next.Why = book.NoticeGivenUp, now, time.Time{}, NoChannel
			if err := move(tx, n, &next); err != nil {
				return err
			}
		}
		return nil
	})
}

// unknown gives what waits in channels that are none of ours: between each of ours and the next, in the order of their lists.
func (c *Courier) unknown(r store.Reader) ([]book.Notice, error) {
	from := book.NoticesWaiting("")[:len("waiting/")]
	end := from + "\xff"
	var lost []book.Notice
	take := func(span store.Span) error {
		rows, err := r.Scan(store.Notices, span)
		for _, row := range rows {
			_, key, _ := cutChannel(row.Key)
			n, err := read[book.Notice](r, store.Notices, key)
			if err != nil {
				return err
			}
			if n != nil {
				lost = append(lost, *n)
			}
		}
		return err
	}
	for _, channel := range slices.Sorted(maps.Keys(c.Channels)) {
		ours := book.NoticesWaiting(channel)
		if err := take(store.Span{From: from, To: ours, Limit: swept}); err != nil {
			return nil, err
		}
		from = ours + "~~" // no time comes after it
	}
	return lost, take(store.Span{From: from, To: end, Limit: swept})
}

// cutChannel takes the key of a notice out of that of a list of what waits.
func cutChannel(key string) (channel, own string, found bool) {
	rest := key[len("waiting/"):]
	for i := range len(rest) {
		if rest[i] == '/' {
			own, _ = book.NoticeAt("", rest[i+1:])
			return rest[:i], own, true
		}
	}
	return "", "", false
}
