package notice

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"narthex"
)

// said is what a kind says: what happened, and the next step, with {id} for the engagement, {asset} for the asset, {n} for the manuscript, {of} for the
// job or the release, and {what} for what is owed or rested on, or what became of a release.
type said struct{ happened, next string }

// words is what every kind says.
var words = map[Kind]said{
	"assigned":            {"The application {id} is with its reviewers.", "narthex engagements show {id}"},
	"review_asked":        {"The application {id} waits for your review.", "narthex review show {id}"},
	"review_half":         {"Half of the time for the review of {id} has passed, and your vote is not in.", "narthex review show {id}"},
	"review_late":         {"The review of {id} is late. Silence approves nothing: it stays in review until it is decided.", "narthex engagements show {id}"},
	"escalated":           {"The review of {id} is late, and its pathway names you to see to it. Silence approves nothing.", "narthex engagements show {id}"},
	"nudged":              {"The applicant of {id} asks what keeps its review.", "narthex review show {id}"},
	"returned":            {"The application {id} came back with a question.", "narthex engagements show {id}"},
	"countered":           {"A reviewer of {id} offers narrower terms.", "narthex engagements show {id}"},
	"declined":            {"The application {id} was declined; the reason stands beside it.", "narthex engagements show {id}"},
	"objected":            {"The lab objects to what was granted in {id}: it asks to amend it, on a ground of the pathway and with another way. Nothing changes until that is decided.", "narthex engagements show {id}"},
	"objection_asked":     {"An objection to what was granted in {id} waits for your decision. Where nobody decides in its time, it falls.", "narthex review show {id}"},
	"objection_half":      {"Half of the time to decide on the objection in {id} has passed. When it is over, the objection falls.", "narthex review show {id}"},
	"objection_upheld":    {"The objection to what was granted in {id} is upheld. What is signed stays in force as it was signed; what is not yet goes back to its applicant.", "narthex engagements show {id}"},
	"objection_dismissed": {"The objection to what was granted in {id} is dismissed; it stands.", "narthex engagements show {id}"},
	"objection_fell":      {"The objection to what was granted in {id} fell, since nobody decided on it in time; it stands.", "narthex engagements show {id}"},
	"reopened":            {"What was decided of {id} is open again: its applicant revises it, and it is decided anew.", "narthex engagements show {id}"},
	"mediation_asked":     {"The applicant of {id} asks for mediation of what was decided.", "narthex engagements show {id}"},
	"mediator_proposed":   {"Somebody is proposed to mediate in {id}; the other side accepts them or proposes somebody else.", "narthex engagements show {id}"},
	"mediator_agreed":     {"The mediator of {id} is agreed, and the mediation has begun.", "narthex engagements show {id}"},
	"mediation_recorded":  {"A side recorded what came of the mediation in {id}.", "narthex engagements show {id}"},
	"mediation_over":      {"The time of the mediation in {id} is over without an agreement.", "narthex engagements show {id}"},
	"withdrawn":           {"The application {id} was withdrawn by its applicant.", "narthex engagements show {id}"},
	"offered":             {"The application {id} is approved, and its agreement waits for signatures.", "narthex agreement show {id}"},
	"sign_asked":          {"The agreement of {id} waits for your signature.", "narthex agreement show {id}"},
	"in_force":            {"Every party has signed: the grant of {id} is in force.", "narthex engagements show {id}"},
	"locked":              {"The engagement {id} was locked, and its use has stopped.", "narthex engagements show {id}"},
	"unlocked":            {"The lock on the engagement {id} was lifted.", "narthex engagements show {id}"},
	"ended":               {"The grant of {id} has ended; closeout is open.", "narthex obligations {id}"},
	"closed":              {"The engagement {id} is closed.", "narthex engagements show {id}"},
	"question_waits":      {"A question or a counter-offer on the application {id} has waited for a week.", "narthex engagements show {id}"},
	"sign_waits":          {"The agreement of {id} has waited for a signature for a week.", "narthex agreement show {id}"},
	"ends_soon":           {"The agreement of {id} ends within 14 days.", "narthex engagements show {id}"},
	"owed_soon":           {"What {id} owes is due within 14 days: {what}.", "narthex obligations {id}"},
	"owed_late":           {"What {id} owes is late: {what}.", "narthex obligations {id}"},
	"evidence_in":         {"Evidence was handed in for what {id} owes: {what}.", "narthex obligations {id}"},
	"evidence_back":       {"Evidence for what {id} owes came back: {what}.", "narthex obligations {id}"},
	"sponsor_asked":       {"You were asked to be the sponsor of {id}.", "narthex engagements show {id}"},
	"sponsor_new":         {"The engagement {id} has a new sponsor.", "narthex engagements show {id}"},
	"member_left":         {"A member left the engagement {id}, with their keys.", "narthex engagements show {id}"},
	"opinion_asked":       {"A specialist from outside is asked for an opinion on the application {id}.", "narthex opinion open {id} --code -"},
	"opinion_in":          {"An opinion that you asked for on {id} came in.", "narthex review show {id}"},
	"vote_fell":           {"A vote on {id} fell, since an interest was declared; its review waits for another.", "narthex review show {id}"},
	"incident_opened":     {"An incident was opened on the engagement {id}; it does not close before that is resolved.", "narthex incidents list {id}"},
	"incident_resolved":   {"An incident on the engagement {id} is resolved.", "narthex incidents list {id}"},
	"lapses_soon":         {"Something that the grant of {id} rests on lapses within 14 days, and its use stops then: {what}.", "narthex work"},
	"lifetime_25":         {"Of the bytes of {asset} that may ever leave, a quarter has left.", "narthex horizon {asset}"},
	"lifetime_50":         {"Of the bytes of {asset} that may ever leave, half have left.", "narthex horizon {asset}"},
	"lifetime_75":         {"Of the bytes of {asset} that may ever leave, three quarters have left.", "narthex horizon {asset}"},
	"day_unusual":         {"Somebody took more than three times as much of {asset} on one day as on their own median day.", "narthex horizon {asset}"},
	"manuscript_in":       {"Manuscript {n} of {id} waits to be examined. When its time is over, silence clears it.", "narthex publication show {id} {n}"},
	"manuscript_half":     {"Half of the time to examine manuscript {n} of {id} has passed. When it is over, silence clears it.", "narthex publication show {id} {n}"},
	"manuscript_silent":   {"The time to examine manuscript {n} of {id} is over, so that nothing more can be asked of it.", "narthex publication show {id} {n}"},
	"redaction_lapsed":    {"A contested redaction of manuscript {n} of {id} fell, since it was not answered in time.", "narthex publication show {id} {n}"},
	"manuscript_cleared":  {"Manuscript {n} of {id} is cleared.", "narthex publication show {id} {n}"},
	"manuscript_clock":    {"The clock of manuscript {n} of {id} changed.", "narthex publication show {id} {n}"},
	"redaction_asked":     {"Redactions are asked of manuscript {n} of {id}.", "narthex publication show {id} {n}"},
	"redaction_contested": {"A redaction of manuscript {n} of {id} is contested.", "narthex publication show {id} {n}"},
	"redaction_answered":  {"A contested redaction of manuscript {n} of {id} is answered.", "narthex publication show {id} {n}"},
	"redaction_mediated":  {"A redaction of manuscript {n} of {id} goes to mediation.", "narthex publication show {id} {n}"},
	"job_ended":           {"The job {of} of {id} is over.", "narthex job show {of}"},
	"study_asked":         {"The study of {of} of {id} waits for your review before it runs.", "narthex job review view {of}"},
	"study_waits":         {"The study of {of} of {id} still waits for your word. Silence approves nothing.", "narthex job review view {of}"},
	"study_late":          {"The study of {of} of {id} has waited for its reviewers for twice the time that they have. Silence approves nothing, and after as long again as they had it is over.", "narthex engagements show {id}"},
	"study_unreviewed":    {"Fewer people may review the study of {of} of {id} than must: it needs its asset's owner or security, who have no part in the engagement. It waits until there are enough, or its time is over.", "narthex people list"},
	"study_approved":      {"The study of {of} of {id} is approved and waits for its turn.", "narthex job show {of}"},
	"study_returned":      {"The study of {of} of {id} came back, and it does not run.", "narthex job show {of}"},
	"release_asked":       {"The release {of} of {id} waits for your review.", "narthex release view {of}"},
	"release_waits":       {"The release {of} of {id} still waits for your word. Silence releases nothing.", "narthex release view {of}"},
	"release_late":        {"The release {of} of {id} has waited for its reviewers for twice the time that they have. Silence releases nothing.", "narthex engagements show {id}"},
	"release_unreviewed":  {"Fewer people may review the release {of} of {id} than must: it needs its asset's owner or security, who have no part in the engagement. It waits until there are enough.", "narthex people list"},
	"release_differs":     {"You and others differ on the release {of} of {id}. Each now sees what the others said, and it leaves when you agree.", "narthex release view {of}"},
	"release_over":        {"The release {of} of {id}, of which you were asked, is over: {what}. Nothing is left to do of it.", "narthex work"},
	"release_returned":    {"The release {of} of {id} came back with a question.", "narthex release show {of}"},
	"release_decided":     {"The release {of} of {id} is decided: {what}.", "narthex release show {of}"},
	"rule_asked":          {"The standing rule {of} of {id} waits for your review: what fits it would leave without people.", "narthex release rule show {of}"},
	"rule_decided":        {"The standing rule {of} of {id} is decided: {what}.", "narthex release rule show {of}"},
	"rule_ended":          {"The standing rule {of} of {id} has ended: what fits it goes to people again.", "narthex release rule show {of}"},
	"look_asked":          {"The release {of} of {id} left by a standing rule and was drawn for a second look, which waits for you.", "narthex release view {of}"},
	"look_late":           {"The second look at the release {of} of {id} is late. Until it is done nothing leaves by its standing rule.", "narthex release view {of}"},
	"look_unfit":          {"A second look at what left by the standing rule {of} of {id} was not fine, and ended the rule. What left cannot be called back.", "narthex release rule show {of}"},
	"published":           {"Manuscript {n} of {id} is published.", "narthex publication show {id} {n}"},
}

// why is why it concerns whoever is told.
var why = map[To]string{
	Side:        "you have a part in it",
	Heir:        "its sponsor, or its applicant, named you",
	Reviewers:   "you hold a role that decides on it and have not voted",
	Signers:     "you may sign for a party whose turn it is",
	Institution: "you act for the applicant's institution",
	Programme:   "you run the programme",
	Examiners:   "you examine its manuscripts for the lab",
	Owing:       "you belong to the party that owes it",
	Named:       "its pathway names you, or a role of yours, for what is late",
	Recorder:    "it rests on your word, or your organisation's",
	Holder:      "it is yours",
	Asker:       "you asked for it",
	Releasers:   "you are one of those who say what may leave, and it waits for your word",
	Looker:      "the standing rule names you for second looks",
	Approvers:   "you are one of those who say which studies run, and it waits for your word",
	Passed:      "you are one of those who say what may leave, and it waits for your word no more",
	Deciders:    "you hold a role that decides on it and have not voted",
	Guards:      "you own it, or hold the role security",
	Asked:       "the lab would like your opinion; nothing about it is shown before you state your interests",
}

// Kinds lists every kind.
func Kinds() []Kind { return slices.Sorted(maps.Keys(words)) }

// Facts is what a notice is about: identifiers, what is owed or rested on by the name that the lab gave it, what became of a release.
type Facts struct {
	Kind       Kind
	To         To
	Engagement narthex.EngagementID
	Asset      narthex.AssetName
	Manuscript int
	Of         string // the job or the release
	What       string
}

// Text is what a person reads.
type Text struct {
	Happened string `json:"happened"`
	Why      string `json:"why"`
	Next     string `json:"next"` // a command line
}

// Text gives the words of a notice. Of a kind or a part that is in no table there are none.
func (f Facts) Text() (Text, bool) {
	said, known := words[f.Kind]
	because, has := why[f.To]
	if !known || !has {
		return Text{}, false
	}
	fill := strings.NewReplacer("{id}", string(f.Engagement), "{asset}", string(f.Asset), "{n}", fmt.Sprint(f.Manuscript), "{of}", f.Of, "{what}", strings.ReplaceAll(f.What, "_", " "))
	return Text{Happened: fill.Replace(said.happened), Why: "You are told because " + because + ".", Next: fill.Replace(said.next)}, true
}
