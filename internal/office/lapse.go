package office

import (
	"context"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/notice"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// lookedAt is how many grants one look at what lapses reads.
const lookedAt = 500

// Lapsing gives what is to be told of what the grants in force rest on that lapses within 14 days, from the place after a look on: it
// looks at some grants, and gives the place for the next look, which is empty when it has seen all.
func (o *Office) Lapsing(ctx context.Context, after string) (tells []book.Once, next string, err error) {
	err = o.Journal.View(ctx, func(tx *journal.Tx) error {
		tells, next = nil, ""
		span := store.Prefix(listing.Rests, lookedAt)
		if after != "" {
			span.From = after + "\x01"
		}
		rows, err := tx.Reader().Scan(store.Listings, span)
		if err != nil {
			return err
		}
		for _, row := range rows {
			more, err := o.lapsesOf(tx, narthex.GrantID(listing.Identifier(row.Key)))
			if err != nil {
				return err
			}
			tells = append(tells, more...)
		}
		if len(rows) == lookedAt {
			next = rows[lookedAt-1].Key
		}
		return nil
	})
	return tells, next, err
}

// lapsesOf gives what is to be told of one grant: to whoever must be in good standing, and to those whose word renews it.
func (o *Office) lapsesOf(tx *journal.Tx, id narthex.GrantID) ([]book.Once, error) {
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(id))
	if err != nil || grant == nil || !grant.InForce(tx.Now()) {
		return nil, err
	}
	e, err := engagementOf(tx, grant.Engagement)
	if err != nil || e.State != narthex.Active {
		return nil, err
	}
	rests, err := gateway.RestsOf(tx, grant, "")
	if err != nil {
		return nil, err
	}
	var tells []book.Once
	for _, rest := range rests {
		if !lapsesSoon(tx, grant, e, rest) {
			continue
		}
		n := book.Notice{Kind: "lapses_soon", Engagement: e.ID, What: book.ToldOf(rest.Kind, rest.Name), At: tx.Now()}
		once := book.Once{Until: rest.Until.Add(listing.Soon), ID: book.NoticeID(grant.ID, rest.Kind, rest.Name, rest.Person, rest.Until)}
		people, err := around(tx, []notice.Told{{To: notice.Recorder}, {To: notice.Holder}}, e)
		if err != nil {
			return nil, err
		}
		told := map[narthex.PersonID]bool{}
		for _, p := range people {
			n.To = notice.Recorder
			if p.ID == rest.Person {
				n.To = notice.Holder
			}
			renews, err := renews(tx, e, rest, p)
			if err != nil {
				return nil, err
			}
			if told[p.ID] || !workflow.MayRead(e, p) || n.To == notice.Recorder && !renews {
				continue
			}
			told[p.ID] = true
			once.Notices = append(once.Notices, o.Channels.Addressed(n, p, once.ID))
		}
		n.To = notice.Recorder
		once.Notices = append(once.Notices, o.Channels.Hooked(n, once.ID)...)
		tells = append(tells, once)
	}
	return tells, nil
}

// lapsesSoon says whether a grant's use stops within 14 days where nobody renews what it rests on. Who left brings nothing any more, and what
// lasts as long as the grant does needs nobody.
func lapsesSoon(tx *journal.Tx, grant *narthex.Grant, e narthex.Engagement, rest client.RestView) bool {
	return rest.Holds && rest.Until.Sub(tx.Now()) <= listing.Soon && rest.Until.Before(grant.NotAfter) && !slices.Contains(e.Left, rest.Person)
}
