package book

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/policy"
)

// Job is a job with what it holds of its budgets.
type Job struct {
	narthex.Job
	Holds []policy.Hold `json:"holds"`
}

// Release is a release with what it holds of its budgets.
type Release struct {
	narthex.Release
	Holds []policy.Hold `json:"holds"`
}

// Blob is a piece of a frozen file.
type Blob struct {
	Data []byte `json:"data"`
}

const (
	// Piece is how long the pieces of a file are, in bytes: one is written with other changes in a commit and holds none of them up.
	Piece = 128 << 10
	// MostFile bounds one frozen file, in bytes.
	MostFile = 16 << 20
)

func blobKey(digest narthex.Digest, n int) string { return fmt.Sprintf("%s/%04d", digest, n) }

// PutBlob stores a file's bytes and gives their digest. It returns when they are durable; where they are there already it changes nothing.
// Until an entry names the file its caller keeps the hall from taking it away.
func PutBlob(ctx context.Context, j *journal.Journal, data []byte) (narthex.Digest, error) {
	if len(data) > MostFile {
		return "", narthex.Invalidf("A file has at most %d bytes.", MostFile)
	}
	digest := narthex.MakeDigest(sha256.Sum256(data))
	for at, n := 0, 0; at < len(data) || n == 0; at, n = at+Piece, n+1 {
		part := Blob{Data: data[at:min(at+Piece, len(data))]}
		err := j.Update(ctx, func(tx *journal.Tx) error { return journal.Put(tx, store.Blobs, blobKey(digest, n), &part) })
		if err != nil {
			return "", err
		}
	}
	return digest, nil
}

// RemoveBlob removes a file that nothing needs, all of it in one change.
func RemoveBlob(ctx context.Context, j *journal.Journal, digest narthex.Digest) error {
	return j.Update(ctx, func(tx *journal.Tx) error {
		for n := 0; ; n++ {
			part, err := journal.Get[Blob](tx, store.Blobs, blobKey(digest, n))
			if err != nil || part == nil {
				return err
			}
			if err := journal.Delete[Blob](tx, store.Blobs, blobKey(digest, n)); err != nil {
				return err
			}
		}
	})
}

// ReadBlob gives a file's bytes, or an error where they are not those that the digest names.
func ReadBlob(tx *journal.Tx, digest narthex.Digest) ([]byte, error) {
	data := []byte{}
	for n := 0; ; n++ {
		part, err := journal.Get[Blob](tx, store.Blobs, blobKey(digest, n))
		if err != nil {
			return nil, err
		}
		if part == nil {
			break
		}
		if data = append(data, part.Data...); len(part.Data) < Piece {
			break
		}
	}
	if narthex.MakeDigest(sha256.Sum256(data)) != digest {
		return nil, fmt.Errorf("a frozen file is not the one that was frozen: %w", store.ErrDamaged)
	}
	return data, nil
}

// Listed gives rows that stand in a list, oldest first, at most so many.
func Listed[T any](tx *journal.Tx, table store.Table, list string, most int) ([]T, error) {
	return listed[T](tx, table, store.Prefix(list, most))
}

// Latest gives the latest rows that stand in a list, oldest first, at most so many.
func Latest[T any](tx *journal.Tx, table store.Table, list string, most int) ([]T, error) {
	span := store.Prefix(list, most)
	span.Reverse = true
	rows, err := listed[T](tx, table, span)
	slices.Reverse(rows)
	return rows, err
}

func listed[T any](tx *journal.Tx, table store.Table, span store.Span) ([]T, error) {
	places, err := journal.Scan[Placed](tx, store.Listings, span)
	if err != nil {
		return nil, err
	}
	rows := make([]T, 0, len(places))
	for _, place := range places {
		row, err := journal.Get[T](tx, table, path.Base(place.Key))
		if err != nil {
			return nil, err
		}
		if row == nil {
			return nil, fmt.Errorf("a list names a row of %s that is not there: %w", table, store.ErrDamaged)
		}
		rows = append(rows, *row)
	}
	return rows, nil
}
