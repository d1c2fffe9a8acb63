package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/order"
)

func (a *app) people() *cobra.Command {
	return a.group("people", "Invite people, list them, stop them", a.invite(),
		a.peopleList(),
		a.command(leaf{use: "roles", short: "Show what each role may do, and who holds it", example: "narthex people roles",
			run: func(ctx context.Context, _ []string) error { return a.peopleRoles(ctx) }}),
		a.away(), a.back(), a.authorise(), a.unauthorise(), a.nationalities(),
		a.changePerson("suspend", "Suspend a person at once: their sessions, keys and live calls end", (*client.Client).Suspend),
		a.changePerson("remove", "Remove a person at once and for good", (*client.Client).Remove), a.erasePerson())
}

func (a *app) peopleList() *cobra.Command {
	var of client.Page
	c := a.command(leaf{use: "list", short: "List the people that you may know of", example: "narthex people list\nnarthex people list --json",
		run: func(ctx context.Context, _ []string) error { return a.listPeople(ctx, of) }})
	pageFlags(c, &of)
	return c
}

func (a *app) nationalities() *cobra.Command {
	return a.command(leaf{
		use: "nationality PERSON CODES", short: "Record whose national a person from outside is, for locks on a class of people",
		long: `Record a person's nationalities: countries by their two letters, such as dz,fr, or none to take the record away. It is the programme's to
do, nobody else is shown it but the person, and its entry holds a digest alone. Where it is not recorded, a lock on any nationality
stops them.`,
		example: "narthex people nationality ada@uni.example dz,fr\nnarthex people nationality ada@uni.example none",
		run: func(ctx context.Context, args []string) error {
			in := client.Nationalities{Nationalities: []string{}}
			if args[1] != "none" {
				in.Nationalities = strings.Split(args[1], ",")
				slices.Sort(in.Nationalities)
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			id, err := findPerson(ctx, c, args[0])
			if err != nil {
				return err
			}
			done, err := c.RecordNationalities(ctx, id, in)
			if err != nil {
				return err
			}
			return a.show(done, func(p *page) {
				if len(done.Nationalities) == 0 {
					p.line("no nationality is recorded of %s", args[0])
					return
				}
				p.line("recorded of %s: %s", args[0], strings.Join(done.Nationalities, ", "))
			})
		}})
}

func (a *app) erasePerson() *cobra.Command {
	var reason string
	c := a.command(leaf{
		use: "erase PERSON", short: "Erase what the ledger and the tables say of a person from outside who was removed",
		long: `Erase what the entries about a removed person say, their name, address and region, and the words of applications that were never
signed. The entries' records stay, so every proof and every checkpoint still holds; that they were erased, by whom, is an entry.
Agreements that were signed stay, for both sides hold them, and so does what others have a part in. A lock on the person or
their organisation holds it back. Backups keep what they have: let those that are older go. It takes a custodian, and cannot be undone.`,
		example: "narthex people erase per_… --reason 'asked for it on 25 November'",
		run: func(ctx context.Context, args []string) error {
			if reason == "" {
				return problem(narthex.Invalid, "give it with --reason", "it takes a reason to erase someone")
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			id, err := findPerson(ctx, c, args[0])
			if err != nil {
				return err
			}
			if err := a.confirm("Erase " + args[0] + " for good?"); err != nil {
				return err
			}
			erased, err := c.Erase(ctx, id, reason)
			if err != nil {
				return err
			}
			return a.show(erased, func(p *page) {
				p.line("%s is erased: %d entries say nothing any more, and %d applications lost their words", erased.Person, erased.Entries, erased.Applications)
			})
		}})
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return c
}

func (a *app) invite() *cobra.Command {
	var in client.Invite
	var org string
	c := a.command(leaf{
		use: "invite", short: "Make a one-time code for a person",
		long: `Make a one-time code with which a person makes their log-in. It works once, for a week; give it to them and to nobody else.

A person of the lab is named by the handle that the lab directory gives them. Someone from outside is named with their
organisation; an official is who signs for it.

Whoever makes a person's code does not approve beside them: it would be one person's word. So a custodian who reviews too lets
another custodian make the codes of those who review with them.`,
		example: "narthex people invite --handle sam\nnarthex people invite --name 'Ada Lovelace' --email ada@uni.example --org-name 'A University' --org-region gb\nnarthex people invite --name 'Otto Dean' --email otto@uni.example --org org_… --official",
		run: func(ctx context.Context, _ []string) error {
			if org != "" {
				id, err := parseID[narthex.OrgID](org, "`narthex people list` shows organisations")
				if err != nil {
					return err
				}
				in.Org = id
			}
			return a.inviteOne(ctx, in)
		}})
	f := c.Flags()
	f.StringVar(&in.Handle, "handle", "", "the handle of a person of the lab")
	f.StringVar(&in.Name, "name", "", "the name of a person from outside")
	f.StringVar(&in.Email, "email", "", "their address")
	f.StringVar(&org, "org", "", "their organisation's identifier")
	f.StringVar(&in.OrgName, "org-name", "", "the name of an organisation that is new here")
	f.StringVar(&in.OrgRegion, "org-region", "", "its country, two letters")
	f.BoolVar(&in.Official, "official", false, "they sign for their organisation")
	f.StringVar(&in.Region, "region", "", "the country where they work, two letters")
	return c
}

func (a *app) inviteOne(ctx context.Context, in client.Invite) error {
	if (in.Handle == "") == (in.Name == "") {
		return problem(narthex.Invalid, "--handle is for people of the lab, --name and --email for everyone else", "an invitation names one person, by handle or by name")
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	invited, err := c.Invite(ctx, in)
	if err != nil {
		return err
	}
	a.say("invited %s (%s); give them this code, by a way that nobody else reads; it works once, until %s", invited.Person.Name, invited.Person.ID, day(invited.ExpiresAt))
	if invited.Org != nil {
		a.say("their organisation is %s (%s)", invited.Org.Name, invited.Org.ID)
	}
	err = a.show(invited, func(p *page) { p.line("%s", invited.Code) })
	a.say("they run: narthex login --url %s --code -", c.Base())
	if in.Handle != "" {
		a.say("you do not approve anything beside them from now on; where you will have to, let another custodian make them another code before they use this one")
	}
	return err
}

func (a *app) listPeople(ctx context.Context, of client.Page) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.People(ctx, of)
	if err != nil {
		return err
	}
	defer a.more("people list", of, list.Next)
	order.By(list.People, func(a, b narthex.Person) int {
		return cmp.Or(strings.Compare(string(a.Org), string(b.Org)), strings.Compare(a.Name, b.Name))
	})
	t := newTable("NAME", "HANDLE", "OF", "ROLES", "STATE", "ID")
	for _, p := range list.People {
		roles := words(p.Roles)
		if p.Official {
			roles = "official"
		}
		t.row(p.Name, p.Handle, orgName(list.Orgs, p.Org), roles, string(p.State), string(p.ID))
	}
	orgs := newTable("ORGANISATION", "COUNTRY", "ID")
	for _, org := range list.Orgs {
		orgs.row(org.Name, org.Region, string(org.ID))
	}
	words := newTable("AUTHORISED", "FOR", "FROM", "UNTIL", "BY")
	for _, w := range list.Authorised {
		words.row(personName(list.People, w.Authorisation.Person), joined(w.Authorisation.Pathways), day(w.Authorisation.NotBefore), day(w.Authorisation.NotAfter), personName(list.People, w.Signature.By))
	}
	return a.show(list, func(page *page) {
		if len(t.rows) == 0 {
			page.line("nobody yet; `narthex people invite` makes a code for someone")
			return
		}
		page.table(t)
		if len(orgs.rows) > 0 {
			page.blank()
			page.table(orgs)
		}
		if len(words.rows) > 0 {
			page.blank()
			page.table(words)
		}
	})
}

func orgName(orgs []narthex.Org, id narthex.OrgID) string {
	if id == "" {
		return "the lab"
	}
	at := slices.IndexFunc(orgs, func(o narthex.Org) bool { return o.ID == id })
	if at < 0 {
		return string(id)
	}
	return orgs[at].Name
}

// roleInWords says what a role may do.
func roleInWords(role narthex.Role) string {
	return map[narthex.Role]string{
		narthex.Custodian:  "approves the lab directory, invites the lab's people, locks and unlocks, reads the ledger",
		narthex.Programme:  "runs the programme: invites from outside, ends and closes engagements",
		narthex.AssetOwner: "decides on the assets that name them as owner, and locks those",
		narthex.Security:   "reviews, locks and unlocks",
		narthex.Legal:      "reviews where a pathway asks it",
		narthex.Sponsor:    "works with an applicant and may write in the application",
		narthex.Signatory:  "signs agreements for the lab",
		narthex.Auditor:    "reads the whole ledger",
	}[role]
}

// roleRow is a role with its holders.
type roleRow struct {
	Role    narthex.Role `json:"role"`
	Says    string       `json:"says"`
	Holders []string     `json:"holders"`
}

func (a *app) peopleRoles(ctx context.Context) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.People(ctx, client.Page{Limit: 500}) // the lab's people come first
	if err != nil {
		return err
	}
	var rows []roleRow
	t := newTable("ROLE", "WHO", "MAY")
	for _, role := range narthex.Roles() {
		row := roleRow{Role: role, Says: roleInWords(role), Holders: []string{}}
		for _, p := range list.People {
			if slices.Contains(p.Roles, role) && p.State != narthex.PersonRemoved {
				row.Holders = append(row.Holders, p.Name)
			}
		}
		rows = append(rows, row)
		t.row(string(role), orDash(strings.Join(row.Holders, ", ")), row.Says)
	}
	return a.show(rows, func(p *page) {
		p.table(t)
		p.blank()
		p.line("roles stand in the lab directory and change only with it: `narthex lab propose`")
	})
}

type changing func(*client.Client, context.Context, narthex.PersonID, string) (narthex.Person, error)

func (a *app) changePerson(verb, short string, change changing) *cobra.Command {
	var reason string
	c := a.command(leaf{
		use: verb + " PERSON", short: short,
		long:    short + ".\n\nPERSON is an identifier, a handle or an address. The person is told the reason.",
		example: "narthex people " + verb + " per_… --reason 'left the institute'\nnarthex people " + verb + " ada@uni.example --reason 'left the institute'",
		run: func(ctx context.Context, args []string) error {
			if reason == "" {
				return problem(narthex.Invalid, "give it with --reason; the person is told", "it takes a reason to %s someone", verb)
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			id, err := findPerson(ctx, c, args[0])
			if err != nil {
				return err
			}
			if err := a.confirm(strings.ToUpper(verb[:1]) + verb[1:] + " " + args[0] + "?"); err != nil {
				return err
			}
			person, err := change(c, ctx, id, reason)
			if err != nil {
				return err
			}
			return a.show(person, func(p *page) {
				p.line("%s (%s) is %s; their live calls have ended", person.Name, person.ID, person.State)
			})
		}})
	c.Flags().StringVar(&reason, "reason", "", "why; the person is told")
	return c
}

// findPerson gives the one person of an identifier, a handle or an address.
func findPerson(ctx context.Context, c *client.Client, named string) (narthex.PersonID, error) {
	if strings.HasPrefix(named, "per_") {
		return parseID[narthex.PersonID](named, "`narthex people list` shows identifiers")
	}
	var found []narthex.PersonID
	for of := (client.Page{Limit: 500}); ; {
		list, err := c.People(ctx, of)
		if err != nil {
			return "", err
		}
		for _, p := range list.People {
			if named != "" && (p.Handle == named || p.Email == named) {
				found = append(found, p.ID)
			}
		}
		if of.After = list.Next; of.After == "" {
			break
		}
	}
	if len(found) != 1 {
		return "", problem(narthex.Withheld, "`narthex people list` shows identifiers", "%d people that you may know of have the handle or address %s", len(found), named)
	}
	return found[0], nil
}

// parseID reads an identifier of a kind.
func parseID[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](text, next string) (T, error) {
	var id T
	if err := P(&id).UnmarshalText([]byte(text)); err != nil {
		return id, hinted{err, next}
	}
	return id, nil
}
