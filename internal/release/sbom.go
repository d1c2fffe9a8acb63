package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// bill is a CycloneDX 1.6 document, with the parts of it that we use.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Serial     string      `json:"serialNumber"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component  component  `json:"component"`
	Properties []property `json:"properties"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitzero"`
	Hashes     []hash     `json:"hashes,omitzero"`
	PackageURL string     `json:"purl,omitzero"`
	Properties []property `json:"properties,omitzero"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// bill gives the document. Its serial number is derived from what it lists, so that the same release has the same.
func (s *Source) bill() ([]byte, error) {
	version := strings.TrimPrefix(s.toolchain, "go")
	components := append(slices.Clone(s.components), component{Type: "library", Ref: "pkg:golang/std@" + version, Name: "std", Version: version, PackageURL: "pkg:golang/std@" + version})
	slices.SortFunc(components, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	doc := bill{Format: "CycloneDX", Spec: "1.6", Version: 1, Components: components, Metadata: metadata{
		Component:  component{Type: "application", Ref: "narthex", Name: "narthex", Version: s.Version},
		Properties: []property{{"narthex:toolchain", s.toolchain}}}}
	plain, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write the bill of materials: %w", err)
	}
	doc.Serial = serial(sha256.Sum256(plain))
	out, err := json.Marshal(doc, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("write the bill of materials: %w", err)
	}
	return append(out, '\n'), nil
}

// serial makes a UUID of version 8 (RFC 9562) from a digest.
func serial(sum [32]byte) string {
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func file(name string, sum [32]byte) component {
	return component{Type: "file", Ref: "file:" + name, Name: name, Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}}
}

func library(m *debug.Module) component {
	url := "pkg:golang/" + m.Path + "@" + m.Version
	return component{Type: "library", Ref: url, Name: m.Path, Version: m.Version, PackageURL: url, Properties: []property{{"go.sum", m.Sum}}}
}
