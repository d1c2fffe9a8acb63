package bubblewrap_test

import (
	"testing"

	"narthex/internal/sandbox"
	"narthex/internal/sandbox/bubblewrap"
	"narthex/internal/sandbox/sandboxtest"
)

func open(t testing.TB) *bubblewrap.Driver {
	t.Helper()
	d, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: t.TempDir()})
	sandboxtest.Must(t, err)
	t.Cleanup(func() { sandboxtest.Must(t, d.Close()) })
	return d
}

func TestBubblewrapKeepsTheContract(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T) sandbox.Driver { return open(t) })
}
