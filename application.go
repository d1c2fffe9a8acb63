package narthex

// Attachment is a file that goes with an application. The bytes stay with the applicant; the digest says which bytes are meant.
type Attachment struct {
	Name   string `json:"name"`
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Where  string `json:"where"` // where the lab's people can read it, in the applicant's words
}

// InterestKind is what ties one person to another, or to an organisation.
type InterestKind string

// InterestKinds lists them all.
func InterestKinds() []InterestKind {
	return []InterestKind{"employer", "funder", "co_author", "reporting_line", "family", "financial"}
}

// NoInterest is the counterpart of a declaration that there is none of its kind.
const NoInterest = "none"

// DeclaredInterest is what the applicant's side declares of itself: a tie to somebody, or that there is none of the kind.
type DeclaredInterest struct {
	Kind InterestKind `json:"kind"`
	With string       `json:"with"` // a name, or none
}

// AgreedUse is one permitted-use code as it is signed: what the code means, in words.
type AgreedUse struct {
	Code  UseCode `json:"code"`
	Says  string  `json:"says"`
	Added bool    `json:"added,omitempty"` // by the application; the others are the pathway's
}
