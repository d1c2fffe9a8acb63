package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/canon"
)

// mostAuthorisedDays is how long an authorisation lasts at most.
const mostAuthorisedDays = int(narthex.MostAuthorised / (24 * time.Hour))

func (a *app) authorise() *cobra.Command {
	var pathways []string
	var days int
	c := a.command(leaf{
		use: "authorise PERSON", short: "Authorise one of your people beforehand, so that your institution need not sign each agreement",
		long: `Sign, with the signing key on this machine, that a person of your organisation may enter engagements through the pathways that
you name, for so many days. Agreements made in that time name your authorisation in the place of your institution's signature. A new
one replaces the last. It takes an official of the person's organisation, and never for themselves; what rests on it stops when it
ends or is taken back, and while you are suspended or locked.

PERSON is an identifier or an address.`,
		example: "narthex people authorise ada@uni.example --pathway api-credits --pathway evaluation --days 365",
		run: func(ctx context.Context, args []string) error {
			return a.authorisePerson(ctx, args[0], pathways, days)
		}})
	c.Flags().StringArrayVar(&pathways, "pathway", nil, "a pathway that it is for; give it once for each")
	c.Flags().IntVar(&days, "days", 0, "for how many days from now, at most 366")
	return c
}

func (a *app) authorisePerson(ctx context.Context, named string, pathways []string, days int) error {
	switch {
	case len(pathways) == 0:
		return problem(narthex.Invalid, "name each with --pathway; `narthex pathways` lists them", "an authorisation is for one pathway at least")
	case days < 1 || days > mostAuthorisedDays:
		return problem(narthex.Invalid, "as with --days 365", "an authorisation lasts 1 to %d days", mostAuthorisedDays)
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	key, err := p.signingKey()
	if err != nil {
		return err
	}
	id, err := findPerson(ctx, c, named)
	if err != nil {
		return err
	}
	who, err := c.WhoAmI(ctx)
	if err != nil {
		return err
	}
	begin := a.now().Truncate(time.Second)
	word := narthex.Authorisation{Format: narthex.AuthorisationFormat, Origin: p.Origin, Org: who.Person.Org, Person: id, NotBefore: begin, NotAfter: begin.AddDate(0, 0, days)}
	for _, pathway := range pathways {
		word.Pathways = append(word.Pathways, narthex.PathwayName(pathway))
	}
	digest, err := canon.Digest(word)
	if err != nil {
		return err
	}
	envelope, err := agreement.Sign(key, agreement.NewStatement(digest, narthex.PartyInstitution, p.Person, p.Origin))
	if err != nil {
		return err
	}
	signed, err := c.Authorise(ctx, id, client.Authorise{Authorisation: word, Signer: fingerprint(key), Envelope: envelope})
	if err != nil {
		return err
	}
	return a.show(signed, func(page *page) {
		page.line("authorised %s for %s until %s", named, joined(word.Pathways), day(word.NotAfter))
		page.line("signed %s with %s", digest, fingerprint(key))
	})
}

func (a *app) unauthorise() *cobra.Command {
	return a.command(leaf{
		use: "unauthorise PERSON", short: "Take the authorisation of one of your people back",
		long:    "Take the authorisation of a person of your organisation back. Grants that rest on it stop at their next call, until the person is\nauthorised anew; agreements that are not signed by all make no grant.",
		example: "narthex people unauthorise ada@uni.example",
		run: func(ctx context.Context, args []string) error {
			c, _, err := a.member()
			if err != nil {
				return err
			}
			id, err := findPerson(ctx, c, args[0])
			if err != nil {
				return err
			}
			if err := a.confirm("Take the authorisation of " + args[0] + " back?"); err != nil {
				return err
			}
			word, err := c.Unauthorise(ctx, id)
			if err != nil {
				return err
			}
			return a.show(word, func(page *page) {
				page.line("took back the authorisation of %s; what rests on it stops at the next call", args[0])
			})
		}})
}

// personName gives the name of someone among those whom the reader may know of.
func personName(people []narthex.Person, id narthex.PersonID) string {
	at := slices.IndexFunc(people, func(p narthex.Person) bool { return p.ID == id })
	if at < 0 {
		return string(id)
	}
	return people[at].Name
}
