// Package mailtest is a mail server in a test: Debian's Exim on loopback, of an unprivileged user, with a configuration of its own.
//
// It promises a server that asks for STARTTLS and a password, that keeps every mail it takes where the test can read it and sends none
// on, and that is gone when the test is, also one that was killed. A test fails where Exim is not installed; it is never passed over.
//
// It trusts the machine. It is for tests only. Read next: Server.
package mailtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is where Debian puts Exim.
const program = "/usr/sbin/exim4"

// User and Password are what the server asks for.
const (
	User     = "narthex"
	Password = "mail-password-canary"
)

// Gone is a local part that the server refuses for good.
const Gone = "gone"

// Server is a mail server.
type Server struct {
	Address string // 127.0.0.1 and a port
	CAFile  string // the certificate that it shows
	dir     string
	attr    *syscall.SysProcAttr
	process *exec.Cmd
	ended   chan struct{}
}

const settings = `
primary_hostname = mail.test
spool_directory = DIR/spool
log_file_path = DIR/log-%s
pid_file_path = DIR/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = PORT
queue_only = true
never_users =
keep_environment =
exim_user = OWNER
exim_group = GROUP
admin_groups = GROUP
tls_advertise_hosts = *
tls_certificate = DIR/public/cert.pem
tls_privatekey = DIR/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
host_lookup =
rfc1413_hosts =
check_spool_space = 0
check_log_space = 0
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
begin acl
mail:
  deny message = TLS first
    !encrypted = *
  deny message = who are you
    !authenticated = *
  accept
rcpt:
  deny message = no such person
    local_parts = gone
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{USER}}{eq{$auth3}{PASSWORD}}}}
  server_set_id = $auth2
begin routers
none:
  driver = manualroute
  transport = smtp
  route_list = *
begin transports
smtp:
  driver = smtp
`

// New makes a server's folder, certificate and port; Up starts it.
func New(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "narthex-mail-*")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	s := &Server{dir: dir, CAFile: filepath.Join(dir, "public", "cert.pem"), attr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.Address = listener.Addr().String()
	must(t, listener.Close())
	for _, folder := range []string{"spool", "public"} {
		must(t, os.Mkdir(filepath.Join(dir, folder), 0o755))
	}
	s.certify(t)
	_, port, _ := strings.Cut(s.Address, ":")
	owner, group := os.Getuid(), os.Getgid()
	if os.Getuid() == 0 {
		s.attr.Credential = unprivileged(t)
		owner, group = int(s.attr.Credential.Uid), int(s.attr.Credential.Gid)
	}
	text := strings.NewReplacer("DIR", dir, "PORT", port, "GROUP", strconv.Itoa(group), "OWNER", strconv.Itoa(owner), "USER", User, "PASSWORD", Password).Replace(settings)
	must(t, os.WriteFile(filepath.Join(dir, "settings"), []byte(text), 0o644))
	must(t, os.Chmod(dir, 0o755))
	if to := s.attr.Credential; to != nil {
		must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, int(to.Uid), int(to.Gid))
		}))
	}
	return s
}

// unprivileged gives the user that the server runs as.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	found, err := user.Lookup("nobody")
	must(t, err)
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	must(t, errors.Join(uidErr, gidErr))
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(gid)}}
}

func (s *Server) certify(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	card := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, card, card, key.Public(), key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(s.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	must(t, os.WriteFile(filepath.Join(s.dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

// Up starts the server, again after a Down too, and waits until it answers.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	var log bytes.Buffer
	s.process = exec.Command(program, "-C", filepath.Join(s.dir, "settings"), "-bdf")
	s.process.Dir, s.process.SysProcAttr, s.process.Stdout, s.process.Stderr = s.dir, s.attr, &log, &log
	s.process.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	s.ended = make(chan struct{})
	started := make(chan error)
	go func(process *exec.Cmd, ended chan struct{}) {
		// The signal of the parent's death comes with the death of the thread that started the child: it stays this one.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait() // how it ended does not matter
		}
	}(s.process, s.ended)
	if err := <-started; err != nil {
		t.Fatalf("start a mail server (the Debian package exim4-daemon-light brings the program): %v", err)
	}
	t.Cleanup(func() { s.Down(t) })
	for range 600 {
		if conn, err := net.Dial("tcp", s.Address); err == nil {
			hello := make([]byte, 3)
			_, err = conn.Read(hello)
			_ = conn.Close()
			if err == nil && string(hello) == "220" {
				return
			}
		}
		select {
		case <-s.ended:
			t.Fatalf("the mail server ended at its start:\n%s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("the mail server does not answer:\n%s", log.String())
}

// Down ends the server.
func (s *Server) Down(t testing.TB) {
	t.Helper()
	select {
	case <-s.ended:
		return
	default:
	}
	must(t, s.process.Process.Kill())
	<-s.ended
}

// Mail is one mail that the server took.
type Mail struct {
	Headers string // with the envelope
	Body    string
}

// Taken lists the mails that it took.
func (s *Server) Taken(t testing.TB) []Mail {
	t.Helper()
	var mails []Mail
	bodies, err := filepath.Glob(filepath.Join(s.dir, "spool", "input", "*-D"))
	must(t, err)
	for _, path := range bodies {
		headers, err := os.ReadFile(strings.TrimSuffix(path, "D") + "H")
		if err != nil {
			continue // it is being taken
		}
		body, err := os.ReadFile(path)
		must(t, err)
		_, text, _ := strings.Cut(string(body), "\n")
		mails = append(mails, Mail{string(headers), text})
	}
	return mails
}

// Said gives what the server logged.
func (s *Server) Said(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	logs, err := filepath.Glob(filepath.Join(s.dir, "log-*"))
	must(t, err)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		must(t, err)
		fmt.Fprintf(&all, "%s", text)
	}
	return all.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
