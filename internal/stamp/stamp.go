// Package stamp asks a time-stamping authority when something was there, by RFC 3161, and checks what it said.
//
// It promises that a stamp is taken only where it is over exactly the given digest, by one signer whose certificate is for time stamps
// alone, names itself in what it signed, and was issued under the authorities that the reader brings, at the time that the stamp
// states. What a stamp says is that somebody else saw the digest then; it says nothing of whose it is.
//
// It trusts the certificates that it is given. Read next: internal/agreement for what is stamped.
package stamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha1" // in certificates' names of themselves, where an authority still writes those
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"

	"narthex"
)

const (
	mostToken = 32 << 10
	patience  = 10 * time.Second
)

// Settings names a time-stamping authority. The zero Settings stamp nothing.
type Settings struct {
	URL     string // https, or http on loopback
	CA      string // a file of the certificates under which its own was issued
	Require bool   // whether nothing is signed without a stamp
}

// Authority stamps by its settings.
type Authority struct {
	Require bool
	url     string
	roots   *x509.CertPool
	http    *http.Client
}

// New makes the authority that settings name, or none where they name none.
func New(s Settings) (*Authority, error) {
	if s == (Settings{}) {
		return nil, nil
	}
	if s.URL == "" || s.CA == "" {
		return nil, narthex.Invalidf("timestamp has both a URL and a file of certificates to check its stamps with, or neither.").For("timestamp")
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, narthex.Invalidf("timestamp's URL is https, or http on loopback, with a host.").For("timestamp")
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, narthex.Invalidf("timestamp's file of certificates cannot be read.").For("timestamp").Because(err)
	}
	roots, err := Roots(pem)
	if err != nil {
		return nil, err
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	transport := &http.Transport{TLSHandshakeTimeout: patience, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true}
	return &Authority{s.Require, s.URL, roots, &http.Client{Transport: transport, CheckRedirect: refuse, Timeout: patience}}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Roots reads a file of certificates.
func Roots(pem []byte) (*x509.CertPool, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, narthex.Invalidf("The file of certificates for time stamps has none that reads, in PEM.").For("timestamp")
	}
	return roots, nil
}

// Stamp has a text stamped: the stamp in base64, over the text's SHA-256. The text itself does not leave.
func (a *Authority) Stamp(ctx context.Context, text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return "", err
	}
	ask, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Certificates: true, Nonce: nonce}).Marshal()
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(ask))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/timestamp-query")
	answer, err := a.http.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask for a time stamp: %w", err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, mostToken+1))
	if err != nil {
		return "", fmt.Errorf("ask for a time stamp: %w", err)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "application/timestamp-reply" || answer.StatusCode != http.StatusOK || len(data) > mostToken {
		return "", errors.New("ask for a time stamp: the answer is none")
	}
	stamped, err := timestamp.ParseResponse(data)
	if err != nil {
		return "", fmt.Errorf("read a time stamp: %w", err)
	}
	if stamped.Nonce == nil || stamped.Nonce.Cmp(nonce) != 0 {
		return "", errors.New("read a time stamp: it answers another request")
	}
	token := base64.StdEncoding.EncodeToString(stamped.RawToken)
	_, err = Verify(token, text, a.roots)
	return token, err
}

// Verify says when a text was stamped, by an authority under those roots.
func Verify(token, text string, roots *x509.CertPool) (time.Time, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) > mostToken || roots == nil {
		return time.Time{}, errors.New("check time stamp: it does not read, or there is nothing to check it with")
	}
	stamped, err := timestamp.Parse(raw)
	if err != nil {
		return time.Time{}, fmt.Errorf("check time stamp: %w", err)
	}
	sum := sha256.Sum256([]byte(text))
	if stamped.HashAlgorithm != crypto.SHA256 || !bytes.Equal(stamped.HashedMessage, sum[:]) {
		return time.Time{}, errors.New("check time stamp: it is over something else")
	}
	signed, err := pkcs7.Parse(raw)
	if err != nil {
		return time.Time{}, fmt.Errorf("check time stamp: %w", err)
	}
	by := signed.GetOnlySigner()
	if by == nil || !stampsAlone(by) || !names(signed, by) {
		return time.Time{}, errors.New("check time stamp: its signer is not one, is not for time stamps alone, or does not name itself")
	}
	between := x509.NewCertPool()
	for _, c := range signed.Certificates {
		between.AddCert(c)
	}
	err = signed.VerifyWithOpts(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: stamped.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	if err != nil {
		return time.Time{}, fmt.Errorf("check time stamp: %w", err)
	}
	return stamped.Time.UTC(), nil
}

// stampsAlone says whether a certificate is for time stamps and nothing else, critically, as RFC 3161 asks.
func stampsAlone(c *x509.Certificate) bool {
	critical := slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return e.Critical && e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37})
	})
	return critical && len(c.UnknownExtKeyUsage) == 0 && slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping})
}

// names says whether what was signed names the signer's certificate by its digest, so that no other certificate of the same issuer and
// number takes its place.
func names(signed *pkcs7.PKCS7, by *x509.Certificate) bool {
	type second struct {
		Algorithm pkix.AlgorithmIdentifier `asn1:"optional"` // SHA-256 where it is left out
		Hash      []byte
		Issuer    asn1.RawValue `asn1:"optional"`
	}
	var two struct {
		Certs    []second
		Policies asn1.RawValue `asn1:"optional"`
	}
	if err := signed.UnmarshalSignedAttribute(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, &two); err == nil && len(two.Certs) > 0 {
		sum := sha256.Sum256(by.Raw)
		other := len(two.Certs[0].Algorithm.Algorithm) > 0 && !two.Certs[0].Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1})
		return !other && bytes.Equal(two.Certs[0].Hash, sum[:])
	}
	type first struct {
		Hash   []byte
		Issuer asn1.RawValue `asn1:"optional"`
	}
	var one struct {
		Certs    []first
		Policies asn1.RawValue `asn1:"optional"`
	}
	if err := signed.UnmarshalSignedAttribute(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}, &one); err != nil || len(one.Certs) == 0 {
		return false
	}
	sum := sha1.Sum(by.Raw)
	return bytes.Equal(one.Certs[0].Hash, sum[:])
}
