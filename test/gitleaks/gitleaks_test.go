// Package gitleaks holds the look for secrets to gitleaks' default rules: what they find by a form of its own, the look finds. It is a
// module of its own, so that gitleaks is no dependency of the program.
package gitleaks

import (
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/report"

	"narthex/internal/disclosure"
	"narthex/internal/inspect"
)

// left are the rules of a form of their own whose secrets are not found, each with why.
var left = map[string]string{
	"authress-service-client-access-key": "it has no beginning of its own, and a dozen parts between points",
	"azure-ad-client-secret":             "its mark stands behind its third letter",
	"curl-auth-header":                   "it is a command line, and its secret has no form",
	"curl-auth-user":                     "it is a command line, and its secret has no form",
	"facebook-access-token":              "it is a number, a sign and letters",
	"maxmind-license-key":                "its mark stands at its end",
	"private-key":                        "the expression takes what is no head of a key in PEM, which is what is found",
	"jwt":                                "the expression takes what is no head of a token, which begins with ey and J",
	"slack-app-token":                    "the expression takes tokens of a letter",
	"slack-legacy-token":                 "the expression takes tokens of a letter",
	"slack-webhook-url":                  "the expression takes addresses of other places",
	"grafana-api-key":                    "the expression takes heads in small letters, which base64 does not write",
	"slack-config-access-token":          "the expression takes any sign for its point",
	"sourcegraph-access-token":           "the expression takes forty digits of base 16 alone",
	"sidekiq-secret":                     "it is a name of an environment and sixteen digits",
	"telegram-bot-api-token":             "it is a number and letters behind a colon",
}

// byName says whether a rule knows a secret by the name of a service that stands near: its secrets have no form of their own. The look
// finds those whose name says secret, token, key or password; a list of services is not kept.
func byName(expression string) bool { return strings.Contains(expression, `[\w.-]{0,50}?`) }

// TestWhatGitleaksFindsIsFound draws secrets by each rule's own expression that gitleaks finds by that rule.
func TestWhatGitleaksFindsIsFound(t *testing.T) {
	by, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	in := inspect.New(inspect.Held{})
	var names []string
	for name := range by.Config.Rules {
		names = append(names, name)
	}
	slices.Sort(names)
	drawn, named := 0, []string(nil)
	for _, name := range names {
		rule := by.Config.Rules[name]
		if rule.Regex == nil || rule.Path != nil || byName(rule.Regex.String()) {
			named = append(named, name)
			continue
		}
		tree, err := syntax.Parse(rule.Regex.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(6, 0))
		found, missed := 0, ""
		for range 100 {
			text := write(r, tree) + "\n"
			if len(rule.Keywords) > 0 && !slices.ContainsFunc(rule.Keywords, func(word string) bool { return strings.Contains(strings.ToLower(text), word) }) {
				text = rule.Keywords[0] + " " + text
			}
			if !slices.ContainsFunc(by.DetectString(text), func(f report.Finding) bool { return f.RuleID == name }) {
				continue
			}
			found++
			if !slices.ContainsFunc(in.Look([]inspect.File{{Name: "a.txt", Kind: disclosure.Text, Bytes: []byte(text)}}), func(f inspect.Finding) bool { return f.Kind == inspect.Secret }) {
				missed = text
			}
			if found == 5 {
				break
			}
		}
		if found > 0 {
			drawn++
		} else {
			t.Logf("%s: nothing was drawn that it finds", name)
		}
		if _, is := left[name]; missed != "" && !is {
			t.Errorf("%s: %.200q", name, missed)
		} else if is && found > 0 && missed == "" {
			t.Errorf("%s is left out, and found", name)
		}
	}
	t.Logf("secrets of %d of %d rules were drawn; by the names of services alone: %s", drawn, len(names), strings.Join(named, " "))
}

// write draws a text that an expression matches.
func write(r *rand.Rand, of *syntax.Regexp) string {
	var out strings.Builder
	switch of.Op {
	case syntax.OpLiteral:
		if of.Flags&syntax.FoldCase != 0 {
			return strings.ToLower(string(of.Rune))
		}
		out.WriteString(string(of.Rune))
	case syntax.OpCharClass:
		var some []rune
		for i := 0; i < len(of.Rune); i += 2 {
			for c := max(of.Rune[i], ' '); c <= min(of.Rune[i+1], '~'); c++ {
				some = append(some, c)
			}
		}
		if len(some) == 0 {
			some = []rune{'\n'}
		}
		out.WriteRune(some[r.IntN(len(some))])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte("abcdefgh0123"[r.IntN(12)])
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range of.Sub {
			out.WriteString(write(r, sub))
		}
	case syntax.OpAlternate:
		return write(r, of.Sub[r.IntN(len(of.Sub))])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		least, most := 0, 4
		switch of.Op {
		case syntax.OpPlus:
			least = 1
		case syntax.OpQuest:
			most = 1
		case syntax.OpRepeat:
			if least, most = of.Min, of.Max; most < 0 {
				most = least + 4
			}
		}
		if of.Flags&syntax.NonGreedy != 0 || least == 0 && most > 3 {
			most = min(most, least+1)
		}
		for range least + r.IntN(most-least+1) {
			out.WriteString(write(r, of.Sub[0]))
		}
	}
	return out.String()
}

// BenchmarkGitleaks looks through a million bytes of text by the default rules, beside BenchmarkChecks of the look.
func BenchmarkGitleaks(b *testing.B) {
	by, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("The largest singular value of the layer is 0.1234, which is larger than the median.\n", 12_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		by.DetectString(text)
	}
}
