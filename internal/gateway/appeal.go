package gateway

import (
	"net/http"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/wire"
)

// mostAppeal bounds the body of an appeal.
const mostAppeal = 64 << 10

// Appeal serves POST /v1/appeal: what the key's holder says against a lock that stops it. It is, with the key's receipts and its grant,
// all that the key of a locked grant is good for.
func (d *Door) Appeal() http.Handler {
	return d.Handler(func(v *visit) error {
		data, err := wire.ReadBody(v.r, mostAppeal)
		if err != nil {
			return v.denyUnread(err)
		}
		in, err := wire.Decode[client.KeyAppeal](data, wire.Limits{Bytes: mostAppeal, Depth: 2})
		if err != nil {
			return v.denyUnread(err)
		}
		var lock narthex.Lock
		err = v.read("appeal", func(tx *journal.Tx, h holder) *narthex.Error {
			lock, err = d.appeal(tx, h, in)
			if err != nil {
				return narthex.AsError(err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(lock)
	})
}

func (d *Door) appeal(tx *journal.Tx, h holder, in client.KeyAppeal) (narthex.Lock, error) {
	rules, err := d.Rules.Check(tx)
	if err != nil {
		return narthex.Lock{}, err
	}
	locks := h.locks
	for _, term := range book.Seen(h.key, h.grant).Terms {
		on, err := book.LocksOn(tx, book.Subject("asset", term.Asset))
		if err != nil {
			return narthex.Lock{}, err
		}
		locks = append(slices.Clone(locks), on...)
	}
	at := slices.IndexFunc(locks, func(l narthex.Lock) bool { return l.ID == in.Lock && !l.Silent(tx.Now()) })
	if at < 0 {
		return narthex.Lock{}, narthex.WithheldError().For("lock")
	}
	lock, err := book.Appeal(tx, locks[at], *h.person, "", in.Text, rules.Directory.Calendar.Add(tx.Now(), h.grant.AppealDays))
	return book.ShownTo(lock, h.person.Org), err
}
