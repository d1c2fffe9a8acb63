package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"narthex"
	"narthex/internal/wire"
)

func (r *request) query(allowed ...string) (map[string]string, error) {
	return wire.Query(r.Request, allowed...)
}

func (s *Server) openAPI(r *request) (any, error) {
	r.w.Header().Set("Content-Type", "application/json")
	r.wrote = true
	_, err := r.w.Write(s.schema)
	return nil, err
}

// openAPI writes the table as OpenAPI 3.1.
func openAPI(version string, routes []Route) ([]byte, error) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for _, text := range []any{narthex.PersonID(""), narthex.OrgID(""), narthex.EngagementID(""), narthex.GrantID(""), narthex.KeyID(""), narthex.LockID("")} {
		registry.RegisterTypeAlias(reflect.TypeOf(text), reflect.TypeFor[string]())
	}
	registry.RegisterTypeAlias(reflect.TypeFor[narthex.Value](), reflect.TypeFor[any]())
	registry.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]())
	paths := map[string]map[string]any{}
	for _, route := range routes {
		if paths[route.Path] == nil {
			paths[route.Path] = map[string]any{}
		}
		paths[route.Path][strings.ToLower(route.Method)] = operation(registry, route)
	}
	document := map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": "Narthex", "version": version, "description": "Standard pathways to negotiated, recorded access for people who do not work at a lab.", "license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"paths":   paths,
		"components": map[string]any{"schemas": registry.Map(), "securitySchemes": map[string]any{
			"session": map[string]any{"type": "http", "scheme": "bearer", "description": "a session's token, ns_…"},
			"opinion": map[string]any{"type": "http", "scheme": "bearer", "description": "a specialist's log-in for one opinion, np_…"},
			"key":     map[string]any{"type": "http", "scheme": "bearer", "description": "an API key, nx_…"}}},
	}
	return json.Marshal(document)
}

func operation(registry huma.Registry, route Route) map[string]any {
	op := map[string]any{"summary": route.Says, "responses": map[string]any{"default": map[string]any{"description": "the error object: what happened, why, and what to do next"}}}
	ok := map[string]any{"description": "done"}
	if route.Out != nil {
		ok["content"] = map[string]any{"application/json": map[string]any{"schema": registry.Schema(route.Out, true, route.Out.Name())}}
	}
	maps.Copy(op["responses"].(map[string]any), map[string]any{"200": ok})
	if route.In != nil {
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": registry.Schema(route.In, true, route.In.Name())}}}
	}
	var parameters []any
	for segment := range strings.SplitSeq(route.Path, "/") {
		if strings.HasPrefix(segment, "{") {
			parameters = append(parameters, map[string]any{"name": strings.Trim(segment, "{.}"), "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
	}
	for _, name := range route.Query {
		parameters = append(parameters, map[string]any{"name": name, "in": "query", "schema": map[string]any{"type": "string"}})
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	switch route.Right {
	case Someone, Insider:
		op["security"] = []any{map[string]any{"session": []any{}}}
	case Specialist:
		op["security"] = []any{map[string]any{"opinion": []any{}}}
	case Holder:
		op["security"] = []any{map[string]any{"key": []any{}}}
	}
	return op
}

var _ http.Handler = (*Server)(nil)
