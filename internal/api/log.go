package api

import (
	"strconv"

	"narthex"
	"narthex/client"
	"narthex/ledger"
)

// logRoutes are the ledger as published data, for anyone and from any page. docs/ledger.md says what stands where.
func (s *Server) logRoutes() []Route {
	return []Route{
		{Method: "GET", Path: "/ledger/state", Right: Anyone, Says: "the ledger's size, checkpoint and key, and who has signed it", Out: typeOf[client.LedgerState](), serve: open(get(s.logState))},
		{Method: "GET", Path: "/ledger/key", Right: Anyone, Says: "the ledger's verifier key", serve: open(bytesOf("text/plain; charset=utf-8", func(r *request) ([]byte, string, error) { return []byte(r.node.Office.LogKey + "\n"), brief, nil }))},
		{Method: "GET", Path: "/ledger/checkpoint", Right: Anyone, Says: "the latest published checkpoint, a signed note", serve: open(bytesOf("text/plain; charset=utf-8", checkpoint))},
		{Method: "GET", Path: "/ledger/tile/{tile...}", Right: Anyone, Says: "hashes of the tree, or records, as c2sp.org/tlog-tiles", serve: open(bytesOf("application/octet-stream", tile))},
		{Method: "GET", Path: "/ledger/openings", Right: Anyone, Says: "the entries that concern no person", Out: typeOf[client.PublicOpenings](), serve: open(get(openings))},
		{Method: "GET", Path: "/ledger/openings/{index}", Right: Anyone, Says: "what an entry says that concerns no person", Out: typeOf[ledger.Opening](), serve: open(bytesOf("application/json", opening))},
	}
}

const (
	brief   = "no-store"
	forEver = "public, max-age=31536000, immutable"
)

// open lets a page from anywhere read a public route. No credential comes with such a reading, and none is looked at.
func open(serve func(*request) (any, error)) func(*request) (any, error) {
	return func(r *request) (any, error) {
		r.w.Header().Set("Access-Control-Allow-Origin", "*")
		return serve(r)
	}
}

// bytesOf answers with bytes of one type, and how long they may be kept.
func bytesOf(kind string, give func(*request) ([]byte, string, error)) func(*request) (any, error) {
	return func(r *request) (any, error) {
		data, keep, err := give(r)
		if err != nil {
			return nil, err
		}
		r.w.Header().Set("Content-Type", kind)
		r.w.Header().Set("Cache-Control", keep)
		r.wrote = true
		_, err = r.w.Write(data)
		return nil, err
	}
}

func (s *Server) logState(r *request) (client.LedgerState, error) {
	checkpoint, size := r.node.Log.Published()
	return client.LedgerState{Origin: s.Origin, Key: r.node.Office.LogKey, Size: size, Checkpoint: checkpoint, Witnesses: r.node.Log.Witnesses(), Require: r.node.Log.Require()}, nil
}

func checkpoint(r *request) ([]byte, string, error) {
	text, size := r.node.Log.Published()
	if size == 0 {
		return nil, "", narthex.WithheldError()
	}
	return []byte(text), brief, nil
}

func tile(r *request) ([]byte, string, error) {
	data, err := r.node.Log.Tile(r.Context(), r.args["tile"])
	return data, forEver, err
}

func openings(r *request) (client.PublicOpenings, error) {
	indexes, err := r.node.Log.Openings(r.Context())
	return client.PublicOpenings{Openings: indexes}, err
}

func opening(r *request) ([]byte, string, error) {
	index, err := strconv.ParseUint(r.args["index"], 10, 62)
	if err != nil || strconv.FormatUint(index, 10) != r.args["index"] {
		return nil, "", narthex.WithheldError()
	}
	opening, err := r.node.Log.Opening(r.Context(), index)
	if err != nil {
		return nil, "", err
	}
	data, err := opening.MarshalJSON()
	return data, forEver, err
}
