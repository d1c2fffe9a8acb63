package courier

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"narthex"
)

// hookTime bounds one call of a webhook.
const hookTime = 10 * time.Second

// Hook carries notices to a webhook, as https://www.standardwebhooks.com has it: the headers webhook-id, which is the same at every
// try, webhook-timestamp, and webhook-signature, which is "v1," and the base64 of the HMAC-SHA256 under the secret of identifier,
// timestamp and body with dots between them.
type Hook struct {
	url    string
	secret narthex.Secret // the bytes of the key
	client *http.Client
}

// newHook makes a webhook's carrier. It goes where the settings say and nowhere else: it follows no redirect and asks no proxy.
// A name that is found at loopback, or at an address of this link alone, is not gone to: only a number says that it means loopback.
func newHook(url string, loopback bool, secret narthex.Secret, roots *x509.CertPool) *Hook {
	dialer := &net.Dialer{Timeout: hookTime, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if ip := at.Addr().Unmap(); ip.IsLoopback() != loopback || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
			return errors.New("dial a webhook: its name is found at an address that it does not say")
		}
		return nil
	}}
	return &Hook{url, secret, &http.Client{Timeout: hookTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10}}}
}

// delivery is the body.
type delivery struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of what happened
	Data      struct {
		Notice     string               `json:"notice"`
		Engagement narthex.EngagementID `json:"engagement,omitempty"`
		Asset      narthex.AssetName    `json:"asset,omitempty"`
		Manuscript int                  `json:"manuscript,omitempty"`
		Of         string               `json:"of,omitempty"` // a job or a release
		What       string               `json:"what,omitempty"`
		Happened   string               `json:"happened"`
		Next       string               `json:"next_step"`
	} `json:"data"`
}

// Carry calls the webhook once. Anything but a 2xx is a no.
func (h *Hook) Carry(ctx context.Context, p Parcel) error {
	d := delivery{Type: "engagement." + string(p.Kind), Timestamp: p.At}
	if p.Asset != "" {
		d.Type, d.Data.Asset = "asset."+string(p.Kind), p.Asset
	}
	d.Data.Notice, d.Data.Engagement, d.Data.Manuscript, d.Data.Of, d.Data.What, d.Data.Happened, d.Data.Next = p.ID, p.Engagement, p.Manuscript, p.Of, p.What, p.Text.Happened, p.Text.Next
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, "POST", h.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(p.Now.Unix(), 10)
	for name, value := range map[string]string{"Content-Type": "application/json", "User-Agent": "narthex", "Webhook-Id": p.ID, "Webhook-Timestamp": at, "Webhook-Signature": Sign(h.secret, p.ID, at, body)} {
		r.Header.Set(name, value)
	}
	answer, err := h.client.Do(r)
	if err != nil {
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return &Failure{Untrusted, false}
		}
		return &Failure{Unreachable, false}
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // what it says is of no use here
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return &Failure{Redirected, false}
	}
	return &Failure{Answered, false}
}

// Sign gives the header webhook-signature of a delivery.
func Sign(secret narthex.Secret, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
