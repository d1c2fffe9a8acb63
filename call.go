package narthex

// Fact is one thing that a call asks of a limit: top_k 20.
type Fact struct {
	Limit LimitName `json:"limit"`
	Value Value     `json:"value"`
}

// Use is one attribute that a call needs, with the facts that the attribute's limits bound.
type Use struct {
	Attribute AttributeName `json:"attribute"`
	Facts     []Fact        `json:"facts,omitempty"`
}

// Unit is what budgets count.
type Unit string

const (
	// Calls counts calls.
	Calls Unit = "calls"
	// Tokens counts tokens, of prompt and answer together.
	Tokens Unit = "tokens"
	// Bytes counts bytes that leave.
	Bytes Unit = "bytes"
	// CPUMinutes counts minutes of one processor, each begun one whole. Terms allow them in hours.
	CPUMinutes Unit = "cpu_minutes"
	// GPUMinutes counts minutes of one device, each begun one whole. Terms allow them in hours.
	GPUMinutes Unit = "gpu_minutes"
)

// Demand is what a call would take of every budget of a unit: at least Least, at most Most, in steps of Step above Least.
// Where Least equals Most nothing less will do. What is granted beyond Fixed is shared by Step answers, and Each is the limit by
// whose name guardrails see the share of one. Bits is what each unit beyond Fixed carries of the asset at most: it is charged to the
// asset's lifetime_bytes.
type Demand struct {
	Unit  Unit  `json:"unit"`
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
	Step  int64 `json:"step,omitempty"`

	Fixed int64     `json:"fixed,omitempty"`
	Each  LimitName `json:"each,omitempty"`

	Bits int64 `json:"bits,omitempty"`
}
