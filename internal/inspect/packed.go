package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"

	"narthex/internal/inspect/find"
)

// archive is a form of compressed or packed bytes, by what it begins with.
type archive struct {
	name   string
	begins string
	open   func([]byte) io.Reader // nil where nothing here reads it: then its beginning alone is found
}

// archives are those that are known. A file of none of these kinds may leave, so that each is a finding, read or not.
var archives = []archive{
	{"gzip", "\x1f\x8b\x08", func(b []byte) io.Reader {
		if r, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
			return r
		}
		return nil
	}},
	{"bzip2", "BZh", func(b []byte) io.Reader { return bzip2.NewReader(bytes.NewReader(b)) }},
	{"zip", "PK\x03\x04", nil},
	{"zip", "PK\x05\x06", nil},
	{"zstd", "\x28\xb5\x2f\xfd", nil},
	{"xz", "\xfd7zXZ\x00", nil},
	{"7z", "7z\xbc\xaf\x27\x1c", nil},
	{"rar", "Rar!\x1a\x07", nil},
	{"lz4", "\x04\x22\x4d\x18", nil},
	{"lzip", "LZIP\x01", nil},
	{"cabinet", "MSCF\x00\x00\x00\x00", nil},
}

// marked finds where archives begin, and a tar by what stands in its first head.
var marked = func() *find.Marks {
	var begins []string
	for _, a := range archives {
		begins = append(begins, a.begins)
	}
	return find.NewMarks(append(begins, tarred))
}()

const tarred = "ustar\x00"

// packed looks for archives in bytes, which may be a text, and puts what they hold on the queue.
func (l *look) packed(p piece, text bool) {
	b := p.bytes
	first := map[int]int{} // where each is for the first time
	marked.Each(b, func(at, mark int) bool {
		if _, is := first[mark]; !is {
			first[mark] = at
		}
		return false
	})
	for i, a := range archives {
		at, is := first[i]
		if !is || text && a.name != "bzip2" && a.begins[0] != 'P' || a.name == "bzip2" && !bytes.HasPrefix(b[at+3:], []byte("1AY&SY")) && (at+10 > len(b) || string(b[at+4:at+10]) != "1AY&SY") || p.faint && len(a.begins) < 4 && at > 0 {
			continue
		}
		l.find(p, at, Encoded, "packed: "+a.name, "it holds an archive or compressed bytes ("+a.name+"), which is no kind of output")
		if p.depth >= deepest {
			l.full = true
			continue
		}
		if a.open != nil {
			if r := a.open(b[at:]); r != nil {
				l.push(p.under(a.name, at, l.drain(r)))
			}
		}
		if a.name == "zip" {
			l.zipped(p, b)
		}
	}
	if at, is := first[len(archives)]; is {
		l.find(p, at, Encoded, "packed: tar", "it holds an archive (tar), which is no kind of output")
		r := tar.NewReader(bytes.NewReader(b[max(0, at-257):]))
		for range 256 {
			if p.depth >= deepest {
				l.full = true
				break
			}
			if _, err := r.Next(); err != nil {
				break
			}
			l.push(p.under("tar", 0, l.drain(r)))
		}
	}
	if text || p.depth >= deepest || len(b) < 8 {
		return
	}
	if runs := readable(b); len(runs) > 0 {
		rest := p.under("readable parts", 0, runs)
		rest.depth--
		l.push(rest)
	}
	if bytes.Count(b, []byte{0})*5 > len(b) {
		if plain := bytes.ReplaceAll(b, []byte{0}, nil); reads(plain) {
			l.push(p.under("UTF-16 or UTF-32", 0, plain))
		}
	}
	if !p.faint && b[0]&15 == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 {
		if r, err := zlib.NewReader(bytes.NewReader(b)); err == nil {
			if out := l.drain(r); len(out) >= 8 {
				l.find(p, 0, Encoded, "packed: zlib", "it holds compressed bytes (zlib), which is no kind of output")
				l.push(p.under("zlib", 0, out))
			}
		}
	}
	if p.faint {
		return // many bytes drawn by lot inflate to something
	}
	from := bytes.NewReader(b)
	if out, err := io.ReadAll(io.LimitReader(flate.NewReader(from), int64(l.room)+1)); err == nil && len(out) >= 8 && from.Len()*8 <= len(b) {
		l.push(p.under("deflate", 0, out))
	}
}

// zipped puts the files of a zip on the queue. What it cannot read, as with a password, was found by its beginning.
func (l *look) zipped(p piece, b []byte) {
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	for _, f := range r.File[:min(len(r.File), 256)] {
		if in, err := f.Open(); err == nil {
			l.push(p.under("zip", 0, l.drain(in)))
			in.Close()
		}
	}
}

// drain reads what a file may still unfold into, and keeps what came before a fault.
func (l *look) drain(r io.Reader) []byte {
	out, err := io.ReadAll(io.LimitReader(r, int64(max(0, l.room))+1))
	if len(out) > l.room {
		l.full = true
		out = out[:max(0, l.room)]
	}
	if err != nil && len(out) == 0 {
		return nil
	}
	return out
}
