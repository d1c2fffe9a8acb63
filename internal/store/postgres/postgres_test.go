package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"narthex"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/store/schema"
	"narthex/internal/testenv/pgtest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a database with short waits and closes it at the test's end.
func open(t *testing.T, url string, choices ...postgres.Option) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, append([]postgres.Option{postgres.Handover(time.Millisecond), postgres.Heartbeat(50*time.Millisecond, 10*time.Second)}, choices...)...)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	return s
}

// raw gives a connection below the driver.
func raw(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) })
	return conn
}

func put(key, value string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Put(store.People, key, []byte(value)) }
}

func expect(t *testing.T, s store.Store, key, want string) {
	t.Helper()
	must(t, s.View(t.Context(), func(r store.Reader) error {
		got, err := r.Get(store.People, key)
		if string(got) != want {
			t.Errorf("under %q stands %q, want %q", key, got, want)
		}
		return err
	}))
}

func TestTheDriverOnAServer(t *testing.T) {
	server := pgtest.Start(t)
	for name, hold := range map[string]func(*testing.T, *pgtest.Server){
		"a server that does not keep what it acknowledges is refused":    unsound,
		"no message holds the password":                                  passwords,
		"the schema has the tables of the contract and its own":          tables,
		"a database of a later version is refused and left as it is":     later,
		"an update that the server could not order is run again":         ordered,
		"an update that is never ordered ends":                           neverOrdered,
		"a commit of unknown outcome is not tried again, and waited for": unknown,
		"a node that cannot hear the server is lost":                     deaf,
		"a node that died is waited for, and one that left is not":       handover,
		"the lock of a node that just ended is waited for":               leaves,
		"who opens waits for a transaction that is under way":            underWay,
		"a transaction that stands still is ended":                       still,
		"a node without its lock connection is lost":                     unlocked,
	} {
		t.Run(name, func(t *testing.T) { hold(t, server) })
	}
}

func unsound(t *testing.T, server *pgtest.Server) {
	refused := func(what, url string) {
		t.Helper()
		s, err := postgres.Open(t.Context(), url)
		if err == nil {
			s.Close()
			t.Errorf("a server with %s was taken", what)
		} else if !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), strings.Fields(what)[0]) {
			t.Errorf("a server with %s was refused with %v", what, err)
		}
	}
	url := server.Database(t)
	refused("synchronous_commit off in the URL", url+"&synchronous_commit=off")
	refused("synchronous_commit local in the URL", url+"&synchronous_commit=local")
	conn := raw(t, url)
	run := func(statement string) {
		t.Helper()
		_, err := conn.Exec(t.Context(), statement)
		must(t, err)
	}
	run("ALTER ROLE narthex IN DATABASE " + conn.Config().Database + " SET synchronous_commit = off")
	refused("synchronous_commit off for the role", url)
	for _, setting := range []string{"fsync", "full_page_writes"} {
		url := server.Database(t)
		run("ALTER SYSTEM SET " + setting + " = off")
		run("SELECT pg_reload_conf()")
		waitFor(t, conn, "SELECT current_setting('"+setting+"') = 'off'")
		refused(setting+" off", url)
		run("ALTER SYSTEM RESET " + setting)
		run("SELECT pg_reload_conf()")
		waitFor(t, conn, "SELECT current_setting('"+setting+"') = 'on'")
	}
	run("CREATE DATABASE bytes TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C' LOCALE_PROVIDER libc")
	refused("server_encoding of no text", server.URL("bytes"))
	// What a server turns to while it runs does not reach what the driver commits.
	s := open(t, server.Database(t))
	run("ALTER SYSTEM SET synchronous_commit = off")
	run("SELECT pg_reload_conf()")
	defer func() { run("ALTER SYSTEM RESET synchronous_commit"); run("SELECT pg_reload_conf()") }()
	waitFor(t, raw(t, url), "SELECT setting = 'off' FROM pg_settings WHERE name = 'synchronous_commit'")
	must(t, s.Update(t.Context(), put("a", "1")))
	if got := s.Writing(t.Context()); got != "on" {
		t.Errorf("the driver commits with synchronous_commit %s", got)
	}
}

// waitFor asks until the answer is true.
func waitFor(t *testing.T, conn *pgx.Conn, question string) {
	t.Helper()
	for range 1000 {
		var yes bool
		must(t, conn.QueryRow(t.Context(), question).Scan(&yes))
		if yes {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never true: %s", question)
}

func passwords(t *testing.T, server *pgtest.Server) {
	const canary = "pass-word-canary"
	t.Setenv("PGPASSWORD", canary)
	for name, c := range map[string]struct {
		url  string
		kind narthex.Kind
	}{
		"nobody listens":                       {"postgres://narthex:" + canary + "@127.0.0.1:1/x?sslmode=disable", narthex.Unavailable},
		"no such database":                     {strings.Replace(server.URL("absent"), "narthex@", "narthex:"+canary+"@", 1), narthex.Unavailable},
		"no such database, by the environment": {server.URL("absent"), narthex.Unavailable},
		"a port that is none":                  {"postgres://narthex:" + canary + "@127.0.0.1:port/x", narthex.Invalid},
		"an escape that is none":               {"postgres://narthex:" + canary + "%zz@127.0.0.1/x", narthex.Invalid},
		"a space":                              {"postgres://narthex:" + canary + " x@127.0.0.1/x", narthex.Invalid},
		"an unknown parameter":                 {"postgres://narthex:" + canary + "@127.0.0.1/x?sslmode=" + canary, narthex.Invalid},
		"no URL":                               {"user=narthex password=" + canary + " host=127.0.0.1", narthex.Invalid},
		"another scheme":                       {"mysql://narthex:" + canary + "@127.0.0.1/x", narthex.Invalid},
		"off loopback in the clear":            {"postgres://narthex:" + canary + "@192.0.2.1/x?sslmode=disable", narthex.Invalid},
		"off loopback, unverified":             {"postgres://narthex:" + canary + "@192.0.2.1/x?sslmode=require", narthex.Invalid},
		"off loopback by default":              {"postgres://narthex:" + canary + "@192.0.2.1/x", narthex.Invalid},
		"one of two off loopback":              {"postgres://narthex:" + canary + "@127.0.0.1,192.0.2.1/x?sslmode=disable", narthex.Invalid},
		"a name, which may be anywhere":        {"postgres://narthex:" + canary + "@localhost/x?sslmode=disable", narthex.Invalid},
	} {
		s, err := postgres.Open(t.Context(), c.url)
		if err == nil {
			s.Close()
			t.Errorf("%s: it opened", name)
			continue
		}
		if public := narthex.AsError(err); public.Kind != c.kind {
			t.Errorf("%s: the kind is %s: %v", name, public.Kind, err)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), canary) {
				t.Errorf("%s: the password is in %v", name, e)
			}
		}
	}
	if _, err := postgres.Open(t.Context(), "postgres://narthex@127.0.0.1:1/x?sslmode=verify-full"); !narthex.IsKind(err, narthex.Unavailable) {
		t.Errorf("a verified address that nobody listens at said %v", err)
	}
}

func names(t *testing.T, url string) []string {
	t.Helper()
	rows, err := raw(t, url).Query(t.Context(), "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename COLLATE \"C\"")
	must(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return found
}

func wanted() []string {
	want := []string{"lease", schema.VersionTable}
	for _, table := range store.Tables() {
		want = append(want, string(table))
	}
	slices.Sort(want)
	return want
}

func tables(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	open(t, url)
	if got := names(t, url); !slices.Equal(got, wanted()) {
		t.Errorf("there are the tables\n%s, want\n%s", got, wanted())
	}
}

func later(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	must(t, open(t, url).Close())
	for name, choices := range map[string][]postgres.Option{"an earlier program": {postgres.Version(1)}, "this program": nil} {
		conn := raw(t, url)
		if name == "this program" {
			_, err := conn.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)")
			must(t, err)
		}
		if s, err := postgres.Open(t.Context(), url, choices...); err == nil {
			s.Close()
			t.Errorf("%s opened it", name)
		} else if !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "start the narthex that wrote it") {
			t.Errorf("%s said %v", name, err)
		}
		var number int
		must(t, conn.QueryRow(t.Context(), "SELECT number FROM lease").Scan(&number))
		if number != 1 {
			t.Errorf("%s was refused and raised the lease to %d", name, number)
		}
	}
}
