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
