package canon_test

import (
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"narthex/internal/canon"
)

// TestOthersSignTheSameBytes: the encoding is that of DSSE's specification, and of the library that others verify with.
func TestOthersSignTheSameBytes(t *testing.T) {
	if got := string(canon.Signed("http://example.com/HelloWorld", []byte("hello world"))); got != "DSSEv1 29 http://example.com/HelloWorld 11 hello world" {
		t.Errorf("the specification's example is encoded as %q", got)
	}
	for _, kind := range []string{"", "a", "a 1", "application/vnd.in-toto+json", "é"} {
		for _, payload := range []string{"", "1", " a", "{}", "%d%s", "\xff\x00", "é"} {
			if got, want := canon.Signed(kind, []byte(payload)), dsse.PAE(kind, []byte(payload)); string(got) != string(want) {
				t.Errorf("%q of type %q is encoded as %q, and others sign %q", payload, kind, got, want)
			}
		}
	}
}

func TestTheSameGivesTheSameAndAnotherAnother(t *testing.T) {
	for _, same := range [][2]any{
		{map[string]int{"b": 1, "a": 2}, map[string]int{"a": 2, "b": 1}},
		{1.0, 1},
		{struct{ A, B int }{1, 2}, map[string]int{"B": 2, "A": 1}},
	} {
		a, errA := canon.Digest(same[0])
		b, errB := canon.Digest(same[1])
		if a != b || a == "" || errA != nil || errB != nil {
			t.Errorf("%v and %v differ: %v %v", same[0], same[1], errA, errB)
		}
	}
	seen := map[any]any{}
	for _, v := range []any{"a", "A", "a ", "\u00e9", "e\u0301", 0, 1, -1, 1 << 53, 1<<53 + 1, 0.5, true, nil, []string{}, []string{"a"}, []string{"a", ""}, map[string]string{"a": ""}, "\ufffd", "<", "\\u003c"} {
		digest, err := canon.Digest(v)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[digest]; taken {
			t.Errorf("%#v and %#v are alike", v, other)
		}
		seen[digest] = v
	}
}

func TestWhatHasNoFormIsAnError(t *testing.T) {
	for _, v := range []any{"\xff", map[string]int{"\xfe": 1}, func() {}, make(chan int)} {
		if form, err := canon.JSON(v); err == nil {
			t.Errorf("%v has the form %s", v, form)
		}
	}
}
