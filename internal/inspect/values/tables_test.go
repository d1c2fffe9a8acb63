package values_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	look "narthex/internal/inspect/values"
)

func rules(found []look.Finding) (rules []string) {
	for _, f := range found {
		rules = append(rules, f.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

func TestTablesThatTellOfFew(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"counts that are large enough and rounded", "a.csv", "region,n\nnorth,100\nsouth,45\n", ""},
		{"a count of nine", "a.csv", "region,n\nnorth,100\nsouth,9\n", "tables/small"},
		{"ten", "a.csv", "region,n\nnorth,100\nsouth,10\n", ""},
		{"eleven", "a.csv", "region,n\nnorth,100\nsouth,11\n", "tables/unrounded"},
		{"zero", "a.csv", "region,n\nnorth,100\nsouth,0\n", ""},
		{"a count under another name beside words", "a.csv", "region,diabetics\nnorth,100\nsouth,4\n", "tables/small"},
		{"a layer beside words", "a.csv", "matrix,layer\nq,1\nk,2\n", ""},
		{"a rank beside words", "a.csv", "token,rank\nthe,1\nof,2\n", ""},
		{"objects", "a.json", `[{"region":"north","users":100},{"region":"south","users":3}]`, "tables/small"},
		{"one object", "a.json", `{"n":7,"mean":3.2}`, "tables/small"},
		{"lists of columns", "a.json", `{"region":["north","south"],"count":[20,6]}`, "tables/small"},
		{"groups by name", "a.json", `{"people":{"north":20,"south":6}}`, "tables/small"},
		{"groups of objects, deep", "a.json", `{"x":[1,{"north":{"n":20,"mean":1.5},"south":{"n":6,"mean":2.5}}]}`, "tables/small"},
		{"a Markdown table", "a.md", "# Results\n\n| region | n |\n|---|---|\n| north | 20 |\n| south | 6 |\n", "tables/small"},
		{"a share of a count", "a.csv", "region,n,percent\nnorth,100,7\nsouth,200,40\n", "tables/share"},
		{"what a share leaves of a count", "a.csv", "region,n,share\nnorth,100,0.95\nsouth,200,0.4\n", "tables/share"},
		{"shares of enough", "a.csv", "region,n,share\nnorth,100,0.5\nsouth,200,0.4\n", ""},
		{"a total that leaves one cell", "a.csv", "region,n\nall,155\nnorth,100\nsouth,50\nwest,*\n", "tables/margin"},
		{"a total that leaves nothing", "a.csv", "region,n\nall,150\nnorth,100\nsouth,50\n", ""},
		{"a total of rounded parts", "a.csv", "region,n\nall,155\nnorth,100\nsouth,50\n", ""},
		{"a total of exact parts", "a.csv", "region,n\nall,157\nnorth,101\nsouth,53\n", "tables/margin tables/unrounded"},
		{"a total of each sex", "a.csv", "region,sex,n\nnorth,f,50\nnorth,m,50\nnorth,total,100\nsouth,f,50\nsouth,m,\nsouth,total,55\n", "tables/margin"},
		{"a total beside", "a.csv", "region,n_women,n_men,total\nnorth,50,50,100\nsouth,45,,50\n", "tables/margin"},
		{"two contributions that are all", "a.csv", "region,sum,largest,second\nnorth,1000,600,350\nsouth,1000,100,90\n", "tables/dominance tables/ratio"},
		{"contributions that are many", "a.csv", "region,sum,largest,second\nnorth,1000,200,150\nsouth,1000,100,90\n", ""},
		{"one contribution with a rest", "a.csv", "region,sum,largest\nnorth,1000.5,915.5\n", "tables/dominance tables/ratio"},
		{"contributions in rows", "a.csv", "company,region,sales\na1,north,900.5\nb1,north,90.25\nc1,north,3.5\na1,south,100.5\nb1,south,99.5\nc1,south,98.5\nd1,south,80.5\n", "tables/dominance tables/ratio"},
		{"an oldest", "a.csv", "region,mean,max_age\nnorth,41.5,97\n", "tables/extreme"},
		{"a model of few", "a.csv", "term,estimate,se,df\nx,1.25,0.5,7\ny,2.25,0.5,7\n", "tables/freedom tables/small"},
		{"a model of many", "a.csv", "term,estimate,se,df\nx,1.25,0.5,195\ny,2.25,0.5,195\n", ""},
		{"a model of as few as it has terms", "a.csv", "term,coef,n\nx,1.25,10\ny,2.25,10\n", "tables/freedom"},
		{"numbers that are no counts", "a.csv", "region,mean\nnorth,3.25\nsouth,4.5\n", ""},
		{"prose", "a.txt", "It was found in 3 people | and in 4.\n", ""},
	} {
		f := formed(t, c.file, c.text)
		if got := strings.Join(rules(look.Tables([]look.File{f}, look.Thresholds{})), " "); got != c.want {
			t.Errorf("%s: %q and not %q", c.name, got, c.want)
		}
		if off := look.Tables([]look.File{f}, look.Thresholds{Off: true}); len(off) > 0 {
			t.Errorf("%s: where no tables are looked at: %v", c.name, off)
		}
	}
	zeros := formed(t, "a.csv", "region,n\nnorth,100\nsouth,0\n")
	if got := look.Tables([]look.File{zeros}, look.Thresholds{Zeros: true}); len(got) != 1 || got[0].Rule != "tables/zero" || got[0].Line != 3 {
		t.Errorf("%v", got)
	}
	if got := look.Tables([]look.File{zeros}, look.Thresholds{Least: 200}); !has(got, "tables/small") {
		t.Errorf("another least: %v", got)
	}
}

func TestDifferencesOfTables(t *testing.T) {
	base := "region,n\nnorth,200\nsouth,100\nwest,150\n"
	for _, c := range []struct {
		name    string
		earlier []string
		now     []string
		want    string
	}{
		{"the same again", []string{base}, []string{base}, ""},
		{"nothing earlier", nil, []string{base}, ""},
		{"one count a little less", []string{base}, []string{"region,n\nnorth,195\nsouth,100\nwest,150\n"}, "difference/row difference/sum"},
		{"renamed", []string{base}, []string{"area,persons\nnorth,197\nsouth,100\nwest,150\n"}, "difference/row difference/sum"},
		{"one count much less", []string{base}, []string{"region,n\nnorth,120\nsouth,100\nwest,150\n"}, ""},
		{"another measure", []string{base}, []string{"region,n_visits\nnorth,2000\nsouth,4100\nwest,150\n"}, ""},
		{"a group less than in a total", []string{"who,n\nall,458\n"}, []string{base}, "difference/sum"},
		{"a row of few left out", []string{base + "east,6\n"}, []string{base}, "difference/sum"},
		{"without one site, of which nothing else is said", []string{"cohort,n\nwith site three,1000\n"}, []string{"cohort,n\nwithout it,996\n"}, "difference/sum"},
		{"without a name in common", []string{"cohort,n\nwith site three,1000\n"}, []string{"group,people\nwithout it,996\n"}, "difference/sum"},
		{"split over two files", []string{"region,n_women,n_men\nnorth,100,105\nsouth,50,55\n"}, []string{"region,n_women\nnorth,100\nsouth,47\n", "region,n_men\nnorth,105\nsouth,55\n"}, "difference/row difference/sum"},
		{"women and men, of whom there are about as many", []string{"region,n_women\nnorth,110\nsouth,50\nwest,300\n"}, []string{"region,n_men\nnorth,105\nsouth,75\nwest,250\n"}, ""},
		{"the sum of two earlier ones", []string{"region,n_women\nnorth,110\nsouth,50\nwest,300\n", "region,n_men\nnorth,86\nsouth,50\nwest,250\n"}, []string{"region,n\nnorth,200\nsouth,100\nwest,550\n"}, "difference/three"},
		{"the sum of one earlier one and a new one", []string{"region,n\nnorth,200\nsouth,100\nwest,550\n", "region,n_women\nnorth,110\nsouth,50\nwest,300\n"}, []string{"region,n_men\nnorth,86\nsouth,50\nwest,250\n"}, "difference/three"},
		{"exactly the sum of two", []string{"region,n_women\nnorth,110\nsouth,50\n", "region,n_men\nnorth,90\nsouth,50\n"}, []string{"region,n\nnorth,200\nsouth,100\n"}, ""},
		{"within one package", nil, []string{base, "area,persons\nnorth,197\nsouth,100\nwest,150\n"}, "difference/row difference/sum"},
	} {
		var earlier []look.Package
		for i, text := range c.earlier {
			earlier = append(earlier, look.Package{Release: fmt.Sprintf("rel_%d", i), Files: []look.File{formed(t, "old.csv", text)}})
		}
		var files []look.File
		for i, text := range c.now {
			files = append(files, formed(t, fmt.Sprintf("new%d.csv", i), text))
		}
		found := look.Differences(files, earlier, look.Thresholds{})
		if again := look.Differences(files, remembered(t, earlier), look.Thresholds{}); !slices.EqualFunc(found, again, func(a, b look.Finding) bool {
			return a.Rule == b.Rule && a.File == b.File && a.Line == b.Line && a.Says == b.Says
		}) {
			t.Errorf("%s: what is kept gives other findings: %v", c.name, again)
		}
		got := rules(found)
		wanted := strings.Fields(c.want)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) && !(len(wanted) > 0 && slices.Contains(got, wanted[0])) {
			t.Errorf("%s: %q and not %q", c.name, got, c.want)
		}
		for _, f := range found {
			if !strings.Contains(f.Says, "rel_") && !strings.Contains(f.Says, "this package") {
				t.Errorf("%s: it does not say which release: %s", c.name, f.Says)
			}
		}
	}
}

// TestADifferenceIsFoundHoweverItsRowsStand draws tables, takes a few people out of one cell, renames, reorders and splits.
func TestADifferenceIsFoundHoweverItsRowsStand(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for try := range 300 {
		groups := 3 + r.IntN(20)
		counts := make([]int, groups)
		var rows []string
		for i := range groups {
			counts[i] = 20 + 5*r.IntN(400)
			rows = append(rows, fmt.Sprintf("g%02dx,%d,%.2f", i, counts[i], r.Float64()))
		}
		old := look.Package{Release: "rel_old", Files: []look.File{formed(t, "old.csv", "group,n,mean\n"+strings.Join(rows, "\n")+"\n")}}
		at := r.IntN(groups)
		counts[at] -= 1 + r.IntN(9)
		r.Shuffle(groups, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		parts := [2]string{"who,persons\n", "who,persons\n"}
		for _, row := range rows {
			var i int
			if _, err := fmt.Sscanf(row, "g%02dx", &i); err != nil {
				t.Fatal(err)
			}
			side := 0
			if try%3 == 0 {
				side = r.IntN(2)
			}
			parts[side] += fmt.Sprintf("g%02dx,%d\n", i, counts[i])
		}
		var files []look.File
		found := false
		if slices.ContainsFunc(parts[:], func(p string) bool { return strings.Count(p, "\n") == 2 }) {
			continue // one row under another name has nothing in common but its group
		}
		for i, part := range parts {
			if strings.Count(part, "\n") > 2 {
				files = append(files, formed(t, fmt.Sprintf("new%d.csv", i), part))
			}
		}
		for _, f := range look.Differences(files, []look.Package{{Release: "rel_none"}, old}, look.Thresholds{}) {
			found = found || f.Rule == "difference/row" || f.Rule == "difference/sum"
		}
		if !found {
			t.Fatalf("try %d: a cell of %d groups was not found:\n%s%s", try, groups, parts[0], parts[1])
		}
	}
}

func TestRecordsAreNotPutTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	var one, other, far strings.Builder
	one.WriteString("id,district\n")
	other.WriteString("code,work,band\n")
	far.WriteString("key,sex\n")
	for i := range 60 {
		fmt.Fprintf(&one, "p%02d,%s\n", i, []string{"north", "south", "west"}[r.IntN(3)])
		fmt.Fprintf(&other, "p%02d,%s,%s\n", i, []string{"nurse", "clerk", "smith"}[r.IntN(3)], []string{"young", "old"}[r.IntN(2)])
		fmt.Fprintf(&far, "q%02d,%s\n", i, []string{"f", "m"}[r.IntN(2)])
	}
	old := []look.Package{{Release: "rel_1", Files: []look.File{formed(t, "a.csv", one.String())}}}
	old = remembered(t, old)
	if got := look.Differences([]look.File{formed(t, "b.csv", other.String())}, old, look.Thresholds{}); !has(got, "difference/record") || !strings.Contains(got[0].Says, "rel_1") {
		t.Errorf("%v", got)
	}
	if got := look.Differences([]look.File{formed(t, "a.csv", one.String()), formed(t, "b.csv", other.String())}, nil, look.Thresholds{}); !has(got, "difference/record") {
		t.Errorf("in one package: %v", got)
	}
	if got := look.Differences([]look.File{formed(t, "c.csv", far.String())}, old, look.Thresholds{}); len(got) > 0 {
		t.Errorf("of other people: %v", got)
	}
	if got := look.Differences([]look.File{formed(t, "a2.csv", one.String())}, old, look.Thresholds{}); len(got) > 0 {
		t.Errorf("the same again: %v", got)
	}
}
