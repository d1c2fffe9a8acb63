package model_test

import (
	"reflect"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

func TestEveryFieldThatIsReadHasOneRowAndEveryRowIsRead(t *testing.T) {
	for surface, form := range model.RequestForms {
		rows := map[string]bool{}
		for _, field := range model.Fields(surface) {
			if rows[field.Name] {
				t.Errorf("%s: %s has two rows", surface, field.Name)
			}
			rows[field.Name] = true
			if field.Done == "" || field.Rule == "" {
				t.Errorf("%s: the row of %s says nothing", surface, field.Name)
			}
		}
		for _, field := range reflect.VisibleFields(form) {
			name := field.Tag.Get("json")
			if field.Anonymous {
				continue
			}
			if !rows[name] {
				t.Errorf("%s: %s is read and has no row", surface, name)
			}
			delete(rows, name)
		}
		for name := range rows {
			t.Errorf("%s: %s has a row and is not read", surface, name)
		}
	}
}

func TestNoSurfaceHasNoFields(t *testing.T) {
	if fields := model.Fields(""); fields != nil {
		t.Errorf("the zero surface has %d fields", len(fields))
	}
}

func TestTheTableOfFieldsIsInTheDocumentation(t *testing.T) {
	text := "# Fields of model calls\n\nWhat becomes of every field of a request, made from the table that the gateway reads requests by. A field that is not here is refused by its name. " +
		"What is passed or fixed is written anew into the upstream's request; nothing is forwarded.\n\n## Chat completions\n\n" +
		model.Table(model.Chat) + "\n## Completions\n\n" + model.Table(model.Completions)
	golden(t, "../../../docs/model-fields.md", []byte(text))
}

// fieldCase says what becomes of one value of a field: gone, kept as sent, or the JSON that is sent in its place under a name.
type fieldCase struct {
	sent    string // the field and what it needs beside it
	becomes string // JSON upstream, or "" for gone
	under   string // the upstream's name where it is another
	wrong   string // a value that must be refused, or ""
}

var sharedCases = map[string]fieldCase{
	"model":             {sent: `"model":"minim-1@early"`, becomes: `"minim-1-00282"`, wrong: `5`},
	"frequency_penalty": {sent: `"frequency_penalty":-1.5`, becomes: `-1.5`, wrong: `2.1`},
	"presence_penalty":  {sent: `"presence_penalty":2`, becomes: `2`, wrong: `-2.1`},
	"logit_bias":        {sent: `"logit_bias":{"65":-100,"7":3}`, becomes: `{"65":-100,"7":3}`, wrong: `{"07":1}`},
	"max_tokens":        {sent: `"max_tokens":9`, becomes: `40`, wrong: `0`},
	"n":                 {sent: `"n":3`, becomes: `3`, wrong: `129`},
	"seed":              {sent: `"seed":-7`, becomes: `-7`, wrong: `1.5`},
	"stop":              {sent: `"stop":"\n"`, becomes: `["\n"]`, wrong: `["a","b","c","d","e"]`},
	"stream":            {sent: `"stream":true`, becomes: `true`, wrong: `"true"`},
	"stream_options":    {sent: `"stream_options":{"include_usage":false,"include_obfuscation":true},"stream":true`, becomes: `{"include_usage":true}`, wrong: `{"include_usage":true,"x":1}`},
	"temperature":       {sent: `"temperature":0.25`, becomes: `0.25`, wrong: `2.01`},
	"top_p":             {sent: `"top_p":0`, becomes: `0`, wrong: `1.01`},
	"user":              {sent: `"user":"alice@example.org"`, wrong: `5`},
}

var fieldCases = map[model.Surface]map[string]fieldCase{
	model.Chat: {
		"messages":               {sent: `"messages":[{"role":"user","content":"a"}]`, becomes: `[{"role":"user","content":"a"}]`, wrong: `[]`},
		"audio":                  {wrong: `{"voice":"x","format":"wav"}`},
		"function_call":          {wrong: `"auto"`},
		"functions":              {wrong: `[{"name":"f"}]`},
		"logprobs":               {sent: `"logprobs":true`, becomes: `true`, wrong: `1`},
		"max_completion_tokens":  {sent: `"max_completion_tokens":9`, becomes: `40`, under: "max_tokens", wrong: `0`},
		"metadata":               {sent: `"metadata":{"a":"b"}`, wrong: `{"a":1}`},
		"modalities":             {sent: `"modalities":["text"]`, wrong: `["text","audio"]`},
		"moderation":             {wrong: `{}`},
		"parallel_tool_calls":    {sent: `"parallel_tool_calls":false,"tools":[{"type":"function","function":{"name":"f"}}]`, becomes: `false`, wrong: `true`},
		"prediction":             {wrong: `{"type":"content","content":"x"}`},
		"prompt_cache_key":       {sent: `"prompt_cache_key":"k"`, wrong: `5`},
		"prompt_cache_options":   {sent: `"prompt_cache_options":{"mode":"x"}`},
		"prompt_cache_retention": {sent: `"prompt_cache_retention":"24h"`, wrong: `5`},
		"reasoning_effort":       {sent: `"reasoning_effort":"medium"`, wrong: `"high"`},
		"response_format":        {sent: `"response_format":{"type":"text"}`, wrong: `{"type":"json_object"}`},
		"safety_identifier":      {sent: `"safety_identifier":"s"`, wrong: `5`},
		"service_tier":           {sent: `"service_tier":"priority"`, wrong: `5`},
		"store":                  {sent: `"store":true`, wrong: `"yes"`},
		"tool_choice":            {sent: `"tool_choice":{"type":"function","function":{"name":"f"}},"tools":[{"type":"function","function":{"name":"f"}}]`, becomes: `{"type":"function","function":{"name":"f"}}`, wrong: `"auto"`},
		"tools":                  {sent: `"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"b":1,"a":[null]},"strict":true}}]`, becomes: `[{"type":"function","function":{"name":"f","description":"d","parameters":{"b":1,"a":[null]},"strict":true}}]`, wrong: `[{"type":"mcp","server_url":"https://example.org"}]`},
		"top_logprobs":           {sent: `"top_logprobs":4,"logprobs":true`, becomes: `2`, wrong: `1`},
		"verbosity":              {sent: `"verbosity":"medium"`, wrong: `"low"`},
		"web_search_options":     {wrong: `{}`},
	},
	model.Completions: {
		"prompt":   {sent: `"prompt":["one"]`, becomes: `"one"`, wrong: `[1,2,3]`},
		"best_of":  {sent: `"best_of":2,"n":2`, wrong: `2`},
		"echo":     {sent: `"echo":true`, becomes: `true`, wrong: `1`},
		"logprobs": {sent: `"logprobs":5`, becomes: `2`, wrong: `6`},
		"suffix":   {wrong: `""`},
	},
}

func TestEveryFieldIsTreatedAsItsRowSays(t *testing.T) {
	for surface, cases := range fieldCases {
		for _, row := range model.Fields(surface) {
			c, own := cases[row.Name]
			if !own {
				c = sharedCases[row.Name]
			}
			t.Run(string(surface)+" "+row.Name, func(t *testing.T) { checkField(t, surface, row, c) })
		}
	}
}

func checkField(t *testing.T, surface model.Surface, row model.Field, c fieldCase) {
	if c.sent == "" && c.wrong == "" {
		t.Fatal("the row has no case")
	}
	if c.wrong != "" {
		_, err := parse(surface, plain(surface, `"`+row.Name+`":`+c.wrong))
		found := wantError(t, err, narthex.Invalid, "")
		if row.Done == model.Refused && (found.Param != row.Name || found.Code != "unsupported_parameter" || !strings.Contains(found.Public, row.Rule)) {
			t.Errorf("refused as %q %q: %s", found.Param, found.Code, found.Public)
		}
		if !strings.HasPrefix(found.Param, row.Name) {
			t.Errorf("the refusal names %q", found.Param)
		}
	}
	if _, err := parse(surface, plain(surface, `"`+row.Name+`":null`)); (err == nil) != row.Null {
		t.Errorf("null gives %v, and the row says that null is taken: %v", err, row.Null)
	}
	if c.sent == "" {
		if row.Done != model.Refused {
			t.Error("the row takes the field and no case shows it")
		}
		return
	}
	call := mustParse(t, surface, plain(surface, c.sent))
	under := c.under
	if under == "" {
		under = row.Name
	}
	version, err := call.Version(minim)
	if err != nil {
		t.Fatal(err)
	}
	got, there := decoded(t, call.Upstream(version, 40, 2))[under]
	if there != (c.becomes != "") {
		t.Fatalf("upstream it is %v (there: %v), want %q", got, there, c.becomes)
	}
	if there && encoded(t, got) != encoded(t, decoded(t, []byte(`{"v":`+c.becomes+`}`))["v"]) {
		t.Errorf("upstream it is %s, want %s", encoded(t, got), c.becomes)
	}
	if gone := row.Done == model.Dropped || row.Done == model.Refused; gone == there {
		t.Errorf("the row says %s and upstream it is there: %v", row.Done, there)
	}
	checkNeeds(t, call, row)
}

// checkNeeds holds a call with the field to the attributes and limits that its row names; messages have tests of their own.
func checkNeeds(t *testing.T, call *model.Call, row model.Field) {
	if row.Name == "messages" {
		return
	}
	uses, err := call.Uses(minim)
	if err != nil {
		t.Fatal(err)
	}
	for _, need := range row.Needs {
		found := false
		for _, use := range uses {
			for _, fact := range append(use.Facts, narthex.Fact{}) {
				found = found || use.Attribute == need.Attribute && fact.Limit == need.Limit
			}
		}
		if !found {
			t.Errorf("the row needs %s %s and the call does not: %v", need.Attribute, need.Limit, uses)
		}
	}
}
