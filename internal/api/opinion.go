package api

import (
	"context"

	"narthex"
	"narthex/client"
	"narthex/internal/office"
	"narthex/internal/wire"
)

// opinionRoutes are about specialists from outside: by whoever asks them, and, with a log-in that opens nothing else, by themselves.
func opinionRoutes() []Route {
	return []Route{
		{Method: "POST", Path: "/api/engagements/{engagement}/opinions", Right: Someone, Says: "ask a specialist from outside for an opinion", In: typeOf[client.AskOpinion](), Out: typeOf[client.OpinionAsked](), serve: post(mostBody, func(r *request, in client.AskOpinion) (client.OpinionAsked, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.OpinionAsked{}, err
			}
			return r.node.Office.AskOpinion(r.Context(), r.person.ID, id, in)
		})},
		{Method: "POST", Path: "/api/engagements/{engagement}/opinions/{invite}/withdraw", Right: Someone, Says: "take the invitation of a specialist back", In: typeOf[nothing](), Out: typeOf[client.EngagementView](), serve: post(mostBody, func(r *request, _ nothing) (client.EngagementView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.EngagementView{}, err
			}
			invite, err := arg[narthex.InviteID](r, "invite")
			if err != nil {
				return client.EngagementView{}, err
			}
			return r.node.Office.UnaskOpinion(r.Context(), r.person.ID, id, invite)
		})},
		{Method: "POST", Path: "/api/opinions/redeem", Right: Anyone, Says: "turn a specialist's one-time code into a log-in for one opinion", In: typeOf[client.RedeemOpinion](), Out: typeOf[client.OpinionLogin](), serve: post(mostStranger, func(r *request, in client.RedeemOpinion) (client.OpinionLogin, error) {
			return r.node.Office.RedeemOpinion(r.Context(), in)
		})},
		{Method: "POST", Path: "/api/opinions/{engagement}/interests", Right: Specialist, Says: "state your interests, before you read", In: typeOf[client.StateInterests](), Out: typeOf[nothing](), serve: opining(func(o *office.Office, ctx context.Context, login string, id narthex.EngagementID, in client.StateInterests) (nothing, error) {
			return nothing{}, o.StateInterests(ctx, login, id, in)
		})},
		{Method: "GET", Path: "/api/opinions/{engagement}", Right: Specialist, Says: "what you were asked about", Out: typeOf[client.OpinionView](), serve: get(func(r *request) (client.OpinionView, error) {
			id, err := arg[narthex.EngagementID](r, "engagement")
			if err != nil {
				return client.OpinionView{}, err
			}
			return r.node.Office.ReadForOpinion(r.Context(), wire.HashToken(r.token), id)
		})},
		{Method: "POST", Path: "/api/opinions/{engagement}", Right: Specialist, Says: "hand in your one opinion", In: typeOf[client.GiveOpinion](), Out: typeOf[client.OpinionGiven](), serve: opining((*office.Office).GiveOpinion)},
	}
}

// opining is the handler of what a specialist does by their log-in.
func opining[In, Out any](do func(*office.Office, context.Context, string, narthex.EngagementID, In) (Out, error)) func(*request) (any, error) {
	return post(mostBody, func(r *request, in In) (Out, error) {
		id, err := arg[narthex.EngagementID](r, "engagement")
		if err != nil {
			var none Out
			return none, err
		}
		return do(r.node.Office, r.Context(), wire.HashToken(r.token), id, in)
	})
}
