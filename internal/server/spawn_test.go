package server_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/examine"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// TestMain lets the test program be a node, in a process of its own, so that it can be killed, and what such a node confines.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == examine.Word {
		if err := examine.Run(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if data := os.Getenv("NARTHEX_TEST_NODE"); data != "" {
		os.Exit(runNode(data, os.Getenv("NARTHEX_TEST_STORE")))
	}
	os.Exit(m.Run())
}

func runNode(data, url string) int {
	node, err := server.Start(context.Background(), server.Config{Data: data, Store: url, Handover: 10 * time.Millisecond, Listen: "127.0.0.1:0", Version: "test", Clock: time.Now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Getenv: func(name string) string { return map[string]string{"MODEL_KEY": testenv.Credential}[name] }, Inception: func(narthex.Digest, map[string]string) {}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(node.Address())
	io.Copy(io.Discard, os.Stdin) // until the test ends it
	return 0
}

// process is a node in a process of its own.
type process struct {
	command *exec.Cmd
	in      io.Closer
	base    string
	client  *http.Client
}

// spawn starts a node on a data directory, and on the PostgreSQL database of a URL where it is not empty.
func spawn(t testing.TB, data, url string) *process {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "NARTHEX_TEST_NODE="+data, "NARTHEX_TEST_STORE="+url)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the node did not start: %v", err)
	}
	return &process{command, in, "http://" + strings.TrimSpace(address), &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
}

// kill ends the process at once, as a crash would.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
	p.in.Close()
	p.client.CloseIdleConnections()
}

// call makes a call and gives its identifier and its promise where it was answered whole.
func (p *process) call(key string) (call, promise string) {
	request, err := http.NewRequest(http.MethodPost, p.base+"/v1/chat/completions", strings.NewReader(testenv.Hello))
	if err != nil {
		return "", ""
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := p.client.Do(request)
	if err != nil {
		return "", ""
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 {
		return "", ""
	}
	return answer.Header.Get("Narthex-Call"), answer.Header.Get("Narthex-Receipt")
}
