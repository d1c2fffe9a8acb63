package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/office"
	"narthex/internal/workflow"
	"narthex/ledger"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// revoke is the body of POST /api/signers/revoke.
type revoke struct {
	Fingerprint string `json:"fingerprint"`
}

// nothing is an empty body.
type nothing struct{}

// table is every route that there is.
func (s *Server) table() []Route {
	routes := []Route{
		{Method: "GET", Path: "/openapi.json", Right: Anyone, Early: true, Says: "this API as OpenAPI 3.1", serve: s.openAPI},
		{Method: "GET", Path: "/api/status", Right: Anyone, Early: true, Says: "what anyone may know of the node", Out: typeOf[client.Status](), serve: get(s.status)},
		{Method: "POST", Path: "/api/redeem", Right: Anyone, Early: true, Says: "turn a one-time code into a log-in key", In: typeOf[client.Redeem](), Out: typeOf[client.Session](), serve: post(mostStranger, redeem)},
		{Method: "POST", Path: "/api/challenge", Right: Anyone, Early: true, Says: "ask for a challenge to log in with", In: typeOf[client.ChallengeRequest](), Out: typeOf[client.Challenge](), serve: post(mostStranger, challenge)},
		{Method: "POST", Path: "/api/login", Right: Anyone, Early: true, Says: "answer a challenge", In: typeOf[client.Login](), Out: typeOf[client.Session](), serve: post(mostStranger, login)},
		{Method: "POST", Path: "/api/logout", Right: Someone, Says: "end this session", In: typeOf[nothing](), Out: typeOf[nothing](), serve: post(mostBody, func(r *request, _ nothing) (nothing, error) {
			return nothing{}, r.node.Desk.Logout(r.Context(), r.token)
		})},
		{Method: "GET", Path: "/api/whoami", Right: Someone, Says: "the person behind this session", Out: typeOf[client.WhoAmI](), serve: get(func(r *request) (client.WhoAmI, error) { return r.node.Office.WhoAmI(r.Context(), r.person.ID) })},
		{Method: "GET", Path: "/api/lab", Right: Someone, Early: true, Query: []string{"diff"}, Says: "the lab directory in force and the one proposed", Out: typeOf[client.LabState](), serve: get(labState)},
		{Method: "GET", Path: "/api/assets/{asset}/horizon", Right: Insider, Says: "how long all grants together would need to carry an asset out", Out: typeOf[client.Horizon](), serve: get(func(r *request) (client.Horizon, error) {
			return r.node.Office.Horizon(r.Context(), r.person.ID, narthex.AssetName(r.args["asset"]))
		})},
		{Method: "POST", Path: "/api/lab/propose", Right: Insider, Says: "propose a lab directory", In: typeOf[client.LabPropose](), Out: typeOf[client.LabState](), serve: post(mostDirectory, func(r *request, in client.LabPropose) (client.LabState, error) {
			return r.node.Office.Propose(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/lab/approve", Right: Someone, Early: true, Says: "approve the proposed lab directory", In: typeOf[client.LabApprove](), Out: typeOf[client.LabState](), serve: post(mostBody, labApprove)},
	}
	routes = append(routes, peopleRoutes()...)
	routes = append(routes, visaRoutes()...)
	routes = append(routes, engagementRoutes()...)
	routes = append(routes, closeoutRoutes()...)
	routes = append(routes, incidentRoutes()...)
	routes = append(routes, opinionRoutes()...)
	routes = append(routes, publicationRoutes()...)
	routes = append(routes, grantRoutes()...)
	routes = append(routes, releaseRoutes()...)
	routes = append(routes, ruleRoutes()...)
	routes = append(routes, studyRoutes()...)
	routes = append(routes, s.logRoutes()...)
	return append(routes, s.doorRoutes()...)
}

func peopleRoutes() []Route {
	change := func(state narthex.PersonState) func(*request) (any, error) {
		return post(mostBody, func(r *request, in client.PersonChange) (narthex.Person, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return narthex.Person{}, err
			}
			return r.node.Office.ChangePerson(r.Context(), r.person.ID, id, state, in.Reason)
		})
	}
	return []Route{
		{Method: "GET", Path: "/api/people", Right: Someone, Query: []string{"after", "limit"}, Says: "people that you may know of", Out: typeOf[client.PersonList](), serve: paged((*office.Office).People)},
		{Method: "POST", Path: "/api/people", Right: Someone, Says: "invite a person", In: typeOf[client.Invite](), Out: typeOf[client.Invited](), serve: post(mostBody, func(r *request, in client.Invite) (client.Invited, error) {
			return r.node.Office.Invite(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/people/{person}/suspend", Right: Someone, Says: "suspend a person at once", In: typeOf[client.PersonChange](), Out: typeOf[narthex.Person](), serve: change(narthex.PersonSuspended)},
		{Method: "POST", Path: "/api/people/{person}/remove", Right: Someone, Says: "remove a person at once", In: typeOf[client.PersonChange](), Out: typeOf[narthex.Person](), serve: change(narthex.PersonRemoved)},
		{Method: "POST", Path: "/api/people/{person}/erase", Right: Someone, Says: "erase what is known of a removed person", In: typeOf[client.PersonChange](), Out: typeOf[client.Erased](), serve: post(mostBody, func(r *request, in client.PersonChange) (client.Erased, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return client.Erased{}, err
			}
			return r.node.Office.Erase(r.Context(), r.person.ID, id, in.Reason)
		})},
		{Method: "POST", Path: "/api/people/{person}/nationalities", Right: Insider, Says: "record whose national a person from outside is, for locks on a class of people", In: typeOf[client.Nationalities](), Out: typeOf[client.Nationalities](), serve: post(mostBody, func(r *request, in client.Nationalities) (client.Nationalities, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return client.Nationalities{}, err
			}
			return r.node.Office.RecordNationalities(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/people/{person}/authorise", Right: Someone, Says: "authorise a person of your institution beforehand", In: typeOf[client.Authorise](), Out: typeOf[narthex.SignedAuthorisation](), serve: post(mostBody, func(r *request, in client.Authorise) (narthex.SignedAuthorisation, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return narthex.SignedAuthorisation{}, err
			}
			return r.node.Office.Authorise(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/people/{person}/unauthorise", Right: Someone, Says: "take such an authorisation back", In: typeOf[nothing](), Out: typeOf[narthex.SignedAuthorisation](), serve: post(mostBody, func(r *request, _ nothing) (narthex.SignedAuthorisation, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return narthex.SignedAuthorisation{}, err
			}
			return r.node.Office.Unauthorise(r.Context(), r.person.ID, id)
		})},
		{Method: "GET", Path: "/api/people/away", Right: Insider, Says: "who of the lab is away", Out: typeOf[client.AwayList](), serve: get(func(r *request) (client.AwayList, error) {
			return r.node.Office.WhoIsAway(r.Context(), r.person.ID)
		})},
		{Method: "POST", Path: "/api/people/away", Right: Insider, Says: "say that you are away, and who stands in", In: typeOf[client.Away](), Out: typeOf[client.AwayList](), serve: post(mostBody, func(r *request, in client.Away) (client.AwayList, error) {
			return r.node.Office.Away(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/people/back", Right: Insider, Says: "end your absence", In: typeOf[nothing](), Out: typeOf[client.AwayList](), serve: post(mostBody, func(r *request, _ nothing) (client.AwayList, error) {
			return r.node.Office.Back(r.Context(), r.person.ID)
		})},
		{Method: "GET", Path: "/api/people/{person}/standing", Right: Someone, Says: "what is known of a person's training, affiliation, screening and recertifications", Out: typeOf[client.StandingView](), serve: get(func(r *request) (client.StandingView, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return client.StandingView{}, err
			}
			return r.node.Office.Standing(r.Context(), r.person.ID, id)
		})},
		{Method: "POST", Path: "/api/people/{person}/standing", Right: Someone, Says: "record a training, a screening or an affiliation", In: typeOf[client.RecordStanding](), Out: typeOf[client.StandingView](), serve: post(mostBody, func(r *request, in client.RecordStanding) (client.StandingView, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return client.StandingView{}, err
			}
			return r.node.Office.Record(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/people/{person}/standing/withdraw", Right: Someone, Says: "take a standing back at once", In: typeOf[client.TakeBackStanding](), Out: typeOf[client.StandingView](), serve: post(mostBody, func(r *request, in client.TakeBackStanding) (client.StandingView, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return client.StandingView{}, err
			}
			return r.node.Office.TakeBack(r.Context(), r.person.ID, id, in)
		})},
		{Method: "GET", Path: "/api/interests", Right: Insider, Says: "the interests that you declared of yourself", Out: typeOf[client.InterestList](), serve: get(func(r *request) (client.InterestList, error) {
			return r.node.Office.Interests(r.Context(), r.person.ID)
		})},
		{Method: "POST", Path: "/api/interests", Right: Insider, Says: "declare an interest of yours in somebody from outside", In: typeOf[client.DeclareInterest](), Out: typeOf[client.InterestList](), serve: post(mostBody, func(r *request, in client.DeclareInterest) (client.InterestList, error) {
			return r.node.Office.DeclareInterest(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/interests/end", Right: Insider, Says: "take such a declaration back", In: typeOf[client.DeclareInterest](), Out: typeOf[client.InterestList](), serve: post(mostBody, func(r *request, in client.DeclareInterest) (client.InterestList, error) {
			return r.node.Office.EndInterest(r.Context(), r.person.ID, in)
		})},
		{Method: "GET", Path: "/api/signers", Right: Someone, Says: "your signing keys", Out: typeOf[client.SignerList](), serve: get(func(r *request) (client.SignerList, error) { return r.node.Office.Signers(r.Context(), r.person.ID) })},
		{Method: "POST", Path: "/api/signers", Right: Someone, Says: "enrol a signing key", In: typeOf[client.SignerEnroll](), Out: typeOf[client.Signer](), serve: post(mostBody, func(r *request, in client.SignerEnroll) (client.Signer, error) {
			return r.node.Office.Enroll(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/passkeys", Right: Someone, Says: "enrol a passkey, to sign and to log in with", In: typeOf[client.PasskeyEnroll](), Out: typeOf[client.Signer](), serve: post(mostBody, func(r *request, in client.PasskeyEnroll) (client.Signer, error) {
			return r.node.Office.EnrollPasskey(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/passkeys/login", Right: Anyone, Says: "answer a challenge with a passkey", In: typeOf[client.PasskeyLogin](), Out: typeOf[client.Session](), serve: post(mostStranger, func(r *request, in client.PasskeyLogin) (client.Session, error) {
			return r.node.Desk.PasskeyLogin(r.Context(), in)
		})},
		{Method: "POST", Path: "/api/signers/revoke", Right: Someone, Says: "revoke a signing key of yours", In: typeOf[revoke](), Out: typeOf[client.Signer](), serve: post(mostBody, func(r *request, in revoke) (client.Signer, error) {
			return r.node.Office.RevokeSigner(r.Context(), r.person.ID, in.Fingerprint)
		})},
	}
}

func engagementRoutes() []Route {
	routes := []Route{
		{Method: "GET", Path: "/api/pathways", Right: Anyone, Says: "the pathways that the lab publishes", Out: typeOf[client.PathwayList](), serve: get(func(r *request) (client.PathwayList, error) { return r.node.Office.Pathways() })},
		{Method: "GET", Path: "/api/pathways/{pathway}", Right: Anyone, Says: "one pathway", Out: typeOf[client.PathwayView](), serve: get(func(r *request) (client.PathwayView, error) {
			return r.node.Office.Pathway(r.Context(), narthex.PathwayName(r.args["pathway"]))
		})},
		{Method: "GET", Path: "/v1/pathways", Right: Anyone, Says: "the pathways that the lab publishes", Out: typeOf[client.PathwayList](), serve: open(get(func(r *request) (client.PathwayList, error) { return r.node.Office.Pathways() }))},
		{Method: "GET", Path: "/v1/assets", Right: Anyone, Says: "the assets that may be asked for", Out: typeOf[client.Catalogue](), serve: open(get(func(r *request) (client.Catalogue, error) { return r.node.Office.Catalogue() }))},
		{Method: "GET", Path: "/v1/register", Right: Anyone, Query: []string{"after", "limit"}, Says: "the lab's public register", Out: typeOf[client.Register](), serve: open(paged(func(o *office.Office, ctx context.Context, _ narthex.PersonID, of client.Page) (client.Register, error) {
			return o.Register(ctx, of)
		}))},
		{Method: "GET", Path: "/api/engagements", Right: Someone, Query: []string{"state", "mine", "after", "limit"}, Says: "engagements that you may know of", Out: typeOf[client.EngagementList](), serve: paged((*office.Office).Engagements)},
		{Method: "GET", Path: "/api/report", Right: Someone, Says: "what became of applications, and how long it took", Out: typeOf[client.Report](), serve: get(func(r *request) (client.Report, error) {
			return r.node.Office.Report(r.Context(), r.person.ID)
		})},
		{Method: "GET", Path: "/api/work", Right: Someone, Query: []string{"limit"}, Says: "what waits for you, the most urgent first", Out: typeOf[client.WorkList](), serve: paged((*office.Office).Work)},
		{Method: "GET", Path: "/api/notices", Right: Someone, Query: []string{"after", "limit"}, Says: "what you were told, the latest first", Out: typeOf[client.NoticeList](), serve: paged((*office.Office).Notices)},
		{Method: "POST", Path: "/api/engagements", Right: Someone, Says: "begin an application", In: typeOf[client.Draft](), Out: typeOf[client.EngagementView](), serve: post(mostBody, func(r *request, in client.Draft) (client.EngagementView, error) {
			return r.node.Office.Draft(r.Context(), r.person.ID, in)
		})},
		{Method: "GET", Path: "/api/engagements/{engagement}", Right: Someone, Says: "an engagement and what you may do with it", Out: typeOf[client.EngagementView](), serve: get(func(r *request) (client.EngagementView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.EngagementView{}, err
			}
			return r.node.Office.Engagement(r.Context(), r.person.ID, id)
		})},
		{Method: "GET", Path: "/api/engagements/{engagement}/history", Right: Someone, Query: []string{"before"}, Says: "what happened with an engagement, and who read it", Out: typeOf[client.History](), serve: get(func(r *request) (client.History, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.History{}, err
			}
			query, err := r.query("before")
			if err != nil {
				return client.History{}, err
			}
			var before *uint64
			if text, given := query["before"]; given {
				entry, err := strconv.ParseUint(text, 10, 63)
				if err != nil || strconv.FormatUint(entry, 10) != text {
					return client.History{}, narthex.Invalidf("before is the number of an entry, as `earlier` of a history gives it.").For("before")
				}
				before = &entry
			}
			return r.node.Office.History(r.Context(), r.person.ID, id, before)
		})},
		{Method: "GET", Path: "/api/engagements/{engagement}/evidence", Right: Someone, Says: "everything that proves what happened with an engagement, as a tar", serve: evidence},
		{Method: "GET", Path: "/api/engagements/{engagement}/agreement", Right: Someone, Says: "an engagement's agreement", Out: typeOf[client.AgreementView](), serve: get(func(r *request) (client.AgreementView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.AgreementView{}, err
			}
			return r.node.Office.Agreement(r.Context(), r.person.ID, id)
		})},
		{Method: "GET", Path: "/api/engagements/{engagement}/agreement/{form}", Right: Someone, Says: "the agreement as a file: text, md, html, pdf or json", serve: agreementFile},
		{Method: "GET", Path: "/api/engagements/{engagement}/outside", Right: Someone, Says: "the document signed elsewhere that is bound to the agreement, as a PDF", serve: outsideFile},
		{Method: "POST", Path: "/api/engagements/{engagement}/edit", Right: Someone, Says: "write a draft anew", In: typeOf[client.Draft](), Out: typeOf[client.EngagementView](), serve: post(mostBody, func(r *request, in client.Draft) (client.EngagementView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.EngagementView{}, err
			}
			return r.node.Office.Edit(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/engagements/{engagement}/sign", Right: Someone, Says: "sign the agreement for a party", In: typeOf[client.Sign](), Out: typeOf[client.EngagementView](), serve: post(mostBody, func(r *request, in client.Sign) (client.EngagementView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.EngagementView{}, err
			}
			return r.node.Office.Sign(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/engagements/{engagement}/amend", Right: Someone, Says: "apply for other terms or more days of what is in force", In: typeOf[client.Amend](), Out: typeOf[client.EngagementView](), serve: post(mostBody, func(r *request, in client.Amend) (client.EngagementView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.EngagementView{}, err
			}
			return r.node.Office.Amend(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/engagements/{engagement}/state", Right: Someone, Says: "state that purpose and people are still so", In: typeOf[client.Recertify](), Out: typeOf[client.StandingView](), serve: recertify((*office.Office).State)},
		{Method: "POST", Path: "/api/engagements/{engagement}/confirm", Right: Someone, Says: "confirm what the applicant stated", In: typeOf[client.Recertify](), Out: typeOf[client.StandingView](), serve: recertify((*office.Office).Confirm)},
	}
	for _, command := range []workflow.Command{workflow.Submit, workflow.Assign, workflow.Return, workflow.Revise, workflow.Approve, workflow.Decline, workflow.Counter, workflow.Accept, workflow.Nudge, workflow.Comment, workflow.Claim, workflow.Unclaim, workflow.Entrust, workflow.Bind, workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation, workflow.Withdraw, workflow.Transfer, workflow.Take, workflow.Join, workflow.Leave, workflow.End, workflow.Close} {
		most := int64(mostBody)
		if command == workflow.Bind {
			most = mostOutside
		}
		serve := post(most, func(r *request, in client.Command) (client.EngagementView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.EngagementView{}, err
			}
			return r.node.Office.Command(r.Context(), r.person.ID, id, command, in)
		})
		if command == workflow.Bind {
			serve = ofOutside(serve)
		}
		routes = append(routes, Route{Method: "POST", Path: "/api/engagements/{engagement}/" + string(command), Right: Someone, Says: strings.ReplaceAll(string(command), "_", " ") + " an engagement", In: typeOf[client.Command](), Out: typeOf[client.EngagementView](), serve: serve})
	}
	return routes
}

// ofOutside says of a body that is too large to be read which field makes it so.
func ofOutside(serve func(*request) (any, error)) func(*request) (any, error) {
	return func(r *request) (any, error) {
		out, err := serve(r)
		if err != nil && narthex.AsError(err).Code == "body_too_large" {
			err = narthex.Invalidf("An outside document has at most %d bytes, and what was sent is too large to hold one. Scan it at a lower resolution.", narthex.MostOutside).For("outside").Because(err)
		}
		return out, err
	}
}

// recertify serves one of the two acts of a recertification.
func recertify(act func(*office.Office, context.Context, narthex.PersonID, narthex.EngagementID, client.Recertify) (client.StandingView, error)) func(*request) (any, error) {
	return post(mostBody, func(r *request, in client.Recertify) (client.StandingView, error) {
		id, err := arg[narthex.EngagementID](r, "engagement")
		if err != nil {
			return client.StandingView{}, err
		}
		return act(r.node.Office, r.Context(), r.person.ID, id, in)
	})
}

func grantRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/api/grants", Right: Someone, Query: []string{"after", "limit"}, Says: "grants that you may know of", Out: typeOf[client.GrantList](), serve: paged((*office.Office).Grants)},
		{Method: "GET", Path: "/api/grants/{grant}", Right: Someone, Says: "a grant: used, reserved and left", Out: typeOf[client.GrantView](), serve: get(func(r *request) (client.GrantView, error) {
			id, err := arg[narthex.GrantID](r, "grant")
			if err != nil {
				return client.GrantView{}, err
			}
			return r.node.Office.Grant(r.Context(), r.person.ID, id)
		})},
		{Method: "GET", Path: "/api/grants/{grant}/calls", Right: Someone, Query: []string{"after", "limit"}, Says: "your own calls under a grant, and what was decided on each", Out: typeOf[client.CallList](), serve: ownCalls},
		{Method: "POST", Path: "/api/grants/{grant}/keys", Right: Someone, Says: "mint a key of a grant", In: typeOf[client.Mint](), Out: typeOf[client.Minted](), serve: post(mostBody, func(r *request, in client.Mint) (client.Minted, error) {
			id, err := arg[narthex.GrantID](r, "grant")
			if err != nil {
				return client.Minted{}, err
			}
			return r.node.Office.Mint(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/grants/{grant}/explain", Right: Someone, Says: "what the door would decide on a request now, and why", In: typeOf[client.Explain](), Out: typeOf[client.Explanation](), serve: post(mostBody, func(r *request, in client.Explain) (client.Explanation, error) {
			id, err := arg[narthex.GrantID](r, "grant")
			if err != nil {
				return client.Explanation{}, err
			}
			return r.node.Office.Explain(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/keys/{key}/revoke", Right: Someone, Says: "revoke a key", In: typeOf[nothing](), Out: typeOf[narthex.Key](), serve: post(mostBody, func(r *request, _ nothing) (narthex.Key, error) {
			id, err := arg[narthex.KeyID](r, "key")
			if err != nil {
				return narthex.Key{}, err
			}
			return r.node.Office.RevokeKey(r.Context(), r.person.ID, id)
		})},
		{Method: "GET", Path: "/api/locks", Right: Someone, Says: "locks in force that you may know of", Out: typeOf[client.LockList](), serve: get(func(r *request) (client.LockList, error) { return r.node.Office.Locks(r.Context(), r.person.ID) })},
		{Method: "POST", Path: "/api/locks", Right: Someone, Says: "stop something at once", In: typeOf[client.LockRequest](), Out: typeOf[client.Locked](), serve: post(mostBody, func(r *request, in client.LockRequest) (client.Locked, error) {
			return r.node.Office.Lock(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/locks/{lock}/lift", Right: Someone, Says: "lift a lock", In: typeOf[nothing](), Out: typeOf[narthex.Lock](), serve: post(mostBody, func(r *request, _ nothing) (narthex.Lock, error) {
			id, err := arg[narthex.LockID](r, "lock")
			if err != nil {
				return narthex.Lock{}, err
			}
			return r.node.Office.Lift(r.Context(), r.person.ID, id)
		})},
		onLock("appeal", "appeal against a lock", (*office.Office).Appeal),
		onLock("review", "say that a lock stays, or lift it", (*office.Office).Review),
		onLock("silence", "say until when nobody may tell of a lock", (*office.Office).Silence),
		{Method: "GET", Path: "/api/ledger/export", Right: Someone, Says: "the whole ledger, opened", serve: export},
		{Method: "GET", Path: "/api/ledger/documents", Right: Someone, Says: "agreements and lab directories, by digest", serve: documents},
		{Method: "GET", Path: "/api/ledger/audit", Right: Someone, Query: []string{"last"}, Says: "all entries folded and compared with the tables", Out: typeOf[client.Audit](), serve: get(ledgerAudit)},
		{Method: "GET", Path: "/api/ledger/proof/{index}", Right: Someone, Says: "an entry with its inclusion proof", Out: typeOf[client.EntryProof](), serve: get(proof)},
	}
}

// onLock is the route of an act on a lock.
func onLock[In any](verb, says string, act func(*office.Office, context.Context, narthex.PersonID, narthex.LockID, In) (narthex.Lock, error)) Route {
	return Route{Method: "POST", Path: "/api/locks/{lock}/" + verb, Right: Someone, Says: says, In: typeOf[In](), Out: typeOf[narthex.Lock](), serve: post(mostBody, func(r *request, in In) (narthex.Lock, error) {
		id, err := arg[narthex.LockID](r, "lock")
		if err != nil {
			return narthex.Lock{}, err
		}
		return act(r.node.Office, r.Context(), r.person.ID, id, in)
	})}
}

// doorRoutes are served by the gateway, with an API key.
func (s *Server) doorRoutes() []Route {
	door := func(pick func(*Node) http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pick(s.node.Load()).ServeHTTP(w, r) })
	}
	return []Route{
		{Method: "POST", Path: "/v1/chat/completions", Right: Holder, Says: "a chat completion, as OpenAI's API", raw: door(func(n *Node) http.Handler { return n.Door.Chat() })},
		{Method: "POST", Path: "/v1/completions", Right: Holder, Says: "a completion, as OpenAI's API", raw: door(func(n *Node) http.Handler { return n.Door.Completions() })},
		{Method: "GET", Path: "/v1/models", Right: Holder, Says: "the models that the key's grant shows", raw: door(func(n *Node) http.Handler { return n.Door.Models() })},
		{Method: "GET", Path: "/v1/receipts/{call}", Right: Holder, Says: "a call of the key, proved in the published ledger", Out: typeOf[ledger.Receipt](), raw: door(func(n *Node) http.Handler { return n.Door.Receipt() })},
		{Method: "POST", Path: "/v1/appeal", Right: Holder, Says: "appeal against a lock on what the key rests on", In: typeOf[client.KeyAppeal](), Out: typeOf[narthex.Lock](), raw: door(func(n *Node) http.Handler { return n.Door.Appeal() })},
		{Method: "GET", Path: "/v1/jobs", Right: Holder, Says: "the jobs of the key's grant", Out: typeOf[client.JobList](), raw: door(func(n *Node) http.Handler { return n.Door.Jobs() })},
		{Method: "POST", Path: "/v1/jobs", Right: Holder, Says: "hand in a study to be run beside an asset", In: typeOf[client.SubmitJob](), Out: typeOf[narthex.Job](), raw: door(func(n *Node) http.Handler { return n.Door.SubmitJob() })},
		{Method: "GET", Path: "/v1/jobs/{job}", Right: Holder, Says: "a job of the key's grant", Out: typeOf[client.JobView](), raw: door(func(n *Node) http.Handler { return n.Door.Job() })},
		{Method: "POST", Path: "/v1/jobs/{job}/cancel", Right: Holder, Says: "cancel a job, or end it where it runs", In: typeOf[nothing](), Out: typeOf[client.JobView](), raw: door(func(n *Node) http.Handler { return n.Door.CancelJob() })},
		{Method: "GET", Path: "/v1/environments", Right: Holder, Says: "the environments that jobs of the key's grant run in", Out: typeOf[client.EnvironmentList](), raw: door(func(n *Node) http.Handler { return n.Door.Environments() })},
		{Method: "GET", Path: "/v1/assets/{asset}/twin", Right: Holder, Says: "the mock twin of a version's weights, named as ASSET@VERSION", Out: typeOf[client.Twin](), raw: door(func(n *Node) http.Handler { return n.Door.Twin() })},
		{Method: "GET", Path: "/v1/releases", Right: Holder, Says: "what the key's person wants to take out under its grant", Out: typeOf[client.ReleaseList](), raw: door(func(n *Node) http.Handler { return n.Door.Releases() })},
		{Method: "POST", Path: "/v1/releases", Right: Holder, Says: "ask for files of a job to leave", In: typeOf[client.SubmitRelease](), Out: typeOf[narthex.Release](), raw: door(func(n *Node) http.Handler { return n.Door.SubmitRelease() })},
		{Method: "GET", Path: "/v1/releases/{release}", Right: Holder, Says: "a release of the key's person", Out: typeOf[narthex.Release](), raw: door(func(n *Node) http.Handler { return n.Door.Release() })},
		{Method: "POST", Path: "/v1/releases/{release}/edit", Right: Holder, Says: "leave files out, or say more of them: a new package", In: typeOf[client.EditRelease](), Out: typeOf[narthex.Release](), raw: door(func(n *Node) http.Handler { return n.Door.EditRelease() })},
		{Method: "POST", Path: "/v1/releases/{release}/withdraw", Right: Holder, Says: "take back what was asked to leave", In: typeOf[nothing](), Out: typeOf[narthex.Release](), raw: door(func(n *Node) http.Handler { return n.Door.WithdrawRelease() })},
		{Method: "GET", Path: "/v1/releases/{release}/package", Right: Holder, Says: "what was released, with its record", Out: typeOf[client.ReleasePackage](), raw: door(func(n *Node) http.Handler { return n.Door.FetchRelease() })},
		{Method: "GET", Path: "/v1/rules", Right: Holder, Says: "the standing rules of the key's grant", Out: typeOf[client.RuleList](), raw: door(func(n *Node) http.Handler { return n.Door.OwnRules() })},
		{Method: "POST", Path: "/v1/rules", Right: Holder, Says: "ask for a standing rule for what jobs like that one leave", In: typeOf[client.ProposeRule](), Out: typeOf[client.RuleView](), raw: door(func(n *Node) http.Handler { return n.Door.ProposeRule() })},
		{Method: "GET", Path: "/v1/rules/{rule}", Right: Holder, Says: "a standing rule of the key's grant", Out: typeOf[client.RuleView](), raw: door(func(n *Node) http.Handler { return n.Door.OwnRule() })},
		{Method: "POST", Path: "/v1/rules/{rule}/end", Right: Holder, Says: "end a standing rule of the key's grant", In: typeOf[nothing](), Out: typeOf[client.RuleView](), raw: door(func(n *Node) http.Handler { return n.Door.EndRule() })},
		{Method: "GET", Path: "/v1/grant", Right: Holder, Says: "the key's grant: used, reserved and left", Out: typeOf[client.GrantView](), raw: door(func(n *Node) http.Handler { return n.Door.Grant() })},
	}
}

func redeem(r *request, in client.Redeem) (client.Session, error) {
	if i := r.node.Inception; i != nil {
		return i.Redeem(in)
	}
	return r.node.Desk.Redeem(r.Context(), in)
}

func challenge(r *request, in client.ChallengeRequest) (client.Challenge, error) {
	if i := r.node.Inception; i != nil {
		return i.Challenge(in)
	}
	return r.node.Desk.Challenge(in)
}

func login(r *request, in client.Login) (client.Session, error) {
	if i := r.node.Inception; i != nil {
		return i.Login(in)
	}
	return r.node.Desk.Login(r.Context(), in)
}

func labState(r *request) (client.LabState, error) {
	query, err := r.query("diff")
	if err != nil {
		return client.LabState{}, err
	}
	if i := r.node.Inception; i != nil {
		return i.State(r.token)
	}
	return r.node.Office.Lab(r.Context(), r.person.ID, query["diff"] == "yes")
}

func labApprove(r *request, in client.LabApprove) (client.LabState, error) {
	if i := r.node.Inception; i != nil {
		return i.Approve(r.Context(), r.token, in)
	}
	return r.node.Office.Approve(r.Context(), r.person.ID, in)
}

// export streams; an error after the first byte breaks the connection, so that no half export looks whole.
func export(r *request) (any, error) {
	r.w.Header().Set("Content-Type", "application/jsonl")
	return nil, r.node.Office.Export(r.Context(), r.person.ID, writer{r})
}

// evidence streams as export does.
func evidence(r *request) (any, error) {
	id, err := arg[narthex.EngagementID](r, "engagement")
	if err != nil {
		return nil, err
	}
	r.w.Header().Set("Content-Type", "application/x-tar")
	err = r.node.Office.Evidence(r.Context(), r.person.ID, id, r.node.Log, writer{r})
	if err != nil && !r.wrote {
		r.w.Header().Del("Content-Type")
	}
	return nil, err
}

// documents streams as export does.
func documents(r *request) (any, error) {
	r.w.Header().Set("Content-Type", "application/jsonl")
	return nil, r.node.Office.Documents(r.Context(), r.person.ID, writer{r})
}

// agreementFile gives an agreement to be kept: no browser opens it as a page of this server's.
func agreementFile(r *request) (any, error) {
	id, err := arg[narthex.EngagementID](r, "engagement")
	if err != nil {
		return nil, err
	}
	form := r.args["form"]
	data, media, err := r.node.Office.AgreementIn(r.Context(), r.person.ID, id, form)
	if err != nil {
		return nil, err
	}
	ending := form
	if form == "text" {
		ending = "txt"
	}
	h := r.w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="agreement-`+string(id)+"."+ending+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("Cache-Control", "no-store")
	_, err = writer{r}.Write(data)
	return nil, err
}

// outsideFile gives what was bound, whose bytes nobody has looked at: to be kept, and opened by no browser as a page of this server's.
func outsideFile(r *request) (any, error) {
	id, err := arg[narthex.EngagementID](r, "engagement")
	if err != nil {
		return nil, err
	}
	file, err := r.node.Office.Outside(r.Context(), r.person.ID, id)
	if err != nil {
		return nil, err
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="outside-`+string(id)+`.pdf"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	_, err = writer{r}.Write(file)
	return nil, err
}

func ledgerAudit(r *request) (client.Audit, error) {
	query, err := r.query("last")
	if err != nil {
		return client.Audit{}, err
	}
	return r.node.Office.Audit(r.Context(), r.person.ID, query["last"] == "yes")
}

type writer struct{ r *request }

func (w writer) Write(data []byte) (int, error) {
	w.r.wrote = true
	if err := patience(w.r.w); err != nil {
		return 0, err
	}
	return w.r.w.Write(data)
}

func proof(r *request) (client.EntryProof, error) {
	index, err := strconv.ParseUint(r.args["index"], 10, 62)
	if err != nil || strconv.FormatUint(index, 10) != r.args["index"] {
		return client.EntryProof{}, narthex.WithheldError()
	}
	return r.node.Office.Prove(r.Context(), r.person.ID, index)
}

// ownCalls gives a page of calls.
func ownCalls(r *request) (any, error) {
	id, err := arg[narthex.GrantID](r, "grant")
	if err != nil {
		return nil, err
	}
	return paged(func(o *office.Office, ctx context.Context, by narthex.PersonID, of client.Page) (client.CallList, error) {
		return o.Calls(ctx, by, id, of)
	})(r)
}

// paged makes the handler of a route that gives a page of a list.
func paged[Out any](list func(*office.Office, context.Context, narthex.PersonID, client.Page) (Out, error)) func(*request) (any, error) {
	return get(func(r *request) (Out, error) {
		var none Out
		query, err := r.query("state", "mine", "after", "limit")
		if err != nil {
			return none, err
		}
		of := client.Page{State: narthex.State(query["state"]), Mine: query["mine"] == "yes", After: query["after"]}
		if text, given := query["limit"]; given {
			if of.Limit, err = strconv.Atoi(text); err != nil || of.Limit == 0 {
				return none, narthex.Invalidf("A limit is a whole number from 1.").For("limit")
			}
		}
		return list(r.node.Office, r.Context(), r.person.ID, of)
	})
}
