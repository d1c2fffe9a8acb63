package server

import (
	"net/http"

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
		{"GET", "/metrics", "what operators watch, for Prometheus", s.metrics},
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

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	s.meter.set.WritePrometheus(w)
}

// watchNode shows how many calls are being served, and what the last audit found: in how many places the tables were not what the
// ledger's entries say, how many entries it folded, and when it was made, in Unix seconds; and how many devices of the host wait for an operator.
func (s *Server) watchNode() {
	for name, read := range map[string]func() float64{
		"narthex_live_calls":         func() float64 { return float64(s.live.Count()) },
		"narthex_devices_out_of_use": func() float64 { return float64(s.hall.OutOfUse()) },
		"narthex_audit_differences": func() float64 {
			last := s.auditor.Last()
			return float64(len(last.Differences) + last.More)
		},
		"narthex_environments_unready": func() float64 { return float64(s.hall.Unready()) },
		"narthex_audit_entries":        func() float64 { return float64(s.auditor.Last().Size) },
		"narthex_audit_time_seconds":   func() float64 { return float64(s.auditor.Last().At.Unix()) },
	} {
		s.meter.set.NewGauge(name, read)
	}
}
