package api

import (
	"strconv"

	"narthex"
	"narthex/client"
	"narthex/internal/workflow"
)

// publicationRoutes are about manuscripts of an engagement.
func publicationRoutes() []Route {
	const all = "/api/engagements/{engagement}/publications"
	const one = all + "/{manuscript}"
	routes := []Route{
		{Method: "GET", Path: all, Right: Someone, Says: "the manuscripts of an engagement, and where each stands", Out: typeOf[client.PublicationList](), serve: get(func(r *request) (client.PublicationList, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.PublicationList{}, err
			}
			return r.node.Office.Publications(r.Context(), r.person.ID, id)
		})},
		{Method: "POST", Path: all, Right: Someone, Says: "hand a manuscript in", In: typeOf[client.ManuscriptSubmit](), Out: typeOf[client.PublicationView](), serve: post(mostBody, func(r *request, in client.ManuscriptSubmit) (client.PublicationView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.PublicationView{}, err
			}
			return r.node.Office.SubmitManuscript(r.Context(), r.person.ID, id, in)
		})},
		{Method: "GET", Path: one, Right: Someone, Says: "a manuscript, and where it stands", Out: typeOf[client.PublicationView](), serve: get(func(r *request) (client.PublicationView, error) {
			id, number, err := manuscript(r)
			if err != nil {
				return client.PublicationView{}, err
			}
			return r.node.Office.Publication(r.Context(), r.person.ID, id, number)
		})},
		{Method: "GET", Path: one + "/statement", Right: Someone, Says: "what the published work says of its independence", Out: typeOf[client.PublicationStatement](), serve: get(func(r *request) (client.PublicationStatement, error) {
			id, number, err := manuscript(r)
			if err != nil {
				return client.PublicationStatement{}, err
			}
			return r.node.Office.PublicationStatement(r.Context(), r.person.ID, id, number)
		})},
	}
	for _, command := range workflow.Commands() {
		if !workflow.OnManuscripts(command) || command == workflow.ManuscriptSubmit {
			continue
		}
		verb := workflow.Verb(command)
		routes = append(routes, Route{Method: "POST", Path: one + "/" + verb, Right: Someone, Says: saysOf(command, verb), In: typeOf[client.ManuscriptCommand](), Out: typeOf[client.PublicationView](),
			serve: post(mostBody, func(r *request, in client.ManuscriptCommand) (client.PublicationView, error) {
				id, number, err := manuscript(r)
				if err != nil {
					return client.PublicationView{}, err
				}
				return r.node.Office.OnManuscript(r.Context(), r.person.ID, id, number, command, in)
			})})
	}
	return routes
}

func saysOf(command workflow.Command, verb string) string {
	switch command {
	case workflow.ManuscriptRedact:
		return "ask for redactions in a manuscript"
	case workflow.RedactionAccept, workflow.RedactionContest, workflow.RedactionUphold, workflow.RedactionDrop:
		return verb + " a redaction"
	case workflow.RedactionMediate:
		return "ask a mediator about a redaction"
	case workflow.RedactionOutcome:
		return "record what a mediator decided on a redaction"
	case workflow.ManuscriptPublish:
		return "record where a manuscript was published"
	}
	return verb + " the review of a manuscript"
}

// manuscript reads the engagement and the number of a path.
func manuscript(r *request) (narthex.EngagementID, int, error) {
	id, err := arg[narthex.EngagementID](r, "engagement")
	if err != nil {
		return id, 0, err
	}
	number, err := strconv.Atoi(r.args["manuscript"])
	if err != nil || number < 1 || strconv.Itoa(number) != r.args["manuscript"] {
		return id, 0, narthex.WithheldError()
	}
	return id, number, nil
}
