// Package demo is the demonstration: the miniature lab, a node in front of it, and a story that people tell by acting.
//
// It promises that every step of the story is an act of a person with a credential of their own, over HTTP, and is checked;
// that nothing leaves loopback; and that no key in it is fixed: all are drawn at the first start and kept for their owner only.
//
// It trusts its machine and proves nothing about a real lab. Read next: story.go, minilab.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/demo/minilab"
)

// Node is a running node.
type Node interface {
	Address() string
	LogKey() string
	Close() error
}

// Options is how the demonstration runs.
type Options struct {
	Dir     string // where its state is kept; empty for a folder that goes when it ends
	Info    string // a file for scripts, written once it is up; empty for none
	Once    bool   // run the story and end
	Walk    bool   // walk one application, count what it takes, and end
	Ahead   bool   // tell what months bring, by a clock that is moved, and end; it keeps no state
	Out     io.Writer
	Colour  bool
	PID     int
	Version string
	// Start starts a node on loopback with the lab directory and data in the given folders, by the given clock.
	Start func(ctx context.Context, lab, data, listen string, clock func() time.Time, inception func(narthex.Digest, map[string]string)) (Node, error)
}

// Run runs the demonstration until ctx ends, or until the story is told where Once is set. The error names the step that failed.
func Run(ctx context.Context, o Options) (err error) {
	if o.Ahead && o.Dir != "" {
		return narthex.Invalidf("What months bring is told on a folder of its own, for its clock is ahead of every later start. Leave out --dir.").For("dir")
	}
	s := &stage{o: o, tell: &teller{out: o.Out, colour: o.Colour}}
	if s.dir = o.Dir; s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "narthex-demo-*"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	}
	if err := plainFile(o.Info); err != nil {
		return err // before the story, and not after it
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return narthex.Invalidf("The folder for the demonstration cannot be made; check its path.").Because(err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx); err != nil {
		return err
	}
	if o.Walk && s.first {
		return s.tellWalk(ctx)
	}
	if o.Ahead {
		return s.tellAhead(ctx)
	}
	if (o.Once || o.Walk) && !s.first {
		return narthex.Conflictf("The story was told on that folder already, and it is told once. Name a new one with --dir, or leave it out.").For("dir")
	}
	if s.first {
		if err := s.story(ctx); err != nil {
			return err
		}
		if err := s.cast.save(s.dir); err != nil {
			return err
		}
	}
	if o.Once && s.skipped != nil {
		return &narthex.Error{Kind: narthex.Unavailable, Code: "skipped", Public: "The story was told without the study beside the weights: " + s.skipped.Public}
	}
	if o.Once {
		return nil
	}
	key, err := s.freshGrant(ctx)
	if err != nil {
		return err
	}
	if err := s.announce(ctx, key); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// stage is the demonstration while it runs.
type stage struct {
	o      Options
	tell   *teller
	dir    string
	first  bool // nothing is kept of an earlier start
	models *minilab.Server
	server *http.Server
	node   Node
	client *client.Client
	cast   cast
	codes  map[string]string // of the custodians, at inception
	digest narthex.Digest
	url    string // of the model server
	clock  clock

	skipped *narthex.Error // why the study beside the weights was left out
}

// open starts the model server and the node.
func (s *stage) open(ctx context.Context) error {
	var err error
	if s.cast, err = loadCast(s.dir); errors.Is(err, os.ErrNotExist) {
		s.first, s.cast, err = true, cast{}, nil
	}
	if err != nil {
		return err
	}
	if err := s.openModels(); err != nil {
		return err
	}
	if s.first {
		if err := s.clear(); err != nil {
			return err
		}
		folders, err := writeWeights(ctx, filepath.Join(s.absolute(), weightsFolder))
		if err != nil {
			return err
		}
		files, err := directory(s.url, filepath.Join(s.absolute(), "upstream.key"), folders)
		if err != nil {
			return err
		}
		if s.o.Ahead {
			forAhead(files)
		}
		if err := files.Write(filepath.Join(s.dir, "lab")); err != nil {
			return err
		}
	}
	told := func(digest narthex.Digest, codes map[string]string) { s.digest, s.codes = digest, codes }
	node, err := s.o.Start(ctx, filepath.Join(s.dir, "lab"), filepath.Join(s.dir, "data"), "127.0.0.1:0", s.clock.now, told)
	if err != nil {
		return err // there is no node then, whatever came with the error
	}
	s.node = node
	if s.client, err = client.New("http://" + s.node.Address()); err != nil {
		return err
	}
	if s.first {
		return nil
	}
	return s.cast.login(ctx, s.client)
}

// markFile says that a folder is a demonstration's, so that what a start which broke off left there may go.
const markFile = "DEMO"

// clear takes away what a first start that broke off left. A folder that is not marked is somebody's: nothing of it goes.
func (s *stage) clear() error {
	made := []string{"lab", "data", "data.anchor", weightsFolder}
	mark := filepath.Join(s.dir, markFile)
	if _, err := os.Lstat(mark); errors.Is(err, os.ErrNotExist) {
		for _, name := range made {
			if _, err := os.Lstat(filepath.Join(s.dir, name)); !errors.Is(err, os.ErrNotExist) {
				return narthex.Conflictf("The folder holds %q and is not a demonstration's, so nothing in it was touched. Name an empty or a new one with --dir.", name).For("dir")
			}
		}
		if err := os.WriteFile(mark, []byte("This folder is a demonstration's: `narthex demo --dir` makes it anew where its first start broke off.\n"), 0o644); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	for _, name := range made {
		if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) absolute() string {
	path, err := filepath.Abs(s.dir)
	if err != nil {
		return s.dir
	}
	return path
}

// openModels starts the model server under a key and on a port that later starts keep: the approved lab directory names them.
func (s *stage) openModels() error {
	keyPath, portPath := filepath.Join(s.dir, "upstream.key"), filepath.Join(s.dir, "upstream.port")
	address := "127.0.0.1:0"
	if s.first {
		var raw [32]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return err
		}
		if err := writeSecret(keyPath, []byte(hex.EncodeToString(raw[:]))); err != nil {
			return err
		}
	} else {
		port, err := os.ReadFile(portPath)
		if err != nil {
			return err
		}
		address = strings.TrimSpace(string(port))
	}
	key, err := os.ReadFile(keyPath)
	if err != nil {
		return err
	}
	if s.models, err = minilab.NewServer(string(key)); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return narthex.Unavailablef("The miniature lab's address %s is in use; end what uses it, or name another folder with --dir.", address).Because(err)
	}
	if err := writeSecret(portPath, []byte(listener.Addr().String())); err != nil {
		return err
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s.models, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener) // ends with close
	return nil
}

func (s *stage) close() error {
	var errs []error
	if s.node != nil {
		errs = append(errs, s.node.Close())
	}
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	return errors.Join(errs...)
}

// info is what scripts read.
type info struct {
	OpenAIBaseURL string   `json:"openai_base_url"`
	Model         string   `json:"model"`
	HiddenModel   string   `json:"hidden_model"`
	Checkpoints   []string `json:"checkpoints"`
	APIKey        string   `json:"api_key"`
	LedgerURL     string   `json:"ledger_url"`
	LedgerKey     string   `json:"ledger_key"`
	ReleaseFile   string   `json:"release_file,omitempty"` // what was released, and its record
	ReleaseRecord string   `json:"release_record,omitempty"`
	PID           int      `json:"pid"`
}

// announce says that it is up: to scripts by the file, to people by what they can paste.
func (s *stage) announce(ctx context.Context, key string) error {
	ledger, err := s.client.Ledger(ctx)
	if err != nil {
		return err
	}
	base := s.client.Base()
	about := info{OpenAIBaseURL: base + "/v1", Model: "minim-1", HiddenModel: minilab.Hidden, APIKey: key, LedgerURL: base + "/ledger", LedgerKey: ledger.Key, PID: s.o.PID}
	for _, name := range minilab.Checkpoints() {
		about.Checkpoints = append(about.Checkpoints, "minim-1@"+name)
	}
	if _, err := os.Stat(filepath.Join(s.dir, releasedFolder, releasedRecord)); err == nil {
		about.ReleaseFile, about.ReleaseRecord = filepath.Join(s.absolute(), releasedFolder, releasedFile), filepath.Join(s.absolute(), releasedFolder, releasedRecord)
	}
	if s.o.Info != "" {
		data, err := json.MarshalIndent(about, "", "  ")
		if err != nil {
			return err
		}
		if err := writeSecret(s.o.Info, append(data, '\n')); err != nil {
			return err
		}
	}
	s.tell.heading("It is up. What to try")
	fmt.Fprintf(s.o.Out, `
  API base URL   %[1]s/v1
  API key        %[2]s
                 (a fresh grant: sampling, log-probabilities, checkpoints; 1,000,000 tokens)
  models         minim-1, %[3]s

  curl %[1]s/v1/chat/completions -H "Authorization: Bearer %[2]s" -H "Content-Type: application/json" \
    -d '{"model": "minim-1", "max_tokens": 60, "messages": [{"role": "user", "content": "Package errors "}]}'

  from openai import OpenAI
  lab = OpenAI(base_url="%[1]s/v1", api_key="%[2]s")
  print(lab.chat.completions.create(model="minim-1@early", max_tokens=60, logprobs=True, top_logprobs=5,
        messages=[{"role": "user", "content": "Package errors "}]).choices[0].message.content)

  the ledger     %[1]s/ledger/state
  its key        %[4]s

  Ctrl-C ends it.
`, base, key, strings.Join(about.Checkpoints, ", "), ledger.Key)
	return nil
}
