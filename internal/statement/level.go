package statement

import (
	"fmt"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/workflow"
)

// The depths of access to a model and of information, as the taxonomy has them for each attribute.
var depths = [...]string{"none", "black box", "grey box", "white box", "as an employee"}

const (
	// evaluationDays is how many business days the EU's code of practice names as enough for most risks.
	evaluationDays = 20
	// recheckDays is about the six months after which the same code lets every authorisation be checked again, in business days.
	recheckDays = 130
)

// times says what each level of time is.
var times = [...]string{"none", "under 20 business days", "20 business days or more", "six months or more"}

// LevelOf gives how deep access is: to models and weights, of information about them, and how long it lasts.
func LevelOf(taxonomy *narthex.Taxonomy, terms []narthex.Term, calendar workflow.Calendar, from, until time.Time) client.AccessLevel {
	var level client.AccessLevel
	for _, term := range terms {
		attribute, known := taxonomy.Attribute(term.Attribute)
		if !known {
			continue
		}
		kind, _, _ := strings.Cut(string(term.Attribute), ".")
		switch kind {
		case "model", "weights", "safeguards":
			level.Model = max(level.Model, attribute.Level)
		case "data", "metrics", "users", "code", "info", "people":
			level.Information = max(level.Information, attribute.Level)
		}
	}
	level.Days = businessDays(calendar, from, until)
	switch {
	case level.Days >= recheckDays:
		level.Time = 3
	case level.Days >= evaluationDays:
		level.Time = 2
	case level.Days > 0:
		level.Time = 1
	}
	level.Model, level.Information = min(level.Model, len(depths)-1), min(level.Information, len(depths)-1)
	level.Says = fmt.Sprintf("model: %s; information: %s; time: %s", depths[level.Model], depths[level.Information], times[level.Time])
	return level
}

// businessDays counts the business days that pass from one instant to another.
func businessDays(calendar workflow.Calendar, from, until time.Time) int {
	days := 0
	for at := calendar.Add(from, 1); !at.After(until) && days < 10_000; at = calendar.Add(at, 1) {
		days++
	}
	return days
}
