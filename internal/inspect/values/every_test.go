package values_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"narthex/internal/inspect/sketch"
	look "narthex/internal/inspect/values"
)

// remembered gives earlier releases as a store keeps them: without their files.
func remembered(t *testing.T, earlier []look.Package) (kept []look.Package) {
	t.Helper()
	for _, p := range earlier {
		files, err := sketch.Read(sketch.Bytes(look.Sketches(p.Files)))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, look.Package{Release: p.Release, Own: p.Own, Kept: files})
	}
	return kept
}

// others makes releases that have nothing to do with the one that is looked for: each of other groups, some of names that it has too.
func others(t *testing.T, n int) (list []look.Package) {
	t.Helper()
	r := rand.New(rand.NewPCG(61, 62))
	for i := range n {
		text := "region,n\n"
		for g := range 8 {
			text += fmt.Sprintf("o%dx%dq,%d\n", i, g, 5000+2000*i+100*r.IntN(9))
		}
		list = append(list, look.Package{Release: fmt.Sprintf("rel_%d", i), Files: []look.File{formed(t, "t.csv", text)}})
	}
	return remembered(t, list)
}

// TestEveryEarlierReleaseCounts: the release from which a table tells too much may be the first, the last or any of more than a thousand,
// and its rows reordered, its columns renamed, its table split, or the two that tell it together other people's.
func TestEveryEarlierReleaseCounts(t *testing.T) {
	const many = 1200
	all := others(t, many)
	file := func(name, text string) look.File { return formed(t, name, text) }
	base := file("t.csv", "region,n,mean\nnorth,200,1.5\nsouth,100,2.5\nwest,150,3.5\neast,310,1.25\n")
	women, men := file("t.csv", "region,n_women\nnorth,110\nsouth,50\nwest,300\n"), file("t.csv", "region,n_men\nnorth,86\nsouth,50\nwest,250\n")
	for _, c := range []struct {
		name, rule string
		old        []look.File // of releases of their own, far from one another
		now        []look.File
	}{
		{"one count less", "difference/row", []look.File{base}, []look.File{file("a.csv", "region,n\nnorth,197\nsouth,100\nwest,150\neast,310\n")}},
		{"reordered", "difference/row", []look.File{base}, []look.File{file("a.csv", "region,n\neast,310\nwest,150\nsouth,97\nnorth,200\n")}},
		{"renamed", "difference/row", []look.File{base}, []look.File{file("a.csv", "area,persons\nwest,147\nsouth,100\neast,310\nnorth,200\n")}},
		{"split", "difference/row", []look.File{base}, []look.File{file("a.csv", "area,persons\nwest,147\nsouth,100\n"), file("b.csv", "area,persons\neast,310\nnorth,200\n")}},
		{"as JSON", "difference/row", []look.File{base}, []look.File{file("a.json", `{"north":{"people":200},"south":{"people":100},"west":{"people":150},"east":{"people":305}}`)}},
		{"a total alone", "difference/sum", []look.File{base}, []look.File{file("a.csv", "who,n\nall,755\n")}},
		{"two of other people", "difference/three", []look.File{women, men}, []look.File{file("a.csv", "region,n\nnorth,200\nsouth,100\nwest,550\n")}},
		{"one of two, and a new one", "difference/three", []look.File{file("t.csv", "region,n\nnorth,200\nsouth,100\nwest,550\n"), women}, []look.File{men}},
	} {
		for _, places := range [][2]int{{0, many - 1}, {many / 2, many/2 + 1}, {many - 1, 0}, {1, 7}} {
			earlier := append([]look.Package{}, all...)
			for i, old := range c.old {
				earlier[places[i]] = remembered(t, []look.Package{{Release: fmt.Sprintf("rel_old%d", i), Files: []look.File{old}}})[0]
			}
			found := look.Differences(c.now, earlier, look.Thresholds{})
			told := false
			for _, f := range found {
				told = told || f.Rule == c.rule && strings.Contains(f.Says, "rel_old0")
			}
			if !told {
				t.Errorf("%s, at %v: %v", c.name, places, rules(found))
			}
		}
		for _, f := range look.Differences(c.now, all, look.Thresholds{}) {
			if strings.Contains(f.Says, "rel_") {
				t.Errorf("%s, without the earlier: %v", c.name, f)
			}
		}
	}
}

// TestWhoFloodsPushesNothingOut: thousands of small releases after the one that matters, or around it, in its own groups, beside its
// very counts, or as halves of them, leave a finding; and where they are more than a look compares, that is one.
func TestWhoFloodsPushesNothingOut(t *testing.T) {
	old := look.File{Name: "t.csv", Kind: "csv", Bytes: []byte("region,n\nnorth,200\nsouth,100\n")}
	now := []look.File{formed(t, "a.csv", "region,n\nnorth,197\nsouth,100\n")}
	for name, row := range map[string]func(i int) string{
		"other groups":     func(i int) string { return fmt.Sprintf("region,n\nz%dx,%d\n", i, 10+i) },
		"its groups":       func(i int) string { return fmt.Sprintf("region,x%dx\nnorth,%d\nsouth,%d\n", i, 1000+40*i, 3000+40*i) },
		"its counts":       func(i int) string { return fmt.Sprintf("region,x%dx\nnorth,%d\n", i, 190+i%20) },
		"halves of them":   func(i int) string { return fmt.Sprintf("region,x%dx\nnorth,%d\nsouth,%d\n", i, 96+i%9, 5000+i) },
		"the same, padded": func(i int) string { return fmt.Sprintf("region,n,mean\nnorth,200,%d.5\nsouth,100,1.5\n", i) },
	} {
		earlier := []look.Package{{Release: "rel_old", Files: []look.File{old}}}
		for i := range 3000 {
			earlier = append(earlier, look.Package{Release: fmt.Sprintf("rel_%d", i), Files: []look.File{{Name: "t.csv", Kind: "csv", Bytes: []byte(row(i))}}})
		}
		earlier = remembered(t, earlier)
		found := look.Differences(now, earlier, look.Thresholds{})
		if !has(found, "difference/row") {
			t.Errorf("%s: %v", name, rules(found))
		}
		if found := look.Differences(now, earlier, look.Thresholds{Work: 5000}); !has(found, "difference/bound") {
			t.Errorf("%s: beyond the bound nothing is said: %v", name, rules(found))
		}
	}
}

// TestThreeAreFoundAsByTryingAll draws a table and two earlier ones, and tries each way to add and take away.
func TestThreeAreFoundAsByTryingAll(t *testing.T) {
	r := rand.New(rand.NewPCG(63, 64))
	const least = 10
	hits := 0
	for try := range 3000 {
		counts, text := [3][]int{}, [3]string{"region,n\n", "region,x\n", "region,y\n"}
		for g := range 1 + r.IntN(4) {
			x, y := r.IntN(3)*r.IntN(60), r.IntN(300)
			v := x + y + r.IntN(21) - 10
			three := [3]int{max(0, v), x, y}
			if r.IntN(3) == 0 {
				three = [3]int{x, max(0, v), y}
			}
			for i, c := range three {
				counts[i] = append(counts[i], c)
				if r.IntN(6) > 0 {
					text[i] += fmt.Sprintf("g%dx,%d\n", g, c)
				} else {
					counts[i][g] = 0
				}
			}
		}
		want := false
		for _, sign := range [][3]int{{1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}} {
			shared, fits, small, large := 0, 0, false, false
			for g := range counts[0] {
				if counts[0][g] == 0 || counts[1][g] == 0 || counts[2][g] == 0 {
					continue
				}
				shared++
				off := sign[0]*counts[0][g] + sign[1]*counts[1][g] + sign[2]*counts[2][g]
				if off > -least && off < least {
					fits++
					if off != 0 && !small { // of the first
						small, large = true, counts[0][g]+counts[1][g]+counts[2][g] >= 500
					}
				}
			}
			want = want || small && fits == shared && (shared > 1 || large)
		}
		var earlier []look.Package
		for i := range 2 {
			earlier = append(earlier, look.Package{Release: fmt.Sprintf("rel_%d", i), Files: []look.File{{Name: "t.csv", Kind: "csv", Bytes: []byte(text[i+1])}}})
		}
		now := []look.File{{Name: "a.csv", Kind: "csv", Bytes: []byte(text[0])}}
		if got := has(look.Differences(now, earlier, look.Thresholds{}), "difference/three"); got != want {
			t.Fatalf("try %d: %v and not %v:\n%s", try, got, want, strings.Join(text[:], ""))
		}
		if want {
			hits++
		}
	}
	if hits < 300 {
		t.Errorf("only %d of them tell anything", hits)
	}
}
