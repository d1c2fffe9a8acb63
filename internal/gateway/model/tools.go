package model

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

const mostTools = 128

// readTools checks what is declared and how it may be called.
func (c *Call) readTools(r *chatRequest) error {
	if r.Tools == nil {
		return c.readNoTools(r)
	}
	if len(r.Tools) == 0 || len(r.Tools) > mostTools {
		return narthex.Invalidf("The field tools must hold 1 to %d tools, or be left out.", mostTools).For("tools")
	}
	for i := range r.Tools {
		if err := c.readTool(i, &r.Tools[i]); err != nil {
			return err
		}
	}
	c.tools = r.Tools
	if r.ParallelToolCalls.set {
		c.parallel = &r.ParallelToolCalls.value
	}
	c.choice = r.ToolChoice.value
	wrong := c.choice.name != "" && !slices.Contains(c.toolNames, c.choice.name) ||
		c.choice.name == "" && r.ToolChoice.set && !slices.Contains([]string{"none", "auto", "required"}, c.choice.mode)
	if wrong {
		return narthex.Invalidf("The field tool_choice must be none, auto, required, or name one function that tools declares.").For("tool_choice")
	}
	return nil
}

func (c *Call) readNoTools(r *chatRequest) error {
	if r.ToolChoice.set {
		return narthex.Invalidf("The field tool_choice needs tools; declare them, or leave it out.").For("tool_choice")
	}
	if r.ParallelToolCalls.set {
		return narthex.Invalidf("The field parallel_tool_calls needs tools; declare them, or leave it out.").For("parallel_tool_calls")
	}
	return nil
}

func (c *Call) readTool(i int, t *tool) error {
	at := fmt.Sprintf("tools.%d", i)
	f := &t.Function
	if t.Type != "function" || !isName(f.Name) {
		return narthex.Invalidf("Tool %d must be of the type function, with a name of 1 to 64 letters, digits, hyphens and underscores.", i).For(at)
	}
	if controls(f.Description.value) {
		return narthex.Invalidf("Tool %d has a control character other than tab and line ends in its description.", i).For(at)
	}
	if slices.Contains(c.toolNames, f.Name) {
		return narthex.Invalidf("Tool %d has the name of one before it; names must be distinct.", i).For(at)
	}
	if f.Parameters.set {
		if f.Parameters.value.Kind() != '{' {
			return narthex.Invalidf("Tool %d must have parameters that are a JSON Schema object, or none.", i).For(at)
		}
		// One spelling of every text, so that the upstream reads the names that were checked here.
		plain, err := jsontext.AppendFormat(nil, f.Parameters.value)
		if err != nil {
			return narthex.Invalidf("Tool %d has parameters that do not read as JSON.", i).For(at).Because(err)
		}
		f.Parameters.value = plain
	}
	c.useTool(f.Name)
	c.text += toolBytes * int64(len(f.Name)+len(f.Description.value)+len(f.Parameters.value))
	c.pieces++
	return nil
}

// useTool notes a tool's name once.
func (c *Call) useTool(name string) {
	if !slices.Contains(c.toolNames, name) {
		c.toolNames = append(c.toolNames, name)
	}
}
