package narthex

import "time"

// StudyApproval is what an agreement says of a study before it runs: how many people of the lab approve the frozen study, and after how many
// business days they are reminded.
type StudyApproval struct {
	Clause    string `json:"clause"` // its number in the agreement
	Reviewers int    `json:"reviewers"`
	Days      int    `json:"days"`
}

// StudyVote is what one reviewer says of a frozen study, by the digest of its plan: that it may run, or what its author is to change. Comment
// is for the author, Note for reviewers.
type StudyVote struct {
	By       PersonID  `json:"by,omitempty"`
	As       Role      `json:"as"`
	At       time.Time `json:"at"`
	Saw      Digest    `json:"saw"`
	Approves bool      `json:"approves"`
	Comment  string    `json:"comment,omitempty"`
	Note     string    `json:"note,omitempty"`
}
