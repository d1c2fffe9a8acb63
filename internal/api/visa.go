package api

import (
	"context"

	"narthex"
	"narthex/client"
	"narthex/internal/office"
)

// visaRoutes are those of visas, of others and of ours.
func visaRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/.well-known/jwks.json", Right: Anyone, Says: "the keys that sign the lab's visas, as a JWK set", serve: visaKeys},
		{Method: "GET", Path: "/api/people/{person}/visas", Right: Someone, Says: "what is known of a person's visas", Out: typeOf[client.VisasView](), serve: get(func(r *request) (client.VisasView, error) {
			id, err := arg[narthex.PersonID](r, "person")
			if err != nil {
				return client.VisasView{}, err
			}
			return r.node.Office.Visas(r.Context(), r.person.ID, id)
		})},
		{Method: "POST", Path: "/api/people/{person}/identities", Right: Someone, Says: "record by which subject an issuer of visas knows a person", In: typeOf[client.VisaIdentity](), Out: typeOf[client.VisasView](), serve: ofPerson((*office.Office).LinkIdentity)},
		{Method: "POST", Path: "/api/people/{person}/identities/remove", Right: Someone, Says: "end that, and every visa of that issuer", In: typeOf[client.VisaIdentity](), Out: typeOf[client.VisasView](), serve: ofPerson((*office.Office).UnlinkIdentity)},
		{Method: "POST", Path: "/api/people/{person}/visas/remove", Right: Someone, Says: "end a visa at once", In: typeOf[client.VisaRemove](), Out: typeOf[client.VisasView](), serve: ofPerson((*office.Office).RemoveVisa)},
		{Method: "POST", Path: "/api/visas", Right: Someone, Says: "give a visa of yours", In: typeOf[client.VisaAdd](), Out: typeOf[client.VisasView](), serve: post(mostBody, func(r *request, in client.VisaAdd) (client.VisasView, error) {
			return r.node.Office.AddVisa(r.Context(), r.person.ID, in)
		})},
		{Method: "POST", Path: "/api/grants/{grant}/visa", Right: Someone, Says: "have a visa of the lab's that states your grant", In: typeOf[nothing](), Out: typeOf[client.IssuedVisa](), serve: post(mostBody, func(r *request, _ nothing) (client.IssuedVisa, error) {
			id, err := arg[narthex.GrantID](r, "grant")
			if err != nil {
				return client.IssuedVisa{}, err
			}
			return r.node.Office.IssueVisa(r.Context(), r.person.ID, id)
		})},
	}
}

// ofPerson serves an act about a person.
func ofPerson[In, Out any](act func(*office.Office, context.Context, narthex.PersonID, narthex.PersonID, In) (Out, error)) func(*request) (any, error) {
	return post(mostBody, func(r *request, in In) (Out, error) {
		id, err := arg[narthex.PersonID](r, "person")
		if err != nil {
			var none Out
			return none, err
		}
		return act(r.node.Office, r.Context(), r.person.ID, id, in)
	})
}

// visaKeys gives the public keys as others read them.
func visaKeys(r *request) (any, error) {
	keys, err := r.node.Office.VisaSigner.Keys()
	if err != nil {
		return nil, err
	}
	r.w.Header().Set("Content-Type", "application/jwk-set+json")
	_, err = writer{r}.Write(keys)
	return nil, err
}
