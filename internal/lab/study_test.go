package lab_test

import (
	"testing"

	"narthex"
	"narthex/internal/lab"
)

// TestAStudyClauseThatDoesNotReadIsAnError, and never no clause: fewer than two people, or no days, let nothing run.
func TestAStudyClauseThatDoesNotReadIsAnError(t *testing.T) {
	of := func(values map[string]string) narthex.Agreement {
		return narthex.Agreement{Clauses: []narthex.AgreedClause{{Number: "9", Name: "study-approval", Values: values}}}
	}
	if read, err := lab.StudyOf(of(map[string]string{"reviewers": "2", "review_days": "5"})); err != nil || read == nil || *read != (narthex.StudyApproval{Clause: "9", Reviewers: 2, Days: 5}) {
		t.Errorf("%+v, %v", read, err)
	}
	if read, err := lab.StudyOf(narthex.Agreement{}); err != nil || read != nil {
		t.Errorf("without the clause: %+v, %v", read, err)
	}
	for what, values := range map[string]map[string]string{
		"nothing": nil, "no reviewers": {"review_days": "5"}, "no days": {"reviewers": "2"}, "one reviewer": {"reviewers": "1", "review_days": "5"}, "none": {"reviewers": "0", "review_days": "5"},
		"no time": {"reviewers": "2", "review_days": "0"}, "words": {"reviewers": "two", "review_days": "5"}, "less than none": {"reviewers": "-2", "review_days": "5"},
	} {
		if read, err := lab.StudyOf(of(values)); err == nil {
			t.Errorf("%s reads as %+v", what, read)
		}
	}
}
