package inspect

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"

	"narthex/internal/disclosure"
	"narthex/internal/inspect/find"
	"narthex/internal/inspect/sketch"
	"narthex/internal/inspect/values"
	"narthex/internal/order"
)

// What a look is bounded by. What goes beyond a bound is a finding of its own.
const (
	deepest  = 5       // how many encodings may lie in one another
	fanOut   = 4096    // how many pieces one file may unfold into
	share    = 6       // how many bytes a file may unfold into, for each of its own
	least    = 1 << 19 // and how many however small it is
	shown    = 16      // how many findings of one rule are listed for a file
	tooLarge = "too deep or too large to look through"
)

// piece is the bytes of a file, or what a decoding of a part of it gave.
type piece struct {
	file   string
	line   int      // of the file, where the part begins; 0 where it is no one line
	within []string // the decodings, the outermost first
	bytes  []byte

	depth  int             // how many encodings it was under: what only arranges, as a column does, is none
	kind   disclosure.Kind // of a file as it is
	said   bool            // what it was decoded from is a finding already
	faint  bool            // it was put together from what stands in every file, and may look like anything: it gets less of a look
	joined bool            // it has no ends of lines or cells, so that words run into one another
	drawn  bool            // it is of pixels: that a text is drawn there is found by picture.go, and lines and areas give words of no language
	listed bool            // of it only the numbers are looked at
	turns  int             // how often it was turned round, or its letters exchanged, since the last decoding
}

// Inspector knows what is held back. It is built once and then only read: many may look at once.
type Inspector struct {
	held     Held
	canaries canaries
	prints   prints
	before   []byte // words that read as no language, of the same author's earlier releases
}

// New takes in what is held back. It needs about 3 bytes of memory for each byte of its texts.
func New(held Held) *Inspector {
	in := &Inspector{held: held, canaries: newCanaries(held.Canaries), prints: newPrints(held.Texts)}
	for _, earlier := range held.Earlier {
		if !earlier.Own {
			continue
		}
		if earlier.Kept == nil {
			earlier.Kept = words(earlier.Files)
		}
		for _, f := range earlier.Kept {
			in.before = append(in.before, f.Words...)
		}
	}
	return in
}

// Sketches gives what is kept of files, so that later ones are compared with them.
func Sketches(files []File) []sketch.File {
	kept := values.Sketches(files)
	for i, f := range words(files) {
		kept[i].Words = f.Words
	}
	return kept
}

// words gives the words of files that read as no language.
func words(files []File) []sketch.File {
	kept := make([]sketch.File, len(files))
	for i, f := range files {
		if kept[i].Name = f.Name; f.Kind != disclosure.PNG {
			kept[i].Words = readOdd(f.Bytes).tokens
		}
	}
	return kept
}

// look is one look at the files of one package.
type look struct {
	*Inspector
	found  []Finding
	pieces []piece
	known  map[[sha256.Size]byte]bool // pieces of the file that were looked at
	queue  []piece
	room   int // bytes that the file may still unfold into
	full   bool

	letters []uint8   // room for those of a piece
	written []written // and for its numbers
}

// Look gives what it finds in the files of a package, by file, line, kind and rule. It looks at each file as it is, and at what up to
// five encodings in one another give; at columns, at the first letters of lines and the like; and at what the files, and those of the
// author's earlier releases, give together: that is a finding of each file whose words are part of it.
//
// Its time and memory are bounded: a file unfolds into at most 4,096 pieces of together six times its bytes, or half a MiB. What is
// beyond that is a finding of its own, of the kind Encoded.
func (in *Inspector) Look(files []File) []Finding {
	l := &look{Inspector: in}
	var apart []byte
	var of []string // the files that have such words
	for _, f := range files {
		words := l.file(f.Name, len(f.Bytes), roots(f))
		if len(words) > 0 {
			apart, of = append(apart, words...), append(of, f.Name)
		}
		if f.Kind == disclosure.PNG {
			l.picture(f)
		}
	}
	if len(of) > 0 && (len(files) > 1 || len(in.before) > 0) {
		whole, alone := slices.Concat(in.before, apart), len(l.found)
		l.file(of[0], len(whole), []piece{{file: of[0], within: []string{"files and earlier releases together"}, bytes: whole, faint: true}})
		found := l.found[alone:]
		for _, other := range of[1:] { // each file that may hold a part carries the finding, also where its author leaves others out
			for _, f := range found {
				f.File = other
				l.found = append(l.found, f)
			}
		}
	}
	people := values.Thresholds{Off: !in.held.People}
	return ordered(slices.Concat(l.found, values.Weights(l.handed(), in.held.Tensors), values.Tables(files, people), values.Differences(files, in.held.Earlier, people)))
}

// handed gives the pieces in which numbers are looked at.
func (l *look) handed() []find.Piece {
	pieces := make([]find.Piece, 0, len(l.pieces))
	for _, p := range l.pieces {
		if p.drawn && p.depth > 1 {
			continue // what two decodings make of lines and areas has any shape
		}
		pieces = append(pieces, find.Piece{File: p.file, Line: p.line, Within: p.within, Bytes: p.bytes})
	}
	return pieces
}

// file looks at pieces of one file and at what they unfold into. It gives the words that read as no language.
func (l *look) file(name string, size int, pieces []piece) (odd []byte) {
	l.known, l.queue, l.full = map[[sha256.Size]byte]bool{}, nil, false
	l.room = max(share*size, least)
	for _, p := range pieces {
		l.push(p)
	}
	for at := 0; at < len(l.queue); at++ {
		p := l.queue[at]
		words := l.piece(p)
		if at == 0 {
			odd = words
		}
	}
	if l.full {
		l.find(piece{file: name}, 0, Encoded, "unfold: "+tooLarge, "it holds more encodings in one another, or more of them, than are looked through; what is in the rest is not known")
	}
	return odd
}

// push puts a piece on the queue, once.
func (l *look) push(p piece) {
	if len(p.bytes) == 0 {
		return
	}
	if len(l.queue) >= fanOut || len(p.bytes) > l.room && p.depth > 0 {
		l.full = true
		return
	}
	sum := sha256.Sum256(p.bytes)
	if l.known[sum] {
		return
	}
	l.known[sum] = true
	if p.depth > 0 {
		l.room -= len(p.bytes)
	}
	l.queue = append(l.queue, p)
	l.pieces = append(l.pieces, p)
}

// piece looks at one piece, and puts what it unfolds into on the queue.
func (l *look) piece(p piece) (odd []byte) {
	if p.listed {
		l.numbers(p)
		l.escapes(p)
		return nil
	}
	l.needles(p)
	text := reads(p.bytes)
	l.packed(p, text)
	if !text {
		return nil
	}
	l.secrets(p)
	if !p.faint && !p.drawn {
		l.personal(p)
	}
	if !p.faint && !p.said && !p.joined {
		l.hidden(p)
		l.active(p)
		if p.kind == disclosure.CSV {
			l.formulas(p, rowsOf(p.bytes))
		}
	}
	words := readOdd(p.bytes)
	for _, r := range words.regions {
		if r.sure && !p.faint && !p.said && !p.joined && !p.drawn {
			l.find(p, r.from, Encoded, "odd: words of no language", "a run of about "+strconv.Itoa(r.letters)+" characters that are like no prose, no names and no numbers, as encoded or encrypted bytes are")
		}
	}
	l.unfold(p, words)
	return words.tokens
}

// find adds a finding at a place of a piece.
func (l *look) find(p piece, at int, kind Kind, rule, says string) {
	line := p.line
	if len(p.within) == 0 && len(p.bytes) > 0 {
		line = 1 + bytes.Count(p.bytes[:min(at, len(p.bytes))], []byte("\n"))
	}
	l.found = append(l.found, Finding{Kind: kind, Rule: rule, File: p.file, Line: line, Within: p.within, Says: says})
}

// ordered sorts findings, leaves out what is there twice, and says how many there are where they are many.
func ordered(found []Finding) []Finding {
	order.By(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Line, b.Line), cmp.Compare(len(a.Within), len(b.Within)), slices.Compare(a.Within, b.Within), cmp.Compare(a.Says, b.Says))
	})
	alike := func(a, b Finding) bool { return a.File == b.File && a.Kind == b.Kind && a.Rule == b.Rule }
	found = slices.CompactFunc(found, func(a, b Finding) bool { return alike(a, b) && a.Line == b.Line })
	var out []Finding
	for from := 0; from < len(found); {
		to := from
		for to < len(found) && alike(found[to], found[from]) {
			to++
		}
		out = append(out, found[from:min(to, from+shown)]...)
		if more := to - from - shown; more > 0 {
			out[len(out)-1].Says += "; and " + strconv.Itoa(more) + " more of this rule in the file"
		}
		from = to
	}
	order.By(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return out
}
