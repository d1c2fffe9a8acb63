package model_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
	"narthex/internal/testenv/rig"
)

// decisive is what decides about a request: a reader that finds another in the same bytes could be talked into another call.
var decisive = []string{"model", "user", "max_tokens", "max_completion_tokens", "n", "stop", "stream", "logprobs", "top_logprobs", "seed", "messages"}

// lastWins reads as most do: of a name that stands twice the last counts.
func lastWins(t testing.TB, body []byte) map[string]any {
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatalf("%q is taken by us and not by another reader: %v", body, err)
	}
	return all
}

// firstWins reads token by token, and of a name that stands twice the first counts.
func firstWins(t testing.TB, body []byte) map[string]any {
	in := json.NewDecoder(bytes.NewReader(body))
	var value func() any
	value = func() any {
		token, err := in.Token()
		if err != nil {
			t.Fatalf("%q is taken by us and not by another reader: %v", body, err)
		}
		switch token {
		case json.Delim('{'):
			object := map[string]any{}
			for in.More() {
				name, _ := value().(string)
				member := value()
				if _, has := object[name]; !has {
					object[name] = member
				}
			}
			in.Token()
			return object
		case json.Delim('['):
			list := []any{}
			for in.More() {
				list = append(list, value())
			}
			in.Token()
			return list
		}
		return token
	}
	object, _ := value().(map[string]any)
	if _, err := in.Token(); err != io.EOF {
		t.Fatalf("%q goes on after its end", body)
	}
	return object
}

// folded reads as Go's own library does into a struct: names in any case are the same name.
func folded(t testing.TB, body []byte) map[string]any {
	var s struct {
		Model, User, Stop, Stream, N, Logprobs, Seed, Messages any
		MaxTokens                                              any `json:"max_tokens"`
		MaxCompletionTokens                                    any `json:"max_completion_tokens"`
		TopLogprobs                                            any `json:"top_logprobs"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatalf("%q is taken by us and not by another reader: %v", body, err)
	}
	return map[string]any{"model": s.Model, "user": s.User, "max_tokens": s.MaxTokens, "max_completion_tokens": s.MaxCompletionTokens, "n": s.N, "stop": s.Stop,
		"stream": s.Stream, "logprobs": s.Logprobs, "top_logprobs": s.TopLogprobs, "seed": s.Seed, "messages": s.Messages}
}

// inNode reads each body with the JSON.parse of node, in a process that ends when the bodies do.
func inNode(t *testing.T, bodies [][]byte) []map[string]any {
	t.Helper()
	const script = `require("readline").createInterface({input: process.stdin}).on("line", l => console.log(JSON.stringify(JSON.parse(Buffer.from(l, "base64").toString("utf8")))))`
	command := exec.CommandContext(t.Context(), "node", "-e", script)
	var in, out, wrong bytes.Buffer
	for _, body := range bodies {
		line, err := json.Marshal(body) // base64 in quotes
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(bytes.Trim(line, `"`), '\n'))
	}
	command.Stdin, command.Stdout, command.Stderr = &in, &out, &wrong
	if err := command.Run(); err != nil {
		t.Fatalf("node: %v %.500s", err, wrong.String())
	}
	var list []map[string]any
	for lines := bufio.NewReader(&out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		list = append(list, lastWins(t, line))
	}
	if len(list) != len(bodies) {
		t.Fatalf("node read %d of %d bodies", len(list), len(bodies))
	}
	return list
}

// decides keeps what decides.
func decides(all map[string]any) map[string]any {
	kept := map[string]any{}
	for _, name := range decisive {
		if all[name] != nil {
			kept[name] = all[name]
		}
	}
	return kept
}

// bodyOf writes a body that is often good and sometimes has a second reading.
func bodyOf(random *rand.Rand) []byte {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	text := func() string {
		return pick(`"minim-1"`, `"secret"`, `"minim-1@early"`, `"a"`, `"\u00e9"`, `"\ud83d\ude00"`, `"😀"`, `"\ud800"`, `"a\u0000"`, `"\u006dinim-1"`, `"\\"`, `"\/"`, `""`)
	}
	number := func() string {
		return pick("1", "2", "5", "20", "-1", "0", "-0", "1.0", "1e1", "9007199254740993", "1E2", "0x1", "01", "1.", "1e400", "null")
	}
	member := func() string {
		name := pick("model", "model", "messages", "messages", "max_tokens", "max_completion_tokens", "n", "user", "stop", "stream", "seed", "logprobs", "top_logprobs", "temperature")
		value := number()
		switch name {
		case "model", "user", "stop":
			value = text()
		case "stream", "logprobs":
			value = pick("true", "false", "null", "1")
		case "messages":
			value = `[{"role":` + pick(`"user"`, `"user"`, `"system"`, `"\u0075ser"`) + `,"content":` + text() + pick("", "", "", `,"content":"b"`, `,"Content":"b"`, `,"name":"x"`) + `}]`
		}
		switch random.IntN(20) {
		case 0:
			name = strings.ToUpper(name[:1]) + name[1:]
		case 1:
			name = strings.ToUpper(name)
		case 2:
			name = `\u00` + strconv.FormatInt(int64(name[0]), 16) + name[1:]
		}
		return `"` + name + `"` + pick("", "", "", " ", "\t", "\n") + ":" + value
	}
	var members []string
	if random.IntN(4) > 0 {
		members = append(members, `"model":`+pick(`"minim-1"`, `"minim-1@early"`), `"messages":[{"role":"user","content":"hi"}]`)
	}
	for range random.IntN(4) {
		members = append(members, member())
	}
	random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	body := []byte(pick("", "", "", " ", "\ufeff") + "{" + strings.Join(members, ",") + pick("}", "}", "}", "}", "} ", "}\n", "}{}", ",}", "} x", "}/**/"))
	if random.IntN(3) == 0 {
		at := random.IntN(len(body))
		body[at] = []byte(`{}[]",:\u0aA1-. ` + "\x00\xff\n/'")[random.IntN(21)]
	}
	return body
}

// TestRigABodyHasOneReading: of every generated body that is taken, four readers with manners of their own find the same model,
// user, limits and messages, and what is built for the upstream is what they find. NARTHEX_RIG=long makes it ten million.
func TestRigABodyHasOneReading(t *testing.T) {
	seed, many := rig.Begin(t, "./internal/gateway/model", 100_000, 10_000_000)
	random := rand.New(rand.NewPCG(seed, 5))
	taken := 0
	var bodies [][]byte
	var found []map[string]any
	ask := func() {
		for i, theirs := range inNode(t, bodies) {
			if got := decides(theirs); !reflect.DeepEqual(got, found[i]) {
				t.Fatalf("%q: node reads %v and another %v", bodies[i], got, found[i])
			}
		}
		bodies, found = nil, nil
	}
	for range many {
		body := bodyOf(random)
		call, err := parse(model.Chat, string(body))
		if err != nil {
			continue
		}
		taken++
		want := decides(lastWins(t, body))
		for name, other := range map[string]map[string]any{"one that takes the first of two": firstWins(t, body), "one that folds case": folded(t, body)} {
			if got := decides(other); !reflect.DeepEqual(got, want) {
				t.Fatalf("%q: %s reads %v and another %v", body, name, got, want)
			}
		}
		asset, version := call.Model()
		if whole := strings.TrimSuffix(string(asset)+"@"+string(version), "@"); whole != want["model"] {
			t.Fatalf("%q: the model is %q and another reads %v", body, whole, want["model"])
		}
		built := numbered(t, call.Upstream(narthex.Version{Name: "v", Upstream: "up"}, 7, 2))
		if expected := expected(t, model.Chat, body); !reflect.DeepEqual(built["messages"], expected["messages"]) || !reflect.DeepEqual(built["n"], expected["n"]) || !reflect.DeepEqual(built["stop"], expected["stop"]) {
			t.Fatalf("%q: what is built is\n %s\nand another reads\n %s", body, encoded(t, built), encoded(t, expected))
		}
		bodies, found = append(bodies, body), append(found, want)
		if len(bodies) == 20_000 {
			ask()
		}
	}
	ask()
	if taken < many/100 {
		t.Errorf("%d of %d bodies were taken", taken, many)
	}
	t.Logf("%d of %d bodies were taken", taken, many)
}
