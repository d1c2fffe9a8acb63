package cli

import (
	"context"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) version() *cobra.Command {
	return a.command(leaf{
		use: "version", short: "Print the version", example: "narthex version",
		run: func(context.Context, []string) error {
			out := map[string]string{"version": a.env.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return a.show(out, func(p *page) {
				p.line("narthex %s, %s, %s/%s", a.env.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			})
		}})
}

func (a *app) completion() *cobra.Command {
	script := func(shell, example string, write func(*cobra.Command, io.Writer) error) *cobra.Command {
		c := a.command(leaf{use: shell, short: "Print completion for " + shell, example: example})
		c.RunE = func(c *cobra.Command, _ []string) error {
			a.begun = true
			return write(c.Root(), a.env.Stdout)
		}
		return c
	}
	return a.group("completion", "Let your shell complete commands",
		script("bash", "source <(narthex completion bash)", func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }),
		script("zsh", "narthex completion zsh > \"${fpath[1]}/_narthex\"", (*cobra.Command).GenZshCompletion),
		script("fish", "narthex completion fish > ~/.config/fish/completions/narthex.fish", func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) }),
		script("powershell", "narthex completion powershell | Out-String | Invoke-Expression", (*cobra.Command).GenPowerShellCompletionWithDesc))
}
