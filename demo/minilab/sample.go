package minilab

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sampling is how tokens are chosen.
type sampling struct {
	temperature, topP, presence, frequency float64
	bias                                   map[string]float64
	seed                                   int64
	most                                   int
	stop                                   []string
	topLogprobs                            int // -1 for no log-probabilities
}

// sampled is one token that was chosen.
type sampled struct {
	token   byte
	logprob float64
	top     []ranked
}

// ranked is a token with its log-probability.
type ranked struct {
	token   byte
	logprob float64
}

// generate reads a prompt and gives one answer, token by token, to emit, which may wait for the pace and ends the answer with
// an error. It returns why it stopped.
func (s *Server) generate(ctx context.Context, w *Weights, prompt []byte, how sampling, index int, emit func(sampled) error) (string, error) {
	random := rand.New(rand.NewPCG(uint64(how.seed), uint64(index)))
	session := w.NewSession()
	logits, err := s.read(ctx, session, prompt)
	if err != nil {
		return "", err
	}
	var counts [vocabulary]int
	var said []byte
	for range how.most {
		next := choose(logits, &counts, how, random)
		if next.token == 0 {
			return "stop", nil
		}
		said = append(said, next.token)
		counts[next.token]++
		if err := emit(next); err != nil {
			return "", err
		}
		if slices.ContainsFunc(how.stop, func(stop string) bool { return strings.HasSuffix(string(said), stop) }) {
			return "stop", nil
		}
		if session.Length() == Context {
			return "length", nil
		}
		if logits, err = s.read(ctx, session, []byte{next.token}); err != nil {
			return "", err
		}
	}
	return "length", nil
}

// read computes when a processor is free, and not at all once the caller has left.
func (s *Server) read(ctx context.Context, session *Session, tokens []byte) ([]float32, error) {
	select {
	case s.processors <- struct{}{}:
		defer func() { <-s.processors }()
		return session.Read(tokens), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// choose draws a token. Log-probabilities are the model's own, before temperature and penalties.
func choose(logits []float32, counts *[vocabulary]int, how sampling, random *rand.Rand) sampled {
	logprobs := logSoftmax(logits)
	scores := make([]float64, len(logits))
	for i, v := range logits {
		scores[i] = float64(v) - how.frequency*float64(counts[i]) + how.bias[strconv.Itoa(i)]
		if counts[i] > 0 {
			scores[i] -= how.presence
		}
	}
	token := draw(scores, how, random)
	out := sampled{token: byte(token), logprob: logprobs[token]}
	if how.topLogprobs > 0 {
		out.top = top(logprobs, how.topLogprobs)
	}
	return out
}

func logSoftmax(logits []float32) []float64 {
	most := slices.Max(logits)
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - most))
	}
	out := make([]float64, len(logits))
	for i, v := range logits {
		out[i] = float64(v-most) - math.Log(sum)
	}
	return out
}

func top(logprobs []float64, k int) []ranked {
	all := make([]ranked, len(logprobs))
	for i, v := range logprobs {
		all[i] = ranked{byte(i), v}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.logprob, a.logprob) })
	return all[:k]
}

// draw picks by temperature and nucleus; temperature 0 is the likeliest.
func draw(scores []float64, how sampling, random *rand.Rand) int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	if how.temperature == 0 {
		return order[0]
	}
	weights := make([]float64, len(order))
	total := 0.0
	for i, token := range order {
		weights[i] = math.Exp((scores[token] - scores[order[0]]) / how.temperature)
		total += weights[i]
	}
	kept, nucleus := 0.0, 0
	for nucleus < len(order) && kept < how.topP*total {
		kept += weights[nucleus]
		nucleus++
	}
	at := random.Float64() * kept
	for i := range nucleus {
		if at -= weights[i]; at < 0 {
			return order[i]
		}
	}
	return order[0]
}

// texts turns bytes into valid text as they come: what could be the beginning of a character waits for its end.
type texts struct{ waiting []byte }

func (t *texts) add(token byte) string {
	t.waiting = append(t.waiting, token)
	for !utf8.FullRune(t.waiting) {
		return ""
	}
	return t.flush()
}

func (t *texts) flush() string {
	text := strings.ToValidUTF8(string(t.waiting), "\uFFFD")
	t.waiting = nil
	return text
}
