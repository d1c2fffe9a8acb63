package server

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"narthex"
	"narthex/internal/audit"
	"narthex/internal/book"
	"narthex/internal/openlog"
	"narthex/internal/upstream"
	"narthex/internal/witness"
)

// panel keeps a client for each witness of the directory in force.
type panel struct {
	rules *book.InForce
	log   *slog.Logger

	mu   sync.Mutex     // guards both below
	of   narthex.Digest // the directory that list is of
	list openlog.Panel
}

// now gives the witnesses of the directory in force; none before there is one.
func (p *panel) now() openlog.Panel {
	p.mu.Lock()
	defer p.mu.Unlock()
	rules, err := p.rules.Get()
	if err != nil || rules.Directory.Digest == p.of {
		return p.list
	}
	p.of, p.list = rules.Directory.Digest, openlog.Panel{Require: rules.Directory.Require}
	for _, w := range rules.Directory.Witnesses {
		remote, err := witness.NewRemote(w.URL, w.Key)
		if err != nil { // the directory was checked: this cannot be, and a witness less can only refuse more
			p.log.Error("a witness of the directory cannot be asked", "cause", err.Error())
			continue
		}
		p.list.Witnesses = append(p.list.Witnesses, remote)
	}
	return p.list
}

// sound is the ledger as the door sees it: published, and what the tables say.
type sound struct {
	*openlog.Log
	auditor *audit.Watch
}

// Ready refuses while required witnesses do not sign, and while the tables are not what the ledger says.
func (s sound) Ready() error {
	if err := s.auditor.Sound(); err != nil {
		return err
	}
	return s.Log.Ready()
}

// upstreams keeps a client for each asset.
type upstreams struct {
	getenv func(string) string

	mu      sync.Mutex // guards clients
	clients map[narthex.AssetName]knownUpstream
}

type knownUpstream struct {
	of     narthex.Upstream
	client *upstream.Client
}

// For gives the client of an asset as it was decided on, made anew when it names another upstream.
func (u *upstreams) For(asset narthex.Asset) (*upstream.Client, error) {
	name, of := asset.Name, asset.Upstream
	u.mu.Lock()
	defer u.mu.Unlock()
	if known, has := u.clients[name]; has && known.of == of {
		return known.client, nil
	}
	credential := u.getenv(of.CredentialEnv)
	if of.CredentialFile != "" {
		data, err := os.ReadFile(of.CredentialFile)
		if err != nil {
			return nil, narthex.Unavailablef("The model's server cannot be reached now; tell the lab.").Because(err)
		}
		credential = strings.TrimSpace(string(data))
	}
	client, err := upstream.New(upstream.Config{URL: of.URL, Credential: narthex.NewSecret(credential), Dial: 5 * time.Second, Header: 5 * time.Minute, Idle: 2 * time.Minute, MostIdle: 256, MostBody: 16 << 20})
	if err != nil {
		return nil, narthex.Unavailablef("The model's server cannot be reached now; tell the lab.").Because(err)
	}
	if u.clients == nil {
		u.clients = map[narthex.AssetName]knownUpstream{}
	}
	u.clients[name] = knownUpstream{of, client}
	return client, nil
}

func (u *upstreams) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, known := range u.clients {
		known.client.Close()
	}
}

// meter is what operators watch. Its labels are from closed lists.
type meter struct{ set *metrics.Set }

func newMeter() *meter { return &meter{metrics.NewSet()} }

// Call counts one call that the door served, by surface and how it ended.
func (m *meter) Call(surface, result string) {
	m.set.GetOrCreateCounter(fmt.Sprintf("narthex_calls_total{surface=%q,result=%q}", surface, result)).Inc()
}
