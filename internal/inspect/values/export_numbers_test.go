package values

import "narthex/internal/inspect/find"

// What the tests call of a look's parts.

// Weigh looks for weights in files as they are.
func Weigh(files []File, tensors []Tensor) []Finding { return Weights(wholes(files), tensors) }

// WeighDecoded looks for weights in what a decoding gave.
func WeighDecoded(data []byte, tensors []Tensor) []Finding {
	return Weights([]find.Piece{{File: "a.txt", Line: 7, Within: []string{"base64"}, Bytes: data}}, tensors)
}

func wholes(files []File) (pieces []find.Piece) {
	for _, f := range files {
		pieces = append(pieces, find.Piece{File: f.Name, Line: 1, Bytes: f.Bytes})
	}
	return pieces
}
