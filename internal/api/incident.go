package api

import (
	"narthex"
	"narthex/client"
)

// incidentRoutes are what went wrong in an engagement.
func incidentRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/api/engagements/{engagement}/incidents", Right: Someone, Says: "what went wrong in an engagement", Out: typeOf[client.IncidentList](), serve: get(func(r *request) (client.IncidentList, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.IncidentList{}, err
			}
			return r.node.Office.Incidents(r.Context(), r.person.ID, id)
		})},
		{Method: "POST", Path: "/api/engagements/{engagement}/incidents", Right: Someone, Says: "open an incident, with a lock and a report that is owed where there are", In: typeOf[client.OpenIncident](), Out: typeOf[client.IncidentList](), serve: post(mostBody, func(r *request, in client.OpenIncident) (client.IncidentList, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.IncidentList{}, err
			}
			return r.node.Office.OpenIncident(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/engagements/{engagement}/incidents/resolve", Right: Someone, Says: "say what became of an incident", In: typeOf[client.ResolveIncident](), Out: typeOf[client.IncidentList](), serve: post(mostBody, func(r *request, in client.ResolveIncident) (client.IncidentList, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.IncidentList{}, err
			}
			return r.node.Office.ResolveIncident(r.Context(), r.person.ID, id, in)
		})},
	}
}
