package lab

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"narthex"
	"narthex/internal/document"
	"narthex/internal/horizon"
	"narthex/internal/visa"
	"narthex/internal/witness"
	"narthex/ledger"
	"narthex/policy"
)

// Person is someone of the lab, as lab.yaml names them.
type Person struct {
	Handle string         `json:"handle"`
	Name   string         `json:"name"`
	Email  string         `json:"email"`
	Roles  []narthex.Role `json:"roles"`
	Region string         `json:"region"`
}

// Directory is a lab directory that was read.
type Directory struct {
	Name            string
	Origin          string
	SingleCustodian bool
	People          []Person
	Witnesses       []Witness     // of the ledger
	VisaIssuers     []visa.Issuer // whose visas count
	Require         int           // how many of them must sign before anything is served; 0 for none
	Calendar        Calendar
	Measure         horizon.Measure  // of when an asset is out
	Horizons        map[string]Least // by label; every label of a model has one
	Assets          map[narthex.AssetName]narthex.Asset
	Pathways        map[narthex.PathwayName]narthex.Pathway
	Clauses         map[narthex.ClauseName]narthex.Clause
	Environments    []narthex.Environment // by name
	Guardrails      *policy.Guardrails
	GuardrailFiles  map[string]string
	Taxonomy        *narthex.Taxonomy
	Digest          narthex.Digest
	Files           Files
}

// Person gives the person of that handle.
func (d *Directory) Person(handle string) (Person, bool) {
	at := slices.IndexFunc(d.People, func(p Person) bool { return p.Handle == handle && handle != "" })
	if at < 0 {
		return Person{}, false
	}
	return d.People[at], true
}

// Owns says whether a person is the owner of an asset.
func (d *Directory) Owns(asset narthex.AssetName, p narthex.Person) bool {
	return p.Handle != "" && d.Assets[asset].Owner == p.Handle
}

// GuardrailsDigest is over the guardrail files alone: the rules that a decision was made by.
func (d *Directory) GuardrailsDigest() narthex.Digest {
	files := Files{}
	for name, text := range d.GuardrailFiles {
		files[name] = []byte(text)
	}
	return files.Digest()
}

// Custodians gives the people who approve directories.
func (d *Directory) Custodians() []Person {
	return slices.DeleteFunc(slices.Clone(d.People), func(p Person) bool { return !slices.Contains(p.Roles, narthex.Custodian) })
}

type labFile struct {
	Name            string       `json:"name"`
	Origin          string       `json:"origin"`
	SingleCustodian bool         `json:"single_custodian"`
	Holidays        []string     `json:"holidays"`
	Witnesses       []Witness    `json:"witnesses"`
	Require         int          `json:"require_witnesses"`
	VisaIssuers     []VisaIssuer `json:"visa_issuers"`
	People          []Person     `json:"people"`
	horizonFile
}

// VisaIssuer is somebody whose visas count, and the file of the directory with their keys as a JWK set.
type VisaIssuer struct {
	Issuer string `json:"issuer"`
	JWKS   string `json:"jwks"`
}

// VisaKeys gives every key that the directory trusts for an issuer's visas, in order.
func (d *Directory) VisaKeys() []string {
	var list []string
	for _, issuer := range d.VisaIssuers {
		for _, key := range issuer.Keys {
			list = append(list, narthex.VisaKey(issuer.Name, key.Thumbprint))
		}
	}
	slices.Sort(list)
	return list
}

// visaIssuers reads whose visas count. Each stands once, with a file of its own, and each file of keys is somebody's.
func (l *loader) visaIssuers(file labFile) {
	named := map[string]bool{}
	for i, issuer := range file.VisaIssuers {
		at := func(field string) []string { return []string{"visa_issuers", itoa(i), field} }
		if err := visa.CheckIssuer(issuer.Issuer); err != nil {
			l.at("lab.yaml", at("issuer"), "%s", err)
		}
		if slices.ContainsFunc(file.VisaIssuers[:i], func(o VisaIssuer) bool { return o.Issuer == issuer.Issuer }) {
			l.at("lab.yaml", at("issuer"), "that issuer stands here already; each stands once")
		}
		data, has := l.files[issuer.JWKS]
		if folder, name := path.Split(issuer.JWKS); folder != "visa-issuers/" || path.Ext(name) != ".json" || !has || named[issuer.JWKS] {
			l.at("lab.yaml", at("jwks"), "jwks names a file of this directory that holds the issuer's keys and nobody else's, such as visa-issuers/example.json")
			continue
		}
		named[issuer.JWKS] = true
		keys, err := visa.ParseKeys(data)
		if err != nil {
			l.add(Problem{File: issuer.JWKS, Line: 1, Column: 1, Message: err.Error()})
		}
		l.d.VisaIssuers = append(l.d.VisaIssuers, visa.Issuer{Name: issuer.Issuer, Keys: keys})
	}
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		if folder, _ := path.Split(name); folder == "visa-issuers/" && !named[name] {
			l.add(Problem{File: name, Line: 1, Column: 1, Message: "no issuer under visa_issuers in lab.yaml names this file"})
		}
	}
}

// Witness is someone outside who signs that they have seen the ledger grow: a server of c2sp.org/tlog-witness.
type Witness struct {
	URL string `json:"url"` // https, or http on loopback
	Key string `json:"key"` // name+hash+key
}

// Load reads every file and checks all of it. The directory is of use only where there are no problems.
func Load(files Files) (*Directory, Problems) {
	taxonomy, err := Taxonomy()
	if err != nil {
		return nil, Problems{{File: "taxonomy.yaml", Line: 1, Column: 1, Message: err.Error()}}
	}
	if large := files.oversize(); large != nil {
		return nil, large
	}
	l := &loader{files: files, docs: map[string]document.Document{}, d: &Directory{Taxonomy: taxonomy, Files: files, Digest: files.Digest(),
		Assets: map[narthex.AssetName]narthex.Asset{}, Pathways: map[narthex.PathwayName]narthex.Pathway{}, Clauses: map[narthex.ClauseName]narthex.Clause{}, GuardrailFiles: map[string]string{}}}
	l.lab()
	guardrails := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		folder, file := path.Split(name)
		switch {
		case name == "lab.yaml":
		case folder == "assets/" && path.Ext(file) == ".yaml":
			l.asset(name)
		case folder == "pathways/" && path.Ext(file) == ".yaml":
			l.pathway(name)
		case folder == "clauses/" && path.Ext(file) == ".md":
			l.clause(name)
		case folder == "environments/" && path.Ext(file) == ".yaml":
			l.environment(name)
		case folder == "visa-issuers/" && path.Ext(file) == ".json": // read with lab.yaml, which names it
		case folder == "guardrails/" && path.Ext(file) == ".cedar":
			guardrails[name] = files[name]
			l.d.GuardrailFiles[name] = string(files[name])
		default:
			l.add(Problem{File: name, Line: 1, Column: 1, Message: "this file has no place here: a lab directory has lab.yaml, assets/*.yaml, pathways/*.yaml, clauses/*.md, environments/*.yaml, guardrails/*.cedar and visa-issuers/*.json"})
		}
	}
	var wrong []policy.Problem
	l.d.Guardrails, wrong = policy.ParseGuardrails(guardrails)
	for _, w := range wrong {
		l.add(Problem(w))
	}
	l.check()
	return l.d, l.problems.Sorted()
}

type loader struct {
	files    Files
	docs     map[string]document.Document
	d        *Directory
	problems Problems
}

func (l *loader) add(problems ...Problem) { l.problems = append(l.problems, problems...) }

// at adds a problem at a place of a file.
func (l *loader) at(file string, path []string, format string, args ...any) {
	l.add(l.docs[file].At(path, format, args...))
}

func read[T any](l *loader, file string, first int, data []byte) (T, bool) {
	value, doc, problems := document.Read[T](file, first, data)
	l.docs[file] = doc
	l.add(problems...)
	return value, len(problems) == 0
}

func (l *loader) lab() {
	data, has := l.files["lab.yaml"]
	if !has {
		l.add(Problem{File: "lab.yaml", Line: 1, Column: 1, Message: "the file is missing; `narthex init DIR` writes one"})
		return
	}
	file, ok := read[labFile](l, "lab.yaml", 0, data)
	if !ok {
		return
	}
	l.d.Name, l.d.Origin, l.d.SingleCustodian, l.d.People, l.d.Calendar = file.Name, file.Origin, file.SingleCustodian, file.People, Calendar{file.Holidays}
	if strings.TrimSpace(file.Name) == "" {
		l.at("lab.yaml", nil, "the lab has no name")
	}
	if !isOrigin(file.Origin) {
		l.at("lab.yaml", []string{"origin"}, "origin names the ledger for ever: a host name of yours, optionally with a path, such as lab.example/ledger")
	}
	for i, day := range file.Holidays {
		if t, err := time.Parse(time.DateOnly, day); err != nil || t.Format(time.DateOnly) != day {
			l.at("lab.yaml", []string{"holidays", itoa(i)}, "a holiday is a date such as 2026-12-25")
		}
	}
	l.witnesses(file)
	l.visaIssuers(file)
	l.people()
	l.horizons(file.horizonFile)
}

// witnesses checks who watches the ledger. What counts is distinct keys: one witness listed twice is one.
func (l *loader) witnesses(file labFile) {
	l.d.Witnesses, l.d.Require = file.Witnesses, file.Require
	keys := map[[32]byte]bool{}
	for i, w := range file.Witnesses {
		at := func(field string) []string { return []string{"witnesses", itoa(i), field} }
		if err := witness.CheckAddress(w.URL); err != nil {
			l.at("lab.yaml", at("url"), "%s", err)
		}
		key, err := ledger.WitnessKey(w.Key)
		if err != nil {
			l.at("lab.yaml", at("key"), "%s", err)
			continue
		}
		if keys[key] {
			l.at("lab.yaml", at("key"), "that witness stands here already; each counts once")
		}
		keys[key] = true
	}
	if file.Require < 0 || file.Require > len(file.Witnesses) {
		l.at("lab.yaml", []string{"require_witnesses"}, "require_witnesses is from 0 to the number of witnesses, which is %d", len(file.Witnesses))
	}
}

func isOrigin(text string) bool {
	return len(text) >= 3 && len(text) <= 100 && strings.Contains(text, ".") && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".-/", r))
	}) && !strings.Contains(text, "//") && !strings.HasSuffix(text, "/")
}

func (l *loader) people() {
	handles, names := map[string]bool{}, map[string]bool{}
	for i, p := range l.d.People {
		at := func(field string) []string { return []string{"people", itoa(i), field} }
		if err := narthex.CheckName("a handle", p.Handle); err != nil || handles[p.Handle] {
			l.at("lab.yaml", at("handle"), "a handle is a lower-case name that stands once")
		}
		if strings.TrimSpace(p.Name) != p.Name || p.Name == "" || names[strings.ToLower(p.Name)] || mixedScript(p.Name) {
			l.at("lab.yaml", at("name"), "a name stands once, without spaces around it, in letters of one script")
		}
		if !strings.Contains(p.Email, "@") || strings.Count(p.Email, "@") > 1 {
			l.at("lab.yaml", at("email"), "an address has one @")
		}
		for j, role := range p.Roles {
			if !slices.Contains(narthex.Roles(), role) {
				l.at("lab.yaml", append(at("roles"), itoa(j)), "role %q is unknown; roles are %v", role, narthex.Roles())
			}
		}
		handles[p.Handle], names[strings.ToLower(p.Name)] = true, true
	}
	switch n := len(l.d.Custodians()); {
	case l.d.SingleCustodian && n != 1:
		l.at("lab.yaml", []string{"single_custodian"}, "with single_custodian there is exactly one custodian, not %d", n)
	case !l.d.SingleCustodian && n < 2:
		l.at("lab.yaml", []string{"people"}, "two people must have the role custodian, so that nobody changes this directory alone; a lab of one names a second from outside, or sets single_custodian: true")
	}
}

// mixedScript says whether a name has letters of more than one script.
func mixedScript(name string) bool {
	seen := ""
	for _, r := range name {
		if !unicode.IsLetter(r) {
			continue
		}
		for script, table := range unicode.Scripts {
			if script != "Common" && script != "Inherited" && unicode.Is(table, r) {
				if seen != "" && seen != script {
					return true
				}
				seen = script
			}
		}
	}
	return false
}

func (l *loader) asset(name string) {
	asset, ok := read[narthex.Asset](l, name, 0, l.files[name])
	if !ok {
		return
	}
	if string(asset.Name)+".yaml" != path.Base(name) {
		l.at(name, []string{"name"}, "the asset's name and the file's are the same")
		return
	}
	if asset.Kind == "weights" && asset.LifetimeBytes == 0 {
		asset.LifetimeBytes = l.d.Measure.Lifetime(asset.Bytes) // a hundredth of the size over a compression of a hundred, where lab.yaml says nothing else
	}
	l.d.Assets[asset.Name] = asset
}

func (l *loader) pathway(name string) {
	p, ok := read[narthex.Pathway](l, name, 0, l.files[name])
	if !ok {
		return
	}
	if string(p.Name)+".yaml" != path.Base(name) {
		l.at(name, []string{"name"}, "the pathway's name and the file's are the same")
		return
	}
	if p.Sponsor == "" {
		p.Sponsor = narthex.SponsorAllowed
	}
	if p.EscalateTo == "" {
		p.EscalateTo = string(narthex.Programme)
	}
	p.RestsOn = withConditions(p.RestsOn)
	for i, offer := range p.Offers {
		p.Offers[i] = withDefaults(l.d.Taxonomy, offer)
	}
	l.d.Pathways[p.Name] = p
}

// withDefaults sets the limits of an offer that are silent to the taxonomy's defaults, so that what is signed says all of it.
func withDefaults(t *narthex.Taxonomy, offer narthex.Offer) narthex.Offer {
	limits := maps.Clone(offer.Limits)
	if limits == nil {
		limits = map[narthex.LimitName]narthex.Range{}
	}
	attribute, _ := t.Attribute(offer.Attribute)
	for name, spec := range attribute.Limits {
		if _, set := limits[name]; !set && spec.Default != nil {
			limits[name] = narthex.Range{Default: *spec.Default}
		}
	}
	offer.Limits = limits
	return offer
}

type clauseFile struct {
	Title      string                       `json:"title"`
	Notice     bool                         `json:"notice"`
	Parameters map[string]narthex.Parameter `json:"parameters"`
}

// clause reads a Markdown file with front matter between two lines of three hyphens.
func (l *loader) clause(name string) {
	front, text, found := bytes.Cut(bytes.TrimPrefix(l.files[name], []byte("---\n")), []byte("\n---\n"))
	if !found || !bytes.HasPrefix(l.files[name], []byte("---\n")) {
		l.add(Problem{File: name, Line: 1, Column: 1, Message: "a clause begins with its front matter between two lines of ---"})
		return
	}
	file, ok := read[clauseFile](l, name, 1, front)
	if !ok {
		return
	}
	c := narthex.Clause{Name: narthex.ClauseName(strings.TrimSuffix(path.Base(name), ".md")), Title: file.Title, Notice: file.Notice, Parameters: file.Parameters, Text: string(text)}
	if err := narthex.CheckName("a clause", string(c.Name)); err != nil || c.Title == "" {
		l.at(name, nil, "a clause has a canonical file name and a title")
	}
	first := bytes.Count(front, []byte("\n")) + 4
	l.placeholders(name, first, c)
	for _, p := range slices.Sorted(maps.Keys(c.Parameters)) {
		l.parameter(name, c.Name, p, c.Parameters[p])
		if !strings.Contains(c.Text, "{{"+p+"}}") {
			l.at(name, []string{"parameters", p}, "parameter %s stands nowhere in the text", p)
		}
	}
	l.d.Clauses[c.Name] = c
}

func (l *loader) placeholders(name string, first int, c narthex.Clause) {
	for i, line := range strings.Split(c.Text, "\n") {
		for rest, column := line, 0; ; {
			start := strings.Index(rest, "{{")
			if start < 0 {
				break
			}
			end := strings.Index(rest[start:], "}}")
			inside := ""
			if end >= 0 {
				inside = rest[start+2 : start+end]
			}
			if _, known := c.Parameters[inside]; !known {
				l.add(Problem{File: name, Line: first + i, Column: column + start + 1, Message: "the placeholder here is none of the clause's parameters"})
			}
			if end < 0 {
				break
			}
			rest, column = rest[start+end+2:], column+start+end+2
		}
	}
}

// AssetNames gives the names of all assets in order.
func (d *Directory) AssetNames() []narthex.AssetName { return slices.Sorted(maps.Keys(d.Assets)) }

// PathwayList gives all pathways in order of their names.
func (d *Directory) PathwayList() []narthex.Pathway {
	var list []narthex.Pathway
	for _, name := range slices.Sorted(maps.Keys(d.Pathways)) {
		list = append(list, d.Pathways[name])
	}
	return list
}
