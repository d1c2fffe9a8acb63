package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"narthex/internal/book"
	"narthex/internal/courier"
	"narthex/internal/gateway"
)

// channels opens where notices go.
func (s *Server) channels() (map[string]courier.Carrier, error) {
	if s.config.Notices == "" {
		return map[string]courier.Carrier{}, nil
	}
	return courier.Open(s.config.Notices)
}

// told names those channels.
func (s *Server) told() book.Channels {
	var c book.Channels
	for _, channel := range slices.Sorted(maps.Keys(s.courier.Channels)) {
		if channel == book.MailChannel {
			c.Mail, c.Keep = true, s.courier.Keep
			continue
		}
		c.Hooks = append(c.Hooks, channel)
	}
	return c
}

// bell tells of jobs and releases.
func (s *Server) bell() gateway.Bell { return gateway.Bell{Rules: s.rules, Channels: s.told()} }

// labName is what the lab is called now.
func (s *Server) labName() string {
	rules, err := s.rules.Get()
	if err != nil {
		return s.origin
	}
	return rules.Directory.Name
}

// clocks sweeps at the start and once a minute, until the node stops.
func (s *Server) clocks(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.Warn("clocks could not speak yet; they do at the next sweep", "cause", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep lets every clock that has something to say say it, looks for what lapses soon and for assets of which much has left, and takes away old notices. It gives how many spoke.
func (s *Server) Sweep(ctx context.Context) (int, error) {
	if _, err := s.rules.Get(); err != nil {
		return 0, nil // there is no lab yet
	}
	spoke, err := s.office.Sweep(ctx)
	return spoke, errors.Join(err, s.lapses(ctx), s.alarms(ctx), s.courier.Tidy(ctx))
}

// alarms tells of assets of which much has left.
func (s *Server) alarms(ctx context.Context) error {
	tells, err := s.office.Alarms(ctx)
	if err == nil {
		err = s.courier.Take(ctx, tells)
	}
	return err
}

// lapses tells of what lapses soon: each sweep looks at the next of the grants that rest on something, and so at all of them in turn.
func (s *Server) lapses(ctx context.Context) error {
	s.looking.Lock()
	defer s.looking.Unlock()
	tells, next, err := s.office.Lapsing(ctx, s.looked)
	if err == nil {
		err = s.courier.Take(ctx, tells)
	}
	if err == nil {
		s.looked = next
	}
	return err
}

// Deliver makes one try of what waits in every channel now, and gives how many tries it made.
func (s *Server) Deliver(ctx context.Context) (tried int, err error) {
	for _, channel := range slices.Sorted(maps.Keys(s.courier.Channels)) {
		n, failed := s.courier.Round(ctx, channel)
		tried, err = tried+n, errors.Join(err, failed)
	}
	return tried, err
}
