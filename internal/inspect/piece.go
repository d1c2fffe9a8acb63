package inspect

// piece is the bytes of a file, or what a decoding gave of them.
type piece struct {
	file   string
	line   int      // of the file, where the piece begins
	within []string // the encodings that it was under, the outermost first; none where it is the file
	bytes  []byte
}
