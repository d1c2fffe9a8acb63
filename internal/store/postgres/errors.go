package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"narthex"
	"narthex/internal/store"
)

// told gives what went wrong between here and the server a public face and a next step. Errors of the caller's own, and those
// that say how a statement was wrong, stay as they are.
func told(err error) error {
	if err == nil || errors.As(err, new(*narthex.Error)) || !broken(err) {
		return err
	}
	return narthex.Unavailablef("The node cannot reach its PostgreSQL database, or the database has no room. Look at the server's log and at the store's address, user and password; then try again.").Because(plain(err))
}

// plain keeps the connection's settings, which hold the password, out of what is passed on.
func plain(err error) error {
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		return errors.New(err.Error())
	}
	return err
}

// broken says whether an error is about the connection or the server, not about a statement.
func broken(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return !refused(err) || strings.HasPrefix(said.Code, "53") || strings.HasPrefix(said.Code, "57") || strings.HasPrefix(said.Code, "08") || again(err)
	}
	var network net.Error
	return errors.As(err, new(*pgconn.ConnectError)) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || pgconn.Timeout(err) || errors.Is(err, store.ErrUnknown) || errors.Is(err, context.DeadlineExceeded)
}

// refused says that the server answered, undid what it was asked, and goes on.
func refused(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.SeverityUnlocalized == "ERROR"
}

// again says that the server undid a transaction because it could not order it beside another.
func again(err error) bool {
	var said *pgconn.PgError
	return refused(err) && errors.As(err, &said) && (said.Code == "40001" || said.Code == "40P01")
}
