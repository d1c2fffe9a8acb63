// Mkrelease is what `make build` and `make release` call: it checks the list of dependencies, packs a release, and lets the
// people who release sign it and anybody check it. docs/releases.md tells how it is used.
//
// usage, from the checkout's root:
//
//	mkrelease dependencies
//	mkrelease pack -version V DIST
//	mkrelease key -name NAME -key FILE
//	mkrelease sign -version V -key FILE DIST
//	mkrelease verify [-runs V] [-go-back] DIST
package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"narthex/internal/release"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// options are what the commands are told; each takes those that it needs.
type options struct {
	version, key, name, releases, runs string
	goBack                             bool
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("mkrelease: name a command: dependencies, pack, key, sign or verify")
	}
	var o options
	flags := flag.NewFlagSet("mkrelease "+args[0], flag.ContinueOnError)
	flags.StringVar(&o.version, "version", "", "the version, such as 0.4.0")
	flags.StringVar(&o.key, "key", "", "the file of your signing key")
	flags.StringVar(&o.name, "name", "", "your name in the list of those who release")
	flags.StringVar(&o.releases, "releases", "releases", "the folder of the log of releases")
	flags.StringVar(&o.runs, "runs", "", "the version that runs now")
	flags.BoolVar(&o.goBack, "go-back", false, "take a version that is not the newest, knowingly")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "dependencies":
		return release.CheckDependencies(".")
	case "pack":
		return release.Pack(flags.Arg(0), release.Source{Version: o.version, Root: "."})
	case "key":
		return o.makeKey()
	case "sign":
		return o.sign(flags.Arg(0))
	case "verify":
		return o.verify(flags.Arg(0))
	}
	return errors.New("mkrelease: there is no such command")
}

// makeKey draws a key and writes it where nobody else reads it; its public half is printed.
func (o options) makeKey() error {
	private, public, err := note.GenerateKey(rand.Reader, o.name)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(o.key, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(private + "\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	fmt.Println(public)
	return nil
}

// published reads what is published of releases; a log that is not there is empty, and so is its checkpoint.
func (o options) published(dist string) (p release.Published, keys release.Keys, err error) {
	p = release.Published{Dist: dist, Runs: o.runs, GoBack: o.goBack}
	list, err := os.ReadFile(filepath.Join(o.releases, "keys"))
	if err != nil {
		return p, nil, fmt.Errorf("nobody is named who may release: %w", err)
	}
	if keys, err = release.ParseKeys(string(list)); err != nil {
		return p, nil, err
	}
	log, err := os.ReadFile(filepath.Join(o.releases, "log"))
	if os.IsNotExist(err) {
		return p, keys, nil
	}
	signed, also := os.ReadFile(filepath.Join(o.releases, "checkpoint"))
	p.Log, p.Checkpoint = string(log), string(signed)
	return p, keys, errors.Join(err, also)
}

func (o options) sign(dist string) error {
	p, keys, err := o.published(dist)
	if err != nil {
		return err
	}
	secret, err := os.ReadFile(o.key)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	if err != nil {
		return errors.New("the file of the key holds no signing key")
	}
	log, signed, err := release.Sign(p, o.version, keys, signer)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(o.releases, "log"), []byte(log), 0o644), os.WriteFile(filepath.Join(o.releases, "checkpoint"), []byte(signed), 0o644))
}

func (o options) verify(dist string) error {
	p, keys, err := o.published(dist)
	if err != nil {
		return err
	}
	version, err := release.Verify(p, keys)
	if err != nil {
		return err
	}
	fmt.Printf("narthex %s: the files are those of its checksums, these stand in the log of releases, and two people signed it\n", version)
	return nil
}
