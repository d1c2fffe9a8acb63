package inspect

// What the tests call of a look's parts.

// Weigh looks for weights in files as they are.
func Weigh(files []File, tensors []Tensor) []Finding { return weights(wholes(files), tensors) }

// WeighDecoded looks for weights in what a decoding gave.
func WeighDecoded(data []byte, tensors []Tensor) []Finding {
	return weights([]piece{{file: "a.txt", line: 7, within: []string{"base64"}, bytes: data}}, tensors)
}

func wholes(files []File) (pieces []piece) {
	for _, f := range files {
		pieces = append(pieces, piece{file: f.Name, line: 1, bytes: f.Bytes})
	}
	return pieces
}

// Tables looks at tables.
func Tables(files []File, t Thresholds) []Finding { return tables(files, t) }

// Differences looks at what tables tell together.
func Differences(files []File, earlier []Package, t Thresholds) []Finding {
	return differences(files, earlier, t)
}
