package witness

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"narthex/internal/wire"
)

// mostBody bounds a request, in bytes: a proof of 63 hashes and a checkpoint with its cosignatures.
const mostBody = 64 << 10

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
