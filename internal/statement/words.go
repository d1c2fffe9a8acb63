package statement

import (
	"fmt"
	"strings"
	"time"

	"narthex/client"
	"narthex/internal/agreement"
)

// Sheet puts a file's statement in words, to be read or printed.
func (f File) Sheet() *agreement.Sheet {
	s := f.Statement
	sheet := &agreement.Sheet{Name: "Access statement: " + s.Title, Foot: fmt.Sprintf("%s, %s", s.Engagement, f.Digest), At: s.At}
	sheet.Paragraph("What access to what the lab protects this work had, by the lab's ledger. Cite it by its digest; anyone can check it without the lab: narthex statement verify.")
	for _, row := range [][2]string{{"digest", string(f.Digest)}, {"lab", s.Lab}, {"ledger", fmt.Sprintf("%s, issued by entry %d", s.Origin, f.Entry.Index)}, {"engagement", string(s.Engagement)},
		{"state", strings.ReplaceAll(string(s.State), "_", " ") + " on " + date(s.At)}, {"pathway", string(s.Pathway)}, {"agreement", string(s.Agreement)},
		{"in force", "from " + date(s.From) + " until before " + date(s.Until)}, {"ends", ends(s)}, {"people", people(s)},
		{"content", "of prompts and answers the lab kept: " + strings.ReplaceAll(s.ContentLog, "_", " ")}} {
		sheet.Row(row[0], row[1])
	}
	for _, p := range s.Parties {
		sheet.Row(string(p.Role), p.Org)
	}
	sheet.Section("How deep the access was")
	sheet.Paragraph(fmt.Sprintf("%d, %d, %d (%s); %d business days.", s.Level.Model, s.Level.Information, s.Level.Time, s.Level.Says, s.Level.Days))
	f.given(sheet)
	sheet.Section("Calls")
	sheet.Paragraph(calls(s.Use))
	for _, r := range s.Refused {
		text := fmt.Sprintf("%s, %d times", strings.ReplaceAll(r.Code, "_", " "), r.Count)
		if r.Attribute != "" {
			text = string(r.Attribute) + ": " + text
		}
		sheet.Item(1, r.Clause, text)
	}
	sheet.Section("Independence")
	for _, fact := range s.Independence {
		sheet.Item(1, "", sentence(fact.Says)+" (clause "+fact.Clause+")")
	}
	if len(s.Independence) == 0 {
		sheet.Paragraph("The agreement says nothing of payment or of publication.")
	}
	sheet.Section("Stops")
	for _, l := range s.Locks {
		until := "still in force"
		if !l.Until.IsZero() {
			until = "until " + date(l.Until)
		}
		sheet.Item(1, "", fmt.Sprintf("of the %s, %s, from %s, %s", l.Subject, strings.ReplaceAll(string(l.Reason), "_", " "), date(l.From), until))
	}
	if len(s.Locks) == 0 {
		sheet.Paragraph("The access was never stopped as a whole.")
	}
	f.after(sheet)
	return sheet
}

// given says what was asked, given, used and refused, by attribute.
func (f File) given(sheet *agreement.Sheet) {
	sheet.Section("What was asked, given, used and refused")
	for _, a := range f.Statement.Attributes {
		sheet.Item(1, a.Clause, fmt.Sprintf("%s (%s) on %s: %s", a.Says, a.Attribute, a.Asset, standing(a)))
		if len(a.Limits) > 0 {
			sheet.Item(2, "given", strings.Join(a.Limits, "; "))
		}
		if len(a.Narrowed) > 0 {
			sheet.Item(2, "asked", strings.Join(a.Narrowed, "; "))
		}
		used := fmt.Sprintf("%d calls", a.Calls)
		for _, amount := range a.Used {
			used += fmt.Sprintf(", %d %s", amount.Amount, amount.Unit)
		}
		if a.Calls > 0 {
			sheet.Item(2, "used", used)
		}
		if a.Refused > 0 {
			sheet.Item(2, "refused", fmt.Sprintf("%d times", a.Refused))
		}
	}
}

// after says what the agreement asked by a date, what was published, and what all this rests on.
func (f File) after(sheet *agreement.Sheet) {
	s := f.Statement
	if len(s.Obligations) > 0 {
		sheet.Section("What was owed")
	}
	for _, o := range s.Obligations {
		text := fmt.Sprintf("%s, due %s", strings.ReplaceAll(string(o.Obligation), "_", " "), date(o.Due))
		switch {
		case !o.Met.IsZero():
			text += ", met " + date(o.Met)
		case o.Waived:
			text += ", waived by the lab"
		default:
			text += ", not met yet"
		}
		sheet.Item(1, "", text+" (clause "+o.Clause+")")
	}
	if len(s.Published) > 0 {
		sheet.Section("Published")
		for _, work := range s.Published {
			sheet.Item(1, "", work)
		}
	}
	sheet.Section("What this rests on")
	indexes := make([]string, len(s.Entries))
	for i, e := range s.Entries {
		indexes[i] = fmt.Sprint(e.Index)
	}
	sheet.Paragraph(fmt.Sprintf("The entries %s of the ledger %s, and of the calls those from %d to %d; through entry %d, of %s.", strings.Join(indexes, ", "), s.Origin, s.Use.First, s.Use.Last, s.Through, date(s.At)))
}

func standing(a client.StatementAttribute) string {
	switch {
	case a.Given && a.Asked && len(a.Narrowed) > 0:
		return "asked, and given otherwise"
	case a.Given && a.Asked:
		return "asked and given"
	case a.Given:
		return "given"
	case a.Asked:
		return "asked, and not given"
	}
	return "neither asked nor given, and tried"
}

func calls(u client.StatementUse) string {
	text := fmt.Sprintf("%d calls were served or begun, and %d refused.", u.Calls, u.Refused)
	if len(u.Used) > 0 {
		var parts []string
		for _, amount := range u.Used {
			parts = append(parts, fmt.Sprintf("%d %s", amount.Amount, amount.Unit))
		}
		text += " They used " + strings.Join(parts, ", ") + "."
	}
	if u.Unknown > 0 {
		text += fmt.Sprintf(" Of %d it is not known what they used, and they are charged in full.", u.Unknown)
	}
	return text
}

func ends(s client.Statement) string {
	if s.Ends.Equal(s.Until) {
		return ""
	}
	return "ended before that, on " + date(s.Ends)
}

func people(s client.Statement) string {
	if len(s.Names) > 0 {
		return strings.Join(s.Names, ", ")
	}
	if s.People == 1 {
		return "one, not named here"
	}
	return fmt.Sprintf("%d, not named here", s.People)
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func date(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// Citation is one line to cite a statement by.
func (f File) Citation() string {
	s := f.Statement
	return fmt.Sprintf("%s, access statement of %s, %s, ledger %s, entry %d, %s", s.Lab, s.Engagement, s.At.UTC().Format(time.DateOnly), s.Origin, f.Entry.Index, f.Digest)
}
