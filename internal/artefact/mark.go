package artefact

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/disclosure"
	"narthex/internal/twin"
)

// A mark is a function from the bits of a value but its last one to that last one. It is drawn by the lab's secret for one recipient and one
// file, so that it stands in the values and not in their places: a copy has it, and so has each part of one, in any order. A value that
// stands in a file often carries it once.
//
// Every value of F32 is marked, which moves half of them by 2⁻²³ of them. In F16 and BF16 the last bit is 2⁻¹⁰ and 2⁻⁷ of a value, so one
// value in four is marked, as its bits choose: what that adds is as large as what rounding to the type took. Zeros and numbers below the
// least normal one are not marked.
//
// Each marked value that is there bit for bit halves the chance that the mark is there by accident. 64 different ones do for any number of
// recipients that a lab will have; so a hundredth of a file does where the file has 6,400 different values in F32, and four times as many,
// and enough of them different, in F16 and BF16.

const (
	keyPurpose   = "narthex watermark of artefacts, v1"
	printPurpose = "narthex watermark of artefacts, print of the secret"
	secretBytes  = 32
)

// Recipient is whom a file is marked for, and which file it is.
type Recipient struct {
	Grant  narthex.GrantID  `json:"grant"`
	Person narthex.PersonID `json:"person"`
	Job    narthex.JobID    `json:"job"`
	File   string           `json:"file"`
}

// Mark is the mark of one file for one recipient. The zero Mark marks nothing.
type Mark struct{ block cipher.Block }

// MarkOf gives the mark of a recipient under the lab's secret of 32 bytes.
func MarkOf(secret narthex.Secret, r Recipient) (Mark, error) {
	form, err := canon.JSON(r)
	if err != nil {
		return Mark{}, err
	}
	key, err := derive(secret, keyPurpose+"\n"+string(form), 32)
	if err != nil {
		return Mark{}, err
	}
	block, err := aes.NewCipher(key)
	return Mark{block}, err
}

// Print names a secret without telling it, so that a mark which was made under another one is not looked for in vain.
func Print(secret narthex.Secret) (string, error) {
	sum, err := derive(secret, printPurpose, 8)
	return hex.EncodeToString(sum), err
}

func derive(secret narthex.Secret, purpose string, length int) ([]byte, error) {
	if len(secret.Reveal()) != secretBytes {
		return nil, errors.New("the secret of watermarks is not there, or is none")
	}
	return hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, purpose, length)
}

// types are those that can be marked, in the order in which the mark knows them.
var types = []twin.Type{twin.F32, twin.F16, twin.BF16}

// of says what the mark has for the last bit of a value, given the others, and whether it marks such a value at all.
func (m Mark) of(t twin.Type, upper uint32) (bit uint32, marks bool) {
	var block [aes.BlockSize]byte
	block[0] = byte(1 + slices.Index(types, t))
	binary.LittleEndian.PutUint32(block[1:], upper)
	m.block.Encrypt(block[:], block[:])
	return uint32(block[0] & 1), t == twin.F32 || block[1]&3 == 0
}

// Put gives a file that is in its form with the mark in it, which is in its form too.
func (m Mark) Put(form []byte) ([]byte, error) {
	if m.block == nil {
		return nil, errors.New("mark a file: there is no mark")
	}
	again, err := Canonical(form, len(form))
	var refused *disclosure.Refusal
	if errors.As(err, &refused) {
		return nil, fmt.Errorf("mark a file: it is not in its form: %s", refused.Says())
	}
	if err != nil || !slices.Equal(again, form) {
		return nil, errors.Join(errors.New("mark a file: it is not in its form"), err)
	}
	tensors, err := twin.Read(again)
	if err != nil {
		return nil, err
	}
	for _, t := range tensors {
		each(t, func(bits uint32) uint32 {
			if !normal(t.Type, bits) {
				return bits
			}
			if bit, marks := m.of(t.Type, bits>>1); marks {
				return bits&^1 | bit
			}
			return bits
		})
	}
	return twin.Write(tensors), nil
}
