package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"narthex/internal/engine"
)

// headOf gives the columns of rows. A type that is no plain value's is an error.
func headOf(rows *sql.Rows) ([]engine.Column, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	head := make([]engine.Column, len(types))
	for i, t := range types {
		kind, known := typeOf(t.DatabaseTypeName())
		if !known {
			return nil, errors.New("a column is no plain value")
		}
		head[i] = engine.Column{Name: t.Name(), Type: kind}
	}
	return head, nil
}

func typeOf(name string) (engine.Type, bool) {
	if strings.HasPrefix(name, "DECIMAL") {
		return engine.Decimal, true
	}
	kind, known := map[string]engine.Type{
		"BOOLEAN": engine.Bool,
		"TINYINT": engine.Integer, "SMALLINT": engine.Integer, "INTEGER": engine.Integer, "BIGINT": engine.Integer, "HUGEINT": engine.Integer,
		"UTINYINT": engine.Integer, "USMALLINT": engine.Integer, "UINTEGER": engine.Integer, "UBIGINT": engine.Integer,
		"FLOAT": engine.Double, "DOUBLE": engine.Double, "VARCHAR": engine.Text, "SQLNULL": engine.Text, "\"NULL\"": engine.Text,
		"DATE": engine.Date, "TIME": engine.Time, "INTERVAL": engine.Interval,
		"TIMESTAMP": engine.Timestamp, "TIMESTAMP_S": engine.Timestamp, "TIMESTAMP_MS": engine.Timestamp, "TIMESTAMP_NS": engine.Timestamp, "TIMESTAMPTZ": engine.Timestamp,
	}[name]
	return kind, known
}

// write writes a value as internal/engine says of its type.
func write(kind engine.Type, value any) (string, bool) {
	switch v := value.(type) {
	case bool:
		return map[bool]string{true: "t", false: "f"}[v], kind == engine.Bool
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), kind == engine.Integer
	case *big.Int:
		return v.String(), kind == engine.Integer
	case float32:
		return double(float64(v), 32), kind == engine.Double
	case float64:
		return double(v, 64), kind == engine.Double
	case duckdb.Decimal:
		return decimal(v), kind == engine.Decimal
	case string:
		return v, kind == engine.Text
	case time.Time:
		layout, known := map[engine.Type]string{engine.Date: "2006-01-02", engine.Time: "15:04:05.999999999", engine.Timestamp: "2006-01-02 15:04:05.999999999"}[kind]
		return v.UTC().Format(layout), known && v.UTC().Year() >= 0 && v.UTC().Year() < 10_000
	case duckdb.Interval:
		return interval(v), kind == engine.Interval
	}
	return "", false
}

func double(v float64, size int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	if text := strconv.FormatFloat(v, 'f', -1, size); len(text) < 20 {
		return text
	}
	return strconv.FormatFloat(v, 'e', -1, size)
}

func decimal(v duckdb.Decimal) string {
	text := new(big.Int).Abs(v.Value).String()
	if scale := int(v.Scale); scale > 0 {
		text = strings.Repeat("0", max(0, scale+1-len(text))) + text
		text = text[:len(text)-scale] + "." + text[len(text)-scale:]
	}
	if v.Value.Sign() < 0 {
		return "-" + text
	}
	return text
}

// interval writes months, days and the time of day, each where there is some.
func interval(v duckdb.Interval) string {
	var parts []string
	if v.Months != 0 {
		parts = append(parts, fmt.Sprintf("%d mons", v.Months))
	}
	if v.Days != 0 {
		parts = append(parts, fmt.Sprintf("%d days", v.Days))
	}
	if v.Micros != 0 || len(parts) == 0 {
		sign, micros := "", v.Micros
		if micros < 0 {
			sign, micros = "-", -micros
		}
		text := fmt.Sprintf("%s%02d:%02d:%02d", sign, micros/3_600_000_000, micros/60_000_000%60, micros/1_000_000%60)
		if rest := micros % 1_000_000; rest != 0 {
			text += fmt.Sprintf(".%06d", rest)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}
