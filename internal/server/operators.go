package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"narthex/internal/wire"
)

// OpsRoute is one row of the operators' table. Each is for whoever is on the machine, and shows no content.
type OpsRoute struct {
	Method, Path string
	Says         string

	serve http.HandlerFunc
}

// OpsRoutes gives the table of what the operators' listener answers; nothing else answers there.
func (s *Server) OpsRoutes() []OpsRoute {
	return []OpsRoute{
		{"GET", "/healthz", "whether the node serves", s.health},
		{"GET", "/metrics", "what operators watch, for Prometheus", promhttp.HandlerFor(s.meter.registry, promhttp.HandlerOpts{}).ServeHTTP},
	}
}

// Operators gives the operators' listener's handler: a row by its exact method and path, or nothing.
func (s *Server) Operators() http.Handler {
	routes := s.OpsRoutes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := wire.Query(r)
		if err == nil {
			err = wire.CheckTarget(r)
		}
		for _, route := range routes {
			if err == nil && r.Method == route.Method && r.URL.Path == route.Path {
				w.Header().Set("Cache-Control", "no-store")
				route.serve(w, r)
				return
			}
		}
		http.Error(w, "nothing is here", http.StatusNotFound)
	})
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.halted.Load() {
		http.Error(w, "lost", http.StatusServiceUnavailable)
		return
	}
	if _, err := s.rules.Get(); err != nil {
		http.Error(w, "inception", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n")) // the prober's to lose
}

// watchNode shows how many calls are being served, and what the last audit found.
func (s *Server) watchNode() {
	s.meter.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_live_calls", Help: "Calls that are being served."}, func() float64 { return float64(s.live.Count()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_audit_differences", Help: "Places where the tables were not what the ledger's entries say, at the last audit."}, func() float64 {
			last := s.auditor.Last()
			return float64(len(last.Differences) + last.More)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_audit_entries", Help: "Entries that the last audit folded."}, func() float64 { return float64(s.auditor.Last().Size) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_audit_time_seconds", Help: "When the last audit was made, in Unix seconds."}, func() float64 { return float64(s.auditor.Last().At.Unix()) }))
}
