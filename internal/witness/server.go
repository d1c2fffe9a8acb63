package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"narthex"
	"narthex/internal/wire"
)

// mostBody bounds a request, in bytes: a proof of 63 hashes and a checkpoint with its cosignatures.
const mostBody = 64 << 10

// Run opens the witness in dir and serves it at an address until ctx ends.
func Run(ctx context.Context, dir string, logs []string, address string, clock func() time.Time, log *slog.Logger) (err error) {
	w, err := Open(dir, logs, clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return narthex.Unavailablef("The address %s cannot be listened on; it may be in use.", address).For("listen").Because(err)
	}
	server := &http.Server{Handler: w.Handler(log), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // what is in flight is the asker's to ask again
	defer stop()
	log.Info("witnessing", "address", listener.Addr().String(), "key", w.Key())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler answers POST /add-checkpoint, as c2sp.org/tlog-witness says, and GET /key with the witness's verifier key.
func (w *Witness) Handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /key", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(out, w.key+"\n")
	})
	mux.HandleFunc("POST /add-checkpoint", func(out http.ResponseWriter, r *http.Request) {
		line, err := w.add(r)
		if err == nil {
			io.WriteString(out, line)
			return
		}
		refusal := new(Refusal)
		switch {
		case errors.As(err, &refusal) && refusal.Status == http.StatusConflict:
			out.Header().Set("Content-Type", "text/x.tlog.size")
			out.WriteHeader(http.StatusConflict)
			fmt.Fprintf(out, "%d\n", refusal.Size)
		case errors.As(err, &refusal):
			http.Error(out, refusal.What, refusal.Status)
		default:
			http.Error(out, "the witness could not keep what it would sign, so it does not sign", http.StatusInternalServerError)
		}
		log.Warn("not signed", "cause", err.Error())
	})
	return mux
}

func (w *Witness) add(r *http.Request) (string, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err != nil || len(body) > mostBody {
		return "", &Refusal{Status: http.StatusBadRequest, What: "the body is too long or broke off"}
	}
	asked, err := wire.ParseAddCheckpoint(body)
	if err != nil {
		return "", &Refusal{Status: http.StatusBadRequest, What: "the body is not an old size, a proof and a checkpoint"}
	}
	return w.Add(asked.Old, asked.Proof, asked.Checkpoint)
}
