package api

import (
	"narthex"
	"narthex/client"
	"narthex/internal/statement"
	"narthex/internal/workflow"
)

// mostCertificate bounds a certificate of destruction, which lists what was received.
const mostCertificate = 512 << 10

// closeoutRoutes are what is owed under an engagement's agreement, and the statement of what access it was.
func closeoutRoutes() []Route {
	routes := []Route{
		{Method: "GET", Path: "/api/engagements/{engagement}/obligations", Right: Someone, Says: "what an engagement's agreement asks by a date", Out: typeOf[client.ObligationList](), serve: get(func(r *request) (client.ObligationList, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.ObligationList{}, err
			}
			return r.node.Office.Obligations(r.Context(), r.person.ID, id)
		})},
	}
	says := map[workflow.Command]string{workflow.Meet: "hand in what meets an obligation", workflow.Reject: "send evidence back, once", workflow.Waive: "give an obligation up, by two"}
	for _, command := range []workflow.Command{workflow.Meet, workflow.Reject, workflow.Waive} {
		routes = append(routes, Route{Method: "POST", Path: "/api/engagements/{engagement}/" + string(command), Right: Someone, Says: says[command], In: typeOf[client.CloseOut](), Out: typeOf[client.ObligationList](),
			serve: post(mostCertificate, func(r *request, in client.CloseOut) (client.ObligationList, error) {
				id, err := arg[narthex.EngagementID](r, "engagement")
				if err != nil {
					return client.ObligationList{}, err
				}
				return r.node.Office.CloseOut(r.Context(), r.person.ID, id, command, in)
			})})
	}
	return append(routes, Route{Method: "POST", Path: "/api/engagements/{engagement}/statement", Right: Someone, Says: "issue the access statement, as a file with its proof",
		In: typeOf[client.StatementRequest](), Out: typeOf[statement.File](), serve: accessStatement})
}

// accessStatement gives the file in its one form, which is part of what is checked.
func accessStatement(r *request) (any, error) {
	in, err := body[client.StatementRequest](r, mostStranger)
	if err != nil {
		return nil, err
	}
	id, err := arg[narthex.EngagementID](r, "engagement")
	if err != nil {
		return nil, err
	}
	data, err := r.node.Office.Statement(r.Context(), r.person.ID, id, in.Names)
	if err != nil {
		return nil, err
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, err = writer{r}.Write(data)
	return nil, err
}
