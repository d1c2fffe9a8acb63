package demo

import (
	"fmt"
	"strings"

	"narthex/demo/minilab"
	"narthex/internal/lab"
)

// directory is the demonstration's lab directory: the shipped clauses, guardrails and environments, made-up people, and the miniature
// lab's two models. The bytes of minim-1's checkpoints lie in the folders given by their names.
func directory(upstream, credentialFile string, folders map[string]folder) (lab.Files, error) {
	template, err := lab.Template()
	if err != nil {
		return nil, err
	}
	files := lab.Files{}
	for name, data := range template {
		if first, _, _ := strings.Cut(name, "/"); first == "clauses" || first == "guardrails" || first == "environments" {
			files[name] = data
		}
	}
	files["lab.yaml"] = []byte(labYAML)
	files["pathways/interpretability.yaml"] = []byte(pathwayYAML)
	files["assets/minim-1.yaml"] = fmt.Appendf(nil, assetYAML, "minim-1", "minim-1, a model of 1.35 million parameters", 100_000, "behav, small", "internal", "final", checkpoints(folders), upstream, credentialFile)
	files["assets/codename-porch.yaml"] = fmt.Appendf(nil, assetYAML, "codename-porch", "a model that is not announced", 0, "behav, small", "restricted", "only", `
  - {name: only, upstream: codename-porch}`, upstream, credentialFile)
	return files, nil
}

// checkpoints are the versions of minim-1, with their bytes for jobs.
func checkpoints(folders map[string]folder) string {
	titles := map[string]string{"early": "a tenth of the training", "middle": "a third of the training", "final": "the whole training"}
	var out strings.Builder
	for _, name := range minilab.Checkpoints() {
		fmt.Fprintf(&out, "\n  - {name: %s, title: %s, upstream: minim-1@%s, folder: %q, digest: %q}", name, titles[name], name, folders[name].path, folders[name].digest)
	}
	return out.String()
}

const labYAML = `# The demonstration's lab. Everyone here is made up.
name: Minim Lab
origin: ledger.minim-lab.test
# How long the access given would need to carry a model out, and who must approve what is faster: docs/horizon.md.
compression_factor: 100
theft_fraction: 0.01
horizons:
  internal: {days: 30, reviewers: [security]}
  restricted: {days: 365, reviewers: [security]}
people:
  - {handle: carol, name: Carol Custodian, email: carol@minim-lab.test, roles: [custodian, programme], region: de}
  - {handle: dan, name: Dan Director, email: dan@minim-lab.test, roles: [custodian, signatory], region: de}
  - {handle: olga, name: Olga Owner, email: olga@minim-lab.test, roles: [asset_owner], region: de}
  - {handle: sam, name: Sam Security, email: sam@minim-lab.test, roles: [security], region: de}
  - {handle: lea, name: Lea Ledger, email: lea@minim-lab.test, roles: [auditor], region: de}
  - {handle: paul, name: Paul Partner, email: paul@minim-lab.test, roles: [sponsor, security], region: de}
`

const assetYAML = `name: %s
title: %s
kind: model
owner: olga
bytes: 2710032
lifetime_bytes: %d
leak: [%s]
label: %s
context: 256
token_bytes: 1
default: %s
versions:%s
upstream:
  url: %s
  credential_file: %q
`

const pathwayYAML = `name: interpretability
title: Interpretability research
summary: Sample a model and its checkpoints, with log-probabilities, to study how it works.
who: Researchers of universities, institutes and charities.
criteria:
  - the question cannot be answered with public models
  - the results will be published
questions:
  - {name: project, ask: What do you want to find out?, required: true, max_chars: 6000}
  - {name: need, ask: Why does it need this access and nothing less?, required: true, max_chars: 3000}
offers:
  - attribute: model.sample
    assets: [minim-1]
    limits:
      max_tokens: {default: 256, least: 1, most: 256}
      n: {default: 2, least: 1, most: 4}
      tokens: {default: 2000, least: 1, most: 1000000}
      tokens_per_day: {default: 1000000, least: 1, most: 1000000}
  - attribute: model.logprobs
    assets: [minim-1]
    limits:
      top_k: {default: 5, least: 0, most: 5}
      decimals: {default: 2, least: 0, most: 4}
  - attribute: model.checkpoints
    assets: [minim-1]
    limits:
      checkpoints: {default: [early, middle, final], names: [early, middle, final]}
  - attribute: model.system_prompt
    assets: [minim-1]
    limits:
      max_chars: {default: 200, least: 0, most: 200}
  - attribute: model.seed
    assets: [minim-1]
  - attribute: weights.compute
    assets: [minim-1]
    limits:
      cpu_hours: {default: 1, least: 0, most: 10}
      wall_minutes: {default: 10, least: 1, most: 60}
      memory_mb: {default: 2048, least: 64, most: 4096}
      bytes_out: {default: 20000, least: 0, most: 20000}
  - attribute: weights.diff
    assets: [minim-1]
    limits:
      statistics: {default: [shape, l2, distance, cosine], names: [shape, mean, std, max_abs, l2, spectral_norm, stable_rank, singular_values, distance, cosine, changed]}
      digits: {default: 3, least: 1, most: 4}
      bytes_out: {default: 20000, least: 0, most: 20000}
  - attribute: output.release
    assets: [minim-1]
    limits:
      artefacts: {default: [table, text, figure], names: [table, text, figure]}
      bytes_out: {default: 20000, least: 0, most: 20000}
not_offered: Write to the programme manager (Carol Custodian) if your question needs it; another pathway may fit.
reviews:
  - {role: asset_owner, quorum: 1}
  - {role: security, quorum: 1}
rests_on:
  - {kind: affiliation}
  - {kind: recertification}
clauses:
  - {clause: purpose}
  - {clause: confidentiality}
  - {clause: results-and-ip}
  - {clause: publication-review}
  - {clause: liability, values: {cap: 50000 EUR}}
  - {clause: data-and-monitoring}
  - {clause: data-protection, values: {basis: public interest}}
  - {clause: use-limits}
  - {clause: termination-and-return}
review_days: 15
expected_days: 10
grant_days: 180
most_days: 365
content_log: none
appeal_to: Carol Custodian, the programme manager
appeal_days: 10
institution: true
`
