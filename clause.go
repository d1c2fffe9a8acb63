package narthex

// Clause is one text of the lab's library, with the parameters that a pathway sets.
type Clause struct {
	Name       ClauseName           `json:"name"`
	Title      string               `json:"title"`
	Notice     bool                 `json:"notice,omitempty"` // stands in every agreement; no pathway can leave it out
	Parameters map[string]Parameter `json:"parameters,omitempty"`
	Text       string               `json:"text"` // Markdown with {{parameter}} placeholders
}

// Parameter is one value of a clause. Kind is text, number, days, business_days, money, choice or flag.
type Parameter struct {
	Kind    string   `json:"kind"`
	Says    string   `json:"says"`
	Default string   `json:"default,omitempty"`
	Least   *int64   `json:"least,omitempty"`
	Most    *int64   `json:"most,omitempty"`
	Choices []string `json:"choices,omitempty"`
}
