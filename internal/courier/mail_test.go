package courier_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"narthex/internal/book"
	"narthex/internal/courier"
	"narthex/internal/notice"
	"narthex/internal/testenv/mailtest"
)

// channel opens one channel of a file of settings.
func channel(t *testing.T, name, text string) courier.Carrier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "notices.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	channels, err := courier.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return channels[name]
}

func secret(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func parcel(email string) courier.Parcel {
	n := book.Notice{ID: "ntc_00", Kind: "returned", To: notice.Side, Engagement: "eng_x", At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	text, _ := n.Facts().Text()
	return courier.Parcel{Notice: n, Text: text, Lab: "The Läb\r\nBcc: x@y", Origin: "ledger.lab.test/log", Email: email, Now: n.At}
}

func word(err error) string {
	var failed *courier.Failure
	if !errors.As(err, &failed) {
		return ""
	}
	if failed.Final {
		return failed.Word + " for good"
	}
	return failed.Word
}

// A mail goes out over TLS to who is meant, whole; what the server will not have is told apart from what it may have later.
func TestMailIsTakenByARealServer(t *testing.T) {
	s := mailtest.New(t)
	s.Up(t)
	settings := "mail: {server: '" + s.Address + "', from: narthex@lab.test, tls: starttls, user: " + mailtest.User + ", password_file: '" + secret(t, mailtest.Password) + "', ca_file: '" + s.CAFile + "'}\n"
	mail := channel(t, book.MailChannel, settings)
	if err := mail.Carry(t.Context(), parcel("ada@x.test")); err != nil {
		t.Fatalf("%v\n%s", err, s.Said(t))
	}
	taken := s.Taken(t)
	if len(taken) != 1 {
		t.Fatalf("%d mails were taken: %s", len(taken), s.Said(t))
	}
	for _, has := range []string{"To: <ada@x.test>", "Message-ID: <ntc_00@ledger.lab.test>", "Auto-Submitted: auto-generated", "narthex@lab.test"} {
		if !strings.Contains(taken[0].Headers, has) {
			t.Errorf("the mail's head has no %q: %s", has, taken[0].Headers)
		}
	}
	for _, line := range strings.Split(taken[0].Headers, "\n") {
		if strings.Contains(line, "Bcc:") && !strings.Contains(line, "From:") && !strings.Contains(line, "=?") && !strings.HasPrefix(line, " ") {
			t.Errorf("a name made a header of its own: %q", line)
		}
	}
	if !strings.Contains(taken[0].Body, "narthex engagements show eng_x") || !strings.Contains(taken[0].Body, "You are told because") {
		t.Errorf("the mail says %q", taken[0].Body)
	}
	if got := word(mail.Carry(t.Context(), parcel(mailtest.Gone+"@x.test"))); got != "refused for good" {
		t.Errorf("someone whom the server does not know: %q", got)
	}
	for name, row := range map[string][2]string{
		"a wrong password":                      {strings.Replace(settings, "password_file: '", "password_file: '"+secret(t, "wrong")+"', x: '", 1), "unwelcome"},
		"a certificate that is not vouched for": {strings.Replace(settings, ", ca_file: '"+s.CAFile+"'", "", 1), "untrusted"},
		"no STARTTLS but TLS at once":           {strings.Replace(settings, "starttls", "implicit", 1), "untrusted"},
	} {
		text := row[0]
		if at := strings.Index(text, ", x: '"); at >= 0 { // the first password's file stands behind
			end := at + len(", x: '") + strings.Index(text[at+len(", x: '"):], "'") + 1
			text = text[:at] + text[end:]
		}
		if got := word(channel(t, book.MailChannel, text).Carry(t.Context(), parcel("ada@x.test"))); got != row[1] {
			t.Errorf("%s: %q, and should be %q", name, got, row[1])
		}
	}
	s.Down(t)
	if got := word(mail.Carry(t.Context(), parcel("ada@x.test"))); got != "unreachable" {
		t.Errorf("a server that is down: %q", got)
	}
	if len(s.Taken(t)) != 1 {
		t.Errorf("%d mails were taken", len(s.Taken(t)))
	}
}
