package api

import (
	"narthex"
	"narthex/client"
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
	return routes
}
