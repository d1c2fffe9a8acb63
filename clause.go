package narthex

// Clause is one text of the lab's library, with the parameters that a pathway sets.
type Clause struct {
	Name       ClauseName           `json:"name"`
	Title      string               `json:"title"`
	Notice     bool                 `json:"notice,omitempty"` // stands in every agreement; no pathway can leave it out
	Parameters map[string]Parameter `json:"parameters,omitempty"`
	Text       string               `json:"text"` // Markdown with {{parameter}} placeholders
}

// Parameter is one value of a clause. Kind is text, number, days, business_days, money, choice, choices, regions or flag.
// Least and Most bound what is counted, amounts of money, and the characters of a text. Choices are the values of a choice and
// of each of choices; of money and regions they are words that may stand in the value's place, such as none.
type Parameter struct {
	Kind    string   `json:"kind"`
	Says    string   `json:"says"`
	Default string   `json:"default,omitempty"`
	Least   *int64   `json:"least,omitempty"`
	Most    *int64   `json:"most,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Held    Held     `json:"held"`
	By      string   `json:"by,omitempty"` // the name under which the code that holds it reads it; empty where it is recorded
}

// Held says what makes a parameter of a clause true. The zero Held is none, and is refused.
type Held string

const (
	// HeldGateway is held at every call, as a limit of the terms.
	HeldGateway Held = "gateway"
	// HeldAgreement is held before an agreement is in force: a pathway, an application or a signature that breaks it is refused.
	HeldAgreement Held = "agreement"
	// HeldClock is held by a time that runs, and by what may be done in it.
	HeldClock Held = "clock"
	// HeldObligation is held as an obligation with a date.
	HeldObligation Held = "obligation"
	// HeldLock is held when someone locks: a lock for which it leaves no room is refused.
	HeldLock Held = "lock"
	// Recorded is printed and signed, and nothing of the software acts on it.
	Recorded Held = "recorded"
)
