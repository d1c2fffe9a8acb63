package engine_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"narthex/internal/engine"
)

// said gives frames as a worker would send them.
func said(t testing.TB, documents ...any) *bytes.Buffer {
	t.Helper()
	var pipe bytes.Buffer
	for _, d := range documents {
		if raw, is := d.(string); is {
			pipe.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...))
		} else if err := engine.WriteFrame(&pipe, d); err != nil {
			t.Fatal(err)
		}
	}
	return &pipe
}

func head(types ...engine.Type) engine.Answer {
	a := engine.Answer{Head: []engine.Column{}}
	for _, kind := range types {
		a.Head = append(a.Head, engine.Column{Name: "c", Type: kind})
	}
	return a
}

func rows(rows ...[]string) engine.Answer {
	a := engine.Answer{Rows: [][]*string{}}
	for _, r := range rows {
		row := []*string{}
		for i := range r {
			if row = append(row, &r[i]); r[i] == "NULL" {
				row[i] = nil
			}
		}
		a.Rows = append(a.Rows, row)
	}
	return a
}

func end(n int64, class engine.Class) engine.Answer {
	return engine.Answer{End: &engine.End{Rows: n, Class: class}}
}

func read(from io.Reader, most int64) (got [][]*string, ended engine.End, err error) {
	ended, err = engine.Rows(from, most, func([]engine.Column) error { return nil }, func(r []*string) error { got = append(got, r); return nil })
	return got, ended, err
}

func TestRowsAreReadToTheirEnd(t *testing.T) {
	got, ended, err := read(said(t, head(engine.Integer, engine.Text), rows([]string{"1", "a"}, []string{"NULL", "b\n"}), rows([]string{"-3", ""}), end(3, engine.Done)), 3)
	if err != nil || ended != (engine.End{Rows: 3, Class: engine.Done}) || len(got) != 3 || got[1][0] != nil || *got[2][0] != "-3" || *got[1][1] != "b\n" {
		t.Errorf("%v, %v, %v", got, ended, err)
	}
	for _, class := range engine.Classes() {
		if _, ended, _ := read(said(t, end(0, class)), 3); class != engine.Done && ended.Class != class {
			t.Errorf("%s is read as %v", class, ended)
		}
	}
	stop := errors.New("stop")
	if ended, err := engine.Rows(said(t, head(engine.Text), rows([]string{"a"}), end(1, engine.Done)), 3, func([]engine.Column) error { return nil }, func([]*string) error { return stop }); !errors.Is(err, stop) || ended.Class != engine.Broken {
		t.Errorf("%v, %v", ended, err)
	}
}

func TestALyingWorkerIsBroken(t *testing.T) {
	good := rows([]string{"1"})
	for name, pipe := range map[string]*bytes.Buffer{
		"nothing":                  said(t),
		"no end":                   said(t, head(engine.Integer), good),
		"another count":            said(t, head(engine.Integer), good, end(2, engine.Done)),
		"a count of none":          said(t, head(engine.Integer), good, end(0, engine.TimedOut)),
		"more than was asked":      said(t, head(engine.Integer), good, good, good, end(3, engine.Done)),
		"no head":                  said(t, good, end(1, engine.Done)),
		"two heads":                said(t, head(engine.Integer), head(engine.Integer), end(0, engine.Done)),
		"a head without columns":   said(t, head(), end(0, engine.Done)),
		"an unknown type":          said(t, head("blob"), end(0, engine.Done)),
		"a value more":             said(t, head(engine.Integer), rows([]string{"1", "2"}), end(1, engine.Done)),
		"a value fewer":            said(t, head(engine.Integer, engine.Text), good, end(1, engine.Done)),
		"text for a number":        said(t, head(engine.Integer), rows([]string{"1; drop"}), end(1, engine.Done)),
		"a number with spaces":     said(t, head(engine.Double), rows([]string{" 1"}), end(1, engine.Done)),
		"a number with a line end": said(t, head(engine.Integer), rows([]string{"1\n"}), end(1, engine.Done)),
		"NUL in text":              said(t, head(engine.Text), rows([]string{"a\x00"}), end(1, engine.Done)),
		"an unknown class":         said(t, head(engine.Integer), end(0, "secret")),
		"an unknown field":         said(t, `{"head":[{"name":"c","type":"text"}],"error":"a row's text"}`, end(0, engine.Done)),
		"head and rows":            said(t, `{"head":[{"name":"c","type":"text"}],"rows":[["a"]]}`, end(1, engine.Done)),
		"done without a head":      said(t, end(0, engine.Done)),
		"rows before an error":     said(t, end(1, engine.Value)),
		"a tree":                   said(t, engine.Answer{Tree: "{}"}, end(0, engine.Done)),
		"no JSON":                  said(t, "x"),
		"a length without bytes":   bytes.NewBuffer([]byte{0, 0, 1, 0, 'x'}),
		"a length beyond frames":   bytes.NewBuffer([]byte{255, 255, 255, 255}),
	} {
		if _, ended, err := read(pipe, 2); ended.Class != engine.Broken || err != nil {
			t.Errorf("%s: %v, %v", name, ended, err)
		}
	}
}

func TestATreeIsReadOnce(t *testing.T) {
	if tree, class := engine.Tree(said(t, engine.Answer{Tree: "{}"}, end(0, engine.Done))); tree != "{}" || class != engine.Done {
		t.Errorf("%q, %s", tree, class)
	}
	if tree, class := engine.Tree(said(t, end(0, engine.Syntax))); tree != "" || class != engine.Syntax {
		t.Errorf("%q, %s", tree, class)
	}
	for name, pipe := range map[string]*bytes.Buffer{
		"nothing":             said(t),
		"no end":              said(t, engine.Answer{Tree: "{}"}),
		"two trees":           said(t, engine.Answer{Tree: "{}"}, engine.Answer{Tree: "{}"}, end(0, engine.Done)),
		"done without a tree": said(t, end(0, engine.Done)),
		"an error with one":   said(t, engine.Answer{Tree: "{}"}, end(0, engine.Syntax)),
		"rows":                said(t, rows([]string{"a"}), end(0, engine.Done)),
		"an unknown class":    said(t, end(0, "")),
	} {
		if tree, class := engine.Tree(pipe); tree != "" || class != engine.Broken {
			t.Errorf("%s: %q, %s", name, tree, class)
		}
	}
	if err := engine.WriteFrame(io.Discard, engine.Ask{Text: strings.Repeat("a", engine.MostFrame)}); err == nil {
		t.Error("a frame of any length is sent")
	}
}

func FuzzAnyAnswerIsReadOrBroken(f *testing.F) {
	f.Add(said(f, head(engine.Integer, engine.Text), rows([]string{"1", "a"}), end(1, engine.Done)).Bytes())
	f.Add(said(f, end(0, engine.Memory)).Bytes())
	f.Fuzz(func(t *testing.T, pipe []byte) {
		got, ended, err := read(bytes.NewReader(pipe), 10)
		if err != nil || len(got) > 10 || ended.Class == engine.Done && ended.Rows != int64(len(got)) {
			t.Errorf("%d rows, %v, %v", len(got), ended, err)
		}
	})
}
