// Package pgtest is a PostgreSQL server in a test: Debian's, on loopback, of an unprivileged user, with a fresh cluster.
//
// It promises a server that syncs what it acknowledges, whose own order of text is not that of bytes, and that is gone when
// the test is, also one that was killed. A test fails where PostgreSQL is not installed; it is never passed over.
//
// It trusts the machine: whoever is on it may connect. It is for tests and benchmarks only. Read next: Server.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

	"github.com/jackc/pgx/v5"
)

// bin is where Debian puts the programs of PostgreSQL 15.
const bin = "/usr/lib/postgresql/15/bin"

// Server is a running server.
type Server struct {
	Port     int
	dir      string
	settings []string
	attr     *syscall.SysProcAttr
	process  *exec.Cmd
	ended    chan struct{} // closed when process has ended
	made     int           // databases
}

// Start makes a cluster and starts its server, with settings such as "fsync=off". Both are gone at the test's end.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "narthex-postgres-*")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	s := &Server{dir: filepath.Join(dir, "data"), settings: settings, attr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}}
	if os.Getuid() == 0 {
		s.attr.Credential = unprivileged(t)
		must(t, os.Chown(dir, int(s.attr.Credential.Uid), int(s.attr.Credential.Gid)))
	}
	must(t, os.Chmod(dir, 0o700))
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", s.dir, "--no-sync", "--auth=trust", "--username=narthex", "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
	initdb.Dir, initdb.SysProcAttr = "/", &syscall.SysProcAttr{Credential: s.attr.Credential}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("make a PostgreSQL cluster (the Debian package postgresql-15 brings the program): %v\n%s", err, out)
	}
	s.Port = free(t)
	s.Up(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// unprivileged gives the user that the server runs as, because it refuses to run as root.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		must(t, errors.Join(uidErr, gidErr))
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatal("there is no user postgres or nobody to run PostgreSQL as")
	return nil
}

func free(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Up starts the server on its cluster, again after a Kill too, and waits until it answers.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	args := []string{"-D", s.dir}
	for _, setting := range append([]string{"port=" + strconv.Itoa(s.Port), "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", "shared_buffers=32MB", "logging_collector=off", "restart_after_crash=off"}, s.settings...) {
		args = append(args, "-c", setting)
	}
	var log bytes.Buffer
	s.process = exec.Command(filepath.Join(bin, "postgres"), args...)
	s.process.Dir, s.process.SysProcAttr, s.process.Stdout, s.process.Stderr = "/", s.attr, &log, &log
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
	must(t, <-started)
	for range 600 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			err = conn.Close(ctx)
		}
		cancel()
		if err == nil {
			return
		}
		select {
		case <-s.ended:
			t.Fatalf("the PostgreSQL server ended at its start:\n%s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatal("the PostgreSQL server does not answer")
}

// Kill ends the server and every process of it with SIGKILL, as a crash of its machine's kernel would but for what that holds.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	select {
	case <-s.ended:
		return
	default:
	}
	must(t, s.process.Process.Signal(syscall.SIGSTOP)) // it starts no more of them
	children := childrenOf(s.process.Process.Pid)
	must(t, s.process.Process.Kill())
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	<-s.ended
	for range 500 {
		if !alive(children) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("processes of the PostgreSQL server do not end")
}

// childrenOf lists the processes that a process started.
func childrenOf(parent int) (children []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		if pid, of := parentIn(name); of == parent {
			children = append(children, pid)
		}
	}
	return children
}

// parentIn reads a process and its parent; zeros where it has ended.
func parentIn(name string) (pid, parent int) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, 0
	}
	number, rest, _ := strings.Cut(string(text), " (")
	_, rest, _ = strings.Cut(rest[strings.LastIndex(rest, ")"):], " ")
	var state string
	if _, err := fmt.Sscan(rest, &state, &parent); err != nil || state == "Z" {
		return 0, 0
	}
	pid, _ = strconv.Atoi(number)
	return pid, parent
}

func alive(pids []int) bool {
	for _, pid := range pids {
		if found, _ := parentIn(fmt.Sprintf("/proc/%d/stat", pid)); found == pid {
			return true
		}
	}
	return false
}

// URL gives the address of a database.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://narthex@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

// Database makes an empty database and gives its URL.
func (s *Server) Database(t testing.TB) string { return s.database(t, "template1") }

// Copy makes a copy of a database that nobody uses.
func (s *Server) Copy(t testing.TB, url string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	must(t, err)
	return s.database(t, config.Database)
}

func (s *Server) database(t testing.TB, template string) string {
	t.Helper()
	s.made++
	name := "d" + strconv.Itoa(s.made)
	s.Run(t, s.URL("postgres"), "CREATE DATABASE "+name+" TEMPLATE "+template)
	return s.URL(name)
}

// Run runs statements in the database of a URL.
func (s *Server) Run(t testing.TB, url, statements string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	_, err = conn.Exec(ctx, statements)
	must(t, errors.Join(err, conn.Close(ctx)))
}

// Alone waits until nobody is connected to the database of a URL any more: the server finds out by itself that a client was
// killed, and until then goes on with what that had asked for.
func Alone(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	for others := 1; others > 0; time.Sleep(2 * time.Millisecond) {
		must(t, conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()").Scan(&others))
	}
	must(t, conn.Close(ctx))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
