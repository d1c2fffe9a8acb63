package inspect_test

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"narthex/internal/disclosure"
	"narthex/internal/inspect"
)

func look(kind disclosure.Kind, text string) []inspect.Finding {
	return inspect.New(held()).Look([]inspect.File{{Name: "a" + kind.Suffix(), Kind: kind, Bytes: []byte(text)}})
}

func has(found []inspect.Finding, kind inspect.Kind, rule string) bool {
	return slices.ContainsFunc(found, func(f inspect.Finding) bool { return f.Kind == kind && strings.HasPrefix(f.Rule, rule) })
}

// drawn is a text of so many letters drawn by lot, the same each time.
func drawn(letters string, n int) string {
	h := seeded(99)
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[h.IntN(len(letters))]
	}
	return string(out)
}

// TestRules finds what each rule is for, and not its neighbour. Credentials are put together here, so that none stands in this file.
func TestRules(t *testing.T) {
	all, hex := upper+lower+ten, ten+"abcdef"
	const text, md, csv = disclosure.Text, disclosure.Markdown, disclosure.CSV
	for _, c := range []struct {
		kind  disclosure.Kind
		rule  string
		of    inspect.Kind
		yes   string
		other string // carries no finding of this rule
	}{
		{text, "secret: cloud access", inspect.Secret, "key AK" + "IA" + drawn(upper+"234567", 16), "AK" + "IA is a prefix"},
		{text, "secret: git token (GitHub)", inspect.Secret, "gh" + "p_" + drawn(all, 36), "gh" + "p_short"},
		{text, "secret: git token (GitLab)", inspect.Secret, "gl" + "pat-" + drawn(all, 20), "gl" + "pat-x"},
		{text, "secret: chat token", inspect.Secret, "xo" + "xb-123456789012-" + drawn(all, 24), "xo" + "xb-"},
		{text, "secret: payment key", inspect.Secret, "sk" + "_live_" + drawn(all, 24), "sk" + "_live_mode is on"},
		{text, "secret: model key", inspect.Secret, "sk" + "-ant-api03-" + drawn(all, 80), "sk" + "-learn is a library"},
		{text, "secret: signed token", inspect.Secret, "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0In0." + drawn(all, 43), "eyJust a word of a text that goes on and on"},
		{text, "secret: private key", inspect.Secret, "-----BEGIN OPENSSH " + "PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----"},
		{text, "secret: password in an address", inspect.Secret, "postgres://lab:h" + "unter@db.internal/x", "postgres://db.internal:5432/x"},
		{text, "secret: named so", inspect.Secret, `api_key = "` + drawn(all, 32) + `"`, "token = the\ntoken: trigger\npassword = none given here\nprimary_key = 12345678"},
		{disclosure.JSON, "secret: named so", inspect.Secret, `{"client_secret":"` + drawn(hex, 40) + `"}`, `{"tokens":"1234567890ab of 12"}`},
		{text, "personal: e-mail", inspect.Personal, "write to ada.lovelace@engines.ac.uk today", "loss @ step 3 and x@y"},
		{text, "personal: bank account", inspect.Personal, "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"},
		{text, "personal: bank account", inspect.Personal, "DE89370400440532013000", "DE89370400440532013001"},
		{text, "personal: payment card", inspect.Personal, "4111 1111 1111 1111", "4111 1111 1111 1112"},
		{text, "personal: payment card", inspect.Personal, "3782-822463-10005", "3782-822463-10006"},
		{text, "personal: social security", inspect.Personal, "123-45-6789", "000-45-6789"},
		{text, "personal: health service", inspect.Personal, "943 476 5919", "943 476 5918"},
		{text, "personal: taxpayer (Brazil)", inspect.Personal, "111.444.777-35", "111.444.777-36"},
		{text, "personal: person (Spain)", inspect.Personal, "12345678Z", "12345678A"},
		{text, "personal: person (Italy)", inspect.Personal, "RSSMRA85T10A562S", "RSSMRA85T10A562T"},
		{text, "personal: person (Poland)", inspect.Personal, "44051401359", "44051401358"},
		{text, "personal: person (Finland)", inspect.Personal, "131052-308T", "131052-308U"},
		{text, "personal: resident (China)", inspect.Personal, "11010519491231002X", "11010519491231003X"},
		{text, "personal: insured (Switzerland)", inspect.Personal, "756.9217.0769.85", "756.9217.0769.86"},
		{text, "personal: person (Sweden)", inspect.Personal, "811228-9874", "811228-9875"},
		{text, "personal: telephone", inspect.Personal, "call +44 20 7946 0958 now", "loss +1000 and +12"},
		{text, "personal: network address", inspect.Personal, "from 93.184.216.34 at", "192.168.1.1 and 203.0.113.7 and 1.2.3.4 and 0.5.0.1"},
		{text, "personal: network address", inspect.Personal, "from 2606:2800:220:1:248:1893:25c8:1946 at", "at 12:34:56 and fe80::1 and 2001:db8::1"},
		{text, "hidden: character", inspect.Hidden, "zero\u200bwidth", "Größe “µ” ≤ 1"},
		{text, "hidden: character", inspect.Hidden, "tag \U000e0041", "α and β"},
		{text, "hidden: character", inspect.Hidden, "turn \u202e", "x"},
		{text, "hidden: word of two", inspect.Hidden, "p\u0430ssword", "Δloss µs"},
		{csv, "active: formula", inspect.Active, "a,b\n1,=HYPERLINK(1)\n", "a,b\n-1.5,+2\n-3e-05,-inf\n-,x=1\n"},
		{csv, "active: formula", inspect.Active, "a,b\n1,@SUM(1)\n", "a,b\n1,me@x\n"},
		{csv, "active: formula", inspect.Active, "a,b\n1,-1+cmd\n", "a,b\n-1,2\n"},
		{md, "active: markup", inspect.Active, "x <script>1</script>", "the token <s> and <|endoftext|> and a < b"},
		{md, "active: markup", inspect.Active, `<svg onload="x">`, "<unk> <pad>"},
		{md, "active: link", inspect.Active, "[x](javascript:1)", "data: 12 and more"},
		{md, "active: link", inspect.Active, "[x](https://there.example/x)", "see the appendix"},
		{md, "active: link", inspect.Active, "[x](data:text/html,1)", "The data: a, b/c"},
		{md, "active: picture", inspect.Active, "![x](plot.png)", "wow! [x]"},
		{text, "canary", inspect.Canary, "the code 7d1f-09ac stands", "the canary sings; 7d1f is apart"},
		{text, "canary", inspect.Canary, "C A N A R Y 7 D 1 F 0 9 A C", "canary"},
		{text, "canary", inspect.Canary, "8c3b-2e55-ca90-f1d7 yranac", "yranac"},
		{text, "canary", inspect.Canary, "7xdx1xfx0x9xaxcx5x5xex2", "7xdx1xfx0x9"},
		{text, "canary", inspect.Canary, "seen: violet heron counts", "a violet heron"},
		{text, "protected", inspect.Protected, secretText[60:140], secretText[60:82]},
		{text, "protected", inspect.Protected, strings.ToUpper(strings.ReplaceAll(secretText[90:170], " ", "\n")), "The second run met no plateau at all."},
		{text, "odd: words", inspect.Encoded, drawn(all, 40), "layers.12.self_attn.q_proj.weight, blocks.3.mlp, RMSNorm, fp16, L12H3, sha256 and gpt2-medium"},
		{text, "odd: words", inspect.Encoded, drawn(hex, 48), "124439808 parameters, 20240131, 1718000000"},
		{text, "odd: numbers", inspect.Encoded, "84 104 101 32 118 105 111 108 101 116 32 104 101 114 111 110 32 99 111 117 110 116 115 32 98 97 99 107", "12 40 3 0 1 0 0 5 2 3 1 1 9 30 2 2 1 0 4 1 0 0 0 1 2 12"},
		{text, "odd: escapes", inspect.Encoded, strings.Repeat(`\u0041\u0042\u0043`, 4), `a\nb\tc "x"`},
		{text, "packed: bzip2", inspect.Encoded, "BZh91AY&SY", "BZh9"},
	} {
		if found := look(c.kind, c.yes); !has(found, c.of, c.rule) {
			t.Errorf("%s is not found in %q: %v", c.rule, c.yes, kindsOf(found))
		}
		if found := look(c.kind, c.other); has(found, c.of, c.rule) {
			t.Errorf("%s is found in %q: %v", c.rule, c.other, kindsOf(found))
		}
	}
}

// TestEveryRunOfFiftyLettersIsFound cuts runs of the least length out of a text, wherever they begin.
func TestEveryRunOfFiftyLettersIsFound(t *testing.T) {
	in := inspect.New(held())
	var letters []byte
	for _, c := range []byte(strings.ToLower(secretText)) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			letters = append(letters, c)
		}
	}
	for at := range len(letters) - 50 {
		for _, name := range []string{"", "rot13", "reversed"} {
			run := letters[at : at+50]
			for _, c := range codings {
				if c.name == name {
					run = c.write(honest{}, run)
				}
			}
			if found := in.Look([]inspect.File{{Name: "a.txt", Kind: disclosure.Text, Bytes: run}}); !has(found, inspect.Protected, "protected") {
				t.Fatalf("%q at %d, %s, is not found", run, at, name)
			}
		}
	}
}

// TestASecretInParts is found when the parts stand in several files, or in an earlier release of the same author.
func TestASecretInParts(t *testing.T) {
	code := base64.StdEncoding.EncodeToString([]byte("canary 7d1f-09ac-55e2-b3c8"))
	file := func(name, text string) inspect.File {
		return inspect.File{Name: name, Kind: disclosure.Text, Bytes: []byte(text)}
	}
	parts := broken(code, 12)
	files := []inspect.File{file("a.txt", "one "+parts[0]+"\n"), file("b.txt", "two "+parts[1]+"\n"), file("c.txt", "three "+parts[2]+"\n")}
	if found := inspect.New(held()).Look(files); !has(found, inspect.Canary, "canary") {
		t.Errorf("%v", kindsOf(found))
	}
	without := map[string]bool{"a.txt": true, "b.txt": true, "c.txt": true}
	for _, f := range inspect.New(held()).Look(append(files[:3:3], file("d.txt", "four "+drawn(upper+lower+ten, 12)+"\n"))) {
		if f.Kind == inspect.Canary {
			delete(without, f.File)
		}
	}
	if len(without) > 0 {
		t.Errorf("the finding goes with the last file, and %d that hold parts carry none", len(without))
	}
	own := held()
	own.Earlier = []inspect.Package{{Release: "rel_1", Own: true, Files: files[:2]}}
	if found := inspect.New(own).Look(files[2:]); !has(found, inspect.Canary, "canary") || found[0].File != "c.txt" {
		t.Errorf("%v", kindsOf(found))
	}
	own.Earlier[0].Own = false
	if found := inspect.New(own).Look(files[2:]); has(found, inspect.Canary, "canary") {
		t.Errorf("another author's release counts: %v", kindsOf(found))
	}
}

// TestAFindingSaysNothingOfWhatItProtects also says that two looks say the same.
func TestAFindingSaysNothingOfWhatItProtects(t *testing.T) {
	h := seeded(5)
	in := inspect.New(held())
	secret := "canary 7d1f-09ac-55e2-b3c8 " + secretText + " ada@engines.ac.uk " + "gh" + "p_" + drawn(upper+lower+ten, 36)
	for _, c := range codings {
		for _, place := range []carrier{carriers[h.IntN(17)]} {
			files, ok := inForm(place.put(h, coded(h, c, []byte(secret))), len(secret))
			if !ok {
				continue
			}
			found := in.Look(files)
			text, err := json.Marshal(found)
			if err != nil || len(found) == 0 {
				t.Fatalf("%v, of %s", err, c.name)
			}
			for i := range len(secret) - 10 {
				if part := secret[i : i+10]; strings.Contains(string(text), part) {
					t.Fatalf("a finding holds %q: %s", part, text)
				}
			}
			if c.name == "hex" && !reflect.DeepEqual(found, in.Look(files)) {
				t.Fatal("two looks differ")
			}
		}
	}
}

// TestWhatIsTooDeepIsSaid nests an encoding beyond what is looked through, and a bomb.
func TestWhatIsTooDeepIsSaid(t *testing.T) {
	b := []byte(strings.Repeat("a", 30<<20))
	for _, c := range codings {
		if c.name == "gzip" {
			b = codings[0].write(honest{}, c.write(honest{}, b))
		}
	}
	found := look(disclosure.Text, string(b))
	if !has(found, inspect.Encoded, "packed: gzip") || !has(found, inspect.Encoded, "unfold: too deep or too large") {
		t.Errorf("%v", kindsOf(found))
	}
}

func FuzzLook(f *testing.F) {
	h := seeded(7)
	for i, c := range codings {
		f.Add(uint8(i), coded(h, c, []byte("canary 7d1f-09ac-55e2-b3c8")))
	}
	in := inspect.New(held())
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		if len(b) > 8<<10 {
			return
		}
		k := disclosure.Kinds()[int(kind)%len(disclosure.Kinds())]
		for _, one := range in.Look([]inspect.File{{Name: "a" + k.Suffix(), Kind: k, Bytes: b}}) {
			if one.File == "" || one.Kind == "" || one.Rule == "" || one.Says == "" {
				t.Errorf("%+v", one)
			}
		}
	})
}
