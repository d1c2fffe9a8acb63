package model

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	endMark  = 16      // bytes that the mark which ends an answer may spell beyond the text, such as <|endoftext|>
	mostStop = 256     // bytes of a stop text
	mostSkip = 300     // bytes of text whose tokens a stream may leave untold before others: it held them back
	mostKept = 1 << 16 // bytes of shown text that are kept for tokens to come
)

// part of a character that a token does not spell: UTF-8 has no such byte.
const unspelt = 0xff

// follower holds log-probabilities to the text that is shown. What its tokens spell must be that text, in its order; beyond
// its end they may spell the beginning of a stop text that the caller sent, or an end mark. From the first token on that
// spells anything else nothing more is told.
type follower struct {
	stops  []string
	stream bool
	begun  bool
	off    bool
	untold []byte // shown, and no token told of it
	ahead  []byte // told, and not shown
}

// show adds shown text.
func (f *follower) show(text string) {
	if f.off {
		return
	}
	told, shown, same := align(f.ahead, []byte(text))
	f.off = !same
	f.ahead = f.ahead[told:]
	f.untold = append(f.untold, text[shown:]...)
	if f.stream && len(f.untold) > mostKept {
		f.untold = slices.Clone(f.untold[len(f.untold)-mostKept:])
	}
}

// tell says whether the tokens may be shown after the text that was.
func (f *follower) tell(spelt []byte) bool {
	if f.off || len(spelt) == 0 {
		return !f.off
	}
	if !f.begun {
		f.begun = true
		// Some decoders leave out the space before the first word.
		if spelt[0] == ' ' && !bytes.HasPrefix(f.untold, []byte(" ")) && len(f.untold) > 0 {
			spelt = spelt[1:]
		}
	}
	f.off = !f.found(spelt)
	return !f.off
}

// found looks for what is spelt in the untold text. A stream may have held text back and told of its last token alone.
func (f *follower) found(spelt []byte) bool {
	if f.fits(0, spelt) {
		return true
	}
	if !f.stream || len(f.ahead) > 0 {
		return false
	}
	first := max(1, len(f.untold)-len(spelt)-mostSkip)
	for at := first; at < min(first+mostSkip+len(spelt), len(f.untold)) && at < first+2*mostSkip; at++ {
		if f.fits(at, spelt) {
			return true
		}
	}
	return false
}

// fits takes what is spelt as the untold text from at on, and what is left of it as ahead of the text.
func (f *follower) fits(at int, spelt []byte) bool {
	told, shown, same := align(spelt, f.untold[at:])
	if !same {
		return false
	}
	ahead := slices.Concat(f.ahead, spelt[told:])
	begins := func(stop string) bool { return strings.HasPrefix(stop, string(ahead)) }
	if len(ahead) > endMark && !slices.ContainsFunc(f.stops, begins) {
		return false
	}
	f.untold, f.ahead = f.untold[at+shown:], ahead
	return true
}

// align walks over what tokens spell and over text together, until one of them is at its end, and says how far it came in
// each and whether they are the same until there. A token that cuts a character in two does not spell its part of it, and a
// part that is no character shows as a replacement.
func align(spelt, text []byte) (told, shown int, same bool) {
	replacement := []byte(string(utf8.RuneError))
	loose, spare := 0, 0 // bytes of text, and bytes spelt, that the characters before may stand for
	for told < len(spelt) && shown < len(text) {
		a, b := spelt[told], text[shown]
		switch {
		case a == unspelt && b >= utf8.RuneSelf:
			told, shown, loose = told+1, shown+1, loose+2
		case a == b:
			told, shown = told+1, shown+1
			if a < utf8.RuneSelf {
				loose, spare = 0, 0
			}
		case loose > 0 && b >= utf8.RuneSelf:
			shown, loose = shown+1, loose-1
		case a >= utf8.RuneSelf && bytes.HasPrefix(text[shown:], replacement):
			told, shown, spare = told+1, shown+len(replacement), 2
		case a >= utf8.RuneSelf && spare > 0:
			told, spare = told+1, spare-1
		default:
			return told, shown, false
		}
	}
	return told, shown, true
}

// spell adds what a token spells. It is shown beside its bytes, so it must be the text that they are, or their name where they
// are none; otherwise it counts as it reads.
func spell(out []byte, token string, raw []int) []byte {
	if raw == nil {
		if raw = named(token); raw == nil {
			return spellText(out, token)
		}
	}
	begin := len(out)
	for _, b := range raw {
		out = append(out, byte(b))
	}
	whole := out[begin:]
	cut := !utf8.Valid(whole) && len(token) <= len(raw)*utf8.UTFMax && strings.Trim(token, string(utf8.RuneError)) == ""
	if token == string(whole) || cut || slices.Equal(named(token), raw) {
		return out
	}
	return spellText(out[:begin], token)
}

func spellText(out []byte, token string) []byte {
	for _, r := range token {
		if r == utf8.RuneError {
			out = append(out, unspelt)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// named reads the name of bytes that are no text, such as bytes:\xf0, or gives nil.
func named(token string) []int {
	digits, is := strings.CutPrefix(token, "bytes:")
	if !is || len(digits) == 0 || len(digits)%4 != 0 {
		return nil
	}
	var raw []int
	for ; len(digits) > 0; digits = digits[4:] {
		b, err := strconv.ParseUint(digits[2:4], 16, 8)
		if err != nil || digits[:2] != `\x` {
			return nil
		}
		raw = append(raw, int(b))
	}
	return raw
}
