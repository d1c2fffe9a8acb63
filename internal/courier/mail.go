package courier

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"narthex"
)

// mailTime bounds one delivery, from the connection to the server's last word.
const mailTime = 30 * time.Second

// Mail carries notices to a mail server. Nothing is said to it in the clear but where it is loopback and the settings say so.
type Mail struct {
	server   string // host:port
	from     string
	tls      string // starttls, implicit or none
	user     string
	password narthex.Secret
	roots    *x509.CertPool // nil for those of the machine
}

// writable says whether mail can be written to an address: one, without a name before it, and no line's end.
func writable(address string) bool {
	parsed, err := mail.ParseAddress(address)
	return err == nil && parsed.Address == address && !strings.ContainsAny(address, "\r\n<> ")
}

// Carry sends one mail.
func (m *Mail) Carry(ctx context.Context, p Parcel) error {
	host, _, _ := net.SplitHostPort(m.server)
	secure := &tls.Config{ServerName: host, RootCAs: m.roots, MinVersion: tls.VersionTLS12}
	conn, err := (&net.Dialer{Timeout: mailTime}).DialContext(ctx, "tcp", m.server)
	if err != nil {
		return &Failure{Unreachable, false}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(mailTime)); err != nil {
		return &Failure{Unreachable, false}
	}
	if m.tls == "implicit" {
		over := tls.Client(conn, secure)
		if err := over.HandshakeContext(ctx); err != nil {
			return &Failure{Untrusted, false}
		}
		conn = over
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return &Failure{Unreachable, false}
	}
	defer c.Close()
	if err := c.Hello(hostOf(p.Origin)); err != nil {
		return refusal(err)
	}
	if m.tls == "starttls" {
		if can, _ := c.Extension("STARTTLS"); !can {
			return &Failure{Untrusted, false}
		}
		if err := c.StartTLS(secure); err != nil {
			return &Failure{Untrusted, false}
		}
	}
	if m.user != "" {
		if err := c.Auth(smtp.PlainAuth("", m.user, m.password.Reveal(), host)); err != nil {
			return &Failure{Unwelcome, false}
		}
	}
	if err := c.Mail(m.from); err != nil {
		return refusal(err)
	}
	if err := c.Rcpt(p.Email); err != nil {
		return forGood(err)
	}
	body, err := c.Data()
	if err != nil {
		return refusal(err)
	}
	if _, err := body.Write(m.letter(p)); err != nil {
		return &Failure{Unreachable, false}
	}
	if err := body.Close(); err != nil {
		return forGood(err)
	}
	_ = c.Quit() // it was taken
	return nil
}

// refusal is what a server said that was no yes; forGood is that of a recipient or a letter, which can be for good.
func refusal(err error) error {
	var said *textproto.Error
	if errors.As(err, &said) {
		return &Failure{Deferred, false}
	}
	return &Failure{Unreachable, false}
}

func forGood(err error) error {
	var said *textproto.Error
	if errors.As(err, &said) && said.Code >= 500 {
		return &Failure{Refused, true}
	}
	return refusal(err)
}

// hostOf gives the host of a ledger's origin.
func hostOf(origin string) string {
	host, _, _ := strings.Cut(origin, "/")
	return host
}

// letter writes the mail. What stands in it is of our own tables, identifiers, and the lab's name.
func (m *Mail) letter(p Parcel) []byte {
	var out bytes.Buffer
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, p.Lab)
	from := mail.Address{Name: name, Address: m.from}
	fmt.Fprintf(&out, "From: %s\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
		from.String(), p.Email, mime.QEncoding.Encode("utf-8", "["+name+"] "+p.Text.Happened), p.At.Format(time.RFC1123Z), p.ID, hostOf(p.Origin))
	text := quotedprintable.NewWriter(&out)
	if code := p.Code.Reveal(); code != "" {
		fmt.Fprintf(text, "Your code works once: %s\r\nThe command below needs the address of the lab's node too, as --url. Ask whoever of %s told you of this, and tell nobody the code.\r\n\r\n", code, name)
	}
	fmt.Fprintf(text, "%s\r\n%s\r\n\r\nNext: %s\r\n\r\nThis is notice %s. It holds no text of anybody's; read what it is about with the command above.\r\n", p.Text.Happened, p.Text.Why, p.Text.Next, p.ID)
	_ = text.Close() // a buffer takes all
	return out.Bytes()
}
