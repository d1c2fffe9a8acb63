package narthex

import "slices"

// Role is what a lab's directory lets a person of the lab do. The zero Role lets nobody do anything.
type Role string

const (
	// Custodian approves the lab directory and unlocks.
	Custodian Role = "custodian"
	// Programme runs the programme: invites outsiders, assigns, ends.
	Programme Role = "programme"
	// AssetOwner decides on the assets that name this person as owner.
	AssetOwner Role = "asset_owner"
	// Security reviews and locks.
	Security Role = "security"
	// Legal reviews clauses.
	Legal Role = "legal"
	// Sponsor works with an applicant and may co-write their application.
	Sponsor Role = "sponsor"
	// Signatory signs for the lab.
	Signatory Role = "signatory"
	// Auditor reads the ledger.
	Auditor Role = "auditor"
)

// Roles lists every role of a lab person.
func Roles() []Role {
	return []Role{Custodian, Programme, AssetOwner, Security, Legal, Sponsor, Signatory, Auditor}
}

// PersonState says whether a person may do anything. The zero PersonState may not.
type PersonState string

const (
	// PersonInvited has a code and no log-in yet.
	PersonInvited PersonState = "invited"
	// PersonActive may log in.
	PersonActive PersonState = "active"
	// PersonSuspended may not, until unsuspended by two people.
	PersonSuspended PersonState = "suspended"
	// PersonRemoved may never again.
	PersonRemoved PersonState = "removed"
)

// Person is someone with a log-in. Roles are of lab people and come from the approved directory alone; Official says that an
// outsider signs for their organisation.
type Person struct {
	ID       PersonID    `json:"id"`
	Name     string      `json:"name"`
	Email    string      `json:"email,omitempty"`
	Handle   string      `json:"handle,omitempty"` // the name in lab.yaml, for lab people only
	Org      OrgID       `json:"org,omitempty"`    // empty for lab people
	Official bool        `json:"official,omitempty"`
	Roles    []Role      `json:"roles,omitempty"`
	Region   string      `json:"region,omitempty"` // where the person works, ISO 3166 alpha-2 in lower case, or empty when unknown
	State    PersonState `json:"state"`

	// Interests are those that a person of the lab has declared and that hold now, where whoever decides looked them up. They are written
	// nowhere with the person, and so shown nowhere.
	Interests []Interest `json:"-"`
}

// InLab says whether the person belongs to the lab.
func (p Person) InLab() bool { return p.Org == "" && p.Handle != "" }

// Has says whether an active person holds the role.
func (p Person) Has(role Role) bool {
	return role != "" && p.State == PersonActive && p.InLab() && slices.Contains(p.Roles, role)
}

// Org is an organisation of outsiders.
type Org struct {
	ID     OrgID  `json:"id"`
	Name   string `json:"name"`
	Region string `json:"region,omitempty"`
}

// AssetKind is what an asset is.
type AssetKind string

// AssetKinds lists them all.
func AssetKinds() []AssetKind {
	return []AssetKind{"model", "weights", "dataset", "metrics", "code", "documents"}
}

// Version is one version of an asset, such as a checkpoint.
type Version struct {
	Name     VersionName `json:"name"`
	Title    string      `json:"title,omitempty"`
	Upstream string      `json:"upstream,omitempty"` // the name by which the upstream knows it
	// Folder is where on the node the version's bytes lie that jobs read at /asset, an absolute path, and Digest is [FolderDigest] of it.
	// They stand both or neither: a version without them has no bytes for jobs.
	Folder string `json:"folder,omitempty"`
	Digest Digest `json:"digest,omitempty"`
}

// Asset is what a lab protects. Outsiders see it only where a grant shows it, or a pathway offers it, or it says that it is public.
type Asset struct {
	Name          AssetName   `json:"name"`
	Title         string      `json:"title"`
	Kind          AssetKind   `json:"kind"`
	Owner         string      `json:"owner"`            // a handle of lab.yaml
	Deputy        string      `json:"deputy,omitempty"` // a handle of who decides while the owner is away and named them; not the owner
	Bytes         int64       `json:"bytes"`
	LifetimeBytes int64       `json:"lifetime_bytes"` // of bulk leak over all grants, for life
	Leak          []LeakClass `json:"leak"`
	Label         string      `json:"label"`
	Default       VersionName `json:"default"` // the version meant when none is named
	Versions      []Version   `json:"versions"`
	Context       int64       `json:"context,omitempty"`     // of a model, in tokens
	TokenBytes    int64       `json:"token_bytes,omitempty"` // fewest bytes of text that make a token; 1 is the safe bound
	Marks         []string    `json:"marks,omitempty"`       // of a model's template, beside those of the form <|name|>: a chat's texts may hold none
	Upstream      Upstream    `json:"upstream"`
	Canaries      []string    `json:"canaries,omitempty"` // marks that stand in it and nowhere else: what holds one does not leave unseen
	Public        bool        `json:"public,omitempty"`   // whether its title and versions stand in the public catalogue
}

// Version gives the version of that exact name.
func (a Asset) Version(name VersionName) (Version, bool) {
	at := slices.IndexFunc(a.Versions, func(v Version) bool { return v.Name == name && name != "" })
	if at < 0 {
		return Version{}, false
	}
	return a.Versions[at], true
}

// Upstream is where an asset is served, and where its credential is found: exactly one of an environment variable or a file.
type Upstream struct {
	URL            string `json:"url,omitempty"`
	CredentialEnv  string `json:"credential_env,omitempty"`
	CredentialFile string `json:"credential_file,omitempty"`
}

// Range bounds what may be negotiated for a limit: numbers from Least to Most, names from Names. Default stands when nothing is asked.
type Range struct {
	Default Value    `json:"default"`
	Least   *float64 `json:"least,omitempty"`
	Most    *float64 `json:"most,omitempty"`
	Names   []string `json:"names,omitempty"`
}

// Holds says whether value lies in the range. A range without bounds holds its default alone.
func (r Range) Holds(value Value) bool {
	switch {
	case value.Form != r.Default.Form || value.Check() != nil:
		return false
	case value.Form == FormNumber && (r.Least != nil || r.Most != nil):
		return (r.Least == nil || value.Number >= *r.Least) && (r.Most == nil || value.Number <= *r.Most)
	case value.Form == FormNames && r.Names != nil:
		return !slices.ContainsFunc(value.Names, func(n string) bool { return !slices.Contains(r.Names, n) })
	}
	return value.Equal(r.Default)
}

// Offer is one attribute that a pathway offers on some assets, how far its limits may be negotiated, and who else must
// review when an applicant asks outside the ranges.
type Offer struct {
	Attribute AttributeName       `json:"attribute"`
	Assets    []AssetName         `json:"assets"`
	Limits    map[LimitName]Range `json:"limits,omitempty"`
	Beyond    []Role              `json:"beyond,omitempty"` // reviewers added when a limit is asked outside its range; none means it cannot be asked
}

// Question is one field of a pathway's form.
type Question struct {
	Name     string   `json:"name"`
	Ask      string   `json:"ask"`
	Help     string   `json:"help,omitempty"`
	Required bool     `json:"required"`
	Choices  []string `json:"choices,omitempty"` // free text where empty
	MaxChars int      `json:"max_chars"`
	When     *When    `json:"when,omitempty"` // asked, and required, only then; always where nil
}

// ReviewRule is a role whose approval is needed, and of how many people.
type ReviewRule struct {
	Role   Role `json:"role"`
	Quorum int  `json:"quorum"`
}

// ClauseUse is a clause of a pathway's agreement, with the values of its parameters.
type ClauseUse struct {
	Clause ClauseName        `json:"clause"`
	Values map[string]string `json:"values,omitempty"`
}

// Pathway is a published, standard way to become a partial insider.
type Pathway struct {
	Name         PathwayName  `json:"name"`
	Title        string       `json:"title"`
	Summary      string       `json:"summary"`
	Who          string       `json:"who"` // who may apply
	Criteria     []string     `json:"criteria"`
	Codes        []UseCode    `json:"codes,omitempty"` // for what the access may be used; each is borne by a clause or a field
	Questions    []Question   `json:"questions"`
	Sponsor      SponsorRule  `json:"sponsor"`
	Offers       []Offer      `json:"offers"`
	Later        []Later      `json:"later,omitempty"`
	NotOffered   string       `json:"not_offered"` // how to ask for what is not offered
	Reviews      []ReviewRule `json:"reviews"`
	Clauses      []ClauseUse  `json:"clauses"`
	ReviewDays   int          `json:"review_days"`                // business days from submission to decision, at most
	ExpectedDays int          `json:"expected_days"`              // business days that it usually takes
	GrantDays    int          `json:"grant_days"`                 // days a grant lasts when nothing else is asked
	LeastDays    int          `json:"least_grant_days,omitempty"` // business days that a grant lasts at least; 0 for any
	MostDays     int          `json:"most_days"`
	ContentLog   string       `json:"content_log"`             // none
	AppealTo     string       `json:"appeal_to"`               // where a locked or refused person turns
	EscalateTo   string       `json:"escalate_to"`             // who is told when a review is late: a handle of lab.yaml, or a role
	AppealDays   int          `json:"appeal_days"`             // business days
	Institution  bool         `json:"institution"`             // whether the applicant's organisation must sign
	SigningOrder []PartyRole  `json:"signing_order,omitempty"` // every party once, or empty for any order
	RestsOn      []Condition  `json:"rests_on,omitempty"`      // what its grants rest on
	Triage       []TriageRule `json:"triage,omitempty"`        // what Narthex itself says to an application that is handed in
}

// Offer gives the offer of that attribute on that asset.
func (p Pathway) Offer(attribute AttributeName, asset AssetName) (Offer, bool) {
	at := slices.IndexFunc(p.Offers, func(o Offer) bool { return o.Attribute == attribute && slices.Contains(o.Assets, asset) })
	if at < 0 {
		return Offer{}, false
	}
	return p.Offers[at], true
}
