package book

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/notice"
	"narthex/internal/store"
)

// MailChannel is the channel of mail; every other is a webhook's name, and of none a notice is shown and not sent.
const MailChannel = "mail"

// NoticeKept is how long a notice is kept, from when it was made.
const NoticeKept = 90 * 24 * time.Hour

// NoticeState is what became of a notice.
type NoticeState string

const (
	NoticeTold    NoticeState = "told"     // it is shown, and sent nowhere
	NoticeWaiting NoticeState = "waiting"  // to be delivered
	NoticeSent    NoticeState = "sent"     // the receiver took it
	NoticeGivenUp NoticeState = "given_up" // nobody took it in the time that there is
)

// Notice is one thing that one person, or one webhook, is told. It holds no address and no name, so that what is erased of a person is
// erased of what waits for them.
type Notice struct {
	ID         string               `json:"id"` // the same at every try
	Kind       notice.Kind          `json:"kind"`
	To         notice.To            `json:"to"`
	Person     narthex.PersonID     `json:"person,omitempty"`     // empty for a webhook and a specialist
	Invite     narthex.InviteID     `json:"invite,omitempty"`     // of a specialist, who is nobody of Narthex
	Engagement narthex.EngagementID `json:"engagement,omitempty"` // empty where it is about an asset
	Asset      narthex.AssetName    `json:"asset,omitempty"`
	Manuscript int                  `json:"manuscript,omitempty"`
	Of         string               `json:"of,omitempty"`   // the job or the release that it is about
	What       string               `json:"what,omitempty"` // what is owed or rested on, or what became of a release
	At         time.Time            `json:"at"`
	Channel    string               `json:"channel,omitempty"`
	State      NoticeState          `json:"state"`
	Tries      int                  `json:"tries,omitempty"`
	Next       time.Time            `json:"next,omitzero"` // of the next try, while it waits
	Ended      time.Time            `json:"ended,omitzero"`
	Why        string               `json:"why,omitempty"` // of the last try that failed, a word of a closed list
}

// Facts gives what it is about.
func (n Notice) Facts() notice.Facts {
	return notice.Facts{Kind: n.Kind, To: n.To, Engagement: n.Engagement, Asset: n.Asset, Manuscript: n.Manuscript, Of: n.Of, What: n.What}
}

// NoticeID makes the identifier of a notice of what made it: the same event never makes two for one receiver.
func NoticeID(of ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("narthex notice %q", of)))
	return "ntc_" + hex.EncodeToString(sum[:16])
}

// NoticesOf is the list of what one receiver is told, the earliest first.
func NoticesOf(person narthex.PersonID, channel string) string {
	if person == "" {
		return "of/hook:" + channel + "/"
	}
	return "of/" + string(person) + "/"
}

// Key is where a notice stands: in the list of its receiver, at a place that an address can hold.
func (n Notice) Key() string {
	return NoticesOf(n.Person, n.Channel) + n.At.UTC().Format("20060102T150405.000Z") + "-" + n.ID
}

// Lists of notices: those that wait in a channel by the time of their next try, those that were given up, and all that have ended by
// when they go. What follows in a key is the notice's own.
const (
	NoticesFailed = "failed/"
	NoticesKept   = "kept/"
)

// NoticesWaiting is the list of what waits in a channel.
func NoticesWaiting(channel string) string { return "waiting/" + channel + "/" }

// Places gives the lists in which a notice stands.
func (n Notice) Places() []string {
	switch n.State {
	case NoticeWaiting:
		return []string{NoticesWaiting(n.Channel) + listing.Place(n.Next, n.Key())}
	case NoticeGivenUp:
		return []string{NoticesFailed + listing.Place(n.Ended, n.Key()), NoticesKept + listing.Place(n.At.Add(NoticeKept), n.Key())}
	}
	return []string{NoticesKept + listing.Place(n.At.Add(NoticeKept), n.Key())}
}

// NoticeAt gives the key of the notice in a key of a list, and the time before it.
func NoticeAt(list, key string) (own, at string) {
	at, own, _ = strings.Cut(strings.TrimPrefix(key, list), "/")
	return own, at
}

// Once is a notice that is told once, whoever asks for it again: the place that says so, and what each receiver is told.
type Once struct {
	Until   time.Time // when nothing would ask for it any more
	ID      string
	Notices []Notice
}

// NoticesOnce is the list of what was told once, by when that need not be known any more.
const NoticesOnce = "once/"

// Key is that place.
func (o Once) Key() string { return NoticesOnce + listing.Place(o.Until, o.ID) }

// PutNotice writes a new notice, in the change that it tells of.
func PutNotice(tx *journal.Tx, n Notice) error {
	if err := journal.Put(tx, store.Notices, n.Key(), &n); err != nil {
		return err
	}
	for _, place := range n.Places() {
		if err := journal.Put(tx, store.Notices, place, &Placed{}); err != nil {
			return err
		}
	}
	return nil
}

// Channels is where notices go beside the list that each person has of their own: by mail, and to webhooks by their names.
type Channels struct {
	Mail  bool
	Keep  func(narthex.InviteID, narthex.Secret) (forget func()) // takes a specialist's code to be mailed; nil where there is no mail
	Hooks []string
}

// Tell writes what people and webhooks are told of something that happened once, in the change that it is of. Of names what happened; who gives
// the people in a part.
func (c Channels) Tell(tx *journal.Tx, n Notice, of any, tells []notice.Told, who func(notice.To) []narthex.Person) error {
	told, hooked := map[narthex.PersonID]bool{}, map[notice.Kind]bool{}
	for _, t := range tells {
		n.Kind, n.To = t.Kind, t.To
		for _, p := range who(t.To) {
			if told[p.ID] {
				continue // the first part that fits says why
			}
			told[p.ID] = true
			if err := PutNotice(tx, c.Addressed(n, p, of)); err != nil {
				return err
			}
		}
		if !hooked[t.Kind] {
			hooked[t.Kind] = true
			for _, n := range c.Hooked(n, of) {
				if err := PutNotice(tx, n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Addressed gives a notice for one person, of something that happened once.
func (c Channels) Addressed(n Notice, p narthex.Person, of any) Notice {
	n.Person, n.State = p.ID, NoticeTold
	if c.Mail && p.Email != "" {
		n.Channel, n.State, n.Next = MailChannel, NoticeWaiting, n.At
	}
	n.ID = NoticeID(n.Engagement, of, n.Kind, n.What, n.Person)
	return n
}

// Hooked gives one for each webhook.
func (c Channels) Hooked(n Notice, of any) []Notice {
	var all []Notice
	for _, hook := range c.Hooks {
		n.Channel, n.State, n.Next = hook, NoticeWaiting, n.At
		n.ID = NoticeID(n.Engagement, of, n.Kind, n.What, "webhook", hook)
		all = append(all, n)
	}
	return all
}

// DropNotices takes away all that a person was or is to be told, and what was counted of them for alarms.
func DropNotices(tx *journal.Tx, person narthex.PersonID) error {
	rows, err := journal.Scan[Notice](tx, store.Notices, store.Prefix(NoticesOf(person, ""), mostRows))
	if err != nil {
		return err
	}
	for _, row := range rows {
		for _, key := range append(row.Row.Places(), row.Key) {
			if err := journal.Delete[Notice](tx, store.Notices, key); err != nil {
				return err
			}
		}
	}
	return dropDays(tx, person)
}
