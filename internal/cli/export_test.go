package cli

import "github.com/spf13/cobra"

// Printable is what text from outside becomes on a terminal.
var Printable = printable

// Visible is what text becomes that a reviewer looks at.
var Visible = visible

// Root is the tree of commands.
func Root(env Env) *cobra.Command { return (&app{env: env}).root() }
