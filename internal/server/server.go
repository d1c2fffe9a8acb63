package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"narthex"
	"narthex/internal/api"
	"narthex/internal/audit"
	"narthex/internal/book"
	"narthex/internal/courier"
	"narthex/internal/gateway"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/office"
	"narthex/internal/openlog"
	"narthex/internal/sandbox"
	"narthex/internal/stamp"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/store/sqlite"
	"narthex/internal/visa"
)

// Server is a running node.
type Server struct {
	config     Config
	store      store.Store
	log        *openlog.Log
	auditor    *audit.Watch
	journal    *journal.Journal
	rules      *book.InForce
	live       *live.Registry
	refusals   *gateway.Refusals
	later      *gateway.Later
	upstreams  *upstreams
	meter      *meter
	office     *office.Office
	courier    *courier.Courier
	looking    sync.Mutex // guards looked
	looked     string     // the last grant that was looked at for what lapses
	api        *api.Server
	logKey     string
	visaSigner *visa.Signer
	marks      narthex.Secret // of artefacts
	stamps     *stamp.Authority
	origin     string
	host       *Host
	hall       *gateway.Hall
	devices    []sandbox.Device // that the host states
	noJobs     string           // why none runs; of the start, and then of keepHost

	public, ops net.Listener
	servers     []*http.Server
	stop        context.CancelFunc
	halted      atomic.Bool    // the store is lost
	running     sync.WaitGroup // of the goroutines below; Close waits for them
}

// Start makes a node and begins to listen. It answers as soon as it returns.
func Start(ctx context.Context, config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Server{config: config, rules: &book.InForce{}, live: live.NewRegistry(), refusals: gateway.NewRefusals(config.Clock().UTC()), later: gateway.NewLater(), meter: newMeter()}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	devices, err := s.readDevices()
	if err != nil {
		return err
	}
	s.devices = devices
	channels, err := s.channels()
	if err != nil {
		return err
	}
	if s.stamps, err = stamp.New(s.config.Timestamp); err != nil {
		return err
	}
	if err := ownDirectory(s.config.Data); err != nil {
		return err
	}
	opened, err := openStore(ctx, s.config)
	if err != nil {
		return damaged(err)
	}
	s.store = opened
	if s.config.Wrap != nil {
		s.store = s.config.Wrap(opened)
	}
	empty, err := journal.IsEmpty(ctx, s.store)
	if err != nil {
		return damaged(err)
	}
	if err := checkDemo(s.config.Data, s.config.Demo, empty); err != nil {
		return err
	}
	directory, err := s.directory(ctx, empty)
	if err != nil {
		return err
	}
	changed, err := s.checkProgram(ctx, empty)
	if err != nil {
		return damaged(err)
	}
	if missing := directory.Unready(s.config.Getenv); len(missing) > 0 {
		return notReady(missing)
	}
	s.origin = directory.Origin
	if err := settleRotation(ctx, s.config.Data, s.store, empty); err != nil {
		return err
	}
	anchor := openlog.NewAnchor(s.config.anchor())
	if empty {
		if err := beginAnchor(anchor, s.config.Data); err != nil { // before there is a key, so that a key without an anchor tells of a ledger
			return err
		}
	}
	signer, key, err := logKey(s.config.Data, directory.Origin, empty, s.config.Random)
	if err != nil {
		return err
	}
	if s.config.Sign != nil {
		signer = s.config.Sign(signer)
	}
	s.logKey = key
	if s.visaSigner, err = visaKey(s.config.Data, s.config.Random); err != nil {
		return err
	}
	if s.marks, err = markSecret(s.config.Data, s.config.Random); err != nil {
		return err
	}
	if !empty {
		if err := checkAnchor(ctx, s.store, anchor, keysBefore(s.config.Data, key)...); err != nil {
			return damaged(err)
		}
	}
	if err := book.MakeLists(ctx, s.store); err != nil {
		return damaged(err)
	}
	s.auditor = &audit.Watch{Store: s.store, Signer: signer, Key: key, Clock: s.config.Clock, Log: s.config.Log}
	if err := s.auditor.Start(ctx); err != nil {
		return damaged(err)
	}
	if s.journal, err = journal.Open(ctx, s.store, journal.Config{Clock: s.config.Clock, Random: s.config.Random, Signer: signer, Recover: gateway.Recover, Follow: book.Follow()}); err != nil {
		return damaged(err)
	}
	if s.log, err = openlog.New(ctx, openlog.Config{Journal: s.journal, Anchor: anchor, Panel: (&panel{rules: s.rules, log: s.config.Log}).now, Alarm: witnessAlarm, Log: s.config.Log}); err != nil {
		return err
	}
	if changed {
		if err := s.journal.Update(ctx, s.recordProgram); err != nil {
			return err
		}
	}
	s.courier = &courier.Courier{Store: s.store, Clock: s.config.Clock, Random: s.config.Random, Log: s.config.Log, Origin: s.origin, Lab: s.labName, Channels: channels}
	s.upstreams = &upstreams{getenv: s.config.Getenv}
	node, err := s.node(ctx, directory, empty)
	if err != nil {
		return err
	}
	if s.api, err = api.New(s.config.Version, directory.Name, directory.Origin, s.config.Random, s.config.Log, node); err != nil {
		return err
	}
	return s.listen()
}

// witnessAlarm is how long a witness may be silent before it is an alarm.
const witnessAlarm = 10 * time.Minute

// openStore opens the store that a configuration names, and holds it.
func openStore(ctx context.Context, config Config) (store.Store, error) {
	if config.Store == "" {
		return nilOr(sqlite.Open(ctx, config.Data))
	}
	var choices []postgres.Option
	if config.Handover > 0 {
		choices = append(choices, postgres.Handover(config.Handover))
	}
	return nilOr(postgres.Open(ctx, config.Store, choices...))
}

// nilOr keeps a driver that did not open from looking like one that did.
func nilOr[S store.Store](opened S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func notReady(missing []string) error {
	text := "The lab is not ready to serve:"
	for _, m := range missing {
		text += "\n  " + m
	}
	return narthex.Invalidf("%s\nSet these and start again.", text)
}

// damaged says what to do about a store that cannot be what was written.
func damaged(err error) error {
	if errors.Is(err, store.ErrDamaged) {
		return narthex.Conflictf("The database is damaged, so the node does not start. Keep the files as they are, restore the latest backup, and compare it with what `narthex ledger verify --dir` says.").Because(err)
	}
	return err
}

// directory gives the lab directory to run from: the approved copy of the store, or on an empty store the one on disk.
func (s *Server) directory(ctx context.Context, empty bool) (*lab.Directory, error) {
	if empty {
		return s.firstDirectory()
	}
	var files lab.Files
	var inForce narthex.Digest
	err := s.store.View(ctx, func(r store.Reader) error {
		return journal.Read(r, func(tx *journal.Tx) error {
			row, err := book.ReadDirectory(tx)
			if err != nil {
				return err
			}
			inForce = row.InForce
			approved, err := journal.Get[book.Files](tx, store.Files, string(row.InForce))
			if err == nil && approved != nil {
				files = approved.Files
			}
			return err
		})
	})
	if err != nil {
		return nil, damaged(err)
	}
	directory, problems := lab.Load(files)
	if files.Digest() != inForce {
		return nil, narthex.Conflictf("The approved copy of the lab directory in the store is damaged, so the node does not start. Restore the latest backup.")
	}
	if len(problems) > 0 {
		return nil, narthex.Conflictf("The lab directory in force has %d problems by the rules of this version, so the node does not start: another version approved it. Start that one again. The first: %s", len(problems), problems[0])
	}
	s.showDifference(directory)
	return directory, nil
}

func (s *Server) firstDirectory() (*lab.Directory, error) {
	if s.config.Lab == "" {
		return nil, narthex.Invalidf("The store is empty and no lab directory is given. `narthex init DIR` makes one; start with --lab DIR.").For("lab")
	}
	files, err := lab.ReadDir(s.config.Lab)
	if err != nil {
		return nil, err
	}
	directory, problems := lab.Load(files)
	if len(problems) > 0 {
		return nil, narthex.Invalidf("The lab directory has %d problems, so there is nothing to approve; `narthex check` shows them. The first: %s", len(problems), problems[0]).For("lab")
	}
	return directory, nil
}

// showDifference tells the operators that the directory on disk is not the one in force; that is a proposal to make, and no
// reason not to start.
func (s *Server) showDifference(inForce *lab.Directory) {
	if s.config.Lab == "" {
		return
	}
	files, err := lab.ReadDir(s.config.Lab)
	if err != nil {
		s.config.Log.Warn("the lab directory on disk cannot be read; the approved copy is in force", "cause", err.Error())
		return
	}
	if digest := files.Digest(); digest != inForce.Digest {
		s.config.Log.Warn("the lab directory on disk differs from the approved one, which stays in force; propose it with `narthex lab propose`", "on_disk", string(digest), "in_force", string(inForce.Digest))
	}
}

// node puts the parts together, for an open lab or for inception.
func (s *Server) node(ctx context.Context, directory *lab.Directory, empty bool) (*api.Node, error) {
	challenges, err := identity.NewChallenges(s.config.Random)
	if err != nil {
		return nil, err
	}
	desk := &identity.Desk{Journal: s.journal, Origin: s.origin, Challenges: challenges, Site: s.config.Passkeys}
	s.office = &office.Office{Journal: s.journal, Rules: s.rules, Live: s.live, Origin: s.origin, LogKey: s.logKey, Auditor: s.auditor, Channels: s.told(), Desk: desk, VisaSigner: s.visaSigner, Marks: s.marks, Stamps: s.stamps, Log: s.config.Log}
	node := &api.Node{
		Log:    s.log,
		Office: s.office,
		Desk:   desk,
		Door:   &gateway.Door{Journal: s.journal, Rules: s.rules, Bell: s.bell(), Live: s.live, Upstreams: s.upstreams, Refusals: s.refusals, Log: s.config.Log, Meter: s.meter, Later: s.later, Published: sound{s.log, s.auditor}, LogKey: s.logKey, Marks: s.marks},
	}
	if node.Door.DrawKey, err = drawKey(s.config.Data, s.config.Random); err != nil {
		return nil, err
	}
	rules, err := book.NewRules(directory)
	if err != nil {
		return nil, err
	}
	if err := s.wipeStudies(); err != nil {
		return nil, err
	}
	s.openHost(ctx, rules)
	node.Door.Hall = s.hall
	if !empty {
		s.rules.Set(rules)
		return node, nil
	}
	open := *node
	inception := &identity.Inception{Directory: directory, Origin: s.origin, LogKey: s.logKey, Random: s.config.Random, Clock: s.config.Clock}
	inception.Open = func(ctx context.Context, first func(*journal.Tx) error) error {
		if err := s.journal.Update(ctx, func(tx *journal.Tx) error {
			if err := first(tx); err != nil {
				return err
			}
			return s.recordProgram(tx)
		}); err != nil {
			return err
		}
		s.rules.Set(rules)
		s.api.Use(&open)
		s.config.Log.Info("the lab is open: its custodians approved the directory", "directory", string(directory.Digest))
		return nil
	}
	codes, err := inception.Begin()
	if err != nil {
		return nil, err
	}
	node.Inception = inception
	s.config.Inception(directory.Digest, codes)
	return node, nil
}

// listen opens the listeners and serves until Close.
func (s *Server) listen() error {
	var err error
	if s.public, err = net.Listen("tcp", s.config.Listen); err != nil {
		return narthex.Unavailablef("The address %s cannot be listened on; it may be in use.", s.config.Listen).For("listen").Because(err)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	handler := http.Handler(s.api)
	if s.config.Front != nil {
		handler = s.config.Front(handler)
	}
	public := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, Protocols: &protocols, ConnContext: gateway.OnConn}
	if s.config.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.config.TLSCert, s.config.TLSKey)
		if err != nil {
			return narthex.Invalidf("The certificate and its key do not read as a pair.").For("tls_cert").Because(err)
		}
		s.public = tls.NewListener(s.public, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	s.serve(public, s.public)
	if s.config.Ops != "" {
		if s.ops, err = net.Listen("tcp", s.config.Ops); err != nil {
			return narthex.Unavailablef("The operators' address %s cannot be listened on; it may be in use.", s.config.Ops).For("ops").Because(err)
		}
		s.watchNode()
		s.serve(&http.Server{Handler: s.Operators(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, Protocols: &protocols}, s.ops)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.running.Go(func() { s.watch(ctx) })
	s.running.Go(func() { s.flush(ctx) })
	s.running.Go(func() { s.log.Run(ctx) })
	s.running.Go(func() { s.later.Run(ctx, s.journal) })
	s.running.Go(func() { s.auditor.Run(ctx) })
	s.running.Go(func() { s.clocks(ctx) })
	s.running.Go(func() { s.courier.Run(ctx) })
	s.running.Go(func() { s.hall.Run(ctx) })
	s.running.Go(func() { s.keepHost(ctx) })
	return nil
}

func (s *Server) serve(server *http.Server, listener net.Listener) {
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.config.Log.Error("a listener ended", "cause", err.Error())
		}
	})
}

// watch ends everything that the node does when it no longer holds its store: what it serves, what it answers, what it
// publishes. It stays up to say so until it is stopped.
func (s *Server) watch(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.store.Lost():
	}
	s.api.Halt(narthex.Unavailablef("This node no longer holds its store and serves nothing. Try again in a moment, another node may; the operators must restart this one."))
	s.halted.Store(true)
	cut := s.live.CutAll(live.End{Code: "lost", At: s.config.Clock().UTC()})
	s.config.Log.Error("this node no longer holds its store: another node opened it, it could not be reached, or its disk did not confirm a write; it serves nothing until it is restarted", "calls_cut", cut)
	s.stop()
}

// flush records counted refusals once a minute, until the node stops.
func (s *Server) flush(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := s.rules.Get(); err != nil {
				continue // nothing is recorded before inception
			}
			if err := s.refusals.Flush(ctx, s.journal); err != nil {
				s.config.Log.Warn("counted refusals could not be recorded yet", "cause", err.Error())
			}
		}
	}
}

// Address is where the public listener is.
func (s *Server) Address() string { return s.public.Addr().String() }

// OpsAddress is where the operators' listener is, or "".
func (s *Server) OpsAddress() string {
	if s.ops == nil {
		return ""
	}
	return s.ops.Addr().String()
}

// LogKey is the ledger's verifier key.
func (s *Server) LogKey() string { return s.logKey }

// Close stops listening, lets what is served end for a few seconds, and closes the store. It may be called on a node that
// started half.
func (s *Server) Close() error {
	var errs []error
	if s.stop != nil {
		s.stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, server := range s.servers {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, server.Close())
		}
	}
	s.running.Wait()
	if s.host != nil && s.host.close != nil {
		errs = append(errs, s.host.close())
	}
	if s.journal != nil {
		errs = append(errs, s.lastWords(ctx), s.journal.Close())
	}
	if s.auditor != nil && !s.halted.Load() {
		if err := s.auditor.Close(ctx); err != nil {
			s.config.Log.Warn("no last snapshot was written; the next start folds more entries", "cause", err.Error())
		}
	}
	if s.upstreams != nil {
		s.upstreams.close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

// lastWords records what was counted and publishes what was recorded, where the node still holds its store.
func (s *Server) lastWords(ctx context.Context) error {
	if s.halted.Load() {
		return nil
	}
	var errs []error
	if _, err := s.rules.Get(); err == nil {
		errs = append(errs, s.refusals.Flush(ctx, s.journal))
	}
	if s.log != nil {
		errs = append(errs, s.log.Publish(ctx))
	}
	return errors.Join(errs...)
}

// Routes gives the table of what the node answers.
func (s *Server) Routes() []api.Route { return s.api.Routes() }

// Handler gives the public listener's handler.
func (s *Server) Handler() http.Handler { return s.api }
