package sqlite

import "github.com/ncruces/go-sqlite3"

// Version brings the schema to an earlier version than the latest.
func Version(to int64) Option { return func(o *options) { o.version = to } }

// Connect is called with the writer's connection before it is used.
func Connect(with func(*sqlite3.Conn) error) Option {
	return func(o *options) { o.connect = append(o.connect, with) }
}
