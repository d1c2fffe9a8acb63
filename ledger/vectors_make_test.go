package ledger_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/ledger"
)

// anyIndex lets a bad vector name what the verifiers name: the change is not one entry's.
const anyIndex = noEntry

// maker makes the published vectors, from one seed.
type maker struct {
	t      testing.TB
	random *rand.Rand
	vectors
}

func makeVectors(t testing.TB) vectors {
	m := &maker{t: t, random: rand.New(rand.NewPCG(2026, 11)), vectors: vectors{Format: "narthex ledger vectors v1", Bases: map[string]json.RawMessage{}}}
	m.entries()
	m.values()
	m.fields()
	m.checkpoints()
	m.promises()
	m.receipts()
	m.exports()
	m.stories()
	m.logs()
	m.histories()
	m.disclosures()
	return m.vectors
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// inOrder gives what is in a map in the order of its keys, so that the vectors are the same each time.
func inOrder[K cmp.Ordered, V any](m map[K]V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

func (m *maker) base(name string, base any) {
	data, err := jsonv2.Marshal(base, jsonv2.Deterministic(true))
	if err != nil || m.Bases[name] != nil {
		m.t.Fatalf("base %s: %v", name, err)
	}
	m.Bases[name] = data
}

// good adds a vector that verifies.
func (m *maker) good(v vector) {
	m.t.Helper()
	if v.verdict = m.judge(m.t, v); !v.OK {
		m.t.Fatalf("%s (%s) is %s", v.Name, v.Kind, v.verdict)
	}
	m.Vectors = append(m.Vectors, v)
}

// bad adds one that does not, and names that entry.
func (m *maker) bad(v vector, index int64) {
	m.t.Helper()
	if v.verdict = m.judge(m.t, v); v.OK || index != anyIndex && *v.Index != index {
		m.t.Fatalf("%s (%s) is %s, where it should be bad and name %d", v.Name, v.Kind, v.verdict, index)
	}
	m.Vectors = append(m.Vectors, v)
}

// spoil adds n random edits of a vector's base, each of a few bytes. Of what may be left out at the end, such as a signature
// that nobody looks at, there is nothing in these bases.
func (m *maker) spoil(v vector, path string, data []byte, n int, named func(at int) int64) {
	m.t.Helper()
	for range n {
		at := m.random.IntN(len(data))
		e, what := edit{path: path, at: at, cut: 1}, ""
		switch m.random.IntN(5) {
		case 0, 1:
			bit := m.random.IntN(8)
			e.put, what = []byte{data[at] ^ 1<<bit}, fmt.Sprintf("bit %d of byte %d flipped", bit, at)
		case 2:
			what = fmt.Sprintf("byte %d left out", at)
		case 3:
			e.cut, e.put, what = 0, []byte{byte(m.random.Uint32())}, fmt.Sprintf("a byte put in at %d", at)
		case 4:
			from := m.random.IntN(len(data))
			size := 1 + m.random.IntN(min(20, len(data)-from, len(data)-at))
			e.cut, e.put, what = size, slices.Clone(data[from:from+size]), fmt.Sprintf("%d bytes of %d written over those at %d", size, from, at)
		}
		if path != "" {
			what = path + ": " + what
		}
		changed := edited(data, path, []edit{e})
		if bytes.Equal(changed, data) {
			continue
		}
		v := v
		v.Name, v.Edit = v.Base+": "+what, []edit{e}
		m.bad(v, named(at))
	}
}

func nobody(int) int64 { return -1 }

// entries are one opening of every type with its record.
func (m *maker) entries() {
	for i, kind := range narthex.EntryTypes() {
		record, opening, err := ledger.Seal(entryOf(kind, i), seed(i))
		if err != nil {
			m.t.Fatal(err)
		}
		form, _ := opening.MarshalJSON()
		name := "entry " + string(kind)
		m.base(name, string(form))
		v := vector{Name: name, Kind: "opening", Base: name, Record: record[:]}
		m.good(v)
		m.spoil(v, "", form, 2, nobody)
		v.Name, v.Record = name+": of another class", slices.Clone(record[:])
		v.Record[1] ^= 3
		m.bad(v, -1)
	}
}

// values are openings that a lab sealed with values of one form, and of others.
func (m *maker) values() {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for i, c := range []struct {
		what, value string
		good        bool
	}{
		{"a whole number beyond 2^53", "123456789012345678901234567890", true}, {"a negative number", "-7", true}, {"a fraction", "0.001", true},
		{"a small number", "1e-7", true}, {"a great number", "1e+21", true}, {"the greatest number", "1.7976931348623157e+308", true}, {"the least number", "5e-324", true},
		{"an empty list", "[]", true}, {"an empty object", "{}", true}, {"nothing", "null", true}, {"lists 64 deep", nested(64), true},
		{"names in order", `{"":1,"a":2,"aa":3,"b":4}`, true}, {"names in the order of UTF-16", "{\"\U0001F600\":1,\"\ufb33\":2}", true}, {"names with escapes in order", `{"\n":1,"\"":2,"a":3}`, true},
		{"letters that need no escape", `"é\u2028"`[:3] + "\u2028\u007f\ufeff\ufffd/\"", true}, {"control characters", `"\b\t\n\f\r\u0000\u001f\\\""`, true},
		{"a number with a zero first", "01", false}, {"minus nothing", "-0", false}, {"a plus", "+1", false}, {"a fraction of nothing", "1.0", false}, {"a fraction with a zero last", "1.50", false},
		{"an exponent in capitals", "1E+21", false}, {"an exponent without a sign", "1e21", false}, {"an exponent that is not needed", "1e2", false}, {"an exponent of two digits", "1e-07", false},
		{"a number beyond all", "1e400", false}, {"a number with more digits than it has", "0.1000000000000000055", false}, {"a point alone", "1.", false}, {"a fraction alone", ".5", false}, {"a minus alone", "-", false},
		{"lists 65 deep", nested(65), false}, {"objects 65 deep", strings.Repeat(`{"a":`, 64) + "{}" + strings.Repeat("}", 64), false},
		{"names out of order", `{"b":1,"a":2}`, false}, {"a name twice", `{"a":1,"a":2}`, false}, {"names in the order of UTF-8", "{\"\ufb33\":2,\"\U0001F600\":1}", false}, {"a name twice, once escaped", `{"a":1,"\u0061":2}`, false},
		{"a space in a list", "[1, 2]", false}, {"a space in an object", `{"a": 1}`, false}, {"a comma last", "[1,]", false}, {"no comma", "[1 2]", false}, {"a list that goes on", "[1", false},
		{"a letter escaped", `"\u0061"`, false}, {"a slash escaped", `"\/"`, false}, {"a control character in capitals", `"\u001F"`, false}, {"a line feed escaped long", `"\u000a"`, false}, {"a control character as it is", "\"\x01\"", false},
		{"text that is not UTF-8", "\"\xff\"", false}, {"half a pair", `"\ud800"`, false}, {"a pair escaped", `"\ud83d\ude00"`, false}, {"half a pair in UTF-8", "\"\xed\xa0\x80\"", false}, {"text in two bytes where one will do", "\"\xc1\x81\"", false},
		{"a word", "True", false}, {"two values", "1,2", false}, {"no value", "", false}, {"a text that goes on", `"abc`, false}, {"an escape alone", `"\"`, false}, {"not a number", "NaN", false},
	} {
		e := narthex.Entry{Type: narthex.EntryLedgerRead, At: start, Fields: []narthex.Field{narthex.TextField("by", "x"), {Name: "what", Value: c.value}}}
		var record ledger.Record
		if c.value != "" {
			var err error
			if record, _, err = ledger.Seal(e, seed(i)); err != nil {
				m.t.Fatal(err)
			}
		}
		opening := ledger.Opening{Type: e.Type, Seed: seed(i), Fields: e.Fields}
		form, _ := opening.MarshalJSON()
		// What is not UTF-8 cannot stand in a base: it is put in.
		name := "value: " + c.what
		at := bytes.LastIndex(form, []byte(c.value))
		m.base(name, string(form[:at])+"]}")
		v := vector{Name: name, Kind: "opening", Base: name, Edit: []edit{{at: at, put: []byte(c.value)}}, Record: record[:]}
		if c.good {
			m.good(v)
		} else {
			m.bad(v, -1)
		}
	}
}

func (m *maker) fields() {
	record, opening, err := ledger.Seal(entryOf(narthex.EntryCallIntent, 3), seed(3))
	if err != nil {
		m.t.Fatal(err)
	}
	for i, name := range append([]string{"type"}, narthex.EntryCallIntent.Fields()...) {
		proof, err := opening.OpenField(name)
		if err != nil {
			m.t.Fatal(err)
		}
		form, err := jsonv2.Marshal(proof)
		if err != nil {
			m.t.Fatal(err)
		}
		base := "field " + name
		m.base(base, string(form))
		v := vector{Name: base, Kind: "field", Base: base, Record: record[:]}
		m.good(v)
		// A path says where the leaf stands; of index and count no more is bound than the path needs.
		end := bytes.Index(form, []byte(`,"index"`))
		m.spoil(v, "", form[:end], 3, nobody)
		for what, change := range inOrder(map[string]func(*ledger.FieldProof){
			"a longer path":   func(p *ledger.FieldProof) { p.Path = append(slices.Clone(p.Path), make([]byte, 32)) },
			"a shorter path":  func(p *ledger.FieldProof) { p.Path = p.Path[1:] },
			"another salt":    func(p *ledger.FieldProof) { p.Salt = bytes.Repeat([]byte{1}, 16) },
			"a longer salt":   func(p *ledger.FieldProof) { p.Salt = append(slices.Clone(p.Salt), 0) },
			"a place too far": func(p *ledger.FieldProof) { p.Index = p.Count },
			"too many leaves": func(p *ledger.FieldProof) { p.Count = 65 },
			"another value":   func(p *ledger.FieldProof) { p.Field.Value = "1" },
			"no path":         func(p *ledger.FieldProof) { p.Path = [][]byte{} },
			"a short hash":    func(p *ledger.FieldProof) { p.Path = slices.Clone(p.Path); p.Path[0] = p.Path[0][:31] },
		}) {
			if (i+len(what))%3 != 0 {
				continue
			}
			wrong := proof
			change(&wrong)
			changed, err := jsonv2.Marshal(wrong)
			if err != nil {
				m.t.Fatal(err)
			}
			v.Name, v.Edit = base+": "+what, whole(form, changed)
			m.bad(v, -1)
		}
	}
}

// whole is the edit that makes one text of another, in their middle.
func whole(from, to []byte) []edit {
	head, tail := 0, 0
	for head < min(len(from), len(to)) && from[head] == to[head] {
		head++
	}
	for tail < min(len(from), len(to))-head && from[len(from)-1-tail] == to[len(to)-1-tail] {
		tail++
	}
	return []edit{{at: head, cut: len(from) - head - tail, put: to[head : len(to)-tail]}}
}

// witnessKey gives the key pair of a witness, the same for the same letter.
func witnessKey(t testing.TB, letter string) (*ledger.Cosigner, string) {
	t.Helper()
	secret, key, err := ledger.NewWitnessKey(strings.NewReader(strings.Repeat(letter, 32)), "witness.example/"+letter)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := ledger.NewCosigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return cosigner, key
}

func (m *maker) checkpoints() {
	signer, key := newKey(m.t, "r")
	other, otherKey := newKey(m.t, "q")
	text, err := ledger.SignCheckpoint(signer, 12, ledger.Hash{1, 2, 3})
	if err != nil {
		m.t.Fatal(err)
	}
	m.base("checkpoint", text)
	v := vector{Name: "a checkpoint", Kind: "checkpoint", Base: "checkpoint", Key: key}
	m.good(v)
	m.spoil(v, "", []byte(text), 60, nobody)
	both, err := ledger.SignCheckpoint(signer, 1<<62-1, ledger.Hash{}, other)
	if err != nil {
		m.t.Fatal(err)
	}
	m.base("checkpoint of two keys", both)
	for _, k := range []string{key, otherKey} {
		m.good(vector{Name: "a checkpoint signed by two keys", Kind: "checkpoint", Base: "checkpoint of two keys", Key: k})
	}
	for what, k := range inOrder(map[string]string{"another key": otherKey, "no key": "", "a key of another hash": strings.Replace(key, "+4", "+5", 1), "a key in capitals": strings.ToUpper(key[:30]) + key[30:],
		"a key that goes on": key + "A", "a key cut": key[:len(key)-1], "a key with a space": key + " "}) {
		v.Name, v.Key = "a checkpoint under "+what, k
		m.bad(v, -1)
	}
	m.notes(signer, key)
	m.cosignatures(text, key)
}

// notes are texts that the right key signed and that are no checkpoints.
func (m *maker) notes(signer note.Signer, key string) {
	root := base64Of(make([]byte, 32))
	for i, text := range []string{origin + "\n1\n", origin + "\n1\n" + root + "\nmore\n", "lab.example/other\n1\n" + root + "\n", "\n1\n" + root + "\n", origin + "\n\n" + root + "\n",
		origin + "\n-1\n" + root + "\n", origin + "\n+1\n" + root + "\n", origin + "\n01\n" + root + "\n", origin + "\n0x1\n" + root + "\n", origin + "\n4611686018427387904\n" + root + "\n",
		origin + "\n9223372036854775808\n" + root + "\n", origin + "\n18446744073709551616\n" + root + "\n", origin + "\n1 \n" + root + "\n", origin + "\n1\n" + base64Of(make([]byte, 31)) + "\n",
		origin + "\n1\n" + base64Of(make([]byte, 33)) + "\n", origin + "\n1\n" + strings.TrimSuffix(root, "A=") + "B=\n", origin + "\n1\n" + strings.TrimSuffix(root, "=") + "\n"} {
		name := fmt.Sprintf("note %d", i)
		m.base(name, signedText(m.t, signer, text))
		m.bad(vector{Name: fmt.Sprintf("a signed note that is no checkpoint: %q", text), Kind: "checkpoint", Base: name, Key: key}, -1)
	}
}

func (m *maker) cosignatures(checkpoint, key string) {
	one, oneKey := witnessKey(m.t, "a")
	two, twoKey := witnessKey(m.t, "b")
	_, noneKey := witnessKey(m.t, "c")
	text := checkpoint
	for i, w := range []*ledger.Cosigner{one, two} {
		line, err := w.Sign(checkpoint, start.Add(time.Duration(i)*time.Second))
		if err != nil {
			m.t.Fatal(err)
		}
		text += line
	}
	m.base("cosigned", text)
	m.good(vector{Name: "a cosigned checkpoint under the log's key", Kind: "checkpoint", Base: "cosigned", Key: key})
	v := vector{Name: "a cosigned checkpoint under a witness's key", Kind: "cosignature", Base: "cosigned", Key: oneKey}
	m.good(v)
	own := strings.Index(text, "— witness.example/a")
	bodyEnd := strings.Index(text, "\n\n")
	m.spoil(v, "", []byte(text[:bodyEnd]), 30, nobody)
	for range 40 { // within the witness's own line, after its name
		at := own + len("— witness.example/a ") + m.random.IntN(100)
		put := []byte{text[at] ^ 1<<m.random.IntN(7)}
		v.Name, v.Edit = fmt.Sprintf("cosigned: byte %d changed", at), []edit{{at: at, cut: 1, put: put}}
		m.bad(v, -1)
	}
	v.Edit, v.Key = nil, twoKey
	v.Name = "a cosigned checkpoint under another witness's key"
	m.good(v)
	for what, k := range inOrder(map[string]string{"a key that signed nothing": noneKey, "the log's key": key, "no key": "", "a witness's key cut": oneKey[:len(oneKey)-1]}) {
		v.Name, v.Key = "a cosigned checkpoint as witnessed under "+what, k
		m.bad(v, -1)
	}
	v.Key = oneKey
	line := text[own:strings.Index(text, "— witness.example/b")]
	v.Name, v.Edit = "a witness's line taken away", []edit{{at: own, cut: len(line)}}
	m.bad(v, -1)
	v.Name, v.Edit = "a witness's line twice", []edit{{at: own, put: []byte(line)}}
	m.good(v)
}

func (m *maker) promises() {
	signer, key := newKey(m.t, "r")
	_, otherKey := newKey(m.t, "q")
	record := recordsFrom(1, 1)[0]
	header, err := ledger.NewPromise("call_47", record.Leaf(), origin, start).Sign(signer)
	if err != nil {
		m.t.Fatal(err)
	}
	m.base("promise", header)
	v := vector{Name: "a promise", Kind: "promise", Base: "promise", Key: key}
	m.good(v)
	m.spoil(v, "", []byte(header), 80, nobody)
	for what, pair := range inOrder(map[string][2]string{"an id of another kind": {"call_", "file_"}, "an id with a zero": {"call_47", "call_047"}, "no space": {", by", ",by"}, "two spaces": {", by", ",  by"},
		"a time with a sign": {"by=@", "by=@+"}, "a time in quotes": {"@1", `"1`}, "a part twice": {`, by=`, `, origin="lab.example/ledger", by=`}, "a part more": {", sig", `, more=1, sig`}, "parts in another order": {`id="call_47", `, ""}}) {
		v.Name, v.Edit = "a promise with "+what, whole([]byte(header), []byte(strings.Replace(header, pair[0], pair[1], 1)))
		m.bad(v, -1)
	}
	v.Name, v.Edit, v.Key = "a promise under another key", nil, otherKey
	m.bad(v, -1)
	mine, err := ledger.NewPromise("entry_47", record.Leaf(), origin, start).Sign(signer)
	if err != nil {
		m.t.Fatal(err)
	}
	m.base("promise of an entry", mine)
	m.good(vector{Name: "a promise of an entry that is no call", Kind: "promise", Base: "promise of an entry", Key: key})
}

// called is a log with a call whose bodies are known, and what a researcher holds of it.
type called struct {
	records  []ledger.Record
	openings []*ledger.Opening
	intent   int
	request  []byte
	answer   []byte
	salts    [2][]byte
}

func (m *maker) call() called {
	c := called{intent: afterStory, request: []byte(`{"model":"minim-1"}`), answer: []byte("data: [DONE]\n\n")}
	secret := narthex.NewSecret("nk_secret")
	c.salts = [2][]byte{ledger.BodySalt(secret, ledger.RequestBody, "n0"), ledger.BodySalt(secret, ledger.AnswerBody, "n0")}
	entries := append(story(),
		with(narthex.EntryCallIntent, afterStory, texts{"grant": "g", "agreement": "a", "nonce": "n0", "request": string(ledger.CommitBody(c.salts[0], c.request))}),
		with(narthex.EntryCallRead, afterStory, nil),
		with(narthex.EntryCallOutcome, afterStory+2, texts{"call": fmt.Sprint("call_", afterStory), "status": "ok", "answer": string(ledger.CommitBody(c.salts[1], c.answer))}))
	s := seal(m.t, append(entries, callsFrom(afterStory+2, 10)...))
	c.records, c.openings = s.records, s.openings
	return c
}

// receipt gives the receipt of the entries given as intent and outcome, where the second is not -1.
func (c called) receipt(t testing.TB, intent, outcome int) []byte {
	t.Helper()
	signer, key := newKey(t, "r")
	stored, tree := tileRows{}, ledger.Tree{}
	stored.put(tree.Append(c.records...))
	checkpoint, err := ledger.SignCheckpoint(signer, tree.Size(), tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	r := ledger.NewReceipt(key, checkpoint)
	r.RequestSalt, r.AnswerSalt = c.salts[0], c.salts[1]
	prove := func(into *ledger.ProvenEntry, i int) {
		if err := into.Prove(stored, uint64(i), tree.Size(), c.records[i], *c.openings[i]); err != nil {
			t.Fatal(err)
		}
	}
	prove(&r.Intent, intent)
	if outcome >= 0 {
		r.Outcome = &ledger.ProvenEntry{}
		prove(r.Outcome, outcome)
	}
	data, err := ledger.MarshalReceipt(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (m *maker) receipts() {
	signer, key := newKey(m.t, "r")
	_, otherKey := newKey(m.t, "q")
	c := m.call()
	promise := func(id string, record ledger.Record) *string {
		header, err := ledger.NewPromise(id, record.Leaf(), origin, record.Time()).Sign(signer)
		if err != nil {
			m.t.Fatal(err)
		}
		return &header
	}
	data := c.receipt(m.t, afterStory, afterStory+2)
	m.base("receipt", string(data))
	v := vector{Name: "a receipt", Kind: "receipt", Base: "receipt", Key: key, Promise: promise(fmt.Sprint("call_", afterStory), c.records[afterStory]), Request: c.request, Answer: c.answer}
	m.good(v)
	outcome := bytes.Index(data, []byte(`,"outcome"`))
	intent, salts := bytes.Index(data, []byte(`{"index"`)), bytes.Index(data, []byte(`,"request_salt"`))
	bare := v
	bare.Promise, bare.Request, bare.Answer = nil, nil, nil
	m.spoil(bare, "", data[:salts], 130, func(at int) int64 { return anyIndex })
	m.spoil(v, "", data, 70, func(at int) int64 { return anyIndex })
	for range 30 { // within the record and the proof of each entry, where the index is named
		for from, index := range inOrder(map[int]int64{intent: afterStory, outcome: afterStory + 2}) {
			at := from + bytes.Index(data[from:], []byte(`"proof":["`)) + 10 + m.random.IntN(40)
			bare.Name, bare.Edit = fmt.Sprintf("receipt: letter %d of a proof", at), []edit{{at: at, cut: 1, put: []byte{other(data[at])}}}
			m.bad(bare, index)
		}
	}
	m.swappedReceipts(c, bare)
	bare.Edit = nil
	for what, change := range inOrder(map[string]func(*vector){
		"under another key":             func(v *vector) { v.Key = otherKey },
		"with the promise of another":   func(v *vector) { v.Promise = promise("call_17", c.records[17]) },
		"with a promise of other words": func(v *vector) { v.Promise = promise(fmt.Sprint("call_", afterStory), c.records[afterStory+1]) },
		"with no promise at all":        func(v *vector) { v.Promise = new(string) },
		"with another request":          func(v *vector) { v.Request = append(slices.Clone(c.request), ' ') },
		"with another answer":           func(v *vector) { v.Answer = c.request },
	}) {
		v := v
		v.Name = "a receipt " + what
		change(&v)
		m.bad(v, -1)
	}
	open := c.receipt(m.t, afterStory, -1)
	m.base("receipt of an open call", string(open))
	m.good(vector{Name: "a receipt of an open call", Kind: "receipt", Base: "receipt of an open call", Key: key, Request: c.request})
	m.bad(vector{Name: "an answer of an open call", Kind: "receipt", Base: "receipt of an open call", Key: key, Answer: c.answer}, -1)
}

// disclosures are of one call's intent: of all its fields, and of two.
func (m *maker) disclosures() {
	_, otherKey := newKey(m.t, "q")
	whole, key := disclosed(m.t)
	some, _ := disclosed(m.t, "clauses", "asset")
	m.base("disclosure", string(whole))
	m.base("disclosure of two fields", string(some))
	m.good(vector{Name: "a disclosure", Kind: "disclosure", Base: "disclosure", Key: key})
	v := vector{Name: "a disclosure of two fields", Kind: "disclosure", Base: "disclosure of two fields", Key: key}
	m.good(v)
	m.spoil(v, "", some, 80, func(int) int64 { return anyIndex })
	first := bytes.Index(some, []byte(`"fields":[`)) + len(`"fields":[`)
	second := first + bytes.Index(some[first:], []byte(`]},`)) + len(`]},`)
	third := second + bytes.Index(some[second:], []byte(`]},`)) + len(`]},`)
	for what, e := range inOrder(map[string]edit{
		"without its type":      {at: first, cut: second - first},
		"with a field twice":    {at: second, put: some[second:third]},
		"with nothing":          {at: first, cut: len(some) - len("]}") - first},
		"in another order":      {at: second, cut: len(some) - len("]}") - second, put: slices.Concat(some[third:len(some)-len("]}")], []byte(","), some[second:third-1])},
		"with a newline behind": {at: len(some), put: []byte("\n")},
	}) {
		bad := v
		bad.Name, bad.Edit = "a disclosure "+what, []edit{e}
		m.bad(bad, anyIndex)
	}
	v.Key, v.Name = otherKey, "a disclosure under another key"
	m.bad(v, -1)
}

// other is another letter of base64.
func other(letter byte) byte {
	if letter == 'A' {
		return 'B'
	}
	return 'A'
}

func (m *maker) swappedReceipts(c called, v vector) {
	data, placed := c.receipt(m.t, afterStory, afterStory+2), fmt.Sprintf(`"intent":{"index":%d`, afterStory)
	for what, r := range inOrder(map[string]struct {
		data  []byte
		index int64
	}{
		"the outcome of another call":    {c.receipt(m.t, afterStory, 18), 18},
		"an outcome that is an intent":   {c.receipt(m.t, afterStory, 17), 17},
		"an intent that is an outcome":   {c.receipt(m.t, 18, afterStory+2), 18},
		"an intent that is no call":      {c.receipt(m.t, 0, afterStory+2), 0},
		"an intent of another place":     {bytes.Replace(data, []byte(placed), []byte(fmt.Sprintf(`"intent":{"index":%d`, afterStory-1)), 1), afterStory - 1},
		"an intent beyond the log":       {bytes.Replace(data, []byte(placed), []byte(`"intent":{"index":4200`), 1), 4200},
		"an index beyond all":            {bytes.Replace(data, []byte(placed), []byte(`"intent":{"index":9223372036854775808`), 1), -1},
		"a member twice":                 {bytes.Replace(data, []byte(placed), []byte(placed+fmt.Sprintf(`,"index":%d`, afterStory)), 1), -1},
		"a space":                        {bytes.Replace(data, []byte(placed), []byte(strings.Replace(placed, ":", ": ", 1)), 1), -1},
		"a line feed":                    {append(slices.Clone(data), '\n'), -1},
		"another format":                 {bytes.Replace(data, []byte(`receipt v1`), []byte(`receipt v2`), 1), -1},
		"nothing":                        {nil, -1},
		"another key stated":             {bytes.Replace(data, []byte(`"key":"lab`), []byte(`"key":"lob`), 1), -1},
		"the checkpoint of another tree": {bytes.Replace(data, []byte(fmt.Sprintf(`\n%d\n`, len(c.records))), []byte(fmt.Sprintf(`\n%d\n`, len(c.records)-1)), 1), -1},
	}) {
		if what == "the checkpoint of another tree" && bytes.Equal(r.data, data) {
			m.t.Fatal("the receipt's checkpoint has another size")
		}
		v.Name, v.Edit = "a receipt with "+what, whole(data, r.data)
		m.bad(v, r.index)
	}
}

func (m *maker) exports() {
	text, key := honest(m.t)
	_, otherKey := newKey(m.t, "q")
	m.base("export", text)
	v := vector{Name: "an export of every type of entry, one withheld", Kind: "export", Base: "export", Key: key}
	m.good(v)
	lines := linesOf(text)
	starts := []int{0}
	for _, line := range lines {
		starts = append(starts, starts[len(starts)-1]+len(line))
	}
	entry := func(at int) int64 {
		n, exact := slices.BinarySearch(starts, at)
		if !exact {
			n--
		}
		if n == 0 || n > len(lines)-2 {
			return anyIndex
		}
		return int64(n - 1)
	}
	m.spoil(v, "", []byte(text), 250, entry)
	for i := 1; i < len(lines)-1; i += 2 {
		index, at, line := int64(i-1), starts[i], lines[i]
		for what, c := range inOrder(map[string]struct {
			edit  edit
			named int64
		}{
			"left out":                   {edit{at: at, cut: len(line)}, index},
			"twice":                      {edit{at: at, put: []byte(line)}, index + 1},
			"after which it ends":        {edit{at: starts[i+1], cut: len(text) - starts[i+1]}, index + 1},
			"in which it ends":           {edit{at: at + 30, cut: len(text) - at - 30}, index},
			"without its line feed":      {edit{at: starts[i+1] - 1, cut: 1}, index},
			"with a line before it":      {edit{at: at, put: []byte("\n")}, index},
			"with the end before it":     {edit{at: at, put: fmt.Appendf(nil, "{\"end\":%d}\n", index)}, -1},
			"with a wrong end before it": {edit{at: at, put: []byte("{\"end\":99}\n")}, index},
		}) {
			if (i+len(what))%3 == 0 {
				v.Name, v.Edit = fmt.Sprintf("export: entry %d %s", index, what), []edit{c.edit}
				m.bad(v, c.named)
			}
		}
		if i > 1 {
			v.Name, v.Edit = fmt.Sprintf("export: entries %d and %d exchanged", index-1, index), []edit{{at: at, cut: len(line)}, {at: starts[i-1], put: []byte(line)}}
			m.bad(v, index-1)
		}
	}
	v.Edit = nil
	for what, k := range inOrder(map[string]string{"another key": otherKey, "no key": "", "a key cut": key[:len(key)-1]}) {
		v.Name, v.Key = "an export under "+what, k
		m.bad(v, -1)
	}
	v.Key = key
	v.Name, v.Edit = "an export with something after its end", []edit{{at: len(text), put: []byte("\n")}}
	m.bad(v, -1)
	v.Name, v.Edit = "an export with a line that is too long", []edit{{at: len(text), put: []byte("x")}}
	m.bad(v, -1)
	empty, _ := sealed{}.export(m.t)
	m.base("export of nothing", empty)
	m.good(vector{Name: "an export of an empty log", Kind: "export", Base: "export of nothing", Key: key})
	closed := seal(m.t, story()[:20])
	closed.openings = make([]*ledger.Opening, len(closed.records))
	records, _ := closed.export(m.t)
	m.base("export of records", records)
	v = vector{Name: "an export of records alone", Kind: "export", Base: "export of records", Key: key}
	m.good(v)
	m.spoil(v, "", []byte(records), 40, func(int) int64 { return anyIndex })
}

// tale is a short story: an application, two approvals, two signatures, a grant, a call and its outcome.
func tale() []narthex.Entry {
	var entries []narthex.Entry
	add := func(kind narthex.EntryType, given texts) { entries = append(entries, with(kind, len(entries), given)) }
	add(narthex.EntryInception, nil)
	for _, c := range [][2]string{{"submit", "ada"}, {"approve", "bo"}, {"approve", "cy"}} {
		add(narthex.EntryEngagementChanged, texts{"engagement": "e", "command": c[0], "by": c[1]})
	}
	add(narthex.EntryAgreementSigned, texts{"agreement": "a", "party": "researcher"})
	add(narthex.EntryAgreementSigned, texts{"agreement": "a", "party": "lab"})
	add(narthex.EntryGrantActive, texts{"grant": "g", "engagement": "e", "agreement": "a"})
	add(narthex.EntryCallIntent, nil)
	add(narthex.EntryCallOutcome, texts{"call": "call_7"})
	return entries
}

// stories are logs that the lab sealed and signed, and whose entries tell what cannot be, or what may be.
func (m *maker) stories() {
	changed := func(command string) narthex.Entry { return changedTo(command, "bo") }
	swap := func(i, j int) func([]narthex.Entry) []narthex.Entry {
		return func(e []narthex.Entry) []narthex.Entry {
			e[i], e[j] = e[j], e[i]
			e[i].At, e[j].At = e[j].At, e[i].At
			return e
		}
	}
	for _, c := range []struct {
		what   string
		named  int64 // anyIndex for a good one
		change func([]narthex.Entry) []narthex.Entry
	}{
		{"as it is", anyIndex, func(e []narthex.Entry) []narthex.Entry { return e }},
		{"an open call", anyIndex, drop(8)}, {"a third approval", anyIndex, insert(9, changedTo("approve", "di"))}, {"a withdrawal after the grant", anyIndex, insert(9, changed("withdraw"))},
		{"a third signature", anyIndex, insert(9, with(narthex.EntryAgreementSigned, 0, texts{"agreement": "a", "party": "institution"}))},
		{"two entries of one moment", anyIndex, func(e []narthex.Entry) []narthex.Entry { e[5].At = e[4].At; return e }},
		{"approvals again after a revision", anyIndex, insert(9, changed("revise"), changed("approve"), changedTo("approve", "cy"), with(narthex.EntryGrantActive, 0, texts{"engagement": "e", "agreement": "a"}))},
		{"no inception", 0, drop(0)}, {"a second inception", 9, insert(9, with(narthex.EntryInception, 0, nil))}, {"no application", 5, drop(1)}, {"one approval", 5, drop(2)},
		{"one person approving twice", 6, put(3, "by", "bo")}, {"an approval of another engagement", 6, put(2, "engagement", "f")}, {"an application of another", 6, put(1, "engagement", "f")},
		{"a grant of another engagement", 6, put(6, "engagement", "f")}, {"approvals before the application", 6, swap(1, 3)}, {"a return after the approvals", 7, insert(4, changed("return"))},
		{"a revision after the approvals", 7, insert(4, changed("revise"))}, {"an edit after the approvals", 7, insert(4, changed("edit"))}, {"a second application after the approvals", 7, insert(4, changed("submit"))},
		{"an outside document after the signatures", 7, insert(6, boundTo("a"))}, {"no signature of the lab", 5, drop(5)}, {"no signature but the lab's", 5, drop(4)}, {"the lab signing for both", 6, put(4, "party", "lab")}, {"a signature on another agreement", 6, put(4, "agreement", "b")},
		{"a grant of another agreement", 6, put(6, "agreement", "b")}, {"a signature after the grant", 5, swap(5, 6)}, {"an outcome before its call", 7, swap(7, 8)}, {"two outcomes", 9, insert(9, outcomeOf("call_7"))},
		{"an outcome of itself", 9, insert(9, outcomeOf("call_9"))}, {"an outcome spelt anew", 8, put(8, "call", "call_07")}, {"an outcome of no call", 8, put(8, "call", "")}, {"an outcome beyond numbers", 8, put(8, "call", "call_18446744073709551616")},
		{"an outcome with a space", 8, put(8, "call", "call_7 ")}, {"an outcome of what is no call", 8, put(8, "call", "call_3")}, {"time that goes back", 5, func(e []narthex.Entry) []narthex.Entry { e[5].At = e[4].At.Add(-time.Millisecond); return e }},
	} {
		s := seal(m.t, c.change(tale()))
		export, key := s.export(m.t)
		name := "story: " + c.what
		m.base(name, export)
		v := vector{Name: name, Kind: "export", Base: name, Key: key}
		if c.named == anyIndex {
			m.good(v)
		} else {
			m.bad(v, c.named)
		}
	}
	m.rotations()
}

// rotations are logs whose key changed, and some that only say so, as exports and as published logs.
func (m *maker) rotations() {
	before, oldKey := newKey(m.t, "q")
	after, key := newKey(m.t, "r")
	stranger, strangerKey := newKey(m.t, "x")
	const at = 9
	rotation := func(index uint64, oldKey string, old note.Signer, newKey string, new note.Signer) []narthex.Field {
		fields, err := ledger.Rotation(origin, index, oldKey, old, newKey, new)
		if err != nil {
			m.t.Fatal(err)
		}
		return fields
	}
	elsewhere, elsewhereKey, err := ledger.NewKey(strings.NewReader(strings.Repeat("e", 99)), "lab.example/other")
	if err != nil {
		m.t.Fatal(err)
	}
	moved, err := note.NewSigner(elsewhere)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		named  int64
		fields []narthex.Field
	}{
		{"by both keys", anyIndex, rotation(at, oldKey, before, key, after)},
		{"signed by a stranger for the old key", at, rotation(at, oldKey, stranger, key, after)},
		{"signed by a stranger for the new key", at, rotation(at, oldKey, before, key, stranger)},
		{"from a key that was not the log's", at, rotation(at, strangerKey, stranger, key, after)},
		{"of another place", at, rotation(at+1, oldKey, before, key, after)},
		{"to a key of another name", at, rotation(at, oldKey, before, elsewhereKey, moved)},
		{"to the key that it had", -1, rotation(at, oldKey, before, oldKey, before)},
	} {
		entries := tale()
		entries[0] = with(narthex.EntryInception, 0, texts{"log_key": oldKey})
		e := with(narthex.EntryLogKeyRotated, at, nil)
		e.Fields = c.fields
		s := seal(m.t, append(entries, e))
		var tree ledger.Tree
		tree.Append(s.records...)
		checkpoint, err := ledger.SignCheckpoint(after, tree.Size(), tree.Root(), before)
		if err != nil {
			m.t.Fatal(err)
		}
		name := "rotation " + c.what
		m.base(name, s.exportUnder(m.t, key, checkpoint))
		m.base("published "+name, s.publishUnder(m.t, key, after, before))
		for _, held := range []string{oldKey, key} {
			for _, v := range []vector{{Name: name, Kind: "export", Base: name, Key: held}, {Name: "published " + name, Kind: "log", Base: "published " + name, Key: held}} {
				if c.named == anyIndex {
					m.good(v)
				} else {
					m.bad(v, c.named)
				}
			}
		}
		m.bad(vector{Name: name + ", under a stranger's key", Kind: "export", Base: name, Key: strangerKey}, anyIndex)
	}
	text := string(m.text(m.t, "rotation by both keys"))
	oldOnly, line := strings.Index(text, `\n— lab`), 0
	line = strings.Index(text[oldOnly+2:], `\n— lab`) // the second signature is the old key's
	end := strings.Index(text[oldOnly+2+line+2:], `\n`)
	m.good(vector{Name: "rotation: the new key alone signs", Kind: "export", Base: "rotation by both keys", Key: oldKey, Edit: []edit{{at: oldOnly + 2 + line, cut: 2 + end}}})
	m.bad(vector{Name: "rotation: the old key alone signs", Kind: "export", Base: "rotation by both keys", Key: oldKey, Edit: []edit{{at: oldOnly, cut: 2 + line}}}, -1)
	list := `{"openings":[0]}` + "\n"
	m.bad(vector{Name: "a rotation that is not listed", Kind: "log", Base: "published rotation by both keys", Key: oldKey, Edit: []edit{{path: "openings", cut: len(`{"openings":[0,9]}` + "\n"), put: []byte(list)}}}, -1)
}

func (m *maker) logs() {
	for _, size := range []int{1, 2, 255, 256, 257, 513} {
		f, key := long(m.t, 600).first(size).publish(m.t)
		name := fmt.Sprintf("log of %d", size)
		m.base(name, f)
		m.good(vector{Name: name, Kind: "log", Base: name, Key: key})
		if size == 255 || size == 2 {
			continue
		}
		for _, path := range sortedKeys(f) {
			v := vector{Kind: "log", Base: name, Key: key}
			n := 4
			if size == 513 && strings.HasPrefix(path, "tile/") {
				n = 30
			}
			m.spoil(v, path, f[path], n, func(at int) int64 {
				if size == 1 { // nothing follows: what is put in may be left over
					return anyIndex
				}
				return m.entryIn(path, at, f[path])
			})
			v.Name, v.Edit = name+": "+path+" is missing", []edit{{path: path, cut: -1}}
			m.bad(v, anyIndex)
			v.Name, v.Edit = name+": "+path+" has a byte more", []edit{{path: path, at: len(f[path]), put: []byte{0}}}
			m.bad(v, anyIndex)
			v.Name, v.Edit = name+": "+path+" has a byte less", []edit{{path: path, at: len(f[path]) - 1, cut: 1}}
			m.bad(v, anyIndex)
		}
	}
	m.lists()
}

// entryIn names the entry that an edit at a byte is in, where it is in one for sure.
func (m *maker) entryIn(path string, at int, data []byte) int64 {
	index := entryAt(path, at)
	if strings.HasPrefix(path, "tile/") && at+20 > len(data) {
		return anyIndex // what is put in near the end may be left over
	}
	return index
}

// lists are published logs whose public openings are not as they should be.
func (m *maker) lists() {
	s := long(m.t, 257).first(257)
	f, key := s.publish(m.t)
	list := string(f["openings"])
	form := func(i int) []byte {
		data, err := s.openings[i].MarshalJSON()
		if err != nil {
			m.t.Fatal(err)
		}
		return data
	}
	replace := func(path string, to []byte) edit { return edit{path: path, cut: len(f[path]), put: to} }
	for what, c := range inOrder(map[string]struct {
		named int64
		edits []edit
	}{
		"no inception listed":     {0, []edit{replace("openings", []byte("{\"openings\":[3]}\n"))}},
		"none listed":             {0, []edit{replace("openings", []byte("{\"openings\":[]}\n"))}},
		"another entry's opening": {3, []edit{replace("openings/3", form(0))}},
		"a person's opening":      {3, []edit{replace("openings/3", form(7))}},
		"out of order":            {-1, []edit{replace("openings", []byte("{\"openings\":[3,0]}\n"))}},
		"an index twice":          {-1, []edit{replace("openings", []byte("{\"openings\":[0,0]}\n"))}},
		"a space":                 {-1, []edit{replace("openings", []byte("{\"openings\": [0]}\n"))}},
		"null":                    {-1, []edit{replace("openings", []byte("{\"openings\":null}\n"))}},
		"an index that is text":   {-1, []edit{replace("openings", []byte("{\"openings\":[0,\"3\"]}\n"))}},
		"no line feed":            {-1, []edit{replace("openings", []byte(strings.TrimSuffix(list, "\n")))}},
		"a rotation that is none": {4, []edit{replace("openings", []byte("{\"openings\":[0,4]}\n"))}},
	}) {
		m.bad(vector{Name: "openings: " + what, Kind: "log", Base: "log of 257", Key: key, Edit: c.edits}, c.named)
	}
	m.good(vector{Name: "openings: one beyond the checkpoint", Kind: "log", Base: "log of 257", Key: key, Edit: []edit{replace("openings", []byte(strings.Replace(list, "]", ",900]", 1)))}})
}

// histories are logs and exports beside checkpoints that a verifier kept.
func (m *maker) histories() {
	one := long(m.t, 60).first(60)
	two := sealed{slices.Clone(one.records), slices.Clone(one.openings)}
	const parted = 45
	for i := parted; i < len(two.records); i++ {
		record, opening, err := ledger.Seal(with(narthex.EntryCallRead, i, nil), seed(i+900))
		if err != nil {
			m.t.Fatal(err)
		}
		two.records[i], two.openings[i] = record, &opening
	}
	stranger, strangerKey := newKey(m.t, "q")
	m.base("kept: a stranger's", string(one.first(10).publishUnder(m.t, strangerKey, stranger)["checkpoint"]))
	for history, s := range inOrder(map[string]sealed{"one": one, "two": two}) {
		for _, size := range []int{1, 30, parted, 50, 60} {
			f, _ := s.first(size).publish(m.t)
			m.base(fmt.Sprintf("kept: %s of %d", history, size), string(f["checkpoint"]))
		}
	}
	empty, err := ledger.SignCheckpoint(signerOf(m.t, "r"), 0, (&ledger.Tree{}).Root())
	if err != nil {
		m.t.Fatal(err)
	}
	m.base("kept: of nothing", empty)
	_, key := newKey(m.t, "r")
	for _, size := range []int{30, 60} {
		shown := one.first(size)
		export, _ := shown.export(m.t)
		f, _ := shown.publish(m.t)
		m.base(fmt.Sprintf("shown %d", size), export)
		m.base(fmt.Sprintf("shown log %d", size), f)
		for _, kept := range sortedKeys(m.Bases) {
			if !strings.HasPrefix(kept, "kept: ") {
				continue
			}
			n, _ := strconv.Atoi(kept[strings.LastIndex(kept, " ")+1:])
			good := kept == "kept: of nothing" || n > 0 && n <= size && (strings.HasPrefix(kept, "kept: one") || n <= parted)
			for kind, base := range inOrder(map[string]string{"export": "shown %d", "log": "shown log %d"}) {
				v := vector{Name: fmt.Sprintf("%s of %d beside %s", kind, size, kept), Kind: kind, Base: fmt.Sprintf(base, size), Key: key, Since: []string{kept, "kept: one of 1"}}
				if good {
					m.good(v)
				} else {
					m.bad(v, -1)
				}
			}
		}
	}
}

func signerOf(t testing.TB, letter string) note.Signer {
	signer, _ := newKey(t, letter)
	return signer
}
