package office

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"io"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/evidence"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// Publication is the ledger as it is published.
type Publication interface {
	// Publish publishes what stands in the ledger now, as far as the witnesses that are required sign it.
	Publish(ctx context.Context) error
	// Published gives the latest checkpoint, and its size, which is 0 where there is none.
	Published() (checkpoint string, size uint64)
}

// Evidence writes the folder of an engagement's evidence as a tar, up to what is published once it was asked for, as the person may see it. It is made
// twice: first to know its digest, which an entry then names, and after that to be handed out; so no byte is, whose handing out is not
// recorded. The entries are read beside the writer, some at a time, and one folder is made at a time.
func (o *Office) Evidence(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, log Publication, w io.Writer) error {
	o.stating.Lock()
	defer o.stating.Unlock()
	if err := ctx.Err(); err != nil {
		return narthex.Unavailablef("The request ended before its turn.").Because(err)
	}
	m := &making{o: o, by: by, told: map[narthex.Digest]bool{}}
	if err := m.admit(ctx, id); err != nil {
		return err
	}
	if err := log.Publish(ctx); err != nil {
		return narthex.Unavailablef("What happened last is not published yet, so there is nothing to prove it by. Ask again in a few seconds.").Because(err)
	}
	if m.checkpoint, m.size = log.Published(); m.size == 0 {
		return narthex.Unavailablef("Nothing of the ledger is published yet, so there is nothing to prove it by. Ask again in a few seconds.")
	}
	if err := m.begin(ctx, id); err != nil {
		return err
	}
	manifest := evidence.NewManifest(o.Origin, m.sight.Engagement, by, m.size)
	for _, name := range evidence.Listed() {
		if name == evidence.Agreement && m.agreement == nil || name == evidence.Outside && m.outside == nil {
			continue
		}
		measure := evidence.NewMeasure()
		if err := m.write(ctx, name, measure); err != nil {
			return err
		}
		manifest.Files = append(manifest.Files, measure.File(name))
	}
	listed, err := manifest.Marshal()
	if err != nil {
		return err
	}
	index, err := m.record(ctx, evidence.HandedOut(listed))
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	put := func(name string, bytes int64) error {
		return out.WriteHeader(&tar.Header{Name: name, Size: bytes, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatPAX})
	}
	if err := put(evidence.ManifestAt, int64(len(listed))); err != nil {
		return err
	}
	if _, err := out.Write(listed); err != nil {
		return err
	}
	for _, file := range manifest.Files {
		if err := put(file.Name, file.Bytes); err != nil {
			return err
		}
		measure := evidence.NewMeasure()
		if err := m.write(ctx, file.Name, io.MultiWriter(out, measure)); err != nil {
			return err
		}
		if measure.File(file.Name) != file {
			return narthex.Unavailablef("The evidence changed while it was handed out, so it was broken off. Ask again.")
		}
	}
	proof, err := m.handed(ctx, index)
	if err != nil {
		return err
	}
	if err := put(evidence.HandedAt, int64(len(proof))); err != nil {
		return err
	}
	if _, err := out.Write(proof); err != nil {
		return err
	}
	return out.Close()
}

// making is one folder on its way.
type making struct {
	o          *Office
	by         narthex.PersonID
	checkpoint string
	size, from uint64 // the entries among which those of the engagement are
	sight      evidence.Sight
	agreement  []byte
	outside    []byte                  // the file that the node keeps
	told       map[narthex.Digest]bool // events whose entries are in the folder with their digest
}

// admit holds the person to their right, before anything is done for them.
func (m *making) admit(ctx context.Context, id narthex.EngagementID) error {
	return m.o.look(ctx, m.by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err == nil && !workflow.MayRead(e, p) {
			err = narthex.WithheldError()
		}
		return err
	})
}

// begin reads what people decided, all of what is published and what came since, and holds the person to their right again.
func (m *making) begin(ctx context.Context, id narthex.EngagementID) error {
	return m.o.look(ctx, m.by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		m.sight = evidence.Sight{Engagement: e, Person: p, Events: map[narthex.Digest]workflow.Event{}}
		rows, err := journal.Scan[workflow.Event](tx, store.Events, store.Prefix(string(id)+"/", 100_000))
		if err != nil {
			return err
		}
		for _, row := range rows {
			digest, err := canon.Digest(*row.Row)
			if err != nil {
				return err
			}
			m.sight.Events[digest] = *row.Row
		}
		if m.from, err = firstSince(tx, e.CreatedAt, m.size); err != nil || e.Grant == "" {
			return err
		}
		grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
		if err != nil || grant == nil {
			return narthex.Unavailablef("The grant could not be read.").Because(err)
		}
		m.sight.Persons = grant.Persons
		row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
		if err != nil || row == nil {
			return narthex.Unavailablef("The agreement could not be read.").Because(err)
		}
		if e.Outside != nil && e.Outside.Kept {
			if m.outside, err = book.OutsideOf(tx, e); err != nil {
				return err
			}
		}
		m.agreement, err = evidence.Line(agreement.Bundle{Agreement: row.Agreement, Digest: e.Agreement, Signatures: e.Signatures, Authorised: e.Authorised, Outside: e.Outside})
		return err
	})
}

// write writes one file.
func (m *making) write(ctx context.Context, name string, w io.Writer) error {
	var err error
	switch name {
	case evidence.ReadMe:
		_, err = io.WriteString(w, evidence.Words())
	case evidence.Key:
		_, err = io.WriteString(w, m.o.LogKey+"\n")
	case evidence.Checkpoint:
		_, err = io.WriteString(w, m.checkpoint)
	case evidence.Agreement:
		_, err = w.Write(m.agreement)
	case evidence.Outside:
		_, err = w.Write(m.outside)
	case evidence.Entries:
		return m.entries(ctx, w)
	case evidence.Events:
		return m.events(ctx, w)
	default:
		err = fmt.Errorf("write evidence: there is no file %s", name)
	}
	return err
}

// entries writes the lines of the engagement's entries. Nothing is written while the store is read.
func (m *making) entries(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	for from := m.from; from < m.size; from += countedAtOnce {
		var lines [][]byte
		err := m.o.look(ctx, m.by, func(tx *journal.Tx, _ narthex.Person) error {
			lines = nil
			tiles := readOnce{journal.Tiles{Reader: tx.Reader()}, map[[2]uint64][]byte{}}
			return journal.EachEntry(tx.Reader(), from, min(from+countedAtOnce, m.size), func(index uint64, record ledger.Record, opening ledger.Opening) error {
				if !m.sight.About(opening) {
					return nil
				}
				shown, withheld := m.sight.Of(opening)
				if !shown {
					return nil
				}
				hidden := map[string]bool{}
				for _, name := range withheld {
					hidden[name] = true
				}
				entry, err := opening.Show(tiles, index, m.size, record, func(name string) bool { return hidden[name] })
				if err != nil {
					return err
				}
				if opening.Type == narthex.EntryEngagementChanged && !hidden["event"] {
					m.told[narthex.Digest(opening.Text("event"))] = true
				}
				line, err := evidence.Line(entry)
				lines = append(lines, line)
				return err
			})
		})
		if err != nil {
			return err
		}
		for _, line := range lines {
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// events writes the events whose entries bind them, as the person may read them. They come after the entries.
func (m *making) events(ctx context.Context, w io.Writer) error {
	return m.o.look(ctx, m.by, func(tx *journal.Tx, _ narthex.Person) error {
		rows, err := journal.Scan[workflow.Event](tx, store.Events, store.Prefix(string(m.sight.Engagement.ID)+"/", 100_000))
		if err != nil {
			return err
		}
		for _, row := range rows {
			form, err := canon.JSON(*row.Row)
			if err != nil {
				return err
			}
			if !m.told[evidence.Of(evidence.Events, form).Digest] || !m.sight.Text(*row.Row) {
				continue
			}
			if _, err := w.Write(append(form, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
}

// record writes the entry of the handing out.
func (m *making) record(ctx context.Context, what string) (uint64, error) {
	var last journal.Last
	err := m.o.recordRead(journal.WithLast(ctx, &last), m.by, m.sight.Engagement.ID, book.Read(what))
	return last.Index, err
}

// handed makes the proof of the handing out, in the ledger as it is now.
func (m *making) handed(ctx context.Context, index uint64) (data []byte, err error) {
	err = m.o.look(ctx, m.by, func(tx *journal.Tx, _ narthex.Person) error {
		head, err := journal.ReadHead(tx.Reader())
		if err != nil {
			return err
		}
		tiles := journal.Tiles{Reader: tx.Reader()}
		consistency, err := ledger.ProveConsistency(tiles, m.size, head.Size)
		if err != nil {
			return err
		}
		checkpoint, err := ledger.OnlySigned(head.Checkpoint, m.o.LogKey)
		if err != nil {
			return err
		}
		proof := evidence.NewHanded(checkpoint, consistency)
		err = journal.EachEntry(tx.Reader(), index, index+1, func(_ uint64, record ledger.Record, opening ledger.Opening) error {
			return proof.Entry.Prove(tiles, index, head.Size, record, opening)
		})
		if err == nil {
			data, err = proof.Marshal()
		}
		return err
	})
	return data, err
}

// readOnce reads each tile once: the proofs of neighbours share them.
type readOnce struct {
	tiles ledger.Tiles
	known map[[2]uint64][]byte
}

func (t readOnce) Tile(level int, index uint64) ([]byte, error) {
	at := [2]uint64{uint64(level), index}
	if data, read := t.known[at]; read {
		return data, nil
	}
	data, err := t.tiles.Tile(level, index)
	if err == nil {
		t.known[at] = data
	}
	return data, err
}
