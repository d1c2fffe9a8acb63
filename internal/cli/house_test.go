package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"narthex/internal/cli"
)

// each calls visit for every command below c.
func each(c *cobra.Command, visit func(*cobra.Command)) {
	for _, below := range c.Commands() {
		visit(below)
		each(below, visit)
	}
}

func TestEveryCommandShowsHowItIsUsed(t *testing.T) {
	root := cli.Root(cli.Env{})
	count := 0
	each(root, func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s has no short line, or one with a full stop: %q", c.CommandPath(), c.Short)
		}
		if c.HasSubCommands() && c.Name() != "lock" {
			return
		}
		count++
		if !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example of itself: %q", c.CommandPath(), c.Example)
		}
		if c.RunE == nil {
			t.Errorf("%s does nothing", c.CommandPath())
		}
	})
	if count < 50 {
		t.Errorf("there are only %d commands", count)
	}
}

// mention is a command line in a text that people see.
var mention = regexp.MustCompile("`(narthex [a-z][^`\"%]*)")

func TestEveryHintNamesACommandThatThereIs(t *testing.T) {
	root := cli.Root(cli.Env{})
	found := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range mention.FindAllStringSubmatch(string(data), -1) {
			found++
			checkMention(t, root, path, match[1])
		}
		return nil
	})
	if err != nil || found < 40 {
		t.Fatalf("read %d hints: %v", found, err)
	}
}

func checkMention(t *testing.T, root *cobra.Command, path, line string) {
	words := strings.Fields(line)[1:]
	c, rest, err := root.Find(words)
	if err != nil || c == root || c.HasSubCommands() && c.Name() != "lock" && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		t.Errorf("%s says %q, which is no command", path, line)
		return
	}
	for _, word := range rest {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if strings.HasPrefix(word, "--") && name != "help" && c.Flags().Lookup(name) == nil && root.PersistentFlags().Lookup(name) == nil {
			t.Errorf("%s says %q, and there is no flag %s", path, line, word)
		}
	}
}
