package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"narthex/client"
	"narthex/internal/agreement"
)

const (
	challengeLife = 2 * time.Minute
	// mostAnswered is how many challenges one key may answer in the life of one.
	mostAnswered = 100
	nonceBytes   = 8 + 16 + sha256.Size // the time, a draw, and the seal over both and the key
)

// Challenges asks for proofs. A challenge is good once and for two minutes, for the key that it was made for. What was asked is
// kept nowhere, so that strangers who ask push nobody out: a challenge carries its time under a seal that only this node can
// make. What was answered is kept until it ends, and only keys with a log-in answer.
type Challenges struct {
	seal [32]byte

	mu       sync.Mutex                      // guards all below
	answered map[string]map[string]time.Time // by who holds a key and challenge, when it ends
	latest   time.Time                       // that was seen: a clock that goes back makes nothing good again
}

// NewChallenges draws the seal. Challenges of another start are good for nothing.
func NewChallenges(random io.Reader) (*Challenges, error) {
	c := &Challenges{answered: map[string]map[string]time.Time{}}
	if _, err := io.ReadFull(random, c.seal[:]); err != nil {
		return nil, fmt.Errorf("draw the seal of challenges: %w", err)
	}
	return c, nil
}

// ask makes a challenge for a public key. The answer is the same whether anyone has the key.
func (c *Challenges) ask(random io.Reader, origin, public string, now time.Time) (client.Challenge, error) {
	if _, err := agreement.ParseKey(public); err != nil {
		return client.Challenge{}, err
	}
	return c.made(random, origin, public, now)
}

// forPasskeys is what a challenge for any passkey is sealed for: a browser does not know yet which one will answer. It is no key.
const forPasskeys = "passkey"

// made makes a challenge.
func (c *Challenges) made(random io.Reader, origin, public string, now time.Time) (client.Challenge, error) {
	head := binary.BigEndian.AppendUint64(make([]byte, 0, nonceBytes), uint64(now.UnixMilli()))[:nonceBytes-sha256.Size]
	if _, err := io.ReadFull(random, head[8:]); err != nil {
		return client.Challenge{}, fmt.Errorf("draw a challenge: %w", err)
	}
	return client.Challenge{Nonce: hex.EncodeToString(c.sealed(head, public)), Origin: origin, ExpiresAt: now.Add(challengeLife)}, nil
}

// sealed gives the head of a challenge with the seal over it and the key.
func (c *Challenges) sealed(head []byte, public string) []byte {
	mac := hmac.New(sha256.New, c.seal[:])
	mac.Write(head) // a hash takes everything
	mac.Write([]byte(public))
	return mac.Sum(head[:len(head):len(head)])
}

// askedAt gives when a challenge was made for the key; ok is false where this node did not make it.
func (c *Challenges) askedAt(nonce, public string) (at time.Time, ok bool) {
	raw, err := hex.DecodeString(nonce)
	if err != nil || len(raw) != nonceBytes || hex.EncodeToString(raw) != nonce || !hmac.Equal(raw, c.sealed(raw[:nonceBytes-sha256.Size], public)) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(raw))), true
}

// take says whether the challenge is good for the key, which has a log-in, and makes it good no more.
func (c *Challenges) take(nonce, public string, now time.Time) bool {
	return c.takeFrom(nonce, public, public, now)
}

// takeFrom does so for a holder who answers a challenge that was sealed for a key, or for passkeys.
func (c *Challenges) takeFrom(nonce, public, holder string, now time.Time) bool {
	asked, ok := c.askedAt(nonce, public)
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.latest) {
		c.latest = now
	}
	if !c.latest.Before(asked.Add(challengeLife)) {
		return false
	}
	mine := c.answered[holder]
	for n, ends := range mine {
		if !c.latest.Before(ends) {
			delete(mine, n)
		}
	}
	if _, used := mine[nonce]; used || len(mine) >= mostAnswered {
		return false
	}
	if mine == nil {
		mine = map[string]time.Time{}
		c.answered[holder] = mine
	}
	mine[nonce] = asked.Add(challengeLife)
	return true
}
