package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"narthex"
)

// keyring is what the archives of Debian are signed by.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// fetch has apt find and fetch a set with all that it depends on, as if nothing were installed, and gives the folder of its packages.
func fetch(ctx context.Context, set narthex.DebianSet, work string) (string, error) {
	at := func(name string) string { return filepath.Join(work, "apt", name) }
	for _, folder := range []string{"lists/partial", "archives/partial", "cache"} {
		if err := os.MkdirAll(at(folder), 0o755); err != nil {
			return "", err
		}
	}
	sources, err := sourcesOf(set)
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(at("status"), nil, 0o644), os.WriteFile(at("sources.list"), []byte(sources), 0o644)); err != nil {
		return "", err
	}
	options := []string{"-q", "-y", "--no-install-recommends"}
	settings := []string{"Dir::State::status=" + at("status"), "Dir::State::lists=" + at("lists"), "Dir::State::extended_states=" + at("extended"), "Dir::Cache=" + at("cache"), "Dir::Cache::archives=" + at("archives"),
		"Dir::Log=" + at("log"), "APT::Sandbox::User=root", "Acquire::Languages=none", "Acquire::Retries=3", "APT::Get::AllowUnauthenticated=false", "Acquire::AllowInsecureRepositories=false"}
	if sources != "" {
		settings = append(settings, "Dir::Etc::sourcelist="+at("sources.list"), "Dir::Etc::sourceparts=/dev/null")
	}
	for _, setting := range settings {
		options = append(options, "-o", setting)
	}
	if _, err := run(ctx, "apt-get", append(options, "update", "--error-on=any")...); err != nil {
		return "", err
	}
	_, err = run(ctx, "apt-get", append(append(options, "install", "--download-only", "--"), set.Packages...)...)
	return at("archives"), err
}

// sourcesOf gives where packages come from, or nothing where they come from where this host's do.
func sourcesOf(set narthex.DebianSet) (string, error) {
	if set.Mirror == "" && set.Snapshot == "" {
		text, err := os.ReadFile("/etc/os-release")
		if err != nil || !strings.Contains("\n"+string(text), "\nVERSION_CODENAME="+set.Release+"\n") {
			return "", narthex.Invalidf("This host is not of Debian's %s, so what its apt would fetch is of another release. State a mirror or a snapshot.", set.Release).For("debian.release").Because(err)
		}
		return "", nil
	}
	if _, err := os.Stat(keyring); err != nil {
		return "", narthex.Unavailablef("The keys of Debian's archives are not on this host, so no package could be checked; apt-get install debian-archive-keyring.").Because(err)
	}
	if set.Mirror != "" {
		return fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, set.Mirror, set.Release), nil
	}
	const snapshot = "deb [signed-by=%s check-valid-until=no] http://snapshot.debian.org/archive/%s/%s %s main\n"
	return fmt.Sprintf(snapshot, keyring, "debian", set.Snapshot, set.Release) + fmt.Sprintf(snapshot, keyring, "debian-security", set.Snapshot, set.Release+"-security"), nil
}

// mostSaid is how much of what a program says of its failure is told, in bytes.
const mostSaid = 2000

// run runs one of the host's programs and gives what it wrote.
func run(ctx context.Context, program string, args ...string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", narthex.Unavailablef("Roots are built by %s, which is not on this host; build on a Debian, or install apt and dpkg.", program).Because(err)
	}
	command := exec.CommandContext(ctx, path, args...)
	command.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		said := strings.TrimSpace(stderr.String())
		return "", narthex.Unavailablef("%s could not do its part of the build. See what it says, mend that, and build again.", program).Because(fmt.Errorf("%w: %s", err, said[max(0, len(said)-mostSaid):]))
	}
	return stdout.String(), nil
}
