package server

import (
	"context"
	"unicode/utf8"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/release"
	"narthex/internal/store"
)

// longestReason bounds the reason for an older version, in bytes; it is published.
const longestReason = 500

// checkProgram refuses a version older than the one that the store was served by, before anything is written by it: an old
// release with a known hole must not come back unseen. It says whether the ledger has this program to record.
func (s *Server) checkProgram(ctx context.Context, empty bool) (changed bool, err error) {
	if empty {
		return false, s.followsProgram(nil) // it is recorded with the inception
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		return journal.Read(r, func(tx *journal.Tx) error {
			last, err := journal.Get[book.Program](tx, store.Meta, book.ProgramKey)
			if err != nil {
				return err
			}
			changed = last == nil || *last != s.program()
			return s.followsProgram(last)
		})
	})
	return changed, err
}

// program is the one that runs.
func (s *Server) program() book.Program {
	return book.Program{Version: s.config.Version, Digest: s.config.Program}
}

// followsProgram says whether this program may follow the last one, which is nil on a store that none has served.
func (s *Server) followsProgram(last *book.Program) error {
	older, reason := last != nil && release.Older(s.config.Version, last.Version), s.config.OlderVersion
	switch {
	case older && reason == "":
		return narthex.Conflictf("This is narthex %s, and the store was served by %s: versions do not go back unless someone means it. Start the newer version, or state why with --older-version REASON; the ledger will show it.", s.config.Version, last.Version).For("older_version")
	case !older && reason != "":
		return narthex.Invalidf("older_version is set, and this version is not older than the one that served the store: leave it out, so that it does not speak for a later step back.").For("older_version")
	case len(reason) > longestReason || !utf8.ValidString(reason):
		return narthex.Invalidf("older_version holds a reason of at most %d bytes of text.", longestReason).For("older_version")
	}
	return nil
}

// recordProgram enters in the ledger that another program serves from now on, if it is another.
func (s *Server) recordProgram(tx *journal.Tx) error {
	last, err := journal.Get[book.Program](tx, store.Meta, book.ProgramKey)
	if err != nil {
		return err
	}
	if err := s.followsProgram(last); err != nil {
		return err
	}
	next := s.program()
	if last != nil && *last == next {
		return nil
	}
	replaces := ""
	if last != nil {
		replaces = last.Version
	}
	if _, err := tx.Append(narthex.EntryProgramChanged, narthex.TextField("version", next.Version), narthex.TextField("program", next.Digest),
		narthex.TextField("replaces", replaces), narthex.TextField("reason", s.config.OlderVersion)); err != nil {
		return err
	}
	return journal.Put(tx, store.Meta, book.ProgramKey, &next)
}
