package policy

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"narthex"
)

// Guardrails is a lab's own rules in Cedar, which can only forbid. They see the principal (Person with org, actor, region),
// the action (Attribute::"model.sample"), the resource (Asset with kind, label, version, leak) and the context: each fact
// of the use and of the call's first one by the name of its limit, the amounts that the call may take (calls, tokens), what one
// answer may take of them (max_tokens, whether or not the caller named one) and now (Unix seconds).
type Guardrails struct {
	policies *cedar.PolicySet
	names    map[cedar.PolicyID]string
	count    int
}

// Problem is what is wrong with a guardrail.
type Problem struct {
	File         string
	Line, Column int
	Message      string
}

const permitAll = `permit (principal, action, resource);`

// ParseGuardrails reads Cedar files by name. No file is an empty set that forbids nothing. Permit, like and templates are
// problems: a guardrail forbids, by exact names.
func ParseGuardrails(files map[string][]byte) (*Guardrails, []Problem) {
	g := &Guardrails{policies: cedar.NewPolicySet(), names: map[cedar.PolicyID]string{}}
	var problems []Problem
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if at := tooDeep(files[file]); at >= 0 {
			line := 1 + bytes.Count(files[file][:at], []byte("\n"))
			problems = append(problems, Problem{file, line, at - bytes.LastIndexByte(files[file][:at], '\n'), fmt.Sprintf("this rule is nested too deep: brackets, conditions and negations stand at most %d in each other", mostDepth)})
			continue
		}
		list, err := cedar.NewPolicyListFromBytes(file, files[file])
		if err != nil {
			line, column, text := place(err)
			problems = append(problems, Problem{file, line, column, "this is not Cedar: " + text})
			continue
		}
		for i, p := range list {
			problems = append(problems, g.add(file, i, p)...)
		}
	}
	var all cedar.Policy
	if err := all.UnmarshalCedar([]byte(permitAll)); err != nil {
		problems = append(problems, Problem{Message: "the engine's own rule does not read"})
	}
	g.policies.Add("narthex.permit", &all)
	return g, problems
}

func (g *Guardrails) add(file string, i int, p *cedar.Policy) []Problem {
	at := p.Position()
	problem := func(message string) []Problem { return []Problem{{file, at.Line, at.Column, message}} }
	if p.Effect() != cedar.Forbid {
		return problem("a guardrail can only forbid; what is permitted is what the agreement says")
	}
	if form, err := p.MarshalJSON(); err != nil || strings.Contains(string(form), `"like"`) {
		return problem("a guardrail compares whole names; `like` is refused")
	}
	id := cedar.PolicyID(fmt.Sprintf("%s#%d", file, i))
	name := fmt.Sprintf("%s, rule %d", file, i+1)
	if annotated, has := p.Annotations()["id"]; has {
		name = string(annotated)
	}
	if narthex.CheckName("a rule's id", name) != nil && !strings.HasPrefix(name, file) {
		return problem("the @id of a rule must be a name of lower-case letters, digits, dots, hyphens and underscores")
	}
	g.names[id] = name
	g.policies.Add(id, p)
	g.count++
	return nil
}

// place finds "file:line:column:" in a parser's message.
func place(err error) (line, column int, text string) {
	text = err.Error()
	for i := range text {
		if _, scanErr := fmt.Sscanf(text[i:], ":%d:%d", &line, &column); scanErr == nil {
			return line, column, text
		}
	}
	return 1, 1, text
}

// forbid gives the rules that forbid any use of the question. Any error in any rule is a denial: Cedar itself would skip a
// rule that errs, and a forbidding one would then forbid nothing.
func (g *Guardrails) forbid(q *Question, amounts []amount) []narthex.Reason {
	if g.count == 0 {
		return nil
	}
	reasons := g.forbidOf(q, q.Version, amounts)
	if q.Against != "" && len(reasons) == 0 {
		reasons = g.forbidOf(q, q.Against, amounts)
	}
	return reasons
}

// forbidOf gives those that forbid any use of one of the versions that the question is about.
func (g *Guardrails) forbidOf(q *Question, version narthex.VersionName, amounts []amount) []narthex.Reason {
	entities, principal, resource := entitiesOf(q, version)
	var reasons []narthex.Reason
	for _, use := range q.Uses {
		context, err := contextOf(q, use, amounts)
		if err != nil {
			return []narthex.Reason{guardrailError(use, q)}
		}
		request := cedar.Request{Principal: principal, Action: cedar.NewEntityUID("Attribute", types.String(use.Attribute)), Resource: resource, Context: context}
		decision, diagnostic := cedar.Authorize(g.policies, entities, request)
		if len(diagnostic.Errors) > 0 {
			reasons = append(reasons, guardrailError(use, q))
			continue
		}
		if decision == cedar.Allow {
			continue
		}
		var names []string
		for _, r := range diagnostic.Reasons {
			names = append(names, g.names[r.PolicyID])
		}
		slices.Sort(names)
		reasons = append(reasons, narthex.Reason{Code: "guardrail", Attribute: use.Attribute, Asset: q.Asset.Name, Limit: "", Allowed: strings.Join(names, ", "),
			Says: fmt.Sprintf("The lab's guardrail %s forbids this use of %s. Ask the lab why; it holds for everyone.", strings.Join(names, ", "), use.Attribute)})
	}
	return reasons
}

func guardrailError(use narthex.Use, q *Question) narthex.Reason {
	return narthex.Reason{Code: "guardrail_error", Attribute: use.Attribute, Asset: q.Asset.Name,
		Says: "A guardrail of the lab could not be evaluated for this call, so it is denied. Tell the lab."}
}

func entitiesOf(q *Question, version narthex.VersionName) (types.EntityMap, types.EntityUID, types.EntityUID) {
	org := cedar.NewEntityUID("Org", types.String(q.Principal.Org))
	principal := cedar.NewEntityUID("Person", types.String(q.Principal.Person))
	resource := cedar.NewEntityUID("Asset", types.String(q.Asset.Name))
	leak := make([]types.Value, len(q.Asset.Leak))
	for i, class := range q.Asset.Leak {
		leak[i] = types.String(class)
	}
	return types.EntityMap{
		principal: {UID: principal, Parents: types.NewEntityUIDSet(org), Attributes: types.NewRecord(types.RecordMap{
			"org": types.String(q.Principal.Org), "actor": types.String(q.Principal.Actor), "region": types.String(q.Principal.Region)})},
		resource: {UID: resource, Attributes: types.NewRecord(types.RecordMap{
			"kind": types.String(q.Asset.Kind), "label": types.String(q.Asset.Label), "version": types.String(version), "leak": types.NewSet(leak...)})},
	}, principal, resource
}

func contextOf(q *Question, use narthex.Use, amounts []amount) (types.Record, error) {
	context := types.RecordMap{"now": types.Long(q.Now.Unix())}
	for _, a := range amounts {
		context[types.String(a.unit)] = types.Long(a.n)
	}
	for _, fact := range slices.Concat(q.Uses[0].Facts, use.Facts) {
		value, err := cedarValue(fact.Value)
		if err != nil {
			return types.Record{}, err
		}
		context[types.String(fact.Limit)] = value
	}
	for _, d := range q.Demands {
		if d.Each != "" {
			context[types.String(d.Each)] = types.Long((amountOf(amounts, d.Unit) - d.Fixed) / max(1, d.Step))
		}
	}
	return types.NewRecord(context), nil
}

func cedarValue(v narthex.Value) (types.Value, error) {
	switch v.Form {
	case narthex.FormNumber:
		if v.Number == math.Trunc(v.Number) {
			return types.Long(int64(v.Number)), nil
		}
		return types.NewDecimalFromFloat(v.Number)
	case narthex.FormFlag:
		return types.Boolean(v.Flag), nil
	case narthex.FormTime:
		return types.Long(v.Time.Unix()), nil
	case narthex.FormNames:
		names := make([]types.Value, len(v.Names))
		for i, name := range v.Names {
			names[i] = types.String(name)
		}
		return types.NewSet(names...), nil
	}
	return nil, fmt.Errorf("a fact has no form")
}
