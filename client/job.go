package client

import (
	"context"

	"narthex"
)

// SubmitJob hands in a study, with an API key.
func (c *Client) SubmitJob(ctx context.Context, in SubmitJob) (narthex.Job, error) {
	return call[narthex.Job](ctx, c, "POST", "/v1/jobs", in)
}

// Jobs lists the jobs of the API key's grant.
func (c *Client) Jobs(ctx context.Context) (JobList, error) {
	return call[JobList](ctx, c, "GET", "/v1/jobs", nil)
}

// Job shows a job of the API key's grant.
func (c *Client) Job(ctx context.Context, id narthex.JobID) (JobView, error) {
	return call[JobView](ctx, c, "GET", route("v1", "jobs", string(id)), nil)
}

// CancelJob cancels a job, or ends it where it runs.
func (c *Client) CancelJob(ctx context.Context, id narthex.JobID) (JobView, error) {
	return call[JobView](ctx, c, "POST", route("v1", "jobs", string(id), "cancel"), struct{}{})
}

// Environments lists what jobs of the API key's grant run in.
func (c *Client) Environments(ctx context.Context) (EnvironmentList, error) {
	return call[EnvironmentList](ctx, c, "GET", "/v1/environments", nil)
}

// Twin gives the mock twin of a version's weights, named as ASSET or ASSET@VERSION, with an API key.
func (c *Client) Twin(ctx context.Context, asset string) (Twin, error) {
	return call[Twin](ctx, c, "GET", route("v1", "assets", asset, "twin"), nil)
}

// SubmitRelease asks for files of a job to leave, with an API key.
func (c *Client) SubmitRelease(ctx context.Context, in SubmitRelease) (narthex.Release, error) {
	return call[narthex.Release](ctx, c, "POST", "/v1/releases", in)
}

// OwnReleases lists what the API key's person wants to take out.
func (c *Client) OwnReleases(ctx context.Context) (ReleaseList, error) {
	return call[ReleaseList](ctx, c, "GET", "/v1/releases", nil)
}

// OwnRelease shows a release of the API key's person.
func (c *Client) OwnRelease(ctx context.Context, id narthex.ReleaseID) (narthex.Release, error) {
	return call[narthex.Release](ctx, c, "GET", route("v1", "releases", string(id)), nil)
}

// EditRelease leaves files out, or says more of them.
func (c *Client) EditRelease(ctx context.Context, id narthex.ReleaseID, in EditRelease) (narthex.Release, error) {
	return call[narthex.Release](ctx, c, "POST", route("v1", "releases", string(id), "edit"), in)
}

// WithdrawRelease takes back what was asked to leave.
func (c *Client) WithdrawRelease(ctx context.Context, id narthex.ReleaseID) (narthex.Release, error) {
	return call[narthex.Release](ctx, c, "POST", route("v1", "releases", string(id), "withdraw"), struct{}{})
}

// FetchRelease gives what was released, with its record, to the API key of its author.
func (c *Client) FetchRelease(ctx context.Context, id narthex.ReleaseID) (ReleasePackage, error) {
	return call[ReleasePackage](ctx, c, "GET", route("v1", "releases", string(id), "package"), nil)
}

// Releases lists what waits to leave and the session's person may say something of.
func (c *Client) Releases(ctx context.Context) (ReleaseList, error) {
	return call[ReleaseList](ctx, c, "GET", "/api/releases", nil)
}

// Release gives what waits to leave to one of its reviewers.
func (c *Client) Release(ctx context.Context, id narthex.ReleaseID) (ReleasePackage, error) {
	return call[ReleasePackage](ctx, c, "GET", route("api", "releases", string(id)), nil)
}

// VoteRelease says of each file whether it may leave.
func (c *Client) VoteRelease(ctx context.Context, id narthex.ReleaseID, in VoteRelease) (narthex.Release, error) {
	return call[narthex.Release](ctx, c, "POST", route("api", "releases", string(id), "vote"), in)
}

// ReturnRelease sends a release back to its author.
func (c *Client) ReturnRelease(ctx context.Context, id narthex.ReleaseID, in VoteRelease) (narthex.Release, error) {
	return call[narthex.Release](ctx, c, "POST", route("api", "releases", string(id), "return"), in)
}

// TraceRelease looks in a file for the marks of artefacts that left.
func (c *Client) TraceRelease(ctx context.Context, in TraceRelease) (Trace, error) {
	return call[Trace](ctx, c, "POST", "/api/releases/trace", in)
}

// Studies lists the jobs whose studies wait for approval and of which the session's person may say something.
func (c *Client) Studies(ctx context.Context) (StudyList, error) {
	return call[StudyList](ctx, c, "GET", "/api/studies", nil)
}

// Study gives a frozen study to one of its reviewers.
func (c *Client) Study(ctx context.Context, id narthex.JobID) (StudyPackage, error) {
	return call[StudyPackage](ctx, c, "GET", route("api", "studies", string(id)), nil)
}

// ApproveStudy says that a study may run.
func (c *Client) ApproveStudy(ctx context.Context, id narthex.JobID, in VoteStudy) (narthex.Job, error) {
	return call[narthex.Job](ctx, c, "POST", route("api", "studies", string(id), "approve"), in)
}

// ReturnStudy sends a study back to its author.
func (c *Client) ReturnStudy(ctx context.Context, id narthex.JobID, in VoteStudy) (narthex.Job, error) {
	return call[narthex.Job](ctx, c, "POST", route("api", "studies", string(id), "return"), in)
}
