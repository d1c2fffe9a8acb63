package api

import (
	"narthex"
	"narthex/client"
)

// mostTrace bounds a request that brings a file to be traced, in bytes: four letters for three bytes.
const mostTrace = client.MostTrace/3*4 + 1<<10

// releaseRoutes are those of the people who say what may leave.
func releaseRoutes() []Route {
	decide := func(do func(*request, narthex.ReleaseID, client.VoteRelease) (narthex.Release, error)) func(*request) (any, error) {
		return post(mostBody, func(r *request, in client.VoteRelease) (narthex.Release, error) {
			return do(r, narthex.ReleaseID(r.args["release"]), in)
		})
	}
	return []Route{
		{Method: "POST", Path: "/api/releases/trace", Right: Insider, Says: "look in a file for the marks of artefacts that left, and say whom they were marked for", In: typeOf[client.TraceRelease](), Out: typeOf[client.Trace](), serve: post(mostTrace, func(r *request, in client.TraceRelease) (client.Trace, error) {
			return r.node.Office.TraceRelease(r.Context(), r.person.ID, in)
		})},
		{Method: "GET", Path: "/api/releases", Right: Insider, Says: "what waits to leave and you may say something of", Out: typeOf[client.ReleaseList](), serve: get(func(r *request) (client.ReleaseList, error) {
			return r.node.Office.Releases(r.Context(), r.person.ID)
		})},
		{Method: "GET", Path: "/api/releases/{release}", Right: Insider, Says: "what waits to leave, with its findings and its bytes", Out: typeOf[client.ReleasePackage](), serve: get(func(r *request) (client.ReleasePackage, error) {
			return r.node.Office.Release(r.Context(), r.person.ID, narthex.ReleaseID(r.args["release"]))
		})},
		{Method: "POST", Path: "/api/releases/{release}/vote", Right: Insider, Says: "say of each file whether it may leave", In: typeOf[client.VoteRelease](), Out: typeOf[narthex.Release](), serve: decide(func(r *request, id narthex.ReleaseID, in client.VoteRelease) (narthex.Release, error) {
			return r.node.Office.VoteRelease(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/releases/{release}/return", Right: Insider, Says: "send it back to its author with a question", In: typeOf[client.VoteRelease](), Out: typeOf[narthex.Release](), serve: decide(func(r *request, id narthex.ReleaseID, in client.VoteRelease) (narthex.Release, error) {
			return r.node.Office.ReturnRelease(r.Context(), r.person.ID, id, in)
		})},
	}
}
