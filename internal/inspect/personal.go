package inspect

import (
	"net/netip"
	"strconv"
	"strings"
)

// identity is how the number of a person looks in some register, and whether its check digits hold.
type identity struct {
	register string
	shape    string // d is a digit, L a letter, and all else is itself
	holds    func(digits []byte) bool
}

// identities are the registers' published forms. The bytes that holds is given are the digits and letters alone.
var identities = []identity{
	{"social security (United States)", "ddd-dd-dddd", func(d []byte) bool {
		area := string(d[:3])
		return area != "000" && area != "666" && area < "900" && string(d[3:5]) != "00" && string(d[5:]) != "0000"
	}},
	{"social insurance (Canada)", "ddd-ddd-ddd", luhn}, {"social insurance (Canada)", "ddd ddd ddd", luhn},
	{"health service (England)", "ddd ddd dddd", nhs},
	{"taxpayer (Brazil)", "ddd.ddd.ddd-dd", cpf},
	{"resident (India)", "dddd dddd dddd", verhoeff},
	{"person (Sweden)", "dddddd-dddd", func(d []byte) bool { return dated(d[2:6], false) && luhn(d) }},
	{"person (Sweden)", "dddddddd-dddd", func(d []byte) bool { return dated(d[4:8], false) && luhn(d[2:]) }},
	{"person (Finland)", "dddddd-dddL", finland}, {"person (Finland)", "ddddddAdddL", func(d []byte) bool { return finland(append(append([]byte{}, d[:6]...), d[7:]...)) }},
	{"person (Finland)", "dddddd-dddd", finland},
	{"person (Spain)", "ddddddddL", spain}, {"person (Spain)", "dddddddd-L", spain},
	{"foreigner (Spain)", "LdddddddL", func(d []byte) bool {
		if d[0] < 'X' || d[0] > 'Z' {
			return false
		}
		return spain(append([]byte{'0' + d[0] - 'X'}, d[1:]...))
	}},
	{"person (Italy)", "LLLLLLddLddLdddL", italy},
	{"person (Poland)", "ddddddddddd", func(d []byte) bool {
		month := int(d[2]-'0')*10 + int(d[3]-'0')
		return month%20 >= 1 && month%20 <= 12 && dated([]byte{'0', '1', d[4], d[5]}, false) && sum(d[:10], 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10 == (10-int(d[10]-'0'))%10
	}},
	{"person (Norway)", "ddddddddddd", func(d []byte) bool {
		return dated(d[:4], true) && sum(d[:10], 3, 7, 6, 1, 8, 9, 4, 5, 2, 1)%11 == 0 && sum(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	}},
	{"person (Norway)", "dddddd ddddd", func(d []byte) bool {
		return dated(d[:4], true) && sum(d[:10], 3, 7, 6, 1, 8, 9, 4, 5, 2, 1)%11 == 0 && sum(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	}},
	{"person (Belgium)", "dd.dd.dd-ddd.dd", func(d []byte) bool {
		n, _ := strconv.ParseInt(string(d[:9]), 10, 64)
		check, _ := strconv.ParseInt(string(d[9:]), 10, 64)
		return 97-n%97 == check || 97-(2_000_000_000+n)%97 == check
	}},
	{"person (France)", "d dd dd dd ddd ddd dd", france}, {"person (France)", "ddddddddddddddd", france},
	{"taxpayer (Germany)", "dd ddd ddd ddd", germany}, {"taxpayer (Germany)", "ddddddddddd", germany},
	{"insured (Switzerland)", "756.dddd.dddd.dd", func(d []byte) bool { return sum(d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 == 0 }},
	{"resident (China)", "dddddddddddddddddd", china}, {"resident (China)", "dddddddddddddddddL", china},
	{"payment card", "dddd dddd dddd dddd", card}, {"payment card", "dddd-dddd-dddd-dddd", card}, {"payment card", "dddddddddddddddd", card},
	{"payment card", "dddd dddddd ddddd", card}, {"payment card", "dddd-dddddd-ddddd", card}, {"payment card", "ddddddddddddddd", card},
}

func sum(digits []byte, weights ...int) (total int) {
	for i, w := range weights {
		total += int(digits[i]-'0') * w
	}
	return total
}

func luhn(d []byte) bool {
	total := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		total += n
	}
	return total%10 == 0
}

// dated says whether four digits are a month and a day, or a day and a month.
func dated(d []byte, dayFirst bool) bool {
	month, day := int(d[0]-'0')*10+int(d[1]-'0'), int(d[2]-'0')*10+int(d[3]-'0')
	if dayFirst {
		month, day = day, month
	}
	return month >= 1 && month <= 12 && day >= 1 && day <= 31
}

func nhs(d []byte) bool {
	return (11-sum(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%11 == int(d[9]-'0')
}

func cpf(d []byte) bool {
	one := sum(d, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	two := sum(d, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	return one == int(d[9]-'0') && two == int(d[10]-'0') && strings.Trim(string(d), string(d[:1])) != ""
}

// verhoeff works in the dihedral group of ten.
func verhoeff(d []byte) bool {
	times := func(a, b int) int {
		switch {
		case a < 5 && b < 5:
			return (a + b) % 5
		case a < 5:
			return 5 + (a+b-5)%5
		case b < 5:
			return 5 + (a-5-b+5)%5
		}
		return (a - b + 5) % 5
	}
	turn := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		for range i % 8 {
			n = turn[n]
		}
		c = times(c, n)
	}
	return c == 0 && d[0] > '1'
}

func finland(d []byte) bool {
	n, err := strconv.Atoi(string(d[:9]))
	return err == nil && dated(d[:4], true) && "0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31] == d[9]
}

func spain(d []byte) bool {
	n, err := strconv.Atoi(string(d[:8]))
	return err == nil && "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] == d[8]
}

func italy(d []byte) bool {
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	total := 0
	for i, c := range d[:15] {
		n := int(c - '0')
		if c >= 'A' {
			n = int(c - 'A')
		}
		if i%2 == 0 {
			n = odd[n]
		}
		total += n
	}
	return byte('A'+total%26) == d[15]
}

func france(d []byte) bool {
	n, _ := strconv.ParseInt(string(d[:13]), 10, 64)
	check, _ := strconv.ParseInt(string(d[13:]), 10, 64)
	month := int(d[3]-'0')*10 + int(d[4]-'0')
	return (d[0] == '1' || d[0] == '2') && month >= 1 && month <= 12 && 97-n%97 == check
}

func germany(d []byte) bool {
	product := 10
	for _, c := range d[:10] {
		s := (int(c-'0') + product) % 10
		if s == 0 {
			s = 10
		}
		product = s * 2 % 11
	}
	var counts [10]int
	most := 0
	for _, c := range d[:10] {
		counts[c-'0']++
		most = max(most, counts[c-'0'])
	}
	return d[0] != '0' && (11-product)%10 == int(d[10]-'0') && (most == 2 || most == 3)
}

func china(d []byte) bool {
	return string(d[6:8]) >= "19" && string(d[6:8]) <= "20" && dated(d[10:14], false) && "10X98765432"[sum(d, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)%11] == d[17]
}

// card says whether digits are a card of one of the large issuers.
func card(d []byte) bool {
	four, _ := strconv.Atoi(string(d[:4]))
	issued := false
	switch len(d) {
	case 15:
		issued = four/100 == 34 || four/100 == 37
	case 16:
		issued = four/1000 == 4 || four/100 >= 51 && four/100 <= 55 || four >= 2221 && four <= 2720 || four == 6011 || four/100 == 65 || four >= 6440 && four <= 6499 || four >= 3528 && four <= 3589 || four/100 == 62
	}
	return issued && luhn(d)
}

// What a byte may mean to the look for personal data.
var persons = func() (table [256]uint8) {
	for c := range table {
		switch {
		case c >= '0' && c <= '9':
			table[c] = 1
		case c >= 'A' && c <= 'Z':
			table[c] = 2
		case c >= 'a' && c <= 'z':
			table[c] = 3
		case c == '@' || c == '+' || c == ':':
			table[c] = 4
		}
	}
	return table
}()

// shapes are the identities by whether they begin with a letter, and by how many digits they begin with.
var shapes = func() (by [20][]identity) {
	for _, one := range identities {
		n := 0
		for n < len(one.shape) && persons[one.shape[n]] == 1 || n < len(one.shape) && one.shape[n] == 'd' {
			n++
		}
		by[n] = append(by[n], one)
	}
	return by
}()

// personal looks for what identifies a person and can be told from other numbers: addresses, telephones, accounts and registers.
func (l *look) personal(p piece) {
	b := p.bytes
	before := uint8(0)
	for i := 0; i < len(b); i++ {
		k := persons[b[i]]
		switch {
		case k == 0 || k == 3:
		case k == 1:
			start := i
			for i+1 < len(b) && persons[b[i+1]] == 1 {
				i++
			}
			n := i + 1 - start
			if before != 0 && before != 4 || start > 0 && b[start-1] == '.' {
				break
			}
			if i+5 < len(b) && b[i+1] == '.' && n <= 3 && (b[i+3] == '.' || b[i+4] == '.' || b[i+5] == '.') {
				l.address4(p, start)
			}
			if n < len(shapes) && (start < 2 || persons[b[start-2]] != 1) {
				for _, one := range shapes[n] {
					if len(one.shape) == n || i+1 < len(b) && (b[i+1] == one.shape[n] || one.shape[n] == 'L') {
						l.identity(p, start, one)
					}
				}
			}
		case k == 2:
			if before != 0 || i+9 > len(b) || persons[b[i+1]] == 3 {
				break
			}
			if persons[b[i+1]] == 2 && persons[b[i+2]] == 1 && persons[b[i+3]] == 1 {
				l.iban(p, i)
			}
			for _, one := range shapes[0] {
				l.identity(p, i, one)
			}
		case b[i] == '@':
			l.mail(p, i)
		case b[i] == '+':
			if before == 0 {
				l.telephone(p, i)
			}
		case b[i] == ':':
			if i > 0 && i+1 < len(b) && (b[i+1] == ':' || base16[b[i+1]]) && base16[b[i-1]] {
				i = l.address6(p, i)
			}
		}
		before = k
	}
}

var base16 = letterings["h"]

// identity looks at a place for the number of a person.
func (l *look) identity(p piece, at int, one identity) {
	rest := p.bytes[at:]
	if len(rest) < len(one.shape) {
		return
	}
	var space [24]byte
	digits := space[:0]
	for i := range len(one.shape) {
		c, want := rest[i], one.shape[i]
		switch k := persons[c]; {
		case want == 'd' && k == 1, want == 'L' && k == 2, k == 1 && c == want:
			digits = append(digits, c)
		case want == 'd' || want == 'L' || c != want:
			return
		case k == 2:
			digits = append(digits, c)
		}
	}
	// A number among others, with spaces between them, is none of a person.
	figure := func(at int) bool { return at >= 0 && at < len(p.bytes) && persons[p.bytes[at]] == 1 }
	if end := at + len(one.shape); end < len(p.bytes) && persons[p.bytes[end]] != 0 || figure(end+1) || figure(at-2) {
		return
	}
	if one.holds(digits) {
		l.find(p, at, Personal, "personal: "+one.register, "a number has the form and the check digits of one in a register of persons: "+one.register)
	}
}

// mail looks around an at sign for an address of a person.
func (l *look) mail(p piece, at int) {
	b := p.bytes
	if at == 0 || folds[b[at-1]] == 0 || at+3 >= len(b) || folds[b[at+1]] == 0 {
		return
	}
	end, dot := at+1, 0
	for end < len(b) && end-at < 100 && (folds[b[end]] != 0 || b[end] == '-' || b[end] == '.' && end+1 < len(b) && folds[b[end+1]] != 0) {
		if b[end] == '.' {
			dot = end
		}
		end++
	}
	if dot == 0 || end-dot < 3 {
		return
	}
	for _, c := range b[dot+1 : end] {
		if persons[c] != 2 && persons[c] != 3 {
			return
		}
	}
	l.find(p, at, Personal, "personal: e-mail", "it holds an e-mail address")
}

// iban looks at a place for a bank account.
func (l *look) iban(p piece, at int) {
	rest := p.bytes[at:min(len(p.bytes), at+44)]
	var space [44]byte
	digits := space[:0]
	for i, c := range rest {
		if k := persons[c]; k == 1 || k == 2 {
			digits = append(digits, c)
		} else if c != ' ' || i+1 == len(rest) || len(digits)%4 != 0 {
			break
		}
	}
	for n := len(digits); n >= 15; n -= max(1, n%4) { // a word in capitals may follow
		if n > 34 {
			continue
		}
		rest := 0
		for i := range n {
			c := digits[(i+4)%n]
			if c >= 'A' {
				rest = (rest*100 + int(c-'A') + 10) % 97
			} else {
				rest = (rest*10 + int(c-'0')) % 97
			}
		}
		if rest == 1 {
			l.find(p, at, Personal, "personal: bank account", "a number has the form and the check digits of a bank account (IBAN)")
			return
		}
	}
}

// telephone looks behind a plus sign for a number that the whole world can call.
func (l *look) telephone(p piece, at int) {
	b, digits, i := p.bytes, 0, at+1
	if i >= len(b) || b[i] < '1' || b[i] > '9' {
		return
	}
	for ; i < len(b) && digits < 17; i++ {
		if persons[b[i]] == 1 {
			digits++
		} else if i+1 == len(b) || b[i] != ' ' && b[i] != '-' && b[i] != '(' && b[i] != ')' || persons[b[i+1]] != 1 && b[i+1] != '(' && b[i+1] != ' ' {
			break
		}
	}
	if digits >= 9 && digits <= 15 {
		l.find(p, at, Personal, "personal: telephone", "it holds a telephone number with its country")
	}
}

// address4 looks at a place for an address of a host in the public internet.
func (l *look) address4(p piece, at int) {
	b, dots, i := p.bytes, 0, at
	for ; i < len(b) && i < at+15 && (persons[b[i]] == 1 || b[i] == '.'); i++ {
		if b[i] == '.' {
			if dots++; dots > 3 || i-at > 11 {
				break
			}
		}
	}
	if dots != 3 || i < len(b) && persons[b[i]] != 0 && b[i] != ':' {
		return
	}
	l.host(p, at, strings.TrimRight(string(b[at:i]), "."))
}

// address6 looks around a colon for the same, and gives where it ends.
func (l *look) address6(p piece, at int) int {
	b, start, end, colons := p.bytes, at, at, 0
	for start > 0 && at-start < 5 && base16[b[start-1]] {
		start--
	}
	for ; end < len(b) && end-start < 40 && (b[end] == ':' || base16[b[end]]); end++ {
		if b[end] == ':' {
			colons++
		}
	}
	if colons >= 2 && end-start >= 8 {
		l.host(p, start, string(b[start:end]))
	}
	return max(at, end-1)
}

func (l *look) host(p piece, at int, text string) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.IsPrivate() || !addr.IsGlobalUnicast() {
		return
	}
	for _, kept := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "2001:db8::/32", "3fff::/20"} {
		if netip.MustParsePrefix(kept).Contains(addr) {
			return
		}
	}
	if addr.Is4() && addr.As4()[0] < 10 && addr.As4()[1] < 10 && addr.As4()[2] < 10 {
		return // as a chapter is numbered
	}
	l.find(p, at, Personal, "personal: network address", "it holds the address of a host in the public internet")
}
