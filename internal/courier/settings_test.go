package courier_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/courier"
)

// TestAFileOfNoticesThatIsUnsafeIsRefused: each row changes one thing of a file that is taken.
func TestAFileOfNoticesThatIsUnsafeIsRefused(t *testing.T) {
	good := `mail: {server: "mail.lab.example:587", from: n@lab.example, tls: starttls, user: narthex, password_file: DIR/password}
webhooks:
- {name: chat, url: "https://chat.example/hook", secret_file: DIR/secret}
`
	open := func(change func(dir, text string) string) error {
		dir := t.TempDir()
		for name, text := range map[string]string{"password": "password-canary", "secret": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "short": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)), "plain": strings.Repeat("x", 44), "two": "a\nb", "none": ""} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		text := change(dir, good)
		file := filepath.Join(dir, "notices.yaml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := courier.Open(file)
		return err
	}
	if err := open(func(_, text string) string { return text }); err != nil {
		t.Fatal(err)
	}
	swap := func(old, new string) func(string, string) string {
		return func(_, text string) string {
			if !strings.Contains(text, old) {
				t.Fatalf("there is no %q to change", old)
			}
			return strings.Replace(text, old, new, 1)
		}
	}
	mode := func(name string, mode os.FileMode) func(string, string) string {
		return func(dir, text string) string {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	for name, change := range map[string]func(string, string) string{
		"nothing in it":                 func(string, string) string { return "" },
		"no channel":                    func(string, string) string { return "webhooks: []\n" },
		"an unknown setting":            swap("from:", "sender: x, from:"),
		"a setting twice":               swap("from:", "from: a@b, from:"),
		"no server":                     swap(`server: "mail.lab.example:587", `, ""),
		"a server without a port":       swap(":587", ""),
		"no sender":                     swap("from: n@lab.example, ", ""),
		"a sender with a name":          swap("n@lab.example", "'N <n@lab.example>'"),
		"no tls":                        swap("tls: starttls, ", ""),
		"an unknown tls":                swap("starttls", "maybe"),
		"no TLS to a network":           swap("starttls", "none"),
		"no TLS to a name":              swap(`mail.lab.example:587", from: n@lab.example, tls: starttls`, `localhost:25", from: n@lab.example, tls: none`),
		"a user without a password":     swap(", password_file: DIR/password", ""),
		"a password without a user":     swap("user: narthex, ", ""),
		"a password that is not there":  swap("DIR/password", "DIR/nowhere"),
		"a password for others to read": mode("password", 0o640),
		"a password for anyone to read": mode("password", 0o604),
		"an empty password":             swap("DIR/password", "DIR/none"),
		"two lines of password":         swap("DIR/password", "DIR/two"),
		"a folder for a password":       swap("DIR/password", "DIR"),
		"certificates that are none":    swap("user:", "ca_file: DIR/secret, user:"),
		"a webhook in the clear":        swap("https://", "http://"),
		"a webhook with a password":     swap("https://", "https://u:p@"),
		"a webhook that is no address":  swap("https://chat.example/hook", "chat"),
		"a webhook without a name":      swap("name: chat, ", ""),
		"a webhook called mail":         swap("name: chat", "name: mail"),
		"a webhook of a bad name":       swap("name: chat", "name: a/b"),
		"two webhooks of a name": func(_, text string) string {
			return text + "- {name: chat, url: \"https://b.example\", secret_file: DIR/secret}\n"
		},
		"no secret":                   swap(", secret_file: DIR/secret", ""),
		"a secret for others to read": mode("secret", 0o644),
		"a secret that is too short":  swap("DIR/secret", "DIR/short"),
		"a secret of another form":    swap("DIR/secret", "DIR/plain"),
	} {
		err := open(change)
		if !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "whsec_AAAA") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: a secret is told: %v", name, err)
		}
	}
	for name, change := range map[string]func(string, string) string{
		"loopback in the clear":         swap(`mail.lab.example:587", from: n@lab.example, tls: starttls`, `127.0.0.1:25", from: n@lab.example, tls: none`),
		"a webhook on loopback":         swap("https://chat.example", "http://[::1]:8080"),
		"mail alone":                    func(_, text string) string { return strings.Split(text, "\n")[0] + "\n" },
		"a server that asks for nobody": swap(", user: narthex, password_file: DIR/password", ""),
	} {
		if err := open(change); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := courier.Open(filepath.Join(t.TempDir(), "none")); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("no file: %v", err)
	}
}
