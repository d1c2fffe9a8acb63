package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"narthex/internal/wire"
	"narthex/ledger"
)

// Remote is a witness as a log sees it: an address and the key by which its word is checked.
type Remote struct {
	key  string
	name string
	url  string
	http *http.Client
}

// NewRemote makes the client of a witness. The address is https, or http on loopback; redirects are not followed.
func NewRemote(address, key string) (*Remote, error) {
	verifier, err := ledger.NewWitnessVerifier(key)
	if err != nil {
		return nil, err
	}
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1, TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Remote{key, verifier.Name(), strings.TrimSuffix(address, "/"), &http.Client{Transport: transport, CheckRedirect: refuse, Timeout: 10 * time.Second}}, nil
}

// CheckAddress says whether a witness may be asked there.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("a witness's address is https://, a host and a path, without a query")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && (err != nil || !ip.IsLoopback()) {
		return errors.New("plain http is for a witness on loopback; use https")
	}
	return nil
}

// Name is that of the witness's key.
func (r *Remote) Name() string { return r.name }

// Key is the witness's verifier key.
func (r *Remote) Key() string { return r.key }

// StaleError is a witness that has signed a tree of another size than it was asked about.
type StaleError struct{ Size uint64 }

func (e *StaleError) Error() string {
	return fmt.Sprintf("the witness has signed a tree of %d entries", e.Size)
}

// Cosign asks for a cosignature and checks what comes. Older is the size that the witness is believed to have signed, and
// proof that the checkpoint's tree begins with it.
func (r *Remote) Cosign(ctx context.Context, older uint64, proof []ledger.Hash, checkpoint string) (string, error) {
	body := wire.AddCheckpoint{Old: older, Proof: proof, Checkpoint: checkpoint}.Text()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/add-checkpoint", bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	answer, err := r.http.Do(request)
	if err != nil {
		return "", errors.New("it does not answer")
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, mostBody))
	if err != nil {
		return "", errors.New("its answer broke off")
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return r.check(string(data), checkpoint)
	case http.StatusConflict:
		if size, err := strconv.ParseUint(strings.TrimSuffix(string(data), "\n"), 10, 62); err == nil {
			return "", &StaleError{size}
		}
	}
	return "", fmt.Errorf("it refused with status %d", answer.StatusCode)
}

// check takes the one line that is the witness's signature over the checkpoint; everything else that it sent is left out.
func (r *Remote) check(lines, checkpoint string) (string, error) {
	body, _, _ := strings.Cut(checkpoint, "\n\n")
	for line := range strings.Lines(lines) {
		if found, err := ledger.Cosignatures(body+"\n\n"+line, r.key); err == nil && len(found) == 1 && strings.HasSuffix(line, "\n") {
			return line, nil
		}
	}
	return "", errors.New("what it sent is not its signature over the checkpoint")
}
