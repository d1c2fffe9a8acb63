package model

import (
	"strings"

	"narthex"
)

// MaxBody is the largest body of a request, in bytes.
const MaxBody = 1 << 20

// Call is one parsed request. The zero Call is none: it names no asset, so nothing can be asked of it.
type Call struct {
	surface Surface
	asset   narthex.AssetName
	version narthex.VersionName // as asked, or empty

	stream       bool
	includeUsage bool
	n            int64
	answer       int64  // tokens asked for each answer, or 0
	answerField  string // that asks them
	temperature  float64
	topP         *float64
	frequency    *float64
	presence     *float64
	seed         *int64
	stop         []string
	bias         []bias // in the order of the tokens
	logprobs     bool
	topK         int

	messages []message
	tools    []tool
	choice   toolChoice
	parallel *bool

	prompt string
	echo   bool

	text      int64 // bytes of all texts that the model reads
	pieces    int64 // texts that a template may set apart
	system    chars
	prefilled chars
	toolNames []string
}

// bias is one entry of a logit bias.
type bias struct {
	token  int64
	amount int64
}

// chars counts characters of texts that an attribute bounds; there may be such a text and it be empty.
type chars struct {
	there bool
	count int64
}

func (c *chars) add(count int64) {
	c.there = true
	c.count += count
}

// Surface gives the endpoint.
func (c *Call) Surface() Surface { return c.surface }

// Model gives the asset and the version as asked; the version is empty where none was named.
func (c *Call) Model() (narthex.AssetName, narthex.VersionName) { return c.asset, c.version }

// Stream says whether the answer is to come piece by piece.
func (c *Call) Stream() bool { return c.stream }

// IncludeUsage says whether the caller sees the usage at the end of a stream.
func (c *Call) IncludeUsage() bool { return c.includeUsage }

// N is the number of answers asked, 1 to 128.
func (c *Call) N() int64 { return c.n }

// Asked gives the tokens asked for each answer; without an ask it is 0 and false.
func (c *Call) Asked() (int64, bool) { return c.answer, c.answer > 0 }

// Logprobs gives how many alternatives a token were asked, 0 to 20, and whether log-probabilities were asked at all.
func (c *Call) Logprobs() (int, bool) { return c.topK, c.logprobs }

// ResolveModel reads a model's name: an asset, or asset@version. Every text that is not one in its canonical form is
// Withheld, as a model that is not there.
func ResolveModel(name string) (narthex.AssetName, narthex.VersionName, error) {
	asset, version, versioned := strings.Cut(name, "@")
	if narthex.CheckName("a model", asset) != nil || versioned && narthex.CheckName("a version", version) != nil {
		return "", "", narthex.WithheldError()
	}
	return narthex.AssetName(asset), narthex.VersionName(version), nil
}

// Version gives the version that the call means: the one named, or the asset's default. One that the asset does not have is
// Withheld; ask after the decision, so that a hidden version and none are denied alike.
func (c *Call) Version(asset narthex.Asset) (narthex.Version, error) {
	if err := c.about(asset); err != nil {
		return narthex.Version{}, err
	}
	name := c.version
	if name == "" {
		name = asset.Default
	}
	version, known := asset.Version(name)
	if !known {
		return narthex.Version{}, narthex.WithheldError()
	}
	return version, nil
}

// about refuses an asset that the call does not name, and one that is no model.
func (c *Call) about(asset narthex.Asset) error {
	if c.asset == "" || asset.Name != c.asset || asset.Kind != "model" {
		return narthex.WithheldError()
	}
	return nil
}
