package agreement

import (
	"crypto/ed25519"
	"fmt"

	"narthex"
	"narthex/internal/wire"
)

// Bundle is an agreement with its signatures, as a file.
type Bundle struct {
	Agreement  narthex.Agreement  `json:"agreement"`
	Digest     narthex.Digest     `json:"digest"`
	Signatures []narthex.SignedBy `json:"signatures"`
}

// Report is what a checked file says.
type Report struct {
	Digest narthex.Digest `json:"digest"`
	Lines  []string       `json:"signatures"` // one a signature, in words
	Stated bool           `json:"stated"`     // whether any key was the file's own word
}

// VerifyBundle checks a file offline. Keys are those that the reader brings, under any name; a signature by a key that was
// not brought is checked with the key in the file and said to be so. Every party of the agreement must have signed.
func VerifyBundle(data []byte, keys map[string]ed25519.PublicKey) (Report, error) {
	bundle, err := wire.Decode[Bundle](data, wire.Limits{Bytes: 4 << 20, Depth: 16})
	if err != nil {
		return Report{}, err
	}
	digest, err := Digest(bundle.Agreement)
	if err != nil {
		return Report{}, err
	}
	if digest != bundle.Digest {
		return Report{}, narthex.Refusedf("The agreement in the file has not the digest that the file states: it was changed. Ask the other side for their copy.")
	}
	report := Report{Digest: digest}
	signed := map[narthex.PartyRole]bool{}
	for _, s := range bundle.Signatures {
		line, stated, err := checkSignature(bundle.Agreement, digest, s, keys)
		if err != nil {
			return report, err
		}
		if signed[s.Party] {
			return report, narthex.Refusedf("The %s signed twice in this file; ask for a clean copy.", s.Party)
		}
		signed[s.Party], report.Stated = true, report.Stated || stated
		report.Lines = append(report.Lines, line)
	}
	for _, party := range bundle.Agreement.Parties {
		if !signed[party.Role] {
			return report, narthex.Refusedf("The %s has not signed this agreement.", party.Role)
		}
	}
	return report, nil
}

func checkSignature(a narthex.Agreement, digest narthex.Digest, s narthex.SignedBy, keys map[string]ed25519.PublicKey) (string, bool, error) {
	if !isParty(a, s) {
		return "", false, narthex.Refusedf("A signature in the file is by someone whom the agreement does not name for that party.")
	}
	want := NewStatement(digest, s.Party, s.By, a.Origin)
	for name, key := range keys {
		if Fingerprint(key) == s.Signer {
			err := VerifyEnvelope(s.Envelope, key, want)
			return fmt.Sprintf("%s: signed by %s with %s", s.Party, name, s.Signer), false, err
		}
	}
	stated, err := ParseKey(s.PublicKey)
	if err != nil || Fingerprint(stated) != s.Signer {
		return "", false, narthex.Refusedf("A signature in the file names a key that the file does not hold.")
	}
	err = VerifyEnvelope(s.Envelope, stated, want)
	return fmt.Sprintf("%s: signed by %s with %s (key as stated by the lab; bring it with --signer to be sure)", s.Party, s.By, s.Signer), true, err
}

// isParty says whether the cover page names the signer, with that key, for that party.
func isParty(a narthex.Agreement, s narthex.SignedBy) bool {
	for _, party := range a.Parties {
		for _, signer := range party.Signers {
			if party.Role == s.Party && signer.Person == s.By && signer.Fingerprint == s.Signer {
				return true
			}
		}
	}
	return false
}
