package client

import (
	"context"

	"narthex"
)

// ProposeRule asks for a standing rule, with an API key.
func (c *Client) ProposeRule(ctx context.Context, in ProposeRule) (RuleView, error) {
	return call[RuleView](ctx, c, "POST", "/v1/rules", in)
}

// OwnRules lists the standing rules of the API key's grant.
func (c *Client) OwnRules(ctx context.Context) (RuleList, error) {
	return call[RuleList](ctx, c, "GET", "/v1/rules", nil)
}

// OwnRule shows a standing rule of the API key's grant.
func (c *Client) OwnRule(ctx context.Context, id narthex.RuleID) (RuleView, error) {
	return call[RuleView](ctx, c, "GET", route("v1", "rules", string(id)), nil)
}

// EndOwnRule ends a standing rule of the API key's grant.
func (c *Client) EndOwnRule(ctx context.Context, id narthex.RuleID) (RuleView, error) {
	return call[RuleView](ctx, c, "POST", route("v1", "rules", string(id), "end"), struct{}{})
}

// Rules lists the standing rules that the session's person may say something of.
func (c *Client) Rules(ctx context.Context) (RuleList, error) {
	return call[RuleList](ctx, c, "GET", "/api/rules", nil)
}

// Rule shows a standing rule to somebody who may say something of it.
func (c *Client) Rule(ctx context.Context, id narthex.RuleID) (RuleView, error) {
	return call[RuleView](ctx, c, "GET", route("api", "rules", string(id)), nil)
}

// ApproveRule lets what fits a standing rule leave without people.
func (c *Client) ApproveRule(ctx context.Context, id narthex.RuleID, in JudgeRule) (RuleView, error) {
	return call[RuleView](ctx, c, "POST", route("api", "rules", string(id), "approve"), in)
}

// RefuseRule refuses a standing rule.
func (c *Client) RefuseRule(ctx context.Context, id narthex.RuleID, in JudgeRule) (RuleView, error) {
	return call[RuleView](ctx, c, "POST", route("api", "rules", string(id), "refuse"), in)
}

// EndRule ends a standing rule.
func (c *Client) EndRule(ctx context.Context, id narthex.RuleID) (RuleView, error) {
	return call[RuleView](ctx, c, "POST", route("api", "rules", string(id), "end"), struct{}{})
}

// LookAgain says what a second look at what left by a standing rule found.
func (c *Client) LookAgain(ctx context.Context, id narthex.RuleID, in LookAgain) (RuleView, error) {
	return call[RuleView](ctx, c, "POST", route("api", "rules", string(id), "look"), in)
}
