package audit

import (
	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/policy"
)

// Documents gives the texts that entries name by their digest. What it gives is believed only where it has the digest.
type Documents interface {
	// Agreement gives an agreement, or nil where it has none of that digest.
	Agreement(narthex.Digest) (*narthex.Agreement, error)
	// Directory gives the files of a lab directory, or nil where it has none of that digest.
	Directory(narthex.Digest) (lab.Files, error)
}

// documents keeps those that were checked.
type documents struct {
	source      Documents
	agreements  map[narthex.Digest]*narthex.Agreement
	directories map[narthex.Digest]*directory
}

// directory is a lab directory with the engine that decides by it; the engine is nil where the directory has problems.
type directory struct {
	*lab.Directory
	engine *policy.Engine
}

// agreement gives the agreement of that digest, or nil.
func (d *documents) agreement(digest narthex.Digest) (*narthex.Agreement, error) {
	if a, known := d.agreements[digest]; known {
		return a, nil
	}
	a, err := d.source.Agreement(digest)
	if err != nil || a == nil {
		return nil, err
	}
	if is, err := agreement.Digest(*a); err != nil || is != digest {
		return nil, err
	}
	fill(&d.agreements)
	d.agreements[digest] = a
	return a, nil
}

// directory gives the lab directory of that digest, or nil.
func (d *documents) directory(digest narthex.Digest) (*directory, error) {
	if known, is := d.directories[digest]; is {
		return known, nil
	}
	files, err := d.source.Directory(digest)
	if err != nil || files == nil || files.Digest() != digest {
		return nil, err
	}
	loaded, problems := lab.Load(files)
	if loaded == nil {
		return nil, problems
	}
	read := &directory{Directory: loaded}
	if len(problems) == 0 {
		if read.engine, err = policy.NewEngine(loaded.Taxonomy, loaded.Guardrails); err != nil {
			return nil, err
		}
	}
	fill(&d.directories)
	d.directories[digest] = read
	return read, nil
}

// stored is the documents of a store.
type stored struct{ r store.Reader }

func (s stored) Agreement(digest narthex.Digest) (*narthex.Agreement, error) {
	row, err := get[book.Agreement](s.r, store.Agreements, string(digest))
	if err != nil || row == nil {
		return nil, err
	}
	return &row.Agreement, nil
}

func (s stored) Directory(digest narthex.Digest) (lab.Files, error) {
	row, err := get[book.Files](s.r, store.Files, string(digest))
	if err != nil || row == nil {
		return nil, err
	}
	return row.Files, nil
}

// get reads a row; one that does not read is as if absent, and the comparison of its table names it.
func get[T any](r store.Reader, table store.Table, key string) (row *T, err error) {
	err = journal.Read(r, func(tx *journal.Tx) error {
		row, err = journal.Get[T](tx, table, key)
		return err
	})
	if isDamaged(err) {
		return nil, nil
	}
	return row, err
}
