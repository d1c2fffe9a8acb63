package courier

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"narthex"
	"narthex/internal/book"
)

// Settings is the file of a node's channels. Secrets stand in files of their own, which nobody but their owner may read.
type Settings struct {
	Mail     *MailSettings  `yaml:"mail"`
	Webhooks []HookSettings `yaml:"webhooks"`
}

// MailSettings is the mail server that takes notices in.
type MailSettings struct {
	Server       string `yaml:"server"` // host:port
	From         string `yaml:"from"`   // the sender's address
	TLS          string `yaml:"tls"`    // starttls or implicit; none where the server is loopback
	User         string `yaml:"user"`   // empty where the server asks for none
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"` // certificates that the server's is held to; those of the machine where empty
}

// HookSettings is one webhook.
type HookSettings struct {
	Name       string `yaml:"name"`
	URL        string `yaml:"url"` // https, or http on loopback
	SecretFile string `yaml:"secret_file"`
	CAFile     string `yaml:"ca_file"`
}

// leastSecret and mostSecret bound a webhook's secret, in bytes.
const leastSecret, mostSecret = 24, 64

// Open reads the settings of a file and gives the carriers by channel. What is missing, unknown or open to others is refused.
func Open(file string) (map[string]Carrier, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, narthex.Invalidf("The file of notices cannot be read.").For("notices").Because(err)
	}
	var s Settings
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&s); err != nil {
		return nil, narthex.Invalidf("The file of notices is not the YAML that docs/notices.md describes: mail with server, from, tls, user, password_file, ca_file, and webhooks with name, url, secret_file, ca_file.").For("notices").Because(err)
	}
	if s.Mail == nil && len(s.Webhooks) == 0 {
		return nil, narthex.Invalidf("The file of notices names neither mail nor a webhook; name one, or start without it.").For("notices")
	}
	channels := map[string]Carrier{}
	if s.Mail != nil {
		if channels[book.MailChannel], err = s.Mail.open(); err != nil {
			return nil, err
		}
	}
	for _, hook := range s.Webhooks {
		if narthex.CheckName("a webhook", hook.Name) != nil || channels[hook.Name] != nil || hook.Name == book.MailChannel {
			return nil, narthex.Invalidf("A webhook has a name of its own in lower-case letters, digits and . _ -, which is not mail.").For("notices.webhooks.name")
		}
		if channels[hook.Name], err = hook.open(); err != nil {
			return nil, err
		}
	}
	return channels, nil
}

func (m MailSettings) open() (Carrier, error) {
	bad := func(field, format string, args ...any) error {
		return narthex.Invalidf(format, args...).For("notices.mail." + field)
	}
	host, port, err := net.SplitHostPort(m.Server)
	switch {
	case err != nil || host == "" || port == "":
		return nil, bad("server", "server is the mail server's host and port, such as mail.lab.example:587.")
	case !writable(m.From):
		return nil, bad("from", "from is the one address that notices come from.")
	case !slices.Contains([]string{"starttls", "implicit", "none"}, m.TLS):
		return nil, bad("tls", "tls is starttls or implicit; none only where the server is a loopback address.")
	case m.TLS == "none" && !isLoopback(host):
		return nil, bad("tls", "tls is none and the server is not a loopback address, so mail would cross a network in the clear: set starttls or implicit.")
	case m.TLS == "none" && m.CAFile != "":
		return nil, bad("ca_file", "ca_file is set and tls is none; nothing would be held to it.")
	case (m.User == "") != (m.PasswordFile == ""):
		return nil, bad("user", "user and password_file are set together or not at all.")
	}
	carrier := &Mail{server: m.Server, from: m.From, tls: m.TLS, user: m.User}
	if carrier.roots, err = roots(m.CAFile); err != nil {
		return nil, err
	}
	if m.PasswordFile == "" {
		return carrier, nil
	}
	carrier.password, err = secretOf(m.PasswordFile)
	return carrier, err
}

func (h HookSettings) open() (Carrier, error) {
	u, err := url.Parse(h.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, narthex.Invalidf("url is https:// and a host, without a name or password in it.").For("notices.webhooks.url")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, narthex.Invalidf("url is http and no loopback address, so notices would cross a network in the clear: use https.").For("notices.webhooks.url")
	}
	text, err := secretOf(h.SecretFile)
	if err != nil {
		return nil, err
	}
	encoded, prefixed := strings.CutPrefix(text.Reveal(), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !prefixed || len(key) < leastSecret || len(key) > mostSecret {
		return nil, narthex.Invalidf("secret_file holds whsec_ and the base64 of %d to %d random bytes: `(printf whsec_; head -c 32 /dev/urandom | base64) > FILE`.", leastSecret, mostSecret).For("notices.webhooks.secret_file")
	}
	trusted, err := roots(h.CAFile)
	if err != nil {
		return nil, err
	}
	return newHook(h.URL, isLoopback(u.Hostname()), narthex.NewSecret(string(key)), trusted), nil
}

// isLoopback says whether a host is loopback by its number; a name could be anywhere.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// secretOf reads a secret from a file that nobody but its owner may read.
func secretOf(file string) (narthex.Secret, error) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return narthex.Secret{}, narthex.Invalidf("The file of a secret is missing, or is no file.").For("notices").Because(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return narthex.Secret{}, narthex.Invalidf("The file of a secret is of mode %04o and open to others: chmod 600 it.", info.Mode().Perm()).For("notices")
	}
	text, err := os.ReadFile(file)
	secret := strings.TrimSuffix(string(text), "\n")
	if err != nil || secret == "" || strings.ContainsAny(secret, "\r\n") {
		return narthex.Secret{}, narthex.Invalidf("The file of a secret holds one line, which is the secret.").For("notices").Because(err)
	}
	return narthex.NewSecret(secret), nil
}

// roots reads certificates; none for those of the machine.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		return nil, narthex.Invalidf("ca_file holds no certificate that can be read.").For("notices").Because(fmt.Errorf("read certificates: %w", err))
	}
	return pool, nil
}
