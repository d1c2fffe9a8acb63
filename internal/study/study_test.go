package study_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/study"
)

const good = `name: planted-trigger
command: ["/usr/bin/python3", "/study/main.py"]
outputs:
  - {name: trigger.md, kind: markdown, says: what was found}
  - {name: values-1.csv, kind: csv, says: singular values}
`

func TestAStudySaysWhatItIs(t *testing.T) {
	got, err := study.Parse([]byte(good))
	want := study.Study{Name: "planted-trigger", Command: []string{"/usr/bin/python3", "/study/main.py"},
		Outputs: []study.Output{{Name: "trigger.md", Kind: "markdown", Says: "what was found"}, {Name: "values-1.csv", Kind: "csv", Says: "singular values"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("it is read as %+v: %v", got, err)
	}
	got, err = study.Parse([]byte(strings.Replace(good, "command: [\"/usr/bin/python3\", \"/study/main.py\"]\n", "", 1)))
	if err != nil || got.Command != nil {
		t.Errorf("without a command it is read as %+v: %v", got, err)
	}
	for _, name := range []string{"study", "study-hidden"} {
		data, err := os.ReadFile("../../demo/" + name + "/study.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := study.Parse(data); err != nil || len(got.Outputs) < 4 {
			t.Errorf("the demonstration's %s is read as %+v: %v", name, got, err)
		}
	}
}

// TestWhatIsWrongWithAStudyIsNamed changes one thing at a time. No error holds anything of the file.
func TestWhatIsWrongWithAStudyIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ old, new, field, says string }{
		"empty":                        {good, "", "", "line 1"},
		"two documents":                {"outputs:", "---\noutputs:", "", "no YAML of a study"},
		"a field more":                 {"outputs:", "canary: 1\noutputs:", "", "line 3"},
		"a field more of an output":    {"kind: csv,", "kind: csv, canary: 1,", "", "line 5"},
		"a field in another case":      {"outputs:", "Outputs:", "", "line 4"},
		"a field twice":                {"outputs:", "name: canary\noutputs:", "", "line 3"},
		"an anchor":                    {"name: planted", "name: &canary planted", "", "line 1"},
		"a number for a name":          {"name: planted-trigger", "name: 7", "", "line 1"},
		"too deep":                     {"planted-trigger", strings.Repeat("[", 1000), "", "line 1"},
		"too large":                    {"\n", "\n#" + strings.Repeat("canary", 4000) + "\n", "", "larger than"},
		"no name":                      {"name: planted-trigger\n", "", "name", "a name is"},
		"a name of capitals":           {"planted-trigger", "Canary", "name", "a name is"},
		"an empty command":             {`["/usr/bin/python3", "/study/main.py"]`, "[]", "command", "leave it out"},
		"too many arguments":           {`"/study/main.py"`, strings.Repeat(`"canary", `, 32), "command", "1 to 32"},
		"an empty argument":            {`"/study/main.py"`, `""`, "command.1", "printable"},
		"a line end in an argument":    {`"/study/main.py"`, `"canary\n"`, "command.1", "printable"},
		"a program that is relative":   {"/usr/bin/python3", "python3", "command.0", "absolute path"},
		"a program by another":         {"/usr/bin/python3", "/usr/../canary", "command.0", "absolute path"},
		"no outputs":                   {good[strings.Index(good, "outputs"):], "outputs: []\n", "outputs", "1 to 20"},
		"outputs left out":             {good[strings.Index(good, "outputs"):], "", "outputs", "1 to 20"},
		"too many outputs":             {"  - {name: trigger.md, kind: markdown, says: what was found}\n", strings.Repeat("  - {name: a.md, kind: markdown, says: x}\n", 20), "outputs", "1 to 20"},
		"an output twice":              {"trigger.md, kind: markdown", "values-1.csv, kind: csv", "outputs.1.name", "each stands once"},
		"an unknown kind":              {"kind: csv", "kind: canary", "outputs.1.kind", "one of"},
		"a kind that is not its name":  {"kind: csv", "kind: json", "outputs.1.name", "with .json"},
		"a name that is only a suffix": {"values-1.csv", ".csv", "outputs.1.name", "letters"},
		"a name of two dots":           {"values-1.csv", "canary.1.csv", "outputs.1.name", "letters"},
		"a name with a folder":         {"values-1.csv", "canary/a.csv", "outputs.1.name", "letters"},
		"a name like an option":        {"values-1.csv", "-canary.csv", "outputs.1.name", "hyphen"},
		"a name of capitals in one":    {"values-1.csv", "Canary.csv", "outputs.1.name", "letters"},
		"a name that is long":          {"values-1.csv", strings.Repeat("canary", 11) + ".csv", "outputs.1.name", "at most 64"},
		"no word of what it is":        {"says: singular values", `says: ""`, "outputs.1.says", "one line"},
		"two lines of what it is":      {"says: singular values", `says: "canary\nb"`, "outputs.1.says", "one line"},
		"spaces around what it is":     {"says: singular values", `says: "canary "`, "outputs.1.says", "spaces"},
		"other letters in what it is":  {"says: singular values", `says: "c` + "\u202e" + `anary"`, "outputs.1.says", "ASCII"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%s: %q does not stand in it", name, c.old)
		}
		got, err := study.Parse([]byte(strings.Replace(good, c.old, c.new, 1)))
		public := narthex.AsError(err)
		if err == nil || !narthex.IsKind(err, narthex.Invalid) || public.Param != c.field || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: it says %v of field %q", name, err, public.Param)
		}
		if err != nil && strings.Contains(strings.ToLower(err.Error()), "canary") || !reflect.DeepEqual(got, study.Study{}) {
			t.Errorf("%s: the error holds of the file, or the study is not none: %v, %+v", name, err, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: a\noutputs: [{name: a.md, kind: markdown, says: a}]\n"))
	f.Add([]byte("{name: \"a\", \"outputs\": [{name: 'a.png', kind: png, says: >\n  a\n  b\n}]}"))
	f.Add([]byte("- - - ? : &a *a !!x |\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := study.Parse(data)
		if err != nil {
			if !narthex.IsKind(err, narthex.Invalid) {
				t.Errorf("it says %v", err)
			}
			return
		}
		if narthex.CheckName("a study", s.Name) != nil || len(s.Outputs) == 0 || len(s.Outputs) > study.MostOutputs {
			t.Errorf("it is read as %+v", s)
		}
		seen := map[string]bool{}
		for _, output := range s.Outputs {
			if seen[output.Name] || strings.ContainsAny(output.Name, "/\n \x00") || strings.Count(output.Name, ".") != 1 || !strings.HasSuffix(output.Name, output.Kind.Suffix()) {
				t.Errorf("it is read as %+v", s)
			}
			seen[output.Name] = true
		}
	})
}
