package office

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"narthex"
)

const (
	mostAttachments = 16
	mostAttached    = 1 << 40 // bytes of one
	mostDeclared    = 32
)

// isLine says whether text is words on one line, of so many characters at most, without blanks around them.
func isLine(text string, most int) bool {
	return text != "" && text == strings.TrimSpace(text) && utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, unicode.IsControl)
}

// checkAttachments holds what is attached to its form: each with a name of its own, and with bytes of its own.
func checkAttachments(list []narthex.Attachment) error {
	if len(list) > mostAttachments {
		return narthex.Invalidf("An application has at most %d attachments.", mostAttachments).For("attachments")
	}
	for i, a := range list {
		field := func(name string) string { return fmt.Sprintf("attachments.%d.%s", i, name) }
		switch {
		case !isLine(a.Name, 200):
			return narthex.Invalidf("An attachment has a name of 1 to 200 characters on one line.").For(field("name"))
		case a.Digest == "":
			return narthex.Invalidf("An attachment has the SHA-256 of its bytes: `narthex apply --attach FILE` computes it.").For(field("digest"))
		case a.Size <= 0 || a.Size > mostAttached:
			return narthex.Invalidf("An attachment has at least one byte and at most %d.", int64(mostAttached)).For(field("size"))
		case !isLine(a.Where, 500):
			return narthex.Invalidf("Say where the lab's people can read it, in 1 to 500 characters on one line: the file itself stays with you.").For(field("where"))
		case slices.ContainsFunc(list[:i], func(b narthex.Attachment) bool { return a.Name == b.Name || a.Digest == b.Digest }):
			return narthex.Invalidf("Each attachment stands once, with a name of its own.").For(field("name"))
		}
		if _, err := narthex.ParseDigest(string(a.Digest)); err != nil {
			return narthex.Invalidf("An attachment has the SHA-256 of its bytes, as sha256: and 64 hexadecimal digits.").For(field("digest"))
		}
	}
	return nil
}

// checkDeclared holds what the applicant's side declares of its interests to its form. None of a kind stands alone.
func checkDeclared(list []narthex.DeclaredInterest) error {
	if len(list) > mostDeclared {
		return narthex.Invalidf("An application declares at most %d interests.", mostDeclared).For("interests")
	}
	for i, d := range list {
		switch {
		case !slices.Contains(narthex.InterestKinds(), d.Kind):
			return narthex.Invalidf("An interest is one of: %s.", kindsInWords()).For(fmt.Sprintf("interests.%d.kind", i))
		case !isLine(d.With, 200):
			return narthex.Invalidf("An interest is with someone whom you name in 1 to 200 characters on one line, or with none.").For(fmt.Sprintf("interests.%d.with", i))
		case slices.ContainsFunc(list[:i], func(b narthex.DeclaredInterest) bool {
			return d.Kind == b.Kind && (d.With == b.With || d.With == narthex.NoInterest || b.With == narthex.NoInterest)
		}):
			return narthex.Invalidf("Each interest stands once, and none of a kind stands alone.").For(fmt.Sprintf("interests.%d.with", i))
		}
	}
	return nil
}

func kindsInWords() string {
	var words []string
	for _, kind := range narthex.InterestKinds() {
		words = append(words, string(kind))
	}
	return strings.Join(words, ", ")
}
