package disclosure

import (
	"math"
	"strconv"
	"strings"
)

// digits is how many significant digits a number keeps, and wholeDigits how many a whole number may have to be kept as it is.
const (
	digits      = 4
	wholeDigits = 15
)

// number gives the form of a number in decimal writing, without a sign; false where the text is none. What does not fit a float64 is none.
func number(text string) (string, bool) {
	whole, rest := text, ""
	if i := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		whole, rest = text[:i], text[i:]
	}
	if whole == "" || !tail(rest) {
		return "", false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if rest == "" && len(whole) <= wholeDigits {
		return whole, true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", false
	}
	return rounded(v), true
}

// tail says whether a text is what follows the whole part of a number: a point with digits, an exponent, both or nothing.
func tail(text string) bool {
	plain := func(s string) (string, bool) {
		left := strings.TrimLeft(s, "0123456789")
		return left, len(left) < len(s)
	}
	if point, is := strings.CutPrefix(text, "."); is {
		left, some := plain(point)
		if !some {
			return false
		}
		text = left
	}
	if text == "" {
		return true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return false
	}
	text = text[1:]
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	left, some := plain(text)
	return some && left == ""
}

// rounded writes a finite number with the digits that it keeps, in the shortest way.
func rounded(v float64) string {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if err != nil {
		short = v // beyond the largest there is: rounding up left the range
	}
	if short == 0 {
		return "0"
	}
	if size := math.Abs(short); size < 1e-4 || size >= 1e15 {
		return strconv.FormatFloat(short, 'e', -1, 64)
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// IsNumber says whether a text is what forms take for a number: only that has one spelling in its form.
func IsNumber(text string) bool {
	_, is := signed(text)
	return is
}

// signed gives the form of a number that may have a sign; false where the text is none.
func signed(text string) (string, bool) {
	bare, minus := strings.CutPrefix(text, "-")
	if !minus {
		bare = strings.TrimPrefix(text, "+")
	}
	form, is := number(bare)
	if is && minus && form != "0" {
		form = "-" + form
	}
	return form, is
}
