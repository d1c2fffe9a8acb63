package document

import (
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

const (
	// mostDepth is how deep brackets of a YAML file may stand in each other.
	mostDepth = 64
	// mostColumn is the last column in which an entry outside brackets may begin: each level stands further right than the one
	// above it, but for a list below its name.
	mostColumn = 64
)

// tooDeep says where a YAML text nests deeper than any file of ours does, or holds what would let one text mean another. It
// reads tokens and calls itself nowhere, for the parser after it does and would overflow.
func tooDeep(doc Document, data []byte) Problems {
	depth := 0
	var before *token.Token
	for _, t := range lexer.Tokenize(string(data)) {
		place := t
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth = max(0, depth-1)
		case token.MappingValueType:
			if before != nil {
				place = before // a level stands where its names do
			}
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType:
			return Problems{doc.place(t, "anchors, aliases, merges and tags are refused: write the value out")}
		}
		entry := t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType || t.Type == token.MappingValueType
		if depth > mostDepth || depth == 0 && entry && place.Position.Column > mostColumn {
			return Problems{doc.place(place, "this is nested too deep: brackets stand at most %d in each other, and an entry begins at column %d at the latest", mostDepth, mostColumn)}
		}
		before = t
	}
	return nil
}

// place gives a problem at a token.
func (d Document) place(t *token.Token, format string, args ...any) Problem {
	problem := d.At(nil, format, args...)
	if t != nil && t.Position != nil {
		problem.Line, problem.Column = d.first+t.Position.Line, t.Position.Column
	}
	return problem
}
