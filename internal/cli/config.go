package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"narthex"
)

// profileRow is a profile in a list.
type profileRow struct {
	Profile string `json:"profile"`
	InUse   bool   `json:"in_use"`
	about
	Session string `json:"session"`
}

func (a *app) config() *cobra.Command {
	return a.group("config", "Your log-ins and settings on this machine",
		a.command(leaf{use: "list", short: "List your log-ins", example: "narthex config list", run: func(context.Context, []string) error { return a.configList() }}),
		a.command(leaf{use: "use PROFILE", short: "Choose the log-in that is used when none is named", example: "narthex config use other-lab",
			run: func(_ context.Context, args []string) error { return a.configUse(args[0]) }}),
		a.command(leaf{use: "path", short: "Print the folder where log-ins are kept", example: "narthex config path", run: func(context.Context, []string) error {
			dir, err := a.home()
			if err != nil {
				return err
			}
			return a.show(map[string]string{"path": dir}, func(p *page) { p.line("%s", dir) })
		}}),
		a.command(leaf{use: "explain", short: "Explain every setting and file", example: "narthex config explain", run: func(context.Context, []string) error { return a.configExplain() }}),
	)
}

func (a *app) configList() error {
	found, err := a.profiles()
	if err != nil {
		return err
	}
	chosen, err := a.chosen()
	if err != nil {
		return err
	}
	rows, t := []profileRow{}, newTable("", "PROFILE", "LAB", "PERSON", "ADDRESS", "SESSION")
	for _, p := range found {
		row := profileRow{Profile: p.name, InUse: p.name == chosen.name, about: p.about, Session: "none"}
		if s, err := p.session(); err == nil && a.now().Before(s.ExpiresAt) {
			row.Session = "until " + day(s.ExpiresAt)
		} else if err == nil {
			row.Session = "ended " + day(s.ExpiresAt)
		}
		mark := " "
		if row.InUse {
			mark = "*"
		}
		rows = append(rows, row)
		t.row(mark, p.name, p.Lab, p.Name, p.URL, row.Session)
	}
	return a.list(rows, t, "no log-in yet; make one with `narthex login --url URL --code -` and the code of your invitation")
}

func (a *app) configUse(name string) error {
	a.profile = name
	p, err := a.chosen()
	if err != nil {
		return err
	}
	if !p.exists() {
		return problem(narthex.Withheld, "`narthex config list` shows what there is", "there is no profile %s", name)
	}
	home, err := a.home()
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(home, currentFile), []byte(name+"\n")); err != nil {
		return err
	}
	return a.show(map[string]string{"profile": name}, func(page *page) { page.line("using %s: %s at %s", name, p.Name, p.URL) })
}

// setting is one thing that changes what the command line does.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Says  string `json:"says"`
}

func (a *app) configExplain() error {
	settings := []setting{
		{"NARTHEX_HOME", a.env.Getenv("NARTHEX_HOME"), "the folder where log-ins are kept; else narthex in XDG_CONFIG_HOME; else ~/.config/narthex"},
		{"NARTHEX_PROFILE", a.env.Getenv("NARTHEX_PROFILE"), "the log-in to use; --profile goes before it, `narthex config use` after it"},
		{"NARTHEX_URL", a.env.Getenv("NARTHEX_URL"), "the node to ask; --url goes before it, the profile's address after it"},
		{"NARTHEX_KEY", hiddenValue(a.env.Getenv("NARTHEX_KEY")), "an API key, for `narthex grant show --key`; never written anywhere"},
		{"NO_COLOR", a.env.Getenv("NO_COLOR"), "set to anything: no colour"},
	}
	for _, file := range []struct{ name, says string }{
		{aboutFile, "the node's address, the lab's ledger and who you are there"},
		{loginFile, "secret: the key that logs you in; whoever has it is you"},
		{sessionFile, "secret: the session that is open, for hours"},
		{signerFile, "secret: the key that signs agreements for you; keep a backup"},
		{seenFile, "digests of what you were shown, which your votes and signatures name"},
	} {
		settings = append(settings, setting{Name: filepath.Join(profilesDir, "PROFILE", file.name), Says: file.says})
	}
	t := newTable("SETTING OR FILE", "SET TO", "WHAT IT IS")
	for _, s := range settings {
		t.row(s.Name, s.Value, s.Says)
	}
	return a.show(settings, func(p *page) { p.table(t) })
}

func hiddenValue(secret string) string {
	if secret == "" {
		return ""
	}
	return narthex.NewSecret(secret).String()
}
