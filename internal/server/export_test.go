package server

import "narthex/internal/book"

// Rules are the rules in force, for tests that change what an attribute asks under a running node.
func (s *Server) Rules() *book.InForce { return s.rules }
