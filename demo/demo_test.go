package demo_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"testing"
	"time"

	"narthex"
	"narthex/demo"
	"narthex/internal/server"
)

// start makes a node for the demonstration in the test's own process.
func start(ctx context.Context, lab, data, listen string, inception func(narthex.Digest, map[string]string)) (demo.Node, error) {
	return server.Start(ctx, server.Config{Lab: lab, Data: data, Listen: listen, Demo: true, Version: "test", Getenv: os.Getenv, Clock: time.Now, Random: rand.Reader,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Inception: inception})
}

func TestTheStoryIsTrueFromBeginningToEnd(t *testing.T) {
	var told bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Dir: t.TempDir(), Once: true, Out: &told, Version: "test", Start: start})
	if err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	t.Log(told.String())
}
