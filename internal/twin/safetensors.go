package twin

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A safetensors file is eight bytes that give the length of a header, the header, and the values of its tensors, one after the other.
// Read takes one only where there is one way to read it: a header of JSON with distinct names, whole numbers written plainly, and tensors
// that fill the rest to the last byte, none over another and nothing between.
const (
	longestHeader = 8 << 20 // bytes
	mostAxes      = 8
	metadata      = "__metadata__"
)

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int  // the last axis is closest in memory; none for a single value
	Data  []byte // little-endian
}

// Type is the type of a tensor's values, by the format's name for it.
type Type string

// The types that are read.
const (
	F16  Type = "F16"
	BF16 Type = "BF16"
	F32  Type = "F32"
	F64  Type = "F64"
	I8   Type = "I8"
	U8   Type = "U8"
	I16  Type = "I16"
	I32  Type = "I32"
	I64  Type = "I64"
	Bool Type = "BOOL"
)

// Width gives how many bytes a value has; 0 for a type that is not read.
func (t Type) Width() int {
	switch t {
	case I8, U8, Bool:
		return 1
	case F16, BF16, I16:
		return 2
	case F32, I32:
		return 4
	case F64, I64:
		return 8
	}
	return 0
}

// Values gives a tensor's values, each as the nearest float32.
func (t Tensor) Values() []float32 {
	values := make([]float32, 0, len(t.Data)/max(1, t.Type.Width()))
	t.each(func(v float64) { values = append(values, float32(v)) })
	return values
}

func (t Tensor) each(visit func(v float64)) {
	width := t.Type.Width()
	if width == 0 {
		return
	}
	for at := 0; at+width <= len(t.Data); at += width {
		visit(t.Type.value(t.Data[at : at+width]))
	}
}

func (t Type) value(data []byte) float64 {
	order := binary.LittleEndian
	switch t {
	case F16:
		return fromHalf(order.Uint16(data))
	case BF16:
		return float64(math.Float32frombits(uint32(order.Uint16(data)) << 16))
	case F32:
		return float64(math.Float32frombits(order.Uint32(data)))
	case F64:
		return math.Float64frombits(order.Uint64(data))
	case I8:
		return float64(int8(data[0]))
	case I16:
		return float64(int16(order.Uint16(data)))
	case I32:
		return float64(int32(order.Uint32(data)))
	case I64:
		return float64(int64(order.Uint64(data)))
	}
	return float64(data[0])
}

// append writes a value, the nearest that the type has.
func (t Type) append(data []byte, v float64) []byte {
	order := binary.LittleEndian
	within := func(low, high float64) int64 { return int64(max(low, min(high, math.RoundToEven(v)))) }
	switch t {
	case F16:
		return order.AppendUint16(data, toHalf(v))
	case BF16:
		bits := math.Float32bits(float32(max(-math.MaxFloat32/2, min(math.MaxFloat32/2, v))))
		return order.AppendUint16(data, uint16((bits+0x7fff+bits>>16&1)>>16))
	case F32:
		return order.AppendUint32(data, math.Float32bits(float32(max(-math.MaxFloat32, min(math.MaxFloat32, v)))))
	case F64:
		return order.AppendUint64(data, math.Float64bits(v))
	case I8:
		return append(data, byte(within(-128, 127)))
	case I16:
		return order.AppendUint16(data, uint16(within(-1<<15, 1<<15-1)))
	case I32:
		return order.AppendUint32(data, uint32(within(-1<<31, 1<<31-1)))
	case I64:
		return order.AppendUint64(data, uint64(within(-1<<62, 1<<62)))
	case Bool:
		return append(data, byte(within(0, 1)))
	}
	return append(data, byte(within(0, 255)))
}

// fromHalf gives the value of a float16.
func fromHalf(bits uint16) float64 {
	exponent, mantissa := int(bits>>10&31), float64(bits&1023)
	var v float64
	switch {
	case exponent == 0:
		v = math.Ldexp(mantissa, -24)
	case exponent < 31:
		v = math.Ldexp(1024+mantissa, exponent-25)
	case mantissa == 0:
		v = math.Inf(1)
	default:
		return math.NaN()
	}
	if bits>>15 != 0 {
		return -v
	}
	return v
}

// toHalf gives the nearest finite float16.
func toHalf(v float64) uint16 {
	var sign uint16
	if math.Signbit(v) {
		sign, v = 1<<15, -v
	}
	switch {
	case v >= 65504:
		return sign | 0x7bff
	case v < math.Ldexp(1, -14):
		return sign | uint16(math.RoundToEven(math.Ldexp(v, 24)))
	}
	fraction, exponent := math.Frexp(v)
	return sign | uint16(exponent+13)<<10 + uint16(math.RoundToEven(fraction*2048)) // a carry goes on into the exponent
}

// Read reads a safetensors file strictly: its tensors in the order in which they lie there. They share the file's bytes. Its metadata is
// not read but for being an object of strings. The error says what is wrong at which tensor, and quotes nothing of the file.
func Read(file []byte) ([]Tensor, error) {
	if len(file) < 8 {
		return nil, errors.New("read weights: the file is shorter than its length")
	}
	length := binary.LittleEndian.Uint64(file)
	if length > longestHeader || length > uint64(len(file)-8) {
		return nil, errors.New("read weights: the header is longer than the file, or than a header may be")
	}
	header, data := file[8:8+length], file[8+length:]
	if len(header) == 0 || header[0] != '{' {
		return nil, errors.New("read weights: the header is no JSON object")
	}
	placed, err := readHeader(bytes.TrimRight(header, " "))
	if err != nil {
		return nil, fmt.Errorf("read weights: %w", err)
	}
	sort.Slice(placed, func(i, j int) bool {
		a, b := placed[i], placed[j]
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.Name, b.Name)) < 0
	})
	tensors, end := make([]Tensor, len(placed)), 0
	for i, p := range placed {
		if p.from != end || p.to < p.from || p.to > len(data) {
			return nil, fmt.Errorf("read weights: tensor %d does not begin where the one before ends, or ends outside the file", i+1)
		}
		size := p.Type.Width()
		if slices.Contains(p.Shape, 0) {
			size = 0
		}
		for _, n := range p.Shape {
			if size > 0 && n > len(data)/size {
				return nil, fmt.Errorf("read weights: tensor %d has another size than its shape", i+1)
			}
			size *= n
		}
		if size != p.to-p.from {
			return nil, fmt.Errorf("read weights: tensor %d has another size than its shape", i+1)
		}
		if p.Type == Bool && slices.ContainsFunc(data[p.from:p.to], func(b byte) bool { return b > 1 }) {
			return nil, fmt.Errorf("read weights: tensor %d is of truths and holds something else", i+1)
		}
		p.Data, end = data[p.from:p.to:p.to], p.to
		tensors[i] = p.Tensor
	}
	if end != len(data) {
		return nil, errors.New("read weights: bytes follow the last tensor")
	}
	return tensors, nil
}

// place is a tensor and where it lies behind the header.
type place struct {
	Tensor
	from, to int
}

func readHeader(header []byte) ([]place, error) {
	var placed []place
	in := jsontext.NewDecoder(bytes.NewReader(header)) // refuses names that occur twice, and what is not UTF-8
	wrong := errors.New("the header is no JSON object of distinct names")
	if token, err := in.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, wrong
	}
	for in.PeekKind() == '"' {
		token, err := in.ReadToken()
		if err != nil {
			return nil, wrong
		}
		if name := token.String(); name == metadata {
			if err := skipMetadata(in); err != nil {
				return nil, err
			}
		} else {
			p, err := readPlace(in)
			if err != nil {
				return nil, fmt.Errorf("tensor %d of the header: %w", len(placed)+1, err)
			}
			p.Name = strings.Clone(name)
			placed = append(placed, p)
		}
	}
	if token, err := in.ReadToken(); err != nil || token.Kind() != '}' || int(in.InputOffset()) != len(header) {
		return nil, wrong
	}
	return placed, nil
}

// skipMetadata reads over an object of strings.
func skipMetadata(in *jsontext.Decoder) error {
	wrong := errors.New("the metadata is no object of strings")
	for at := 0; ; at++ {
		token, err := in.ReadToken()
		switch {
		case err != nil, at == 0 && token.Kind() != '{', at > 0 && token.Kind() != '"' && token.Kind() != '}':
			return wrong
		case at > 0 && token.Kind() == '}':
			return nil
		}
	}
}

func readPlace(in *jsontext.Decoder) (p place, err error) {
	if token, err := in.ReadToken(); err != nil || token.Kind() != '{' {
		return p, errors.New("it is no object")
	}
	known := 0
	for in.PeekKind() == '"' {
		token, err := in.ReadToken()
		if err != nil {
			return p, errors.New("it has a name twice")
		}
		known++
		switch token.String() {
		case "dtype":
			err = readType(in, &p.Type)
		case "shape":
			p.Shape, err = readNumbers(in, mostAxes)
		case "data_offsets":
			var ends []int
			if ends, err = readNumbers(in, 2); err == nil && len(ends) != 2 {
				err = errors.New("its offsets are not two")
			}
			if err == nil {
				p.from, p.to = ends[0], ends[1]
			}
		default:
			err = errors.New("it has a field that is not known")
		}
		if err != nil {
			return p, err
		}
	}
	if token, err := in.ReadToken(); err != nil || token.Kind() != '}' || known != 3 {
		return p, errors.New("it has not a dtype, a shape and data_offsets")
	}
	return p, nil
}

// readType reads a type. One that the format has and that is not read here is refused by its name.
func readType(in *jsontext.Decoder, into *Type) error {
	token, err := in.ReadToken()
	if err != nil || token.Kind() != '"' {
		return errors.New("its dtype is no string")
	}
	name := Type(token.String())
	if name.Width() == 0 {
		for _, other := range []Type{"F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4", "U16", "U32", "U64", "C64"} {
			if name == other {
				return fmt.Errorf("its dtype %s is not read: keep it as F16, BF16, F32, F64, I8, U8, I16, I32, I64 or BOOL", other)
			}
		}
		return errors.New("its dtype is not known")
	}
	*into = Type(strings.Clone(string(name)))
	return nil
}

// readNumbers reads a list of at most so many plain whole numbers that are not negative.
func readNumbers(in *jsontext.Decoder, most int) ([]int, error) {
	wrong := errors.New("its shape or offsets are no short list of whole numbers")
	if token, err := in.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, wrong
	}
	numbers := []int{}
	for in.PeekKind() == '0' {
		value, err := in.ReadValue()
		if err != nil || len(numbers) == most {
			return nil, wrong
		}
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil {
			return nil, wrong
		}
		numbers = append(numbers, int(n))
	}
	if token, err := in.ReadToken(); err != nil || token.Kind() != ']' {
		return nil, wrong
	}
	return numbers, nil
}

// Write gives the safetensors file of tensors, in their order, without metadata.
func Write(tensors []Tensor) []byte {
	header := bytes.NewBufferString("{")
	end := 0
	for i, t := range tensors {
		if i > 0 {
			header.WriteByte(',')
		}
		name, err := jsontext.AppendQuote(nil, t.Name)
		if err != nil {
			name = []byte(`""`) // no file that was read has such a name
		}
		shape := strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ",")
		fmt.Fprintf(header, `%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, name, t.Type, shape, end, end+len(t.Data))
		end += len(t.Data)
	}
	header.WriteString("}")
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	out := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+header.Len()+end), uint64(header.Len()))
	out = append(out, header.Bytes()...)
	for _, t := range tensors {
		out = append(out, t.Data...)
	}
	return out
}
