package inspect

import "math/bits"

// pairs says how seldom a letter follows another in English prose, its comments on code, and the names of measurements and layers: in
// half bits from A, which is none, a row for each letter that goes before and a column for each that follows. The first row and column
// are the edge of a word. It was counted in the documentation of this program and of Go.
const pairs = "" +
	"ZHJHKKJKMHRQKKKJKTJIGLMKMQR" +
	"HXLJJWOKZLXNGJFZLZHIFLNSQMW" +
	"IIQISEVWVILZGUUIUZMJPHVZZFZ" +
	"GGVNSGSMHLZIKQUERXLOHLRXXQZ" +
	"CLRRKFRQXHUZOSSITYMKPLRSTLZ" +
	"DKSJHMMOUPYWLLHSMOGHJSNOLPZ" +
	"EJZNNJIXZFRSKQQFPZJKJJZYZOZ" +
	"ELVOVFUPIIZYMRJERZJKNLVYZWV" +
	"GGZVUCXZZHZZVQVIVZOPJQYTZTZ" +
	"NMLIKLKJZVZRIKEINXLGGWMZPZN" +
	"DLUZOESZWRZZZQRIQZUFQGURZZW" +
	"DHTQPEQNZIZYPSJQMUSISMPQWOZ" +
	"GISRJEQTTFZRHTTHQZQKJJRRYJZ" +
	"GFKTNEWWXIZQOIRHGZVMQKUZZTZ" +
	"EJSJGHNHWKXONQOIRZSHGNNWZOZ" +
	"FONKJOIOYMQOLJFLJZGLIILLTZZ" +
	"GGWOPFTROKZPHWVGJWGKIKQUZKZ" +
	"EWPSWWZZZTZZLWWZLZNOUBZWZZR" +
	"FISLMEOMUHROPMKHRZKIJKNQZLY" +
	"DLRMOGSVKIXPORQJMURJGJVRZMV" +
	"EJSMTGSTEIZZPRSIOZJJNLXQVKW" +
	"MLLKNHNNZIZZGJGRKZGGGYZZMZQ" +
	"HEWQTCRUWHZZWRSJQWYSQXUTSZZ" +
	"GHUTRFRUFEZWQUKIPZILPURQYXZ" +
	"BJPMPJPWSJYZWPUNHZSUHVXXNOZ" +
	"CRRRRMUVWNZZKLJPGYKHJWXRZZT" +
	"EIQSQCUVXKZXQQVJVXQPQTVVUQJ"

// What odd words cost, in half bits.
const (
	oddRegion = 48 // from how much more on a run of words is odd
	oddTry    = 20 // and from how much on it is read by every encoding, to see
	oddWord   = 10 // and one word, so that it is kept to be put together with others
	oddLost   = 40 // a run ends where as much was lost again
	calm      = 5  // how much of it a word of a language takes away at most
	loud      = 64 // and how much an odd one adds at most
	turned    = 8  // a letter after a digit, or a capital after a small letter
	figure    = 7  // a digit
	long      = 3  // each letter of a long word beyond the twelfth, and of one with digits beyond the sixth
)

// odd is what reads as no language in a text.
type odd struct {
	regions []region
	tokens  []byte // all odd words with the signs beside them, one after the other
	shorts  []shorts
}

// region is a run of odd words.
type region struct {
	from, to, letters int
	sure              bool // it is odd, and not only worth a try
}

// shorts is a run of words of one or two letters, or of a few digits of base 16.
type shorts struct {
	from, to int
	alike    bool // all of them are single letters, or all are of base 16
}

// signs of words: letters from 1, digits and what is beyond ASCII.
const (
	digit  = 27
	beyond = 28
)

var (
	sign  = signs()
	apart = marks(" \n\t\r,;|\"'`") // what parts tokens
	costs = counted()

	frames = marks(" \n\",:{}[]()|*#-=.")

	rarely = func() (table [256]uint8) {
		for _, c := range []byte("!#$%&+;<>?@[\\]^{}~") {
			table[c] = 9
		}
		return table
	}()
)

func signs() (table [256]uint8) {
	for c := range table {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			table[c] = uint8(c & 31)
		case c >= '0' && c <= '9':
			table[c] = digit
		case c >= 0x80:
			table[c] = beyond
		}
	}
	return table
}

func marks(of string) (table [256]bool) {
	for i := range len(of) {
		table[of[i]] = true
	}
	return table
}

// counted gives pairs as numbers, 32 to a row.
func counted() (table [27 * 32]uint8) {
	for row := range 27 {
		for column := range 27 {
			table[row*32+column] = pairs[row*27+column] - 'A'
		}
	}
	return table
}

// readOdd reads a text word by word, and counts by how many bits each is more likely drawn from an alphabet by lot than written in a
// language. A run of words that are together more likely drawn is odd: it ends where as much was lost as oddLost. A word counts once
// however often it stands there, and numbers count nothing but for being long.
func readOdd(b []byte) (o odd) {
	seen := map[string]bool{}
	score, best, from, to, letters := 0, 0, 0, 0, 0
	kept := 0 // how far tokens are in o.tokens
	var run shorts
	count, runLetters, lettered, singles, sixteens := 0, 0, 0, true, true
	ends := func() {
		if best >= oddTry {
			o.regions = append(o.regions, region{from, to, letters, best >= oddRegion})
		}
		score, best, letters = 0, 0, 0
	}
	breaks := func() {
		if runLetters >= 16 && lettered*12 >= count {
			o.shorts = append(o.shorts, shorts{run.from, run.to, (singles || sixteens) && lettered*5 >= count && runLetters >= 24})
		}
		count, runLetters, lettered, singles, sixteens = 0, 0, 0, true, true
	}
	token := 0 // where the one begins that is read
	for i := 0; i < len(b); {
		if sign[b[i]] == 0 {
			if b[i] <= ' ' {
				if more := strange(b[token:i]); more > 0 {
					if score == 0 {
						from = token
					}
					if score += more; score > best {
						best, to = score, i
					}
					letters += i - token
				}
				token = i + 1
			}
			// Signs between letters, of which prose has few, and signs between signs.
			more := 0
			if c := b[i]; i > 0 && i+1 < len(b) && b[i-1] > ' ' && b[i+1] > ' ' {
				if b[i-1] != c && b[i+1] != c {
					more = int(rarely[c])
				} else if (b[i-1] != c || b[i+1] != c) && c > ' ' && !frames[c] && sign[b[i-1]] == 0 && sign[b[i+1]] == 0 && !frames[b[i-1]] && !frames[b[i+1]] {
					more = 4
				}
			}
			if more > 0 {
				if score == 0 {
					from = i
				}
				if score += more; score > best {
					best, to = score, i+1
				}
				letters++
			}
			i++
			continue
		}
		start := i
		prev, cost, turns := 0, 0, 0
		var lower, upper, digits, deep, past int
		for ; i < len(b); i++ {
			c := b[i]
			s := sign[c]
			if s == 0 {
				break
			}
			switch {
			case s == digit:
				if prev != 0 {
					if cost += int(costs[prev*32]); digits > 0 {
						turns++
					}
				}
				prev = 0
				digits++
			case s == beyond:
				prev = 0
				deep++
			default:
				cost += int(costs[prev*32+int(s)])
				if c&0x20 == 0 {
					if upper++; i > start && b[i-1] >= 'a' && b[i-1] <= 'z' {
						turns++
					}
				} else {
					lower++
				}
				if i > start && sign[b[i-1]] == digit {
					turns++
				}
				if s > 6 {
					past++
				}
				prev = int(s)
			}
		}
		if prev != 0 {
			cost += int(costs[prev*32])
		}
		n := i - start
		if past*24 > n { // fewer may be noise among the digits of base 16
			deep |= 1 << 20
		}
		// Runs of words of one or two letters, or of digits of base 16, with little between them.
		if deep>>20 == 0 && n <= 8 && digits > 0 || n <= 2 && deep&0xffff == 0 {
			if start-run.to > 4 {
				breaks()
			}
			if count == 0 {
				run.from = start
			}
			count, runLetters, run.to = count+1, runLetters+n, i
			singles, sixteens = singles && n == 1, sixteens && deep == 0
			if digits < n {
				lettered++
			}
		} else {
			breaks()
		}
		more := 0
		if digits == n {
			more = -1 + 3*max(0, n-8)
		} else {
			cost += turned*turns + figure*digits
			if deep == 0 && n >= 8 && digits > 1 && digits < n-1 {
				cost += 2 * digits // digits of base 16
			}
			if digits > 0 {
				cost += long * max(0, n-6)
			} else {
				cost += long * max(0, n-14)
			}
			more = cost - (n-deep&0xffff)*drawn(lower, upper, digits, deep) - 6
		}
		if more > 0 && n > 2 {
			if seen[string(b[start:i])] {
				more = 0
			} else {
				seen[string(b[start:i])] = true
			}
		}
		if n >= 7 && string(b[start:start+5]) == "00000" {
			more = max(more, oddWord)
		}
		more = min(max(more, -calm), loud)
		if score == 0 && more > 0 {
			from = start
		}
		if score += more; score <= 0 {
			ends()
		} else {
			if more > 0 {
				letters += n
			}
			if score > best {
				best, to = score, i
			}
			if score < best-oddLost {
				ends()
			}
		}
		if more >= oddWord && i > kept {
			left, right := start, i
			for left > kept && !apart[b[left-1]] {
				left--
			}
			for right < len(b) && !apart[b[right]] {
				right++
			}
			if right > kept {
				o.tokens = append(o.tokens, b[max(left, kept):right]...)
				kept = right
			}
		}
	}
	ends()
	breaks()
	return o
}

// strange gives how much more a token counts that is of short bits of letters and digits among many kinds of signs.
func strange(token []byte) int {
	if len(token) < 7 || len(token) > 200 {
		return 0
	}
	var kinds [4]uint64
	small, large, figures, words, empty, points, eights := 0, 0, 0, 0, 0, 0, 0
	for i, c := range token {
		if c >= '_' && c <= 'i' {
			eights++ // as digits are under rot47
		}
		if c == '!' {
			empty++ // as zeros are written by fives
		} else if c == '.' && i+1 < len(token) && sign[token[i+1]] != digit {
			points++ // and as crypt writes them
		}
		switch s := sign[c]; {
		case s == 0:
			if !frames[c] {
				kinds[c>>6] |= 1 << (c & 63)
			}
			continue
		case s == digit:
			figures++
		case c&0x20 == 0:
			large++
		default:
			small++
		}
		if i == 0 || sign[token[i-1]] == 0 {
			words++
		}
	}
	n := bits.OnesCount64(kinds[0]) + bits.OnesCount64(kinds[1])
	switch {
	case wideLetters(token):
		return oddRegion / 2
	case len(token) >= 10 && eights*10 >= len(token)*9 && small > 4:
		return oddRegion / 2
	case empty >= 5, points >= 5 && large > 1 && small+large+figures <= 3*words, n >= 4 && len(token) >= 12 && large > 0 && small+figures > 0 && small+large+figures <= 4*words:
		return oddRegion / 2
	case n >= 3 && small+large > 0 && small+large+figures <= 4*words:
		return oddRegion / 4
	}
	return 0
}

// wideLetters says whether a token is of digits of base 16 in which every other byte is nothing, as letters of two bytes are.
func wideLetters(token []byte) bool {
	if len(token)%4 != 0 || token[0] == '0' && token[1] == '0' == (token[2] == '0' && token[3] == '0') {
		return false
	}
	void := 2
	if token[0] == '0' && token[1] == '0' {
		void = 0
	}
	for i := 0; i < len(token); i += 2 {
		if nothing := token[i] == '0' && token[i+1] == '0'; nothing != (i%4 == void) || !base16[token[i]] || !base16[token[i+1]] {
			return false
		}
	}
	return true
}

// drawn gives what a letter costs, in half bits, that is drawn from the alphabet that a word's letters are of.
func drawn(lower, upper, digits, deep int) int {
	switch {
	case lower > 0 && upper > 0:
		return 12
	case digits > 0 && deep>>20 == 0:
		return 8 // the digits of base 16
	}
	return 10
}
