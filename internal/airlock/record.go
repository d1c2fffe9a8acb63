package airlock

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/artefact"
	"narthex/internal/canon"
	"narthex/internal/wire"
)

const (
	recordType    = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://narthex.example/release-record/v1"
)

// Statement is an in-toto statement of what was released: its subjects are the files, by their digests.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// Subject is one file.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // sha256, in hexadecimal
}

// Predicate is what was checked of a release before it left.
type Predicate struct {
	Release           narthex.ReleaseID       `json:"release"`
	Job               narthex.JobID           `json:"job"`
	Grant             narthex.GrantID         `json:"grant"`
	Agreement         narthex.Digest          `json:"agreement"`
	Asset             narthex.AssetName       `json:"asset"`
	Version           narthex.VersionName     `json:"version"`
	AssetDigest       narthex.Digest          `json:"asset_digest"`
	Against           narthex.VersionName     `json:"against,omitempty"` // the second version that the job had beside it
	AgainstDigest     narthex.Digest          `json:"against_digest,omitempty"`
	Environment       narthex.EnvironmentName `json:"environment"`
	EnvironmentDigest narthex.Digest          `json:"environment_digest"`
	Study             narthex.Digest          `json:"study"`
	Package           narthex.Digest          `json:"package"`
	Charge            int64                   `json:"charge"`
	Findings          []narthex.Finding       `json:"findings"` // files and kinds
	Reviewers         []narthex.Role          `json:"reviewers"`
	Artefact          *ArtefactChecks         `json:"artefact,omitempty"`
	Rule              *narthex.RuleUse        `json:"rule,omitempty"` // by which it left without reviewers
	ReleasedAt        time.Time               `json:"released_at"`
	LogKey            string                  `json:"log_key"` // the ledger's verifier key, which signs this
}

// ArtefactChecks is what stands in a record of artefacts beside the rest: that no person can check them by reading, how many had to say that
// they may leave, and that each file is marked for who received it, in the last bits of its numbers.
type ArtefactChecks struct {
	Form      string `json:"form"`
	Reviewers int    `json:"reviewers"`
	Watermark string `json:"watermark"` // of whom
}

type recordEnvelope struct {
	PayloadType string            `json:"payloadType"`
	Payload     string            `json:"payload"`
	Signatures  []recordSignature `json:"signatures"`
}

type recordSignature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// Record makes the record of what was released, signed by the ledger's key. Of one that was not released there is none.
func Record(r narthex.Release, job narthex.Job, logKey string, sign func([]byte) ([]byte, error)) ([]byte, error) {
	if r.State != narthex.ReleaseReleased || job.ID != r.Job {
		return nil, errors.New("make a record: nothing was released")
	}
	s := Statement{Type: statementType, PredicateType: predicateType, Subject: []Subject{}, Predicate: Predicate{
		Release: r.ID, Job: r.Job, Grant: r.Grant, Agreement: r.Agreement, Asset: r.Asset, Version: r.Version, AssetDigest: job.Plan.AssetDigest,
		Against: job.Plan.Against, AgainstDigest: job.Plan.AgainstDigest,
		Environment: job.Plan.Environment, EnvironmentDigest: job.Plan.EnvironmentDigest, Study: job.Plan.Study, Package: r.Package, Charge: r.Charge,
		Findings: Told(r).Findings, Reviewers: []narthex.Role{}, Rule: r.Rule, ReleasedAt: r.DecidedAt, LogKey: logKey}}
	for _, f := range r.Files {
		s.Subject = append(s.Subject, Subject{f.Name, map[string]string{"sha256": strings.TrimPrefix(string(f.Digest), "sha256:")}})
	}
	for _, v := range r.Votes {
		s.Predicate.Reviewers = append(s.Predicate.Reviewers, v.As)
	}
	if Artefacts(r.Files) {
		s.Predicate.Artefact = &ArtefactChecks{Form: string(artefact.Kind), Reviewers: MustSay(r), Watermark: "recipient"}
	}
	payload, err := canon.JSON(s)
	if err != nil {
		return nil, err
	}
	signature, err := sign(canon.Signed(recordType, payload))
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(logKey, "+")
	return canon.JSON(recordEnvelope{recordType, base64.StdEncoding.EncodeToString(payload), []recordSignature{{name, base64.StdEncoding.EncodeToString(signature)}}})
}

// recordLimits bound a record.
var recordLimits = wire.Limits{Bytes: 1 << 20, Depth: 12}

// OpenRecord reads a record and checks its signature: by key, or, where key is "", by the one that the record itself states, which tells
// only that it was not changed since.
func OpenRecord(data []byte, key string) (Statement, error) {
	e, err := wire.Decode[recordEnvelope](bytes.TrimSuffix(data, []byte("\n")), recordLimits)
	if err != nil || e.PayloadType != recordType || len(e.Signatures) != 1 {
		return Statement{}, narthex.Invalidf("This is no record of a release.").For("record")
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(e.Payload)
	if err != nil {
		return Statement{}, narthex.Invalidf("This is no record of a release.").For("record")
	}
	s, err := wire.Decode[Statement](payload, recordLimits)
	if err != nil || s.Type != statementType || s.PredicateType != predicateType {
		return Statement{}, narthex.Invalidf("This is no record of a release.").For("record")
	}
	if key == "" {
		key = s.Predicate.LogKey
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return Statement{}, narthex.Invalidf("The verifier key does not read; it is a name, a hash and a key with plus signs between.").For("key")
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(e.Signatures[0].Sig)
	if err != nil || !verifier.Verify(canon.Signed(recordType, payload), signature) {
		return Statement{}, narthex.Refusedf("The record is not signed by that key, or was changed since. Do not rely on it.").For("record")
	}
	return s, nil
}

// Holds gives the name under which the statement has a file of these bytes, or false.
func (s Statement) Holds(data []byte) (string, bool) {
	sum := sha256.Sum256(data)
	for _, subject := range s.Subject {
		if subject.Digest["sha256"] == hex.EncodeToString(sum[:]) {
			return subject.Name, true
		}
	}
	return "", false
}
