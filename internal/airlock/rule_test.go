package airlock_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/disclosure"
)

const twenty = "what the values are, of how many, and how they come about"

func ruleTerms() narthex.RuleTerms {
	return narthex.RuleTerms{Grant: "grt_a", Engagement: "eng_a", Agreement: "sha256:a", By: author, Key: "key_a", Asset: "minim", Version: "final", AssetDigest: "sha256:w", Attribute: "weights.compute",
		Environment: "box", EnvironmentDigest: "sha256:e", Study: "sha256:s", RowsADay: 10, Until: start.AddDate(0, 0, 30), Looks: "r3", StandsIn: "r4", Reviewers: 2, Says: twenty,
		Files: []narthex.RuleFile{
			{Name: "t.csv", Kind: "csv", Context: twenty, Rows: 3, Bytes: 200, Columns: []narthex.RuleColumn{
				{Name: "matrix", Words: []string{"key", "query"}},
				{Name: "norm", Number: &narthex.RuleNumber{Min: 0, Max: 100, Digits: 4}},
				{Name: "shift", Number: &narthex.RuleNumber{Min: -1, Max: 0.5, Digits: 3}}}},
			{Name: "o.json", Kind: "json", Context: twenty, Rows: 1, Bytes: 100, Columns: []narthex.RuleColumn{
				{Name: "state", Words: []string{"high", "low"}}, {Name: "steps", Number: &narthex.RuleNumber{Min: 1, Max: 5000, Digits: 4}}}},
		}}
}

func fitting(table, object string) []airlock.Raw {
	return []airlock.Raw{{Name: "t.csv", Kind: "csv", Data: []byte(table)}, {Name: "o.json", Kind: "json", Data: []byte(object)}}
}

const (
	goodTable  = "matrix,norm,shift\nkey,0,-1\nkey,99.9,0.12\nquery,100,0.5\n"
	goodObject = "{\"state\":\"low\",\"steps\":120}\n"
)

// TestOnlyWhatARuleNamesFitsIt: each way to carry something beside the named values is refused, and says where.
func TestOnlyWhatARuleNamesFitsIt(t *testing.T) {
	files := ruleTerms().Files
	if rows, err := airlock.Fits(files, fitting(goodTable, goodObject)); rows != 4 || err != nil {
		t.Fatalf("what fits has %d rows, %v", rows, err)
	}
	if rows, err := airlock.Fits(files[:1], fitting("matrix,norm,shift\n", "")[:1]); rows != 1 || err != nil {
		t.Errorf("a table without rows counts as %d, %v: asking again and again would be free of the day's rows", rows, err)
	}
	head := "matrix,norm,shift\n"
	for name, table := range map[string]string{
		"nothing": "", "no header": "key,1,0\n", "no last line feed": "matrix,norm,shift\nkey,1,0", "a column more": "matrix,norm,shift,more\nkey,1,0,1\n", "a column less": "matrix,norm\nkey,1\n",
		"columns in another order": "norm,matrix,shift\n1,key,0\n", "a column by another name": "matrix,Norm,shift\nkey,1,0\n", "a cell more": head + "key,1,0,2\n", "a cell less": head + "key,1\n", "an empty cell": head + "key,,0\n",
		"an empty line": head + "key,1,0\n\n", "another word": head + "value,1,0\n", "a word in another case": head + "Key,1,0\n", "a number for a word": head + "1,1,0\n", "a word for a number": head + "key,key,0\n",
		"quotes": head + "\"key\",1,0\n", "a space": head + "key, 1,0\n", "a carriage return": head + "key,1,0\r\n", "a byte order mark": "\ufeff" + head + "key,1,0\n", "an invisible character": head + "key\u200b,1,0\n",
		"above the range": head + "key,100.1,0\n", "below the range": head + "key,-0.1,0\n", "below another": head + "key,1,-1.01\n", "a digit too many": head + "key,0.01,0\n", "digits far down": head + "key,1e-300,0\n", "more digits in all": head + "key,99.99,0\n",
		"a third decimal": head + "key,1,0.125\n", "a zero behind": head + "key,1.50,0\n", "a zero before": head + "key,01,0\n", "a plus": head + "key,+1,0\n", "minus zero": head + "key,-0,0\n", "an exponent": head + "key,1e1,0\n", "a point": head + "key,1.,0\n", "a point before": head + "key,.5,0\n", "a minus and a point": head + "key,1,-.5\n", "half an exponent": head + "key,1e,0\n", "an exponent behind a point": head + "key,1.e0,0\n",
		"no number": head + "key,NaN,0\n", "no end": head + "key,Inf,0\n", "a number of base 16": head + "key,0x1p4,0\n", "digits apart": head + "key,1_0,0\n", "a formula": head + "key,=1,0\n",
		"rows in another order": head + "query,1,0\nkey,1,0\n", "a row too many": head + strings.Repeat("key,1,0\n", 4), "bytes too many": head + strings.Repeat(" ", 200),
	} {
		_, err := airlock.Fits(files, fitting(table, goodObject))
		if misfit := new(airlock.Misfit); !errors.As(err, &misfit) || misfit.File != "t.csv" {
			t.Errorf("%s: %q fits, or is refused as %v", name, table, err)
		}
	}
	for name, object := range map[string]string{
		"nothing": "", "a list": "[]\n", "a list of it": "[" + strings.TrimSpace(goodObject) + "]\n", "a name more": "{\"more\":1,\"state\":\"low\",\"steps\":120}\n", "a name less": "{\"state\":\"low\"}\n", "another order": "{\"steps\":120,\"state\":\"low\"}\n",
		"a name twice": "{\"state\":\"low\",\"state\":\"low\",\"steps\":120}\n", "spaces": "{\"state\": \"low\",\"steps\":120}\n", "another word": "{\"state\":\"lower\",\"steps\":120}\n", "an escape": "{\"state\":\"l\\u006fw\",\"steps\":120}\n",
		"null": "{\"state\":null,\"steps\":120}\n", "a number in quotes": "{\"state\":\"low\",\"steps\":\"120\"}\n", "a word without quotes": "{\"state\":low,\"steps\":120}\n", "something within": "{\"state\":\"low\",\"steps\":[120]}\n",
		"out of range": "{\"state\":\"low\",\"steps\":5001}\n", "a digit too many": "{\"state\":\"low\",\"steps\":120.5}\n", "another writing": "{\"state\":\"low\",\"steps\":1.2e2}\n", "something behind": goodObject + goodObject, "no last line feed": strings.TrimSpace(goodObject),
	} {
		_, err := airlock.Fits(files, fitting(goodTable, object))
		if misfit := new(airlock.Misfit); !errors.As(err, &misfit) || misfit.File != "o.json" {
			t.Errorf("%s: %q fits, or is refused as %v", name, object, err)
		}
	}
	for name, raw := range map[string][]airlock.Raw{
		"a file less": fitting(goodTable, goodObject)[:1], "none": nil, "a file more": append(fitting(goodTable, goodObject), airlock.Raw{Name: "x.csv", Kind: "csv"}),
		"files in another order": {fitting(goodTable, goodObject)[1], fitting(goodTable, goodObject)[0]}, "another kind": {{Name: "t.csv", Kind: "text", Data: []byte(goodTable)}, fitting(goodTable, goodObject)[1]},
	} {
		if _, err := airlock.Fits(files, raw); err == nil {
			t.Errorf("%s fits", name)
		}
	}
	_, err := airlock.Fits(files, fitting("matrix,norm,shift\nkey,1,0\nkey,31.41,0\n", goodObject))
	if err == nil || !strings.Contains(err.Error(), "t.csv:3 norm: it has more digits") || strings.Contains(err.Error(), "31") {
		t.Errorf("the place is %v: it should name file, line and column, and not the value", err)
	}
}

// TestAColumnTellsNoMoreThanItsBits counts every text of a column that fits, among all that could: there are as many as its bits say.
func TestAColumnTellsNoMoreThanItsBits(t *testing.T) {
	for _, n := range []narthex.RuleNumber{{Min: 0, Max: 1, Digits: 2}, {Min: -0.5, Max: 2, Digits: 2}, {Min: 0, Max: 100, Digits: 2}, {Min: 90, Max: 110, Digits: 3}, {Min: -3, Max: 7, Digits: 1}} {
		file := narthex.RuleFile{Name: "a", Kind: "csv", Rows: 1, Bytes: 100, Columns: []narthex.RuleColumn{{Name: "v", Number: &n}}}
		fit := map[string]bool{}
		try := func(text string) {
			if _, err := airlock.Fits([]narthex.RuleFile{file}, []airlock.Raw{{Name: "a", Kind: "csv", Data: []byte("v\n" + text + "\n")}}); err == nil {
				fit[text] = true
			}
		}
		for i := -4000; i <= 12000; i++ {
			try(fmt.Sprint(float64(i) / 100))
			try(fmt.Sprintf("%.3g", float64(i)/100))
		}
		for power := -12; power < 12; power++ {
			for digit := 1; digit < 100; digit++ {
				try(fmt.Sprintf("%de%d", digit, power))
				try(fmt.Sprint(float64(digit) * math.Pow10(power)))
			}
		}
		row, _ := airlock.RuleBits(narthex.RuleTerms{Files: []narthex.RuleFile{file}, RowsADay: 1})
		if len(fit) == 0 || float64(len(fit)) > math.Exp2(float64(row)) || float64(len(fit)) < math.Exp2(float64(row-1)) {
			t.Errorf("%+v: %d texts fit and %d bits are told", n, len(fit), row)
		}
	}
}

// TestARuleIsRefusedByTheFieldThatCannotBe: each part of the terms is held, and the error names it.
func TestARuleIsRefusedByTheFieldThatCannotBe(t *testing.T) {
	if _, err := airlock.Proposed(ruleTerms(), start); err != nil {
		t.Fatal(err)
	}
	column := func(change func(*narthex.RuleColumn)) func(*narthex.RuleTerms) {
		return func(t *narthex.RuleTerms) { change(&t.Files[0].Columns[1]) }
	}
	words := func(list ...string) func(*narthex.RuleTerms) {
		return func(t *narthex.RuleTerms) { t.Files[0].Columns[0].Words = list }
	}
	many := []string{}
	for i := range 65 {
		many = append(many, fmt.Sprint("w", i))
	}
	for name, c := range map[string]struct {
		field  string
		change func(*narthex.RuleTerms)
	}{
		"no grant": {"job", func(t *narthex.RuleTerms) { t.Grant = "" }}, "no agreement": {"job", func(t *narthex.RuleTerms) { t.Agreement = "" }}, "no study": {"job", func(t *narthex.RuleTerms) { t.Study = "" }},
		"no environment": {"job", func(t *narthex.RuleTerms) { t.EnvironmentDigest = "" }}, "no attribute": {"job", func(t *narthex.RuleTerms) { t.Attribute = "" }}, "a version without its bytes": {"job", func(t *narthex.RuleTerms) { t.AssetDigest = "" }},
		"nobody looks": {"looks", func(t *narthex.RuleTerms) { t.Looks = "" }}, "its author looks": {"looks", func(t *narthex.RuleTerms) { t.Looks = author }}, "its author stands in": {"looks", func(t *narthex.RuleTerms) { t.StandsIn = author }}, "who looks stands in": {"looks", func(t *narthex.RuleTerms) { t.StandsIn = t.Looks }},
		"over before it begins": {"days", func(t *narthex.RuleTerms) { t.Until = start }}, "for ever": {"days", func(t *narthex.RuleTerms) { t.Until = start.AddDate(0, 0, 181) }}, "no rows": {"rows_a_day", func(t *narthex.RuleTerms) { t.RowsADay = 0 }}, "endless rows": {"rows_a_day", func(t *narthex.RuleTerms) { t.RowsADay = 1 << 40 }},
		"no purpose": {"says", func(t *narthex.RuleTerms) { t.Says = "short" }}, "a hidden purpose": {"says", func(t *narthex.RuleTerms) { t.Says = twenty + "\u202e" }}, "no files": {"files", func(t *narthex.RuleTerms) { t.Files = nil }}, "a file twice": {"files.1.name", func(t *narthex.RuleTerms) { t.Files[1].Name = "t.csv" }},
		"text": {"files.0.kind", func(t *narthex.RuleTerms) { t.Files[0].Kind = "text" }}, "a picture": {"files.0.kind", func(t *narthex.RuleTerms) { t.Files[0].Kind = "png" }}, "markdown": {"files.0.kind", func(t *narthex.RuleTerms) { t.Files[0].Kind = "markdown" }}, "an artefact": {"files.0.kind", func(t *narthex.RuleTerms) { t.Files[0].Kind = "safetensors" }}, "no kind": {"files.0.kind", func(t *narthex.RuleTerms) { t.Files[0].Kind = "" }},
		"no context": {"files.0.context", func(t *narthex.RuleTerms) { t.Files[0].Context = "" }}, "rows without end": {"files.0.rows", func(t *narthex.RuleTerms) { t.Files[0].Rows = 5001 }}, "no rows of a file": {"files.0.rows", func(t *narthex.RuleTerms) { t.Files[0].Rows = 0 }}, "rows of an object": {"files.1.rows", func(t *narthex.RuleTerms) { t.Files[1].Rows = 2 }},
		"bytes without end": {"files.0.bytes", func(t *narthex.RuleTerms) { t.Files[0].Bytes = 1 << 30 }}, "no columns": {"files.0.columns", func(t *narthex.RuleTerms) { t.Files[0].Columns = nil }}, "a column twice": {"files.0.columns.1.name", column(func(c *narthex.RuleColumn) { c.Name = "matrix" })},
		"a column of any name": {"files.0.columns.1.name", column(func(c *narthex.RuleColumn) { c.Name = "norm,b" })}, "a column of a number": {"files.0.columns.1.name", column(func(c *narthex.RuleColumn) { c.Name = "1" })}, "free text": {"files.0.columns.1", column(func(c *narthex.RuleColumn) { c.Number = nil })}, "words and numbers": {"files.0.columns.1", column(func(c *narthex.RuleColumn) { c.Words = []string{"a"} })},
		"no range": {"files.0.columns.1.number", column(func(c *narthex.RuleColumn) { c.Number = &narthex.RuleNumber{Digits: 1} })}, "a range that is none": {"files.0.columns.1.number", column(func(c *narthex.RuleColumn) { c.Number = &narthex.RuleNumber{Min: 1, Max: math.NaN(), Digits: 1} })},
		"a range without end": {"files.0.columns.1.number", column(func(c *narthex.RuleColumn) { c.Number = &narthex.RuleNumber{Max: math.Inf(1), Digits: 1} })}, "digits without end": {"files.0.columns.1.number", column(func(c *narthex.RuleColumn) { c.Number = &narthex.RuleNumber{Max: 1, Digits: 7} })}, "no digits": {"files.0.columns.1.number", column(func(c *narthex.RuleColumn) { c.Number = &narthex.RuleNumber{Max: 1} })},
		"a word twice": {"files.0.columns.0.words.1", words("a", "a")}, "a word with a comma": {"files.0.columns.0.words.0", words("a,b")}, "a word that is a number": {"files.0.columns.0.words.0", words("1")}, "a word that is none": {"files.0.columns.0.words.0", words("")}, "a word of many letters": {"files.0.columns.0.words.0", words(strings.Repeat("a", 41))}, "words without end": {"files.0.columns.0.words.0", words(many...)},
	} {
		terms := ruleTerms()
		terms.Files = slices.Clone(terms.Files)
		terms.Files[0].Columns = slices.Clone(terms.Files[0].Columns)
		c.change(&terms)
		if _, err := airlock.Proposed(terms, start); err == nil || narthex.AsError(err).Param != c.field {
			t.Errorf("%s: %v, and should name %s", name, err, c.field)
		}
	}
}

func inForce(t *testing.T) narthex.Rule {
	t.Helper()
	r, err := airlock.Proposed(ruleTerms(), start)
	if err != nil {
		t.Fatal(err)
	}
	r.ID = "rul_1"
	for _, by := range []narthex.PersonID{"r1", "r2"} {
		if r, err = airlock.NextRule(r, airlock.RuleEvent{Act: airlock.Approve, By: by, As: narthex.Security, Saw: r.Digest}, start); err != nil {
			t.Fatal(err)
		}
	}
	if r.State != narthex.RuleInForce {
		t.Fatalf("two approved, and it is %s", r.State)
	}
	return r
}

// draws gives draws by a key that no test knows beforehand, until one is drawn, or is not.
func draws(t *testing.T, drawn bool) string {
	t.Helper()
	for i := range 10_000 {
		text, ok := airlock.Draw(narthex.NewSecret(strings.Repeat("k", 32)), narthex.MakeReleaseID(uint64(i)), "sha256:p")
		if is, _ := airlock.Drawn(text); ok && is == drawn {
			return text
		}
	}
	t.Fatal("none is")
	return ""
}

func use(t *testing.T, id narthex.ReleaseID, rows int64, drawn bool, at time.Time) airlock.RuleEvent {
	return airlock.RuleEvent{Act: airlock.Use, Release: id, Rows: rows, Draw: draws(t, drawn), Due: at.AddDate(0, 0, 3)}
}

// TestARuleIsApprovedByTwoOthersOnItsTerms: not by who asked for it, not by one alone, on no other text, and not once it is over.
func TestARuleIsApprovedByTwoOthersOnItsTerms(t *testing.T) {
	r, err := airlock.Proposed(ruleTerms(), start)
	if err != nil {
		t.Fatal(err)
	}
	approve := func(by narthex.PersonID, as narthex.Role, saw narthex.Digest) airlock.RuleEvent {
		return airlock.RuleEvent{Act: airlock.Approve, By: by, As: as, Saw: saw}
	}
	for name, e := range map[string]airlock.RuleEvent{"its author": approve(author, narthex.Security, r.Digest), "nobody": approve("", narthex.Security, r.Digest), "another text": approve("r1", narthex.Security, "sha256:x"), "no text": approve("r1", narthex.Security, ""),
		"in a role that reviews nothing": approve("r1", narthex.Programme, r.Digest), "in no role": approve("r1", "", r.Digest), "a refusal without words": {Act: airlock.Refuse, By: "r1", As: narthex.Security, Saw: r.Digest}, "a use": use(t, "rel_1", 1, false, start), "an end without why": {Act: airlock.End, By: "r1"}, "nothing": {}} {
		if _, err := airlock.NextRule(r, e, start); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := airlock.NextRule(r, approve("r1", narthex.Security, r.Digest), r.Until); err == nil {
		t.Error("it is approved when its time is over")
	}
	once, err := airlock.NextRule(r, approve("r1", narthex.Security, r.Digest), start)
	if err != nil || once.State != narthex.RuleProposed {
		t.Fatalf("one approved: %s, %v", once.State, err)
	}
	if _, err := airlock.NextRule(once, approve("r1", narthex.AssetOwner, r.Digest), start); err == nil {
		t.Error("one person is two")
	}
	for _, seen := range []narthex.Rule{airlock.ToldRule(once), airlock.ShownRule(once, narthex.Person{ID: "r2"})} {
		if len(seen.Approvals) != 0 {
			t.Errorf("what the first said is shown: %+v", seen.Approvals)
		}
	}
	three := ruleTerms()
	three.Reviewers = 3
	r3, _ := airlock.Proposed(three, start)
	for i, by := range []narthex.PersonID{"r1", "r2", "r3"} {
		if r3, err = airlock.NextRule(r3, approve(by, narthex.Security, r3.Digest), start); err != nil || (r3.State == narthex.RuleInForce) != (i == 2) {
			t.Errorf("of three, after %d it is %s, %v", i+1, r3.State, err)
		}
	}
	refused, err := airlock.NextRule(once, airlock.RuleEvent{Act: airlock.Refuse, By: "r2", As: narthex.Security, Saw: r.Digest, Comment: "no"}, start)
	if err != nil || refused.State != narthex.RuleRefused {
		t.Errorf("refused it is %s, %v", refused.State, err)
	}
	if _, err := airlock.NextRule(refused, approve("r3", narthex.Security, r.Digest), start); err == nil {
		t.Error("what was refused is approved")
	}
}

// TestWhatLeavesByARuleIsCountedAndDrawn: rows a day in UTC, none twice, none while a second look is late, and none once it is over.
func TestWhatLeavesByARuleIsCountedAndDrawn(t *testing.T) {
	r := inForce(t)
	day := time.Date(2026, 1, 5, 23, 59, 59, 0, time.UTC)
	next := func(r narthex.Rule, e airlock.RuleEvent, at time.Time) narthex.Rule {
		t.Helper()
		r, err := airlock.NextRule(r, e, at)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	refuses := func(what string, r narthex.Rule, e airlock.RuleEvent, at time.Time) {
		t.Helper()
		if _, err := airlock.NextRule(r, e, at); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	r = next(r, use(t, "rel_5", 6, false, day), day)
	refuses("a release twice", r, use(t, "rel_5", 1, false, day), day)
	refuses("more rows than are left", r, use(t, "rel_6", 5, false, day), day)
	refuses("no rows", r, use(t, "rel_6", 0, false, day), day)
	refuses("fewer than none", r, use(t, "rel_6", -5, false, day), day)
	refuses("a draw that is none", r, airlock.RuleEvent{Act: airlock.Use, Release: "rel_6", Rows: 1, Draw: "00", Due: day.Add(time.Hour)}, day)
	refuses("no draw", r, airlock.RuleEvent{Act: airlock.Use, Release: "rel_6", Rows: 1, Due: day.Add(time.Hour)}, day)
	refuses("no time for the look", r, airlock.RuleEvent{Act: airlock.Use, Release: "rel_6", Rows: 1, Draw: draws(t, true), Due: day}, day)
	full := next(r, use(t, "rel_6", 4, false, day), day)
	if airlock.MayUse(full, 1, day) != airlock.UnfitRows || airlock.MayUse(full, 1, day.Add(time.Second)) != "" || airlock.MayUse(full, 11, day.Add(time.Second)) != airlock.UnfitRows {
		t.Error("rows are not those of a day in UTC")
	}
	refuses("a clock that goes back", next(full, use(t, "rel_7", 1, false, day.Add(time.Second)), day.Add(time.Second)), use(t, "rel_8", 1, false, day), day)
	due := day.AddDate(0, 0, 3)
	drawn := next(full, use(t, "rel_9", 2, true, day), day.Add(time.Second))
	if len(drawn.Open) != 1 || drawn.Drawn != 1 || airlock.MayUse(drawn, 1, due.Add(-time.Second)) != "" || airlock.MayUse(drawn, 1, due) != airlock.UnfitLate {
		t.Errorf("drawn it is %+v", drawn)
	}
	look := func(by narthex.PersonID, code string, of narthex.ReleaseID, saw narthex.Digest) airlock.RuleEvent {
		return airlock.RuleEvent{Act: airlock.Look, By: by, As: narthex.Security, Saw: saw, Release: of, Code: code}
	}
	for what, e := range map[string]airlock.RuleEvent{"a look of another's": look("r1", "", "rel_9", "p"), "of its author's": look(author, "", "rel_9", "p"), "of nobody's": look("", "", "rel_9", "p"), "at what was not drawn": look("r3", "", "rel_6", "p"), "at nothing": look("r3", "", "rel_9", ""), "for a ground of one's own": look("r3", "ugly", "rel_9", "p"), "a look that is late before it is": {Act: airlock.Late, Release: "rel_9"}} {
		refuses(what, drawn, e, due.Add(-time.Second))
	}
	late := next(drawn, airlock.RuleEvent{Act: airlock.Late, Release: "rel_9"}, due)
	refuses("the same twice", late, airlock.RuleEvent{Act: airlock.Late, Release: "rel_9"}, due)
	if fine := next(late, look("r4", "", "rel_9", "p"), due); fine.Looked != 1 || fine.Open != nil || airlock.MayUse(fine, 1, due) != "" {
		t.Errorf("looked at it is %+v", fine)
	}
	ended := next(late, look("r3", "carries", "rel_9", "p"), due)
	if ended.State != narthex.RuleEnded || ended.Code != airlock.EndByLook || airlock.MayUse(ended, 1, due) != airlock.UnfitRule {
		t.Errorf("not fine it is %+v", ended)
	}
	over := next(drawn, airlock.RuleEvent{Act: airlock.End, Code: "locked"}, due)
	if over.Code != airlock.EndByStop || len(over.Open) != 1 {
		t.Errorf("stopped it is %+v: what was drawn is still to be looked at", over)
	}
	refuses("a use of what is over", over, use(t, "rel_10", 1, false, due), due)
	if next(over, look("r3", "more", "rel_9", "p"), due).Code != airlock.EndByStop {
		t.Error("what is over ends again")
	}
	if airlock.MayUse(r, 1, r.Until) != airlock.UnfitRule || airlock.MayUse(narthex.Rule{}, 1, start) != airlock.UnfitRule {
		t.Error("a rule is used when its time is over, or the zero rule is")
	}
	told := airlock.ToldRule(drawn)
	if told.Drawn != 0 || told.Open != nil || told.Looks != "" || told.StandsIn != "" {
		t.Errorf("those whom it is for are told %+v", told)
	}
}

// TestARuleIsForOneStudyBesideOneAsset: whatever of a job or its grant is another, it does not cover.
func TestARuleIsForOneStudyBesideOneAsset(t *testing.T) {
	terms := ruleTerms()
	release := narthex.Release{Grant: terms.Grant, Agreement: terms.Agreement}
	for _, f := range terms.Files {
		release.Files = append(release.Files, narthex.ReleaseFile{Frozen: narthex.Frozen{Name: f.Name, Kind: f.Kind}})
	}
	plan := narthex.Plan{Asset: terms.Asset, Version: terms.Version, AssetDigest: terms.AssetDigest, Attribute: terms.Attribute, Environment: terms.Environment, EnvironmentDigest: terms.EnvironmentDigest, Study: terms.Study}
	if !airlock.Covers(terms, release, plan) {
		t.Fatal("it does not cover what it is for")
	}
	for name, change := range map[string]func(*narthex.Release, *narthex.Plan){
		"grant": func(r *narthex.Release, _ *narthex.Plan) { r.Grant = "grt_b" }, "agreement": func(r *narthex.Release, _ *narthex.Plan) { r.Agreement = "sha256:b" }, "asset": func(_ *narthex.Release, p *narthex.Plan) { p.Asset = "b" },
		"version": func(_ *narthex.Release, p *narthex.Plan) { p.Version = "b" }, "bytes": func(_ *narthex.Release, p *narthex.Plan) { p.AssetDigest = "b" }, "attribute": func(_ *narthex.Release, p *narthex.Plan) { p.Attribute = "data.job" },
		"environment": func(_ *narthex.Release, p *narthex.Plan) { p.Environment = "b" }, "environment's digest": func(_ *narthex.Release, p *narthex.Plan) { p.EnvironmentDigest = "b" }, "study": func(_ *narthex.Release, p *narthex.Plan) { p.Study = "b" },
		"second version": func(_ *narthex.Release, p *narthex.Plan) { p.Against, p.AgainstDigest = "b", "sha256:b" },
		"file":           func(r *narthex.Release, _ *narthex.Plan) { r.Files[0].Name = "b" }, "kind": func(r *narthex.Release, _ *narthex.Plan) { r.Files[0].Kind = "text" }, "number of files": func(r *narthex.Release, _ *narthex.Plan) { r.Files = r.Files[:1] },
	} {
		r, p := release, plan
		r.Files = slices.Clone(r.Files)
		if change(&r, &p); airlock.Covers(terms, r, p) {
			t.Errorf("it covers another %s", name)
		}
	}
	all := terms
	all.Version, all.AssetDigest = "", ""
	plan.Version, plan.AssetDigest = "b", "b"
	if !airlock.Covers(all, release, plan) {
		t.Error("for every version it does not cover another")
	}
}

// TestAShareIsDrawnByAKey: one in twenty over many, the same however often it is asked, another by another key, and none without a key.
func TestAShareIsDrawnByAKey(t *testing.T) {
	key, other := narthex.NewSecret(strings.Repeat("a", 32)), narthex.NewSecret(strings.Repeat("b", 32))
	const many = 200_000
	drawn, both := 0, 0
	for i := range many {
		id := narthex.MakeReleaseID(uint64(i))
		one, ok := airlock.Draw(key, id, "sha256:p")
		again, _ := airlock.Draw(key, id, "sha256:p")
		if !ok || one != again {
			t.Fatal("a draw comes out in two ways")
		}
		is, ok := airlock.Drawn(one)
		text, _ := airlock.Draw(other, id, "sha256:p")
		too, _ := airlock.Drawn(text)
		if !ok {
			t.Fatal("a draw does not read")
		}
		if is {
			drawn++
		}
		if is && too {
			both++
		}
	}
	// Six standard deviations of a share of 0.05, and of 0.0025 where two keys draw apart from each other.
	if off := math.Abs(float64(drawn) - 0.05*many); off > 6*math.Sqrt(0.05*0.95*many) {
		t.Errorf("%d of %d were drawn", drawn, many)
	}
	if off := math.Abs(float64(both) - 0.0025*many); off > 6*math.Sqrt(0.0025*many) {
		t.Errorf("%d of %d were drawn by both keys", both, many)
	}
	a, _ := airlock.Draw(key, "rel_1", "sha256:p")
	if b, _ := airlock.Draw(key, "rel_1", "sha256:q"); a == b {
		t.Error("another package is drawn as this one")
	}
	for name, key := range map[string]narthex.Secret{"none": {}, "an empty one": narthex.NewSecret(""), "a short one": narthex.NewSecret("short")} {
		if _, ok := airlock.Draw(key, "rel_1", "sha256:p"); ok {
			t.Errorf("with %s there is a draw", name)
		}
	}
	for _, text := range []string{"", "00", strings.Repeat("0", 66), strings.Repeat("z", 64)} {
		if _, ok := airlock.Drawn(text); ok {
			t.Errorf("%q reads as a draw", text)
		}
	}
}

// TestNothingLeavesByARuleThatPeopleWouldHaveToSee: a finding, a vote, an edit, or fewer who approved than must keep it with people.
func TestNothingLeavesByARuleThatPeopleWouldHaveToSee(t *testing.T) {
	rule := &narthex.RuleUse{Rule: "rul_1", Digest: "sha256:r", Approved: []narthex.Role{narthex.Security, narthex.AssetOwner}, Rows: 1}
	e := airlock.ReleaseEvent{Act: airlock.ByRule, Rule: rule}
	out, err := airlock.NextRelease(submitted(2), e, start)
	if err != nil || out.State != narthex.ReleaseReleased || out.Rule != rule || len(out.Votes) != 0 {
		t.Fatalf("by a rule it is %+v, %v", out, err)
	}
	alone := *rule
	alone.Approved = alone.Approved[:1]
	four := *rule
	four.Approved = append(slices.Clone(rule.Approved), rule.Approved...)
	for name, c := range map[string]struct {
		e      airlock.ReleaseEvent
		change func(*narthex.Release)
	}{
		"a finding": {e, func(r *narthex.Release) { r.Findings = []narthex.Finding{{Kind: "weights"}} }}, "a vote": {e, func(r *narthex.Release) { r.Votes = []narthex.ReleaseVote{{By: "r1"}} }}, "an edit": {e, func(r *narthex.Release) { r.AskedAt = start }},
		"what does not fit": {e, func(r *narthex.Release) { r.Unfit = &narthex.Unfit{} }},
		"an artefact, which four approved": {airlock.ReleaseEvent{Act: airlock.ByRule, Rule: &four}, func(r *narthex.Release) {
			r.Files[0].Kind = "safetensors"
		}},
		"more who must": {e, func(r *narthex.Release) { r.Reviewers = 3 }}, "what is refused": {e, func(r *narthex.Release) { r.State = narthex.ReleaseRefused }}, "what came back": {e, func(r *narthex.Release) { r.State = narthex.ReleaseReturned }},
		"no rule": {airlock.ReleaseEvent{Act: airlock.ByRule}, nil}, "one who approved": {airlock.ReleaseEvent{Act: airlock.ByRule, Rule: &alone}, nil}, "somebody": {airlock.ReleaseEvent{Act: airlock.ByRule, By: "r1", Rule: rule}, nil}, "the zero rule": {airlock.ReleaseEvent{Act: airlock.ByRule, Rule: &narthex.RuleUse{}}, nil},
	} {
		r := submitted(2)
		if c.change != nil {
			c.change(&r)
		}
		if got, err := airlock.NextRelease(r, c.e, start); err == nil {
			t.Errorf("with %s it is %s", name, got.State)
		}
	}
}

// FuzzFits: whatever fits is its own form.
func FuzzFits(f *testing.F) {
	f.Add([]byte(goodTable), []byte(goodObject))
	f.Fuzz(func(t *testing.T, table, object []byte) {
		raw := fitting(string(table), string(object))
		if _, err := airlock.Fits(ruleTerms().Files, raw); err != nil {
			return
		}
		for _, r := range raw {
			form, err := disclosure.Canonical(disclosure.Kind(r.Kind), r.Data, disclosure.Standard())
			if err != nil || string(form) != string(r.Data) {
				t.Errorf("%q fits and is not its form", r.Data)
			}
		}
	})
}
