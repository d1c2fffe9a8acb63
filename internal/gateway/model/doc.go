// Package model is the pure part of the model channel: it reads an OpenAI-compatible call once, says which attributes the
// call needs and what it could cost, builds the upstream's request, and cuts the upstream's answer to what was granted.
//
// It promises that every field of a request is one of a closed table, [Fields], and that an unknown one is refused by name;
// that the upstream's request is built from what was decided on and holds nothing else; that an answer shows known fields
// only, at most the granted number of alternatives a token, rounded to the granted decimals, and log-probabilities of shown
// text alone; that the tokens it demands bound what an honest upstream reports whose template adds no more marks than uses.go
// allows for; and that a report of use which does not add up is unknown, so that the worst case stands.
//
// It trusts the asset as the lab approved it (its context and bytes a token) and package wire for what JSON means. It trusts
// neither the caller nor the upstream: both are read into types that refuse what they do not know, or drop it. It does no I/O
// and reads no clock.
//
// Read next: fields.go for the tables, parse.go for what is refused, uses.go for what a call needs, build.go and cutter.go
// for the two sides of the upstream.
package model
