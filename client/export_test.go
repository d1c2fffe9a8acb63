package client

import (
	"context"
	"net/http"
)

// LoopbackOnly is what guards a connection of plain http.
var LoopbackOnly = loopbackOnly

// Dial opens a connection as the client does.
func Dial(ctx context.Context, c *Client, address string) error {
	connection, err := c.http.Transport.(*http.Transport).DialContext(ctx, "tcp", address)
	if err == nil {
		err = connection.Close()
	}
	return err
}
