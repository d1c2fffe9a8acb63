package examine_test

import (
	"fmt"
	"strings"
	"testing"

	"narthex/internal/airlock"
	"narthex/internal/examine"
	"narthex/internal/inspect"
)

// TestManyFindingsHideNone: files full of what is found push no kind of finding in another file off the list.
func TestManyFindingsHideNone(t *testing.T) {
	const mark = "nx-canary-7f3k9q2m5x8w"
	task := airlock.Task{Look: true, Held: []string{mark}}
	for n := range 19 {
		var noise strings.Builder
		for i := range 40 {
			fmt.Fprintf(&noise, "write to person%d.%d@mail%d.example.org, see <script src=\"http://x%d.example.org/a.js\"></script>\n", n, i, i, i)
		}
		task.Files = append(task.Files, airlock.Raw{Name: fmt.Sprintf("a-%02d.txt", n), Kind: "text", Data: []byte(noise.String())})
	}
	task.Files = append(task.Files, airlock.Raw{Name: "z.txt", Kind: "text", Data: []byte("the mark is " + mark + " here\n")})
	answer, err := examine.Do(task, inspect.Held{})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for i, f := range answer.Findings {
		kinds[f.File+" "+f.Kind] = true
		if i > 0 && answer.Findings[i-1].File > f.File {
			t.Errorf("they are not in the order of the files at %d", i)
		}
	}
	if len(answer.Findings) != airlock.MostFindings || !strings.Contains(answer.Findings[len(answer.Findings)-1].Says, "more are not listed") {
		t.Fatalf("%d findings are listed, and it is not said that there are more", len(answer.Findings))
	}
	if !kinds["z.txt canary"] || !kinds["a-00.txt personal"] || !kinds["a-18.txt personal"] || !kinds["a-18.txt active"] {
		t.Errorf("of %d files and kinds one is not told of", len(kinds))
	}
}

// TestOnlyFormsAreLookedAt: a file that was not put into its form, by whatever gave it, is not shown to anybody as looked at.
func TestOnlyFormsAreLookedAt(t *testing.T) {
	for name, data := range map[string]string{"table.csv": "layer,value\n0,1.235\n", "words.txt": "four layers\n", "a.json": "{\"a\":1}\n"} {
		raw := airlock.Task{Files: []airlock.Raw{{Name: name, Kind: map[byte]string{'t': "csv", 'w': "text", 'a': "json"}[name[0]], Data: []byte(data)}}}
		formed, err := examine.Do(raw, inspect.Held{})
		if err != nil || len(formed.Formed.Files) != 1 {
			t.Fatalf("%s: %v, %+v", name, err, formed.Formed.Refused)
		}
		task := airlock.Task{Look: true, Files: formed.Formed.Files}
		if _, err := examine.Do(task, inspect.Held{}); err != nil {
			t.Errorf("%s in its form: %v", name, err)
		}
		for _, other := range []string{string(task.Files[0].Data) + " ", "\xff" + data} {
			task.Files[0].Data = []byte(other)
			if _, err := examine.Do(task, inspect.Held{}); err == nil {
				t.Errorf("%s is looked at as %q", name, other)
			}
		}
	}
}
