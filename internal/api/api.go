// Package api is the HTTP API: one table of routes, each with its right, and nothing else answers.
//
// It promises that a request reaches a handler only by a row of the table, by its exact method and canonical path; that every
// body is read by wire; that every answer that is not a success is the error object with its kind's status; and that a path
// which is not there and one that the caller may not know look the same, byte for byte but for the request's id.
//
// It trusts office, identity and the gateway to decide; it decides nothing. Read next: routes.go for the table, openapi.go for
// how it is published.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/gateway"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/office"
	"narthex/internal/openlog"
	"narthex/internal/wire"
)

// Right is who may call a route. What they may do with it is decided further in.
type Right string

const (
	// Anyone needs no credential.
	Anyone Right = "anyone"
	// Someone needs a session.
	Someone Right = "someone"
	// Insider needs the session of a person of the lab.
	Insider Right = "insider"
	// Holder needs an API key.
	Holder Right = "holder"
	// Specialist needs the log-in of someone from outside who was asked for one opinion. They are no person of Narthex.
	Specialist Right = "specialist"
)

// Route is one row of the table.
type Route struct {
	Method  string
	Path    string // segments in braces are arguments; one that ends in dots takes the rest
	Right   Right
	Says    string
	Query   []string     // the parameters that its address may have
	In, Out reflect.Type // of the bodies, or nil
	Early   bool         // whether it answers during inception

	serve func(*request) (any, error)
	raw   http.Handler // for routes of the gateway, which write their own answers
}

// Node is what the API serves of a running node.
type Node struct {
	Office    *office.Office
	Desk      *identity.Desk
	Door      *gateway.Door
	Log       *openlog.Log
	Inception *identity.Inception // nil once the lab is open
}

// Server answers requests by the table.
type Server struct {
	Version string
	Lab     string
	Origin  string
	Random  io.Reader
	Log     *slog.Logger

	node   atomic.Pointer[Node]
	halted atomic.Pointer[narthex.Error]
	routes []Route
	schema []byte
}

// New makes a server for a node.
func New(version, lab, origin string, random io.Reader, log *slog.Logger, node *Node) (*Server, error) {
	s := &Server{Version: version, Lab: lab, Origin: origin, Random: random, Log: log}
	s.Use(node)
	s.routes = s.table()
	var err error
	s.schema, err = openAPI(version, s.routes)
	return s, err
}

// Use takes a node in, when inception is over.
func (s *Server) Use(node *Node) { s.node.Store(node) }

// Halt makes err the answer to every request from now on.
func (s *Server) Halt(err *narthex.Error) { s.halted.Store(err) }

// Routes gives the table.
func (s *Server) Routes() []Route { return s.routes }

// request is one request that has found its route.
type request struct {
	*http.Request
	server *Server
	node   *Node
	args   map[string]string
	token  narthex.Secret
	person narthex.Person
	w      http.ResponseWriter
	wrote  bool
}

// ServeHTTP finds the one route of a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.Log.Error("a handler panicked", "panic", p)
			s.fail(w, narthex.AsError(errors.New("a handler panicked")))
		}
	}()
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if err := s.halted.Load(); err != nil {
		gateway.WriteProblem(w, err, gateway.RequestID(s.Random)) // the log has it once, from who halted
		return
	}
	if !r.ProtoAtLeast(1, 1) {
		h.Set("Connection", "close") // what frames a request of HTTP/1.0 is not shown whole, so none follows it
	}
	if err := wire.CheckLength(r); err != nil {
		h.Set("Connection", "close")
		s.fail(w, err)
		return
	}
	if err := wire.CheckTarget(r); err != nil {
		s.fail(w, err)
		return
	}
	route, args := s.find(r)
	node := s.node.Load()
	if route == nil || node.Inception != nil && !route.Early {
		s.fail(w, narthex.WithheldError())
		return
	}
	if route.raw != nil {
		route.raw.ServeHTTP(w, r)
		return
	}
	s.answer(w, route, &request{Request: r, server: s, node: node, args: args, w: w})
}

// find gives the route of an exact method and path.
func (s *Server) find(r *http.Request) (*Route, map[string]string) {
	segments := strings.Split(r.URL.Path, "/")
	for i := range s.routes {
		route := &s.routes[i]
		if route.Method != r.Method {
			continue
		}
		if args, fits := match(route.Path, segments); fits {
			return route, args
		}
	}
	return nil, nil
}

func match(path string, segments []string) (map[string]string, bool) {
	want := strings.Split(path, "/")
	args := map[string]string{}
	if last := len(want) - 1; strings.HasSuffix(path, "...}") && len(segments) > last {
		args[strings.Trim(want[last], "{.}")] = strings.Join(segments[last:], "/")
		want, segments = want[:last], segments[:last]
	}
	if len(want) != len(segments) {
		return nil, false
	}
	for i, w := range want {
		if strings.HasPrefix(w, "{") {
			args[strings.Trim(w, "{}")] = segments[i]
		} else if w != segments[i] {
			return nil, false
		}
	}
	return args, true
}

func (s *Server) answer(w http.ResponseWriter, route *Route, r *request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := r.admit(route); err != nil {
		if narthex.IsKind(err, narthex.Unauthenticated) && r.node.Door != nil {
			r.node.Door.Refusals.Count(narthex.Unauthenticated)
		}
		s.fail(w, err)
		return
	}
	if _, err := r.query(route.Query...); err != nil {
		s.fail(w, err)
		return
	}
	if err := patience(w); err != nil {
		s.fail(w, narthex.Unavailablef("The connection cannot be served; connect again.").Because(err))
		return
	}
	out, err := route.serve(r)
	switch {
	case err != nil && r.wrote:
		if r.Context().Err() == nil {
			s.Log.Warn("an answer was broken off", "route", route.Path, "cause", err.Error())
		}
		panic(http.ErrAbortHandler)
	case err != nil:
		s.fail(w, err)
	case !r.wrote:
		s.write(w, http.StatusOK, out)
	}
}

// slowest is how long one write may wait for its reader, from when it was asked for or what went before it was taken.
const slowest = time.Minute

// patience leaves a reader who takes nothing after a while; what the request before left on the connection is no more.
func patience(w http.ResponseWriter) error {
	return http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slowest))
}

// admit finds who asks, where the route needs it.
func (r *request) admit(route *Route) error {
	if route.Right == Anyone {
		return nil
	}
	var err error
	if r.token, err = wire.Credential(r.Request); err != nil || r.node.Inception != nil {
		return err
	}
	if route.Right == Specialist {
		_, err = wire.ParseToken(wire.OpinionToken, r.token)
		return err
	}
	var ctx context.Context
	ctx, r.person, err = r.node.Desk.Who(r.Context(), r.token)
	r.Request = r.Request.WithContext(ctx)
	if err == nil && route.Right == Insider && !r.person.InLab() {
		err = narthex.WithheldError()
	}
	return err
}

func (s *Server) write(w http.ResponseWriter, status int, body any) {
	var data bytes.Buffer
	out := json.NewEncoder(&data)
	out.SetEscapeHTML(false) // what an entry says is passed on letter by letter
	if err := out.Encode(body); err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("X-Request-Id", gateway.RequestID(s.Random))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(data.Bytes()) // the connection is the caller's to lose
}

// fail answers with the error object.
func (s *Server) fail(w http.ResponseWriter, err error) {
	public := narthex.AsError(err)
	id := gateway.RequestID(s.Random)
	if public.Kind == narthex.Internal || public.Kind == narthex.Unavailable {
		s.Log.Warn("a request failed", "request", id, "kind", public.Kind.String(), "cause", err.Error())
	}
	w.Header().Set("X-Request-Id", id)
	gateway.WriteProblem(w, public, id)
}

const (
	// mostBody bounds a request of the API, in bytes.
	mostBody = 1 << 20
	// mostStranger bounds one of somebody who is not known yet.
	mostStranger = 8 << 10
	// mostOutside bounds one that binds an outside document: its bytes in base64, and a little, so that one which is too large is told so.
	mostOutside = narthex.MostOutside/3*4 + 512<<10
	// mostDirectory bounds one that proposes a lab directory: its files in base64, their names, and a little.
	mostDirectory = lab.MostBytes/3*4 + 512<<10
)

func body[T any](r *request, most int64) (T, error) {
	var zero T
	data, err := wire.ReadBody(r.Request, most)
	if err != nil {
		return zero, err
	}
	return wire.Decode[T](data, wire.Limits{Bytes: most, Depth: 24})
}

// arg reads an identifier of the path; one of another form is as if absent.
func arg[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](r *request, name string) (T, error) {
	var id T
	if err := P(&id).UnmarshalText([]byte(r.args[name])); err != nil {
		return id, narthex.WithheldError()
	}
	return id, nil
}

// post makes the handler of a route with a body. The answer carries the signed promise about the last entry that it made.
func post[In any, Out any](most int64, do func(*request, In) (Out, error)) func(*request) (any, error) {
	return func(r *request) (any, error) {
		in, err := body[In](r, most)
		if err != nil {
			return nil, err
		}
		var last journal.Last
		r.Request = r.WithContext(journal.WithLast(r.Context(), &last))
		out, err := do(r, in)
		if err == nil && last.Type != "" && r.node.Office.Journal != nil {
			r.promise(last)
		}
		return out, err
	}
}

// promise sets the promise. What was done is done: without a signature it is told without a promise.
func (r *request) promise(last journal.Last) {
	promise, err := r.node.Office.Journal.Promise(last)
	if err != nil {
		r.server.Log.Warn("a promise could not be signed", "cause", err.Error())
		return
	}
	r.w.Header().Set("Narthex-Receipt", promise)
}

// get makes the handler of a route without a body.
func get[Out any](do func(*request) (Out, error)) func(*request) (any, error) {
	return func(r *request) (any, error) { return do(r) }
}

// status is what anyone may know of the node.
func (s *Server) status(r *request) (client.Status, error) {
	out := client.Status{Lab: s.Lab, Origin: s.Origin, State: "open", Version: s.Version}
	if i := r.node.Inception; i != nil {
		out.State, out.Proposed = "inception", i.Directory.Digest
	}
	return out, nil
}
