package live_test

import (
	"fmt"
	"testing"
	"time"

	"narthex"
	"narthex/internal/gateway/live"
)

// TestWhatIsLiveAtOnceIsBounded on one key and on the node, and what has left makes room.
func TestWhatIsLiveAtOnceIsBounded(t *testing.T) {
	r := live.NewRegistry()
	enter := func(key string) (*live.Call, error) {
		return r.Enter(t.Context(), narthex.KeyID(key), func() {}, "key/"+key)
	}
	var last *live.Call
	for i := range live.MostCalls {
		var err error
		if last, err = enter(fmt.Sprintf("key%d", i/live.MostPerKey)); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := enter("key0"); !narthex.IsKind(err, narthex.Exhausted) {
		t.Errorf("one key has more than it may: %v", err)
	}
	if _, err := enter("another"); !narthex.IsKind(err, narthex.Unavailable) {
		t.Errorf("the node has more than it may: %v", err)
	}
	last.Leave()
	if _, err := enter("another"); err != nil {
		t.Errorf("what left made no room: %v", err)
	}
	if ended := r.Cut("key/key0", live.End{Code: "revoked", At: time.Unix(1, 0)}); ended != live.MostPerKey {
		t.Errorf("%d calls of the key ended", ended)
	}
}
