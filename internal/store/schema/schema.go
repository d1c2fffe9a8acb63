// Package schema makes and upgrades the tables of every SQL driver, by numbered steps of one text for all of them.
//
// It promises that a step is taken wholly or not at all, that steps only go forward, that what an upgrade leaves is what a new
// database has, and that a database of a later version is refused and left as it is.
//
// It trusts its driver to hold the database alone while it runs. Read next: the texts beside this file, then sqlite, postgres.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pressly/goose/v3"

	"narthex"
)

// Latest is the version that this program works with.
const Latest = 11

// VersionTable is where the version stands; the library keeps it.
const VersionTable = goose.DefaultTablename

//go:embed *.sql
var texts embed.FS

// Dialect is what a database calls the things that the texts name by a $.
type Dialect struct {
	goose goose.Dialect
	words map[string]string
}

// SQLite is the dialect of SQLite.
func SQLite() Dialect {
	return Dialect{goose.DialectSQLite3, map[string]string{"KEY": "TEXT PRIMARY KEY", "VALUE": "BLOB NOT NULL", "ROWS": "WITHOUT ROWID"}}
}

// PostgreSQL is the dialect of PostgreSQL: keys are ordered by their bytes, whatever the database's language.
func PostgreSQL() Dialect {
	return Dialect{goose.DialectPostgres, map[string]string{"KEY": `TEXT COLLATE "C" PRIMARY KEY`, "VALUE": "BYTEA NOT NULL", "ROWS": ""}}
}

// Migrate brings the database to version to, which is Latest but in tests.
func Migrate(ctx context.Context, db *sql.DB, d Dialect, to int64) error {
	steps, err := d.steps(to)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(d.goose, db, nil, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if version > to {
		return narthex.Conflictf("The database is of version %d and this narthex works with versions up to %d. Nothing was changed; start the narthex that wrote it, or a later one.", version, to)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("upgrade the schema from version %d to %d: %w", version, to, err)
	}
	return nil
}

// steps gives the migrations up to a version, each a transaction that ends with the version's own row.
func (d Dialect) steps(to int64) ([]*goose.Migration, error) {
	names, err := fs.Glob(texts, "*.sql")
	if err != nil {
		return nil, err
	}
	var steps []*goose.Migration
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("read the schema: %w", err)
		}
		text, err := texts.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if version <= to {
			steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{RunTx: d.step(string(text))}, nil))
		}
	}
	return steps, nil
}

func (d Dialect) step(text string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		unknown := error(nil)
		text := os.Expand(text, func(word string) string {
			meant, known := d.words[word]
			if !known {
				unknown = errors.New("the schema's text names something that the dialect does not know")
			}
			return meant
		})
		if unknown != nil {
			return unknown
		}
		for statement := range strings.SplitSeq(text, ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}
}
