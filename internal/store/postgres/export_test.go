package postgres

import (
	"context"
	"time"
)

// Version brings the schema to an earlier version than the latest.
func Version(to int64) Option { return func(o *options) { o.version = to } }

// Stall is how long the server keeps a transaction whose next statement does not come.
func Stall(wait time.Duration) Option { return func(o *options) { o.stall = wait } }

// Writing gives the setting that the writer's connection commits with.
func (s *Store) Writing(ctx context.Context) string {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	var is string
	if err := s.writer.QueryRow(ctx, "SELECT current_setting('synchronous_commit')").Scan(&is); err != nil {
		return err.Error()
	}
	return is
}
