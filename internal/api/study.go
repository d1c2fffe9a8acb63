package api

import (
	"narthex"
	"narthex/client"
)

// studyRoutes are those of the people who say which studies run.
func studyRoutes() []Route {
	decide := func(do func(*request, narthex.JobID, client.VoteStudy) (narthex.Job, error)) func(*request) (any, error) {
		return post(mostBody, func(r *request, in client.VoteStudy) (narthex.Job, error) {
			return do(r, narthex.JobID(r.args["job"]), in)
		})
	}
	return []Route{
		{Method: "GET", Path: "/api/studies", Right: Insider, Says: "the studies that wait for approval and you may say something of", Out: typeOf[client.StudyList](), serve: get(func(r *request) (client.StudyList, error) {
			return r.node.Office.Studies(r.Context(), r.person.ID)
		})},
		{Method: "GET", Path: "/api/studies/{job}", Right: Insider, Says: "a study as it is frozen, with its bytes", Out: typeOf[client.StudyPackage](), serve: get(func(r *request) (client.StudyPackage, error) {
			return r.node.Office.Study(r.Context(), r.person.ID, narthex.JobID(r.args["job"]))
		})},
		{Method: "POST", Path: "/api/studies/{job}/approve", Right: Insider, Says: "say that a study may run", In: typeOf[client.VoteStudy](), Out: typeOf[narthex.Job](), serve: decide(func(r *request, id narthex.JobID, in client.VoteStudy) (narthex.Job, error) {
			return r.node.Office.ApproveStudy(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/studies/{job}/return", Right: Insider, Says: "send a study back to its author", In: typeOf[client.VoteStudy](), Out: typeOf[narthex.Job](), serve: decide(func(r *request, id narthex.JobID, in client.VoteStudy) (narthex.Job, error) {
			return r.node.Office.ReturnStudy(r.Context(), r.person.ID, id, in)
		})},
	}
}
