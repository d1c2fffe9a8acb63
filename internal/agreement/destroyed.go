package agreement

import (
	"narthex"
	"narthex/internal/canon"
)

// CertificateDigest gives what is signed of a certificate of destruction that is whole and for that ledger.
func CertificateDigest(c narthex.Certificate, origin string) (narthex.Digest, error) {
	if err := c.Check(origin); err != nil {
		return "", err
	}
	return canon.Digest(c)
}

// VerifyCertificate says whether a certificate is whole and for that ledger, and the signature by that key on it, by the person whom it
// names, for the researcher or the institution.
func VerifyCertificate(s narthex.SignedCertificate, key Verifier, origin string) error {
	digest, err := CertificateDigest(s.Certificate, origin)
	if err != nil {
		return err
	}
	party := s.Signature.Party
	if digest != s.Signature.Digest || s.Signature.By != s.Certificate.Person || party != narthex.PartyResearcher && party != narthex.PartyInstitution {
		return narthex.Refusedf("The signature is not on this certificate, by the person whom it names, for the researcher or the institution. Sign its digest again.").For("certificate")
	}
	return VerifyEnvelope(s.Signature.Envelope, key, NewStatement(digest, party, s.Signature.By, origin))
}
