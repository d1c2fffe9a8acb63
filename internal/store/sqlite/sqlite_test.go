package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"

	"narthex"
	"narthex/internal/store"
	"narthex/internal/store/schema"
	"narthex/internal/store/sqlite"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wanted lists the tables that a database has: the contract's, the lease, and those of the library that upgrades it.
func wanted() string {
	names := []string{"lease", schema.VersionTable, "sqlite_sequence"}
	for _, table := range store.Tables() {
		names = append(names, string(table))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// raw gives the database below the driver.
func raw(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func tables(t testing.TB, dir string) string {
	t.Helper()
	rows, err := raw(t, dir).QueryContext(t.Context(), "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	must(t, err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		names = append(names, name)
	}
	must(t, rows.Err())
	return strings.Join(names, " ")
}

func TestTheSchemaHasTheTablesOfTheContractAndItsOwn(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir)
	must(t, err)
	must(t, s.Close())
	if got := tables(t, dir); got != wanted() {
		t.Errorf("there are the tables\n%s, want\n%s", got, wanted())
	}
}

func TestADatabaseOfALaterVersionIsRefusedAndLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir)
	must(t, err)
	must(t, s.Close())
	for name, choices := range map[string][]sqlite.Option{"an earlier program": {sqlite.Version(1)}, "this program": nil} {
		if name == "this program" {
			_, err := raw(t, dir).ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)")
			must(t, err)
		}
		if s, err := sqlite.Open(t.Context(), dir, choices...); err == nil {
			s.Close()
			t.Errorf("%s opened it", name)
		} else if !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "version") || !strings.Contains(err.Error(), "start the narthex that wrote it") {
			t.Errorf("%s said %v", name, err)
		}
	}
	var number int
	must(t, raw(t, dir).QueryRowContext(t.Context(), "SELECT number FROM lease").Scan(&number))
	if number != 1 {
		t.Errorf("a program that was refused raised the lease to %d", number)
	}
}
