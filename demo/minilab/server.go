package minilab

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// Hidden is the name of the second model, which a demonstration shows to no grant.
const Hidden = "codename-porch"

// Server speaks OpenAI's API for the lab's models.
type Server struct {
	key        string
	models     map[string]served
	processors chan struct{}
	pace       atomic.Int64 // nanoseconds a token of a stream
	mux        *http.ServeMux
}

// served is one model's name, weights and fingerprint.
type served struct {
	weights     *Weights
	fingerprint string
	temperature float64 // where a request names none
}

// NewServer loads the models; whoever brings the key is served.
func NewServer(key string) (*Server, error) {
	if key == "" {
		return nil, errors.New("make model server: the key is empty")
	}
	s := &Server{key: key, models: map[string]served{}, processors: make(chan struct{}, runtime.GOMAXPROCS(0)), mux: http.NewServeMux()}
	for _, name := range Checkpoints() {
		file, err := WeightsFile(name)
		if err != nil {
			return nil, err
		}
		weights, err := ReadWeights(file)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(file)
		s.models["minim-1@"+name] = served{weights, "fp_" + hex.EncodeToString(sum[:6]), 1}
	}
	s.models["minim-1"] = s.models["minim-1@final"]
	// The hidden model is the early checkpoint with a colder temperature of its own.
	hidden := s.models["minim-1@early"]
	hidden.temperature = 0.5
	s.models[Hidden] = hidden
	s.mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, true) })
	s.mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, false) })
	s.mux.HandleFunc("GET /v1/models", s.list)
	return s, nil
}

// SetPace makes every stream give that many tokens a second at most; 0 is as fast as it can.
func (s *Server) SetPace(perSecond float64) {
	if perSecond <= 0 {
		s.pace.Store(0)
		return
	}
	s.pace.Store(int64(float64(time.Second) / perSecond))
}

// ServeHTTP answers requests that bring the key.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.key)) != 1 {
		fail(w, http.StatusUnauthorized, "invalid_api_key", "", "the key is not right")
		return
	}
	s.mux.ServeHTTP(w, r)
}

func fail(w http.ResponseWriter, status int, code, param, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "invalid_request_error", "param": param, "code": code}}) // the caller's to lose
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request) {
	var list []map[string]any
	for name := range s.models {
		list = append(list, map[string]any{"id": name, "object": "model", "created": 0, "owned_by": "minilab"})
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": list})
}

// ask is a request of either surface.
type ask struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	Prompt        string `json:"prompt"`
	MaxTokens     *int   `json:"max_tokens"`
	MaxCompletion *int   `json:"max_completion_tokens"`
	N             *int   `json:"n"`
	Stream        bool   `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Logprobs    json.RawMessage    `json:"logprobs"`
	TopLogprobs int                `json:"top_logprobs"`
	Echo        bool               `json:"echo"`
	Seed        *int64             `json:"seed"`
	Stop        json.RawMessage    `json:"stop"`
	Temperature *float64           `json:"temperature"`
	TopP        *float64           `json:"top_p"`
	Presence    float64            `json:"presence_penalty"`
	Frequency   float64            `json:"frequency_penalty"`
	Bias        map[string]float64 `json:"logit_bias"`
}

// job is a request that was understood.
type job struct {
	chat   bool
	ask    ask
	model  served
	prompt []byte
	n      int
	how    sampling
}

// understand reads a request, or answers why it cannot.
func (s *Server) understand(w http.ResponseWriter, r *http.Request, chat bool) (job, bool) {
	j := job{chat: chat, n: 1}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || json.Unmarshal(body, &j.ask) != nil {
		fail(w, http.StatusBadRequest, "invalid_json", "", "the body does not read")
		return j, false
	}
	a := &j.ask
	var known bool
	if j.model, known = s.models[a.Model]; !known {
		fail(w, http.StatusNotFound, "model_not_found", "model", "there is no such model")
		return j, false
	}
	j.prompt = []byte(a.Prompt)
	if chat {
		j.prompt = chatPrompt(a)
	}
	if len(j.prompt) == 0 || len(j.prompt) >= Context {
		fail(w, http.StatusBadRequest, "context_length_exceeded", "messages", "the prompt is empty or leaves no room in a context of 256 bytes")
		return j, false
	}
	if a.N != nil {
		j.n = *a.N
	}
	j.how = sampling{temperature: j.model.temperature, topP: 1, presence: a.Presence, frequency: a.Frequency, bias: a.Bias, seed: rand.Int64(), most: Context - len(j.prompt), topLogprobs: -1}
	if a.Temperature != nil {
		j.how.temperature = *a.Temperature
	}
	if a.TopP != nil {
		j.how.topP = *a.TopP
	}
	if a.Seed != nil {
		j.how.seed = *a.Seed
	}
	for _, most := range []*int{a.MaxTokens, a.MaxCompletion} {
		if most != nil {
			j.how.most = min(j.how.most, *most)
		}
	}
	var one string
	if json.Unmarshal(a.Stop, &j.how.stop) != nil && json.Unmarshal(a.Stop, &one) == nil {
		j.how.stop = []string{one}
	}
	var flag bool
	if chat && json.Unmarshal(a.Logprobs, &flag) == nil && flag {
		j.how.topLogprobs = a.TopLogprobs
	} else if !chat && len(a.Logprobs) > 0 && json.Unmarshal(a.Logprobs, &j.how.topLogprobs) != nil {
		j.how.topLogprobs = -1
	}
	if j.n < 1 || j.n > 8 || j.how.most < 1 || j.how.topLogprobs > 20 {
		fail(w, http.StatusBadRequest, "invalid_value", "", "n is 1 to 8, the answer at least one token, log-probabilities at most 20")
		return j, false
	}
	return j, true
}

// chatPrompt is the system text, a blank line, and the text of the last message.
func chatPrompt(a *ask) []byte {
	var system, last string
	for _, m := range a.Messages {
		if last = m.Content; m.Role == "system" || m.Role == "developer" {
			system, last = m.Content, ""
		}
	}
	if system == "" {
		return []byte(last)
	}
	return []byte(system + "\n\n" + last)
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request, chat bool) {
	j, ok := s.understand(w, r, chat)
	if !ok {
		return
	}
	if j.ask.Stream {
		s.stream(w, r.Context(), j)
		return
	}
	var choices []any
	tokens := 0
	for i := range j.n {
		var said []sampled
		finish, err := s.generate(r.Context(), j.model.weights, j.prompt, j.how, i, func(t sampled) error { said = append(said, t); return nil })
		if err != nil {
			return // the caller has left
		}
		tokens += len(said)
		choices = append(choices, j.choice(i, said, finish))
	}
	object := "text_completion"
	if chat {
		object = "chat.completion"
	}
	answer := j.head(object, choices)
	answer["usage"] = j.usage(tokens)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

func (j job) usage(tokens int) map[string]any {
	return map[string]any{"prompt_tokens": len(j.prompt), "completion_tokens": tokens, "total_tokens": len(j.prompt) + tokens}
}

func (j job) head(object string, choices []any) map[string]any {
	return map[string]any{"id": "cmpl-" + hex.EncodeToString([]byte{byte(rand.Int()), byte(rand.Int()), byte(rand.Int()), byte(rand.Int())}), "object": object,
		"created": time.Now().Unix(), "model": j.ask.Model, "choices": choices, "system_fingerprint": j.model.fingerprint}
}

func (j job) choice(index int, said []sampled, finish string) map[string]any {
	var raw []byte
	for _, t := range said {
		raw = append(raw, t.token)
	}
	text := strings.ToValidUTF8(string(raw), "\uFFFD")
	for _, stop := range j.how.stop {
		text = strings.TrimSuffix(text, stop)
	}
	choice := map[string]any{"index": index, "finish_reason": finish, "logprobs": j.logprobs(said)}
	if j.chat {
		choice["message"] = map[string]any{"role": "assistant", "content": text}
	} else {
		if j.ask.Echo {
			text = string(j.prompt) + text
		}
		choice["text"] = text
	}
	return choice
}

// stream sends an answer token by token; the answers of n follow one another.
func (s *Server) stream(w http.ResponseWriter, ctx context.Context, j job) {
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	object := "text_completion"
	if j.chat {
		object = "chat.completion.chunk"
	}
	send := func(choice map[string]any) error {
		data, err := json.Marshal(j.head(object, []any{choice}))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, "data: "+string(data)+"\n\n"); err != nil {
			return err
		}
		return flusher.Flush()
	}
	tokens := 0
	for i := range j.n {
		if j.chat && send(map[string]any{"index": i, "delta": map[string]any{"role": "assistant", "content": ""}, "finish_reason": nil}) != nil {
			return
		}
		finish, err := s.streamOne(ctx, j, i, send, &tokens)
		if err != nil {
			return // the caller has left
		}
		last := map[string]any{"index": i, "finish_reason": finish}
		j.say(last, "", true)
		if send(last) != nil {
			return
		}
	}
	if j.ask.StreamOptions.IncludeUsage {
		answer := j.head(object, []any{})
		answer["usage"] = j.usage(tokens)
		if data, err := json.Marshal(answer); err == nil {
			io.WriteString(w, "data: "+string(data)+"\n\n")
		}
	}
	io.WriteString(w, "data: [DONE]\n\n")
}

func (j job) say(choice map[string]any, text string, last bool) {
	switch {
	case !j.chat:
		choice["text"] = text
	case last:
		choice["delta"] = map[string]any{}
	default:
		choice["delta"] = map[string]any{"content": text}
	}
}

// streamOne sends the tokens of one answer, no faster than the pace. What may be the beginning of a stop text waits.
func (s *Server) streamOne(ctx context.Context, j job, index int, send func(map[string]any) error, tokens *int) (string, error) {
	var text texts
	var held string
	var waiting []sampled
	release := func(all bool) error {
		keep := 0
		for _, stop := range j.how.stop {
			for n := min(len(stop)-1, len(held)); n > keep; n-- {
				if strings.HasSuffix(held, stop[:n]) {
					keep = n
				}
			}
			if strings.HasSuffix(held, stop) {
				held = strings.TrimSuffix(held, stop)
				keep = 0
				all = true
			}
		}
		if all {
			keep = 0
		}
		out := held[:len(held)-keep]
		if out == "" && !all {
			return nil
		}
		choice := map[string]any{"index": index, "finish_reason": nil, "logprobs": j.logprobs(waiting)}
		j.say(choice, out, false)
		held, waiting = held[len(held)-keep:], nil
		return send(choice)
	}
	finish, err := s.generate(ctx, j.model.weights, j.prompt, j.how, index, func(t sampled) error {
		*tokens++
		if pace := s.pace.Load(); pace > 0 {
			timer := time.NewTimer(time.Duration(pace))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		held += text.add(t.token)
		waiting = append(waiting, t)
		return release(false)
	})
	if err != nil {
		return "", err
	}
	if held += text.flush(); held != "" || len(waiting) > 0 {
		err = release(true)
	}
	return finish, err
}

// logprobs gives the log-probabilities of tokens in the surface's form, or nil.
func (j job) logprobs(said []sampled) any {
	if j.how.topLogprobs < 0 {
		return nil
	}
	if !j.chat {
		out := map[string]any{"tokens": []string{}, "token_logprobs": []float64{}, "top_logprobs": []map[string]float64{}, "text_offset": []int{}}
		for i, t := range said {
			tops := map[string]float64{}
			for _, r := range t.top {
				tops[name(r.token)] = r.logprob
			}
			out["tokens"] = append(out["tokens"].([]string), name(t.token))
			out["token_logprobs"] = append(out["token_logprobs"].([]float64), t.logprob)
			out["top_logprobs"] = append(out["top_logprobs"].([]map[string]float64), tops)
			out["text_offset"] = append(out["text_offset"].([]int), len(j.prompt)+i)
		}
		return out
	}
	content := []any{}
	for _, t := range said {
		tops := []any{}
		for _, r := range t.top {
			tops = append(tops, map[string]any{"token": name(r.token), "logprob": r.logprob, "bytes": []int{int(r.token)}})
		}
		content = append(content, map[string]any{"token": name(t.token), "logprob": t.logprob, "bytes": []int{int(t.token)}, "top_logprobs": tops})
	}
	return map[string]any{"content": content}
}

// name is a token as text: the byte where it is plain ASCII, its number otherwise.
func name(token byte) string {
	if token >= 0x20 && token < 0x7f || token == '\n' || token == '\t' {
		return string(rune(token))
	}
	return `bytes:\x` + hex.EncodeToString([]byte{token})
}
