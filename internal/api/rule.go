package api

import (
	"narthex"
	"narthex/client"
)

// ruleRoutes are those of the people who say what may leave by a standing rule.
func ruleRoutes() []Route {
	id := func(r *request) narthex.RuleID { return narthex.RuleID(r.args["rule"]) }
	judge := func(do func(*request, narthex.RuleID, client.JudgeRule) (client.RuleView, error)) func(*request) (any, error) {
		return post(mostBody, func(r *request, in client.JudgeRule) (client.RuleView, error) { return do(r, id(r), in) })
	}
	return []Route{
		{Method: "GET", Path: "/api/rules", Right: Insider, Says: "standing rules that you may say something of", Out: typeOf[client.RuleList](), serve: get(func(r *request) (client.RuleList, error) {
			return r.node.Office.StandingRules(r.Context(), r.person.ID)
		})},
		{Method: "GET", Path: "/api/rules/{rule}", Right: Insider, Says: "a standing rule, with what it could tell at most", Out: typeOf[client.RuleView](), serve: get(func(r *request) (client.RuleView, error) {
			return r.node.Office.StandingRule(r.Context(), r.person.ID, id(r))
		})},
		{Method: "POST", Path: "/api/rules/{rule}/approve", Right: Insider, Says: "let what fits it leave without people", In: typeOf[client.JudgeRule](), Out: typeOf[client.RuleView](), serve: judge(func(r *request, id narthex.RuleID, in client.JudgeRule) (client.RuleView, error) {
			return r.node.Office.ApproveRule(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/rules/{rule}/refuse", Right: Insider, Says: "refuse a standing rule", In: typeOf[client.JudgeRule](), Out: typeOf[client.RuleView](), serve: judge(func(r *request, id narthex.RuleID, in client.JudgeRule) (client.RuleView, error) {
			return r.node.Office.RefuseRule(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/rules/{rule}/end", Right: Insider, Says: "end a standing rule", In: typeOf[nothing](), Out: typeOf[client.RuleView](), serve: post(mostBody, func(r *request, _ nothing) (client.RuleView, error) {
			return r.node.Office.EndRule(r.Context(), r.person.ID, id(r))
		})},
		{Method: "POST", Path: "/api/rules/{rule}/look", Right: Insider, Says: "say what a second look at what left by it found", In: typeOf[client.LookAgain](), Out: typeOf[client.RuleView](), serve: post(mostBody, func(r *request, in client.LookAgain) (client.RuleView, error) {
			return r.node.Office.LookAgain(r.Context(), r.person.ID, id(r), in)
		})},
	}
}
