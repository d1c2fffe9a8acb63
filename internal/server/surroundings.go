package server

import (
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"narthex"
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

// upstreams keeps a client for each asset of the directory in force.
type upstreams struct {
	rules  *book.InForce
	getenv func(string) string

	mu      sync.Mutex // guards clients
	clients map[narthex.AssetName]knownUpstream
}

type knownUpstream struct {
	of     narthex.Upstream
	client *upstream.Client
}

// For gives the client of an asset, made anew when the directory names another upstream.
func (u *upstreams) For(name narthex.AssetName) (*upstream.Client, error) {
	rules, err := u.rules.Get()
	if err != nil {
		return nil, err
	}
	of := rules.Directory.Assets[name].Upstream
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
type meter struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
}

func newMeter() *meter {
	m := &meter{registry: prometheus.NewRegistry(), calls: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "narthex_calls_total", Help: "Calls served by the door, by surface and how they ended."}, []string{"surface", "result"})}
	m.registry.MustRegister(m.calls)
	return m
}

// Call counts one call.
func (m *meter) Call(surface, result string) { m.calls.WithLabelValues(surface, result).Inc() }

// operators serves health and metrics, never content.
func (s *Server) operators() http.Handler {
	live := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_live_calls", Help: "Calls that are being served."}, func() float64 { return float64(s.live.Count()) })
	s.meter.registry.MustRegister(live,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_audit_differences", Help: "Places where the tables were not what the ledger's entries say, at the last audit."}, func() float64 {
			last := s.auditor.Last()
			return float64(len(last.Differences) + last.More)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_audit_entries", Help: "Entries that the last audit folded."}, func() float64 { return float64(s.auditor.Last().Size) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_audit_time_seconds", Help: "When the last audit was made, in Unix seconds."}, func() float64 { return float64(s.auditor.Last().At.Unix()) }))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.meter.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if s.halted.Load() {
			http.Error(w, "lost", http.StatusServiceUnavailable)
			return
		}
		if _, err := s.rules.Get(); err != nil {
			http.Error(w, "inception", http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n")) // the prober's to lose
	})
	return mux
}
