// Package gateway is the one door to a lab's assets: admit, resolve, decide, reserve, record, serve, settle, record.
//
// It promises that no byte of an asset leaves before its intent is durable, and no last byte before its outcome is; that lock
// state, budgets and the intent are checked and written in one commit, so that a lock which was acknowledged reaches every
// call and no budget is overspent; that a denial is recorded with its reasons; that what is used and not known costs the
// worst case; and that what a grant does not show looks like what is not there.
//
// It trusts the journal and the directory in force. It trusts the caller for nothing, and the upstream for bytes only. Read
// next: admit.go, serve.go, model for what a request may hold, live for how a lock ends a stream.
package gateway

import (
	"encoding/base32"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/gateway/live"
	"narthex/internal/gateway/model"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/upstream"
	"narthex/internal/wire"
)

// Upstreams gives the client of the upstream that an asset names: of the asset that was decided on, whatever came into force since.
type Upstreams interface {
	For(asset narthex.Asset) (*upstream.Client, error)
}

// Door serves calls with an API key.
type Door struct {
	Journal   *journal.Journal
	Rules     *book.InForce
	Bell      Bell
	Live      *live.Registry
	Upstreams Upstreams
	Refusals  *Refusals
	Log       *slog.Logger
	Meter     Meter
	Later     *Later
	Published Published
	LogKey    string         // the ledger's verifier key, stated in receipts
	Marks     narthex.Secret // with which artefacts are marked for who receives them
	Hall      *Hall          // nil where no job ever runs
	DrawKey   narthex.Secret // draws what is looked at again of what leaves by standing rules; without it nothing does
}

// Published is the ledger as others can see it.
type Published interface {
	// Published gives the latest checkpoint that was published, and how many entries it counts.
	Published() (checkpoint string, size uint64)
	// Ready refuses while the lab's required witnesses do not sign, and while the tables are not what the ledger says.
	Ready() error
}

// Meter counts what operators watch. Labels are from closed lists, never from a request.
type Meter interface {
	Call(surface, result string)
}

// visit is one request at the door.
type visit struct {
	door    *Door
	w       http.ResponseWriter
	r       *http.Request
	id      string // of the request, random
	token   narthex.Secret
	hash    string // of the token
	seal    seal
	key     *narthex.Key
	address netip.Addr
	wrote   bool

	official narthex.PersonID // on whose word the grant rests, where the call is live

	recorded once // whether its denial is an entry
	looked   once // whether it may read
}

// Handler gives the handler of one route of the door.
func (d *Door) Handler(serve func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{door: d, w: w, r: r, id: RequestID(d.Journal.Random())}
		w.Header().Set("X-Request-Id", v.id)
		// An earlier stream on this connection left it a deadline.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
			v.fail(narthex.Unavailablef("The connection cannot be served; connect again.").Because(err))
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if err := v.identify(); err != nil {
			d.Refusals.Count(narthex.AsError(err).Kind)
			v.fail(err)
			return
		}
		// No endpoint here takes a query: what stands in one is a mistake, or a credential in a place that gets logged.
		if _, err := wire.Query(r); err != nil {
			v.fail(v.denyUnread(err))
			return
		}
		if err := serve(v); err != nil {
			if narthex.IsKind(err, narthex.Unauthenticated) {
				d.Refusals.Count(narthex.Unauthenticated)
			}
			v.fail(err)
		}
	})
}

// RequestID draws the identifier of a request.
func RequestID(random io.Reader) string {
	var raw [15]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "req_unknown"
	}
	return "req_" + base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").EncodeToString(raw[:])
}

// identify finds the key that the request brings. Whatever is wrong with it, the answer is the same.
func (v *visit) identify() error {
	token, err := wire.Credential(v.r)
	if err != nil {
		return err
	}
	if v.hash, err = wire.ParseToken(wire.KeyToken, token); err != nil {
		return err
	}
	v.token = token
	if v.key, err = journal.Peek[narthex.Key](v.r.Context(), v.door.Journal, store.Keys, v.hash); err != nil {
		return narthex.Unavailablef("The key could not be looked up; try again in a moment.").Because(err)
	}
	if v.key == nil {
		return narthex.UnauthenticatedError() // a revoked one is refused where locks are looked at, and not sooner than a silent one stops
	}
	if address, err := netip.ParseAddrPort(v.r.RemoteAddr); err == nil {
		v.address = address.Addr().Unmap()
	}
	return nil
}

// fail answers with an error, where nothing was written yet; otherwise it breaks the connection.
func (v *visit) fail(err error) {
	public := narthex.AsError(err)
	ours := public.Kind == narthex.Internal || public.Kind == narthex.Unavailable // what is wrong with a caller's request is theirs
	if ours && public.Err != nil && !errors.Is(err, v.r.Context().Err()) {
		v.door.Log.Warn("a call failed", "request", v.id, "kind", public.Kind.String(), "cause", public.Err.Error())
	}
	if v.wrote {
		panic(http.ErrAbortHandler)
	}
	WriteProblem(v.w, public, v.id)
}

// WriteProblem writes the error object that stock clients read.
func WriteProblem(w http.ResponseWriter, e *narthex.Error, request string) {
	w.Header().Set("Content-Type", "application/json")
	if !e.Kind.Facts().Retry {
		w.Header().Set("X-Should-Retry", "false") // stock clients try 429 and 409 again unless told
	}
	w.WriteHeader(e.Kind.Facts().Status)
	w.Write(model.ErrorBody(e, request)) // the connection is the caller's to lose
}

// holder is the key's holder as the store has them, inside a change.
type holder struct {
	key    *narthex.Key
	grant  *narthex.Grant
	person *narthex.Person
	locks  []narthex.Lock // on what every call of the key rests on
	told   bool           // whether it is looked at as far as may be told, and nothing is served
}

// hold reads the key again inside a change, with its grant and person.
func (v *visit) hold(tx *journal.Tx) (holder, error) {
	key, err := journal.Get[narthex.Key](tx, store.Keys, v.hash)
	if err != nil {
		return holder{}, err
	}
	if key == nil || key.Revoked {
		return holder{}, narthex.UnauthenticatedError()
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(key.Grant))
	if err != nil || grant == nil {
		return holder{}, errors.Join(errors.New("a key without a grant"), err)
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(key.Person))
	if err != nil || person == nil {
		return holder{}, errors.Join(errors.New("a key without a person"), err)
	}
	h := holder{key: key, grant: grant, person: person}
	if err := h.look(tx); err != nil {
		return holder{}, narthex.Unavailablef("The locks could not be read, so nothing is served.").Because(err)
	}
	told, silent := book.FirstTold(h.locks, tx.Now())
	if told == nil && !silent {
		if silent, err = book.Hushed(tx, grant); err != nil {
			return holder{}, narthex.Unavailablef("The locks could not be read, so nothing is served.").Because(err)
		}
	}
	if told == nil && silent {
		return holder{}, narthex.UnauthenticatedError() // the very answer to a key that was revoked
	}
	return h, nil
}

// look reads the locks on what every call of the key rests on.
func (h *holder) look(tx *journal.Tx) error {
	nations, err := book.NationsOf(tx, h.person.ID)
	if err != nil {
		return err
	}
	locks := book.LocksOn
	if h.told {
		locks = book.LocksTold
	}
	h.locks, err = locks(tx, book.RestsOn(h.key, h.grant, h.person.Region, nations, "")...)
	return err
}

// usable says whether the key may be used at all: not over, its person active, nothing it rests on locked, its institution's
// word in force where it rests on one, and every condition of its agreement met. Ended grants and
// locks say why; they are told to the key's own holder.
func (h holder) usable(tx *journal.Tx, asset narthex.AssetName) *narthex.Error {
	locks := h.locks
	if asset != "" {
		on, err := book.LocksOn(tx, book.Subject("asset", asset))
		if err != nil {
			return narthex.Unavailablef("The locks could not be read, so nothing is served.").Because(err)
		}
		locks = append(slices.Clone(locks), on...)
	}
	if stopped := book.Stopped(h.key, h.grant, h.person.State, locks, tx.Now()); stopped != nil {
		return stopped
	}
	word, stands, err := h.word(tx)
	if err != nil {
		return narthex.Unavailablef("The institution's authorisation could not be read, so nothing is served.").Because(err)
	}
	if stopped := book.Unauthorised(h.grant, word, stands, tx.Now()); stopped != nil {
		return stopped
	}
	_, lapsed, err := h.rests(tx)
	if err != nil {
		return narthex.Unavailablef("What the grant rests on could not be read, so nothing is served.").Because(err)
	}
	return lapsed
}

// word gives the authorisation that the grant rests on, and whether its official stands by it.
func (h holder) word(tx *journal.Tx) (*narthex.SignedAuthorisation, bool, error) {
	if h.told {
		return book.WordTold(tx, h.grant)
	}
	return book.WordFor(tx, h.grant)
}

// rests says until when what the grant rests on holds for the key's person, or why it does not.
func (h holder) rests(tx *journal.Tx) (until time.Time, lapsed *narthex.Error, err error) {
	known := book.KnownTo(tx)
	if h.told {
		known = book.KnownAsTold(tx)
	}
	return book.Resting(known, h.grant, h.key.Person, tx.Now())
}
