package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"

	"narthex"
)

// PromiseTime is how long after an entry a checkpoint over it is published at the latest.
const PromiseTime = 2 * time.Second

// Promise is what a lab signs when it answers: an entry with this leaf is in the log, and a checkpoint over it is published
// before By.
type Promise struct {
	ID     string // call_ or entry_, and the entry's index
	Entry  Hash   // the leaf
	Origin string
	By     time.Time // to the second
}

// NewPromise makes the promise about an entry of the time at.
func NewPromise(id string, leaf Hash, origin string, at time.Time) Promise {
	return Promise{id, leaf, origin, time.Unix(at.Add(PromiseTime+time.Second-1).Unix(), 0).UTC()}
}

func (p Promise) text() []byte {
	return fmt.Appendf(nil, "narthex receipt v1\n%s\n%s\n%s\n%d\n", p.ID, base64.StdEncoding.EncodeToString(p.Entry[:]), p.Origin, p.By.Unix())
}

// Sign gives the promise as the value of the header Narthex-Receipt.
func (p Promise) Sign(signer note.Signer) (string, error) {
	signature, err := signer.Sign(p.text())
	if err != nil {
		return "", fmt.Errorf("sign promise: %w", err)
	}
	signature = append(binary.BigEndian.AppendUint32(nil, signer.KeyHash()), signature...)
	return fmt.Sprintf("id=%q, entry=:%s:, origin=%q, by=@%d, sig=:%s:", p.ID, base64.StdEncoding.EncodeToString(p.Entry[:]), p.Origin, p.By.Unix(),
		base64.StdEncoding.EncodeToString(signature)), nil
}

var promiseForm = regexp.MustCompile(`^id="((?:call|entry)_(?:0|[1-9][0-9]{0,18}))", entry=:([A-Za-z0-9+/]{43}=):, origin="([!#-\[\]-~]{1,255})", by=@([1-9][0-9]{0,11}), sig=:([A-Za-z0-9+/]{91}=):$`)

// OpenPromise reads a promise and checks its signature under the verifier key.
func OpenPromise(header, verifierKey string) (Promise, error) {
	verifier, err := newVerifier(verifierKey)
	if err != nil {
		return Promise{}, errors.New("open promise: the key is not one of the form name+hash+key")
	}
	parts := promiseForm.FindStringSubmatch(header)
	if parts == nil {
		return Promise{}, errors.New("open promise: it is not written as one")
	}
	entry, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return Promise{}, errors.New("open promise: its entry is not base64")
	}
	by, err := strconv.ParseInt(parts[4], 10, 64)
	if err != nil {
		return Promise{}, errors.New("open promise: its time is out of range")
	}
	p := Promise{ID: parts[1], Entry: Hash(entry), Origin: parts[3], By: time.Unix(by, 0).UTC()}
	signature, err := base64.StdEncoding.Strict().DecodeString(parts[5])
	if err != nil || p.Origin != verifier.Name() || binary.BigEndian.Uint32(signature) != verifier.KeyHash() ||
		!verifier.Verify(p.text(), signature[4:]) {
		return Promise{}, errors.New("open promise: it is not signed by the given key")
	}
	return p, nil
}

// Index gives the index of the entry that the promise is about.
func (p Promise) Index() (uint64, error) {
	for _, prefix := range []string{"call_", "entry_"} {
		if rest, ok := strings.CutPrefix(p.ID, prefix); ok {
			return strconv.ParseUint(rest, 10, 62)
		}
	}
	return 0, errors.New("read promise: its id names no entry")
}

const receiptFormat = "narthex receipt v1"

// Bodies are what a call's entries commit to.
type Body string

const (
	RequestBody Body = "request"
	AnswerBody  Body = "answer"
)

// BodySalt gives the salt under which an entry commits to a body. Only whoever holds the call's API key can compute it.
func BodySalt(key narthex.Secret, body Body, nonce string) []byte {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	fmt.Fprintf(mac, "narthex receipt %s v1\n%s", body, nonce)
	return mac.Sum(nil)
}

// CommitBody gives what an entry says of a body.
func CommitBody(salt, body []byte) narthex.Digest {
	sum := sha256.New()
	sum.Write(salt)
	sum.Write(body)
	return narthex.MakeDigest([32]byte(sum.Sum(nil)))
}

// ProvenEntry is an entry with its opening and its place in the log.
type ProvenEntry struct {
	Index   uint64   `json:"index"`
	Record  []byte   `json:"record"`
	Opening Opening  `json:"opening"`
	Proof   [][]byte `json:"proof"` // RFC 6962, in the tree of the receipt's checkpoint
}

// Receipt is what a researcher keeps of a call.
type Receipt struct {
	Format      string       `json:"format"`
	Key         string       `json:"key"` // as the log states it; a verifier brings its own
	Checkpoint  string       `json:"checkpoint"`
	Intent      ProvenEntry  `json:"intent"`
	Outcome     *ProvenEntry `json:"outcome,omitempty"` // absent while there is none
	RequestSalt []byte       `json:"request_salt"`
	AnswerSalt  []byte       `json:"answer_salt"`
}

// NewReceipt makes a receipt without its entries.
func NewReceipt(key, checkpoint string) *Receipt {
	return &Receipt{Format: receiptFormat, Key: key, Checkpoint: checkpoint}
}

// Prove sets an entry with its inclusion in the tree of that size.
func (e *ProvenEntry) Prove(tiles Tiles, index, size uint64, record Record, opening Opening) error {
	hashes, err := Prove(tiles, index, size)
	if err != nil {
		return err
	}
	*e = ProvenEntry{Index: index, Record: record[:], Opening: opening, Proof: [][]byte{}}
	for _, hash := range hashes {
		e.Proof = append(e.Proof, hash[:])
	}
	return nil
}

func (e ProvenEntry) check(c Checkpoint) (Record, error) {
	record, err := ParseRecord(e.Record)
	if err != nil {
		return Record{}, err
	}
	proof, err := hashes(e.Proof)
	if err != nil {
		return Record{}, err
	}
	if err := CheckInclusion(record, e.Index, c.Size, c.Root, proof); err != nil {
		return Record{}, errors.New("it does not stand in the log that the checkpoint signed")
	}
	if err := e.Opening.Opens(record); err != nil {
		return Record{}, errors.New("what it says is not what was recorded")
	}
	return record, nil
}

// hashes gives a proof's hashes.
func hashes(list [][]byte) ([]Hash, error) {
	proof := make([]Hash, len(list))
	for i, hash := range list {
		if len(hash) != len(Hash{}) {
			return nil, errors.New("a hash of its proof has not 32 bytes")
		}
		proof[i] = Hash(hash)
	}
	return proof, nil
}

// IsReceipt says whether a file begins as a receipt does; it need not be a good one.
func IsReceipt(data []byte) bool {
	f := form{rest: data}
	return f.has(`{"format":"` + receiptFormat + `",`)
}

// receipt takes a receipt.
func (f *form) receipt() *Receipt {
	f.must(`{"format":"` + receiptFormat + `","key":`)
	key := f.text()
	f.must(`,"checkpoint":`)
	r := NewReceipt(unquote(key), unquote(f.text()))
	f.must(`,"intent":`)
	r.Intent = f.proven()
	if f.has(`,"outcome":`) {
		outcome := f.proven()
		r.Outcome = &outcome
	}
	f.must(`,"request_salt":`)
	r.RequestSalt = f.bytes(nil)
	f.must(`,"answer_salt":`)
	r.AnswerSalt = f.bytes(nil)
	f.must("}")
	return r
}

// proven takes an entry with its proof.
func (f *form) proven() (e ProvenEntry) {
	f.must(`{"index":`)
	e.Index = f.natural()
	f.must(`,"record":`)
	e.Record = f.bytes(nil)
	f.must(`,"opening":`)
	e.Opening = f.opening(nil)
	f.must(`,"proof":`)
	e.Proof = f.hashes()
	f.must("}")
	return e
}

// hashes takes a list of base64.
func (f *form) hashes() [][]byte {
	list := [][]byte{}
	f.must("[")
	for !f.bad && !f.has("]") {
		if len(list) > 0 {
			f.must(",")
		}
		list = append(list, f.bytes(nil))
	}
	return list
}

// Evidence is what a verified receipt shows.
type Evidence struct {
	Call       narthex.CallID `json:"call"`
	At         time.Time      `json:"at"`
	Grant      string         `json:"grant"`
	Agreement  string         `json:"agreement"`
	Status     string         `json:"status"` // of the outcome; "open" while there is none
	Ended      time.Time      `json:"ended,omitzero"`
	Checkpoint Checkpoint     `json:"-"`
	intent     Record
	request    string
	answer     string
	salts      [2][]byte
}

// VerifyReceipt checks a receipt under the log's key. The error is a *TamperError where the receipt is at fault.
func VerifyReceipt(data []byte, verifierKey string) (Evidence, error) {
	f := form{rest: data}
	r := f.receipt()
	if !f.whole() {
		return Evidence{}, &TamperError{-1, "the file does not read as a receipt"}
	}
	checkpoint, err := OpenCheckpoint(r.Checkpoint, verifierKey)
	if err != nil {
		return Evidence{}, &TamperError{-1, "the checkpoint is not signed by the given key, or was changed"}
	}
	if _, err := OpenCheckpoint(r.Checkpoint, r.Key); err != nil {
		return Evidence{}, &TamperError{-1, "the checkpoint is not signed by the key that the receipt states"}
	}
	record, err := r.Intent.check(checkpoint)
	if err == nil && r.Intent.Opening.Type != narthex.EntryCallIntent {
		err = errors.New("it is no call")
	}
	if err != nil {
		return Evidence{}, &TamperError{int64(r.Intent.Index), err.Error()}
	}
	o := r.Intent.Opening
	e := Evidence{Call: narthex.MakeCallID(r.Intent.Index), At: record.Time(), Grant: o.Text("grant"), Agreement: o.Text("agreement"), Status: "open",
		Checkpoint: checkpoint, intent: record, request: o.Text("request"), salts: [2][]byte{r.RequestSalt, r.AnswerSalt}}
	if r.Outcome == nil {
		return e, nil
	}
	outcome, err := r.Outcome.check(checkpoint)
	if o := r.Outcome.Opening; err == nil && (o.Type != narthex.EntryCallOutcome || o.Text("call") != string(e.Call)) {
		err = errors.New("it is not the outcome of the call")
	}
	if err != nil {
		return Evidence{}, &TamperError{int64(r.Outcome.Index), err.Error()}
	}
	e.Status, e.Ended, e.answer = r.Outcome.Opening.Text("status"), outcome.Time(), r.Outcome.Opening.Text("answer")
	return e, nil
}

// Keeps says whether the promise, whose signature was checked, is the one that this call was made under.
func (e Evidence) Keeps(p Promise) error {
	if p.ID != string(e.Call) || p.Entry != e.intent.Leaf() || p.Origin != e.Checkpoint.Origin {
		return &TamperError{-1, "the promise is about another entry than the one in the log: keep both, they prove it"}
	}
	return nil
}

// Holds says whether the request or the answer of the call was these bytes.
func (e Evidence) Holds(body Body, bytes []byte) error {
	salt, committed := e.salts[0], e.request
	if body == AnswerBody {
		salt, committed = e.salts[1], e.answer
	}
	if string(CommitBody(salt, bytes)) != committed {
		return &TamperError{-1, fmt.Sprintf("the %s that was recorded is another than the one in the file", body)}
	}
	return nil
}

// MarshalReceipt writes a receipt in its one form.
func MarshalReceipt(r *Receipt) ([]byte, error) { return json.Marshal(r) }

// ReceiptCosignatures gives the good cosignatures under the witnesses' keys of a receipt's checkpoint.
func ReceiptCosignatures(data []byte, keys ...string) ([]Cosignature, error) {
	f := form{rest: data}
	r := f.receipt()
	if !f.whole() {
		return nil, &TamperError{-1, "the file does not read as a receipt"}
	}
	if len(keys) == 0 {
		return []Cosignature{}, nil
	}
	return Cosignatures(r.Checkpoint, keys...)
}
