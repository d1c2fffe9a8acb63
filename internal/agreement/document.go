package agreement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/canon"
)

// Form is one of the ways in which an agreement is written down.
type Form string

const (
	// Text is for terminals: plain words, wrapped.
	Text Form = "text"
	// Markdown is CommonMark with a table.
	Markdown Form = "md"
	// HTML is one page without scripts or anything remote.
	HTML Form = "html"
	// PDF has its fonts within it, and the digest on every page.
	PDF Form = "pdf"
	// JSON is the canonical form: the very bytes that the digest is of.
	JSON Form = "json"
)

// Forms lists every form.
func Forms() []Form { return []Form{Text, Markdown, HTML, PDF, JSON} }

// Media gives the form's media type, or nothing for one that there is not.
func (f Form) Media() string {
	return map[Form]string{Text: "text/plain; charset=utf-8", Markdown: "text/markdown; charset=utf-8", HTML: "text/html; charset=utf-8", PDF: "application/pdf", JSON: "application/json"}[f]
}

// Document is an agreement to be read. The same Document gives the same bytes in each form, everywhere.
type Document struct {
	Taxonomy   *narthex.Taxonomy // puts the terms in words
	Agreement  narthex.Agreement
	Signatures []narthex.SignedBy // so far; one that does not verify is an error
	Outside    *narthex.OutsideDocument
}

// In writes the document in a form.
func (d Document) In(form Form) ([]byte, error) {
	if form == JSON {
		return canon.JSON(d.Agreement)
	}
	write := map[Form]func([]part) (string, error){Text: asText, Markdown: asMarkdown, HTML: asHTML}[form]
	if write == nil && form != PDF {
		return nil, narthex.Invalidf("An agreement has no form of that name; the forms are text, md, html, pdf and json.").For("format")
	}
	parts, err := d.parts()
	if err != nil {
		return nil, err
	}
	if form == PDF {
		digest, err := Digest(d.Agreement)
		if err != nil {
			return nil, err
		}
		return asPDF(parts, imprint{"Agreement " + string(d.Agreement.Engagement), fmt.Sprintf("%s, %s", d.Agreement.Engagement, digest), d.Agreement.NotBefore})
	}
	text, err := write(parts)
	return []byte(text), err
}

// kind is what a part of a document is.
type kind int

const (
	title     kind = iota + 1
	section        // a heading, of our words or the lab's
	paragraph      // text of ours
	row            // label and text of a table
	item           // of a list, at a level from 1, with a label or without
	body           // a clause's text: Markdown of the lab's
	exhibit        // JSON in ASCII, on one line
)

// part is one piece of a document. Its text and label may be anyone's: they stand as they were written, and each form makes
// them inert in its own way. A body alone is Markdown, in which Escape has made the values inert.
type part struct {
	kind        kind
	label, text string
	level       int
	leaf        bool // whether it begins a page, where there are pages
	code        bool // whether it is a name for machines: a digest or an identifier
}

func (d Document) parts() ([]part, error) {
	digest, err := Digest(d.Agreement)
	if err != nil {
		return nil, err
	}
	a := d.Agreement
	parts := append(cover(a, digest), parties(a)...)
	parts = append(parts, redlinePart(a)...)
	for i, clause := range a.Clauses {
		parts = append(parts, part{kind: section, text: clause.Number + ". " + clause.Title, leaf: i == 0}, part{kind: body, text: strings.TrimSpace(clause.Text)})
		if i == 0 {
			parts = append(parts, d.given()...)
			parts = append(parts, restsOn(a)...)
		}
	}
	signed, err := d.signatures(digest)
	if err != nil {
		return nil, err
	}
	exhibits, err := d.exhibits()
	return append(append(parts, signed...), exhibits...), err
}

func cover(a narthex.Agreement, digest narthex.Digest) []part {
	parts := []part{{kind: title, text: "Agreement: " + a.Title},
		{kind: paragraph, text: "The clauses are samples of the lab's library and want a lawyer's eye before anyone relies on them."}}
	add := func(label, text string) { parts = append(parts, part{kind: row, label: label, text: text}) }
	code := func(label, text string) { parts = append(parts, part{kind: row, label: label, text: text, code: true}) }
	code("digest", string(digest))
	code("engagement", string(a.Engagement))
	add("lab", a.Lab)
	code("ledger", a.Origin)
	code("pathway", string(a.Pathway))
	code("application", string(a.Application))
	code("lab directory", string(a.Directory))
	add("in force", fmt.Sprintf("from %s until before %s", a.NotBefore.Format(time.RFC3339), a.NotAfter.Format(time.RFC3339)))
	if a.Amends != nil {
		code("amends", string(a.Amends.Agreement))
		add("of the engagement", fmt.Sprintf("%s, whose grant %s ends when this one begins; what was used of it counts against the budgets below", a.Amends.Engagement, a.Amends.Grant))
	}
	add("content of calls", "kept: "+a.ContentLog)
	add("appeal", fmt.Sprintf("%s, answered in %d business days", a.AppealTo, a.AppealDays))
	add("approved", fmt.Sprintf("by %d people", a.Approvals))
	if len(a.SigningOrder) > 0 {
		add("signed in order", joined(a.SigningOrder, ", then "))
	}
	if a.SingleCustodian {
		add("note", "the lab's directory has a single custodian: one person alone approves its changes")
	}
	return parts
}

func parties(a narthex.Agreement) []part {
	parts := []part{{kind: section, text: "Parties"}}
	for _, party := range a.Parties {
		parts = append(parts, part{kind: item, level: 1, label: string(party.Role), text: party.Name})
		if party.Authorised != nil {
			parts = append(parts, part{kind: item, level: 2, text: beforehandInWords(*party.Authorised)})
		}
		for _, signer := range party.Signers {
			parts = append(parts, part{kind: item, level: 2, text: fmt.Sprintf("may sign: %s, key %s", signer.Name, signer.Fingerprint)})
		}
	}
	return parts
}

func redlinePart(a narthex.Agreement) []part {
	lines := RedlineInWords(a.Redline)
	if len(lines) == 0 {
		return nil
	}
	parts := []part{{kind: section, text: "What differs from the pathway's standard"}}
	if len(a.Redline.Departures) == 0 {
		return append(parts, part{kind: paragraph, text: lines[0]})
	}
	for _, line := range lines {
		parts = append(parts, part{kind: item, level: 1, text: line})
	}
	return parts
}

func (d Document) given() []part {
	parts := []part{{kind: section, text: narthex.ClauseOfTerms + ". What is given"},
		{kind: paragraph, text: "This and nothing else. The gateway runs on these terms; every answer names the one that made it."}}
	for _, term := range d.Agreement.Terms {
		parts = append(parts, part{kind: item, level: 1, label: term.Clause, text: TermInWords(d.Taxonomy, term)})
	}
	return parts
}

// restsOn is what the grant lapses without.
func restsOn(a narthex.Agreement) []part {
	if len(a.RestsOn) == 0 {
		return nil
	}
	parts := []part{{kind: section, text: narthex.ClauseOfConditions + ". What it rests on"},
		{kind: paragraph, text: "The grant is in force only while each of these holds. They are looked at for every call: where one is missing, over or taken back, the next call is refused and names it, and it is served again once it is renewed."}}
	for _, c := range a.RestsOn {
		parts = append(parts, part{kind: item, level: 1, label: c.Clause, text: ConditionInWords(c)})
	}
	return parts
}

func (d Document) signatures(digest narthex.Digest) ([]part, error) {
	parts := []part{{kind: section, text: "Signatures", leaf: true}, {kind: paragraph, text: "Each party signs the digest " + string(digest) + ". The times are those of the lab's ledger."}}
	if d.Outside != nil {
		parts = append(parts, part{kind: paragraph, text: fmt.Sprintf("Each party signs with it an outside document of %d bytes, whose digest is %s. It changes nothing of what is given.", d.Outside.Size, d.Outside.Digest)})
	}
	for _, party := range d.Agreement.Parties {
		text := party.Name + ": not signed yet"
		if party.Authorised != nil {
			text = party.Name + ": " + beforehandInWords(*party.Authorised)
		}
		if at := slices.IndexFunc(d.Signatures, func(s narthex.SignedBy) bool { return s.Party == party.Role }); at >= 0 {
			signed, err := checkSignature(d.Agreement, digest, d.Outside, d.Signatures[at], nil)
			if err != nil {
				return nil, err
			}
			text = fmt.Sprintf("%s: signed by %s (%s) with %s at %s", party.Name, signed.Name, signed.By, signed.Key, signed.At.UTC().Format(time.RFC3339))
		}
		parts = append(parts, part{kind: item, level: 1, label: string(party.Role), text: text})
	}
	return parts, nil
}

func (d Document) exhibits() ([]part, error) {
	parts := []part{{kind: section, text: "Exhibit A. The terms, limit by limit", leaf: true}}
	for _, term := range d.Agreement.Terms {
		attribute, _ := d.Taxonomy.Attribute(term.Attribute)
		parts = append(parts, part{kind: item, level: 1, label: term.Clause, text: fmt.Sprintf("%s (%s) on %s", attribute.Says, term.Attribute, term.Asset)})
		for _, limit := range LimitsInWords(d.Taxonomy, term) {
			parts = append(parts, part{kind: item, level: 2, text: limit})
		}
	}
	if uses := d.Agreement.Uses; len(uses) > 0 {
		parts = append(parts, part{kind: paragraph, text: "What is given is for these uses and under these limits alone. Codes that the application added bind the researcher's side as the others do."})
		for _, use := range uses {
			text := use.Says
			if use.Added {
				text += ", as the application asks"
			}
			parts = append(parts, part{kind: item, level: 1, label: string(use.Code), text: text})
		}
	}
	form, err := canon.JSON(d.Agreement)
	if err != nil {
		return nil, err
	}
	return append(parts, part{kind: section, text: "Exhibit B. The document that is signed"},
		part{kind: paragraph, text: "The whole agreement as JSON. Join its lines, read it, and write it in canonical form (RFC 8785): the SHA-256 of those bytes is the digest that is signed."},
		part{kind: exhibit, text: ascii(string(form))}), nil
}

// ascii writes JSON so that nothing in it is hidden or lost: what is beyond ASCII, and a space after a space, becomes an
// escape, which means the same.
func ascii(form string) string {
	var out strings.Builder
	var before rune
	for _, r := range form {
		space := r == ' ' && before == ' '
		before = r
		switch {
		case space:
			out.WriteString(`\u0020`)
		case r >= 0x10000:
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		case r >= 0x7f:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
