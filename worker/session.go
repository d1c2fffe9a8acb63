package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"narthex/internal/engine"
)

// session is one open database that can do nothing but read.
type session struct {
	db   *sql.DB
	conn *sql.Conn
}

// open opens a file, and locks everything that could be set.
func open(ctx context.Context, file string, memoryMB, threads uint64) (*session, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, errors.New("the database cannot be opened")
	}
	s := &session{db: db}
	if s.conn, err = db.Conn(ctx); err == nil {
		for _, statement := range []string{
			"SET autoinstall_known_extensions = false",
			"SET autoload_known_extensions = false",
			"SET allow_community_extensions = false",
			"SET temp_directory = ''",
			fmt.Sprintf("SET memory_limit = '%dMB'", memoryMB),
			fmt.Sprintf("SET threads = %d", threads),
			"ATTACH '" + strings.ReplaceAll(file, "'", "''") + "' AS granted (READ_ONLY)",
			"USE granted",
			"SET enable_external_access = false",
			"SET lock_configuration = true",
		} {
			if _, err = s.conn.ExecContext(ctx, statement); err != nil {
				break
			}
		}
	}
	if err != nil {
		s.close()
		return nil, errors.New("the file cannot be opened, or the database cannot be locked")
	}
	return s, nil
}

func (s *session) close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.db.Close()
}

// mostRows is how many rows a frame has at most; it ends earlier where they are long.
const (
	mostRows  = 1000
	longFrame = 256 << 10
)

// answer answers one question; its error is that of sending.
func (s *session) answer(ask engine.Ask, send func(engine.Answer) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(max(1, ask.Millis))*time.Millisecond)
	defer cancel()
	var rows int64
	class := engine.Syntax
	var err error
	switch ask.Kind {
	case engine.Parse:
		class, err = s.parse(ctx, ask.Text, send)
	case engine.Run:
		rows, class, err = s.run(ctx, ask, send)
	}
	if err != nil {
		return err
	}
	return send(engine.Answer{End: &engine.End{Rows: rows, Class: class}})
}

// tree gives what the parser makes of a text, with what it says of a text that is none.
func (s *session) tree(ctx context.Context, text string) (string, error) {
	var tree string
	err := s.conn.QueryRowContext(ctx, "SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)", text).Scan(&tree)
	return tree, err
}

func (s *session) parse(ctx context.Context, text string, send func(engine.Answer) error) (engine.Class, error) {
	tree, err := s.tree(ctx, text)
	if err != nil {
		return classOf(ctx, err), nil
	}
	if len(tree) > engine.MostFrame/2 {
		return engine.Syntax, nil
	}
	return engine.Done, send(engine.Answer{Tree: tree})
}

// text writes a tree out, and holds the text to be read as that tree again.
func (s *session) text(ctx context.Context, tree string) (string, error) {
	var text string
	if err := s.conn.QueryRowContext(ctx, "SELECT json_deserialize_sql(CAST($1 AS JSON))", tree).Scan(&text); err != nil {
		return "", err
	}
	again, err := s.tree(ctx, text)
	if err != nil {
		return "", err
	}
	if !sameTree(tree, again) {
		return "", errOtherTree
	}
	return text, nil
}

var errOtherTree = errors.New("the text of a tree is read as another")

// sameTree compares two trees but for the places of their nodes in the text.
func sameTree(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(placeless(x), placeless(y))
}

func placeless(node any) any {
	switch node := node.(type) {
	case []any:
		for i := range node {
			node[i] = placeless(node[i])
		}
	case map[string]any:
		delete(node, "query_location")
		for name := range node {
			node[name] = placeless(node[name])
		}
	}
	return node
}

func (s *session) run(ctx context.Context, ask engine.Ask, send func(engine.Answer) error) (int64, engine.Class, error) {
	text, err := s.text(ctx, ask.Text)
	if err != nil {
		return 0, classOf(ctx, err), nil
	}
	values := make([]any, len(ask.Values))
	for i, v := range ask.Values {
		values[i] = v
	}
	rows, err := s.conn.QueryContext(ctx, text, values...)
	if err != nil {
		return 0, classOf(ctx, err), nil
	}
	defer rows.Close()
	head, err := headOf(rows)
	if err != nil {
		return 0, engine.Unknown, nil
	}
	if err := send(engine.Answer{Head: head}); err != nil {
		return 0, "", err
	}
	return s.rows(ctx, rows, head, ask.Rows, send)
}

// rows sends rows in frames.
func (s *session) rows(ctx context.Context, rows *sql.Rows, head []engine.Column, most int64, send func(engine.Answer) error) (count int64, class engine.Class, err error) {
	var frame [][]*string
	length := 0
	flush := func() error {
		if len(frame) == 0 {
			return nil
		}
		err := send(engine.Answer{Rows: frame})
		frame, length = nil, 0
		return err
	}
	values, into := make([]any, len(head)), make([]any, len(head))
	for i := range values {
		into[i] = &values[i]
	}
	class = engine.Done
	for class == engine.Done && rows.Next() {
		if err := rows.Scan(into...); err != nil {
			class = classOf(ctx, err)
			break
		}
		row := make([]*string, len(head))
		for i, v := range values {
			if v == nil {
				continue
			}
			text, is := write(head[i].Type, v)
			if !is {
				class = engine.Value
				break
			}
			row[i], length = &text, length+len(text)
		}
		switch {
		case class != engine.Done:
		case count == most:
			class = engine.TooMany
		default:
			frame, count = append(frame, row), count+1
			if len(frame) == mostRows || length > longFrame {
				if err := flush(); err != nil {
					return 0, "", err
				}
			}
		}
	}
	if err := rows.Err(); err != nil && class == engine.Done {
		class = classOf(ctx, err)
	}
	return count, class, flush()
}

// classOf gives the class of an error, and nothing of its text.
func classOf(ctx context.Context, err error) engine.Class {
	var failed *duckdb.Error
	switch {
	case ctx.Err() != nil:
		return engine.TimedOut
	case errors.Is(err, errOtherTree) || !errors.As(err, &failed):
		return engine.Syntax
	}
	switch failed.Type {
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax, duckdb.ErrorTypeSerialization:
		return engine.Syntax
	case duckdb.ErrorTypeBinder, duckdb.ErrorTypeCatalog, duckdb.ErrorTypeMismatchType, duckdb.ErrorTypePermission:
		return engine.Unknown
	case duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeObjectSize:
		return engine.Memory
	case duckdb.ErrorTypeInterrupt:
		return engine.TimedOut
	}
	return engine.Value
}
