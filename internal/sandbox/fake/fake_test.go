package fake_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/internal/sandbox"
	"narthex/internal/sandbox/fake"
	"narthex/internal/sandbox/sandboxtest"
)

// play does what the suite's scripts do.
func play(ctx context.Context, job sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended {
	text, err := os.ReadFile(filepath.Join(job.Study, "main.py"))
	if err != nil {
		return sandbox.Ended{Class: sandbox.Failed}
	}
	leave := func(name, text string) { _ = os.WriteFile(filepath.Join(out, name), []byte(text), 0o644) }
	switch first, _, _ := strings.Cut(string(text), "\n"); first {
	case "# ends":
		weights, _ := os.ReadFile(filepath.Join(job.Asset, "weights"))
		leave("result.txt", "read "+string(weights))
		_, _ = io.WriteString(stdout, "to stdout\n")
	case "# fails":
		traceback := "to stderr\nTraceback (most recent call last):\n  File \"/study/main.py\", line 4, in <module>\nValueError: secret\n"
		_, _ = io.WriteString(stderr, traceback)
		file, line := sandbox.LineOf([]byte(traceback), job.Lines)
		return sandbox.Ended{Class: sandbox.Failed, File: file, Line: line}
	case "# sleeps":
		leave("early", "x")
		<-ctx.Done()
	case "# uses":
		var seen []string
		held := ""
		for _, d := range job.Devices {
			seen = append(seen, filepath.Base(d.Paths[0].Inside))
			if d.Name != "gpu0" {
				continue
			}
			text, _ := os.ReadFile(d.Paths[0].Host)
			held = string(text)
			if d.Paths[0].Write {
				held += " written"
			}
		}
		leave("seen", strings.TrimSpace(strings.Join(append(seen, held), " ")))
	case "# prints":
		for range 64 {
			_, _ = io.WriteString(stdout, strings.Repeat("x", 1<<16))
		}
		leave("after", "x")
	}
	return sandbox.Ended{Class: sandbox.Done}
}

func TestTheFakeKeepsTheContract(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T) sandbox.Driver { return fake.New(t.TempDir(), play) })
}
