// Package stacks looks at what the program's goroutines are doing, so that a test can wait for one to stand still where it
// should, and needs no clock for it.
//
// It is for tests only. Read next: Waits.
package stacks

import (
	"bytes"
	"runtime/pprof"
	"strings"
)

// Waits says whether some goroutine waits for a mutex that the function itself locks, such as "gateway/live.cut".
func Waits(function string) (bool, error) {
	var out bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&out, 1); err != nil {
		return false, err
	}
	for stack := range strings.SplitSeq(out.String(), "\n\n") {
		waits := false
		for frame := range strings.Lines(stack) {
			switch {
			case strings.Contains(frame, "sync.(*Mutex)"):
				waits = true
			case strings.Contains(frame, "sync.runtime_"):
			case waits && strings.Contains(frame, function+"+"):
				return true, nil
			default:
				waits = false
			}
		}
	}
	return false, nil
}
