package minilab

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A packed file holds another one whole, smaller if that one is of float16 numbers:
//
//	8 bytes    minimpk1
//	8 bytes    the length of the whole file, little-endian
//	32 bytes   the SHA-256 of the whole file
//	the rest   one DEFLATE stream (RFC 1951): the whole file's bytes at even places, then those at odd places
//
// The even bytes of little-endian float16 are the low bits of the mantissas, which are noise and stay as large as they are. The odd
// ones are sign, exponent and the mantissa's first bits: they take few values, so they shrink, once they stand by themselves.
const (
	packedMark   = "minimpk1"
	packedHeader = len(packedMark) + 8 + sha256.Size
	// maxWhole is the most bytes that a packed file may say it holds.
	maxWhole = 1 << 26
)

// Pack gives the packed form of a file. It is the same for the same file under one Go toolchain; every toolchain reads it. The error
// says that the file is larger than 64 MiB.
func Pack(file []byte) ([]byte, error) {
	if len(file) > maxWhole {
		return nil, fmt.Errorf("pack: the file has more than %d bytes", maxWhole)
	}
	planes := make([]byte, len(file))
	high := planes[(len(file)+1)/2:]
	for i, b := range file {
		if i%2 == 0 {
			planes[i/2] = b
		} else {
			high[i/2] = b
		}
	}
	sum := sha256.Sum256(file)
	var packed bytes.Buffer
	packed.WriteString(packedMark)
	packed.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(file))))
	packed.Write(sum[:])
	writer, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(planes); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// Unpack gives the file that a packed one holds, of the length and the digest that it states; the error says what does not fit.
func Unpack(packed []byte) ([]byte, error) {
	if len(packed) < packedHeader || string(packed[:len(packedMark)]) != packedMark {
		return nil, errors.New("unpack: the file is not a packed one")
	}
	length := binary.LittleEndian.Uint64(packed[len(packedMark):])
	if length > maxWhole {
		return nil, fmt.Errorf("unpack: the file says that it holds more than %d bytes", maxWhole)
	}
	rest := bytes.NewReader(packed[packedHeader:])
	planes, end := make([]byte, length), make([]byte, 1)
	stream := flate.NewReader(rest)
	if _, err := io.ReadFull(stream, planes); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if _, err := io.ReadFull(stream, end); err != io.EOF || rest.Len() > 0 {
		return nil, errors.New("unpack: the file does not end where it should")
	}
	file := make([]byte, length)
	high := planes[(length+1)/2:]
	for i, b := range high {
		file[2*i], file[2*i+1] = planes[i], b
	}
	if length%2 == 1 {
		file[length-1] = planes[length/2]
	}
	if sum := sha256.Sum256(file); !bytes.Equal(sum[:], packed[packedHeader-sha256.Size:packedHeader]) {
		return nil, errors.New("unpack: the file holds other bytes than its digest says")
	}
	return file, nil
}
