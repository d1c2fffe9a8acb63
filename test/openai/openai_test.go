// Package openai holds the door to what a stock client expects: the openai Go client and curl, unchanged, against the built
// program.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

type info struct {
	BaseURL     string   `json:"openai_base_url"`
	Model       string   `json:"model"`
	HiddenModel string   `json:"hidden_model"`
	Checkpoints []string `json:"checkpoints"`
	APIKey      string   `json:"api_key"`
	LedgerURL   string   `json:"ledger_url"`
	LedgerKey   string   `json:"ledger_key"`
	PID         int      `json:"pid"`
}

// TestTheProgramIsSmall holds the built, stripped program to 40 million bytes, as a release is.
func TestTheProgramIsSmall(t *testing.T) {
	about, err := os.Stat("../../bin/narthex")
	if err != nil {
		t.Fatalf("%v; run `make build` first", err)
	}
	if about.Size() >= 40_000_000 {
		t.Errorf("the program has %d bytes", about.Size())
	}
}

// demo starts the built program and gives what it says of itself.
func demo(t *testing.T) info {
	t.Helper()
	binary, err := filepath.Abs("../../bin/narthex")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "info.json")
	var out bytes.Buffer
	command := exec.Command(binary, "demo", "--info", file, "--dir", filepath.Join(t.TempDir(), "state"))
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		t.Fatalf("%v; run `make build` first", err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("the demonstration ended with %v\n%s", err, out.String())
		}
	})
	for range 600 {
		data, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		var about info
		if err != nil || json.Unmarshal(data, &about) != nil {
			t.Fatalf("the info file does not read: %v", err)
		}
		return about
	}
	t.Fatalf("the demonstration did not come up\n%s", out.String())
	return info{}
}

func TestStockClientsWorkUnchanged(t *testing.T) {
	about := demo(t)
	client := openai.NewClient(option.WithBaseURL(about.BaseURL), option.WithAPIKey(about.APIKey))
	ask := func(model string) openai.ChatCompletionNewParams {
		return openai.ChatCompletionNewParams{Model: model, MaxTokens: openai.Int(24), Temperature: openai.Float(0), Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Package errors ")}}
	}
	t.Run("a completion of each checkpoint", func(t *testing.T) {
		for _, model := range append([]string{about.Model}, about.Checkpoints...) {
			answer, err := client.Chat.Completions.New(t.Context(), ask(model))
			if err != nil || len(answer.Choices) != 1 || answer.Choices[0].Message.Content == "" || answer.Model != model || answer.Usage.TotalTokens == 0 {
				t.Errorf("%s: %v, %+v", model, err, answer)
			}
		}
	})
	t.Run("a stream says the same as a whole answer, and its usage", func(t *testing.T) {
		whole, err := client.Chat.Completions.New(t.Context(), ask(about.Model))
		if err != nil {
			t.Fatal(err)
		}
		params := ask(about.Model)
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		stream := client.Chat.Completions.NewStreaming(t.Context(), params)
		text, usage := "", int64(0)
		for stream.Next() {
			for _, choice := range stream.Current().Choices {
				text += choice.Delta.Content
			}
			usage = max(usage, stream.Current().Usage.TotalTokens)
		}
		if stream.Err() != nil || text != whole.Choices[0].Message.Content || usage != whole.Usage.TotalTokens {
			t.Errorf("%v: the stream said %q with %d tokens, the answer %q with %d", stream.Err(), text, usage, whole.Choices[0].Message.Content, whole.Usage.TotalTokens)
		}
	})
	t.Run("five log-probabilities of two decimals", func(t *testing.T) {
		params := ask(about.Model)
		params.Logprobs, params.TopLogprobs = openai.Bool(true), openai.Int(5)
		answer, err := client.Chat.Completions.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range answer.Choices[0].Logprobs.Content {
			if len(token.TopLogprobs) != 5 {
				t.Fatalf("%d log-probabilities", len(token.TopLogprobs))
			}
			if cents := token.Logprob * 100; cents-float64(int64(cents-0.5)) > 1e-6 && -cents+float64(int64(cents-0.5)) > 1e-6 {
				t.Errorf("%v has more than two decimals", token.Logprob)
			}
		}
	})
	t.Run("a refusal names its clause", func(t *testing.T) {
		params := ask(about.Model)
		params.Logprobs, params.TopLogprobs = openai.Bool(true), openai.Int(20)
		_, err := client.Chat.Completions.New(t.Context(), params)
		var refused *openai.Error
		if !errors.As(err, &refused) || refused.StatusCode != http.StatusForbidden || refused.Code != "limit_exceeded" || !strings.Contains(refused.Message, "Clause 2.2 allows top_k 5") || !strings.Contains(refused.RawJSON(), `"clause":"2.2@sha256:`) {
			t.Errorf("%v", err)
		}
	})
	t.Run("what is hidden looks like what is not there", func(t *testing.T) {
		var said [2]string
		for i, model := range []string{about.HiddenModel, "codename-absent"} {
			_, err := client.Chat.Completions.New(t.Context(), ask(model))
			var refused *openai.Error
			if !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound {
				t.Fatalf("%s: %v", model, err)
			}
			said[i] = refused.Message
		}
		if said[0] != said[1] {
			t.Errorf("%q and %q", said[0], said[1])
		}
	})
	t.Run("models lists what the grant shows", func(t *testing.T) {
		page, err := client.Models.List(t.Context())
		if err != nil || len(page.Data) != 1+len(about.Checkpoints) {
			t.Fatalf("%v: %+v", err, page)
		}
		for _, model := range page.Data {
			if model.ID == about.HiddenModel {
				t.Error("the hidden model is listed")
			}
		}
	})
	t.Run("completions need an attribute of their own", func(t *testing.T) {
		_, err := client.Completions.New(t.Context(), openai.CompletionNewParams{Model: openai.CompletionNewParamsModel(about.Model), Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Sure, ")}})
		var refused *openai.Error
		if !errors.As(err, &refused) || refused.StatusCode != http.StatusForbidden || !strings.Contains(refused.Message, "model.base") {
			t.Errorf("%v", err)
		}
	})
	t.Run("curl", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, "curl", "-sS", "-f", about.BaseURL+"/chat/completions", "-H", "Authorization: Bearer "+about.APIKey, "-H", "Content-Type: application/json",
			"-d", `{"model": "`+about.Model+`", "max_tokens": 8, "messages": [{"role": "user", "content": "Package errors "}]}`).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(`"chat.completion"`)) {
			t.Errorf("%v: %s", err, out)
		}
		out, err = exec.CommandContext(ctx, "curl", "-sS", about.LedgerURL+"/key").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != about.LedgerKey {
			t.Errorf("%v: the ledger's key is %s", err, out)
		}
	})
}
