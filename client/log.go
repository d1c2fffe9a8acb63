package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"narthex"
)

const (
	mostFile = 1 << 20  // of a file of a published ledger, in bytes
	mostList = 16 << 20 // of its list of public openings
)

// Log reads a ledger as it is published, for anyone: no credential is sent. It checks nothing of what it reads.
type Log struct {
	base string
	http *http.Client
}

// NewLog makes a reader of the ledger at an address, an https URL that ends in /ledger at a lab and anywhere in a mirror. Plain
// http is for loopback only.
func NewLog(address string) (*Log, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, narthex.Invalidf("A ledger's address is https://, a host and a path. Write it as in https://narthex.lab.example/ledger.").For("url")
	}
	carrier, err := carry(u)
	if err != nil {
		return nil, err
	}
	return &Log{base: u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/"), http: carrier}, nil
}

// File reads a file by its path below the address, such as "tile/entries/000". One that is not there is Withheld; one that is
// longer than any can be is Unavailable.
func (l *Log) File(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", l.base+"/"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	answer, err := l.http.Do(request)
	if err != nil {
		return nil, l.broken(ctx, err)
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return nil, narthex.WithheldError()
	case answer.StatusCode != http.StatusOK:
		return nil, stranger(answer.StatusCode)
	}
	most := int64(mostFile)
	if path == "openings" {
		most = mostList
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil {
		return nil, l.broken(ctx, err)
	}
	if int64(len(data)) > most {
		return nil, narthex.Unavailablef("The ledger at %s answers with more bytes than its files have. Check the address.", l.base)
	}
	return data, nil
}

// broken is the error of an answer that did not come whole.
func (l *Log) broken(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return fmt.Errorf("read the ledger: %w", context.Canceled)
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err
	}
	silent := narthex.Unavailablef("The ledger at %s does not answer. Check the address, and try again in a while.", l.base).Because(err)
	silent.Code = "no_answer"
	return silent
}
