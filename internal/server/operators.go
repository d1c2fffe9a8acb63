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

// watchLive shows how many calls are being served.
func (s *Server) watchLive() {
	live := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "narthex_live_calls", Help: "Calls that are being served."}, func() float64 { return float64(s.live.Count()) })
	s.meter.registry.MustRegister(live)
}
