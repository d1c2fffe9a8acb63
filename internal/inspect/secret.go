package inspect

import "bytes"

// token is how a credential of some service looks: what it begins with, and what follows.
type token struct {
	service string
	begins  string
	of      string // the letters that follow: a range of base, as letterings names it
	least   int    // how many follow at least
	holds   string // what must stand among them
}

// tokens are the published forms of credentials.
var tokens = []token{
	{"cloud access key (AWS)", "AKIA", "A", 16, ""}, {"cloud access key (AWS)", "ASIA", "A", 16, ""},
	{"cloud access key (AWS)", "ABIA", "A", 16, ""}, {"cloud access key (AWS)", "ACCA", "A", 16, ""},
	{"cloud key (Google)", "AIza", "w", 35, ""}, {"client secret (Google)", "GOCSPX-", "w", 24, ""}, {"access token (Google)", "ya29.", "w", 20, ""},
	{"personal token (DigitalOcean)", "dop_v1_", "h", 64, ""}, {"access token (DigitalOcean)", "doo_v1_", "h", 64, ""}, {"refresh token (DigitalOcean)", "dor_v1_", "h", 64, ""},
	{"platform key (Heroku)", "HRKU-", "w", 32, ""}, {"platform token (Fly)", "fo1_", "w", 30, ""}, {"workspace token (Databricks)", "dapi", "h", 32, ""},
	{"infrastructure token (Pulumi)", "pul-", "h", 40, ""}, {"service token (Doppler)", "dp.", "d", 40, ""}, {"vault token (HashiCorp)", "hvs.", "w", 24, ""}, {"vault token (HashiCorp)", "hvb.", "w", 24, ""},
	{"git token (GitHub)", "ghp_", "a", 36, ""}, {"git token (GitHub)", "gho_", "a", 36, ""}, {"git token (GitHub)", "ghu_", "a", 36, ""},
	{"git token (GitHub)", "ghs_", "a", 36, ""}, {"git token (GitHub)", "ghr_", "a", 36, ""}, {"git token (GitHub)", "github_pat_", "w", 60, ""},
	{"git token (GitLab)", "glpat-", "w", 20, ""}, {"deploy token (GitLab)", "gldt-", "w", 20, ""}, {"runner token (GitLab)", "glrt-", "w", 20, ""},
	{"pipeline token (GitLab)", "glptt-", "w", 40, ""}, {"job token (GitLab)", "glcbt-", "w", 20, ""}, {"git password (Bitbucket)", "ATBB", "a", 32, ""}, {"API token (Atlassian)", "ATATT3", "w", 60, ""},
	{"chat token (Slack)", "xoxb-", "w", 16, ""}, {"chat token (Slack)", "xoxp-", "w", 16, ""}, {"chat token (Slack)", "xoxa-", "w", 16, ""},
	{"chat token (Slack)", "xoxr-", "w", 16, ""}, {"chat token (Slack)", "xoxs-", "w", 16, ""}, {"chat token (Slack)", "xapp-", "w", 16, ""},
	{"chat hook (Slack)", "hooks.slack.com/services/", "u", 20, ""}, {"chat hook (Discord)", "discord.com/api/webhooks/", "u", 60, ""},
	{"payment key (Stripe)", "sk_live_", "a", 20, ""}, {"payment key (Stripe)", "sk_test_", "a", 20, ""}, {"payment key (Stripe)", "rk_live_", "a", 20, ""},
	{"payment key (Stripe)", "rk_test_", "a", 20, ""}, {"payment hook (Stripe)", "whsec_", "b", 24, ""}, {"payment token (Square)", "sq0atp-", "w", 22, ""}, {"payment secret (Square)", "sq0csp-", "w", 40, ""},
	{"shop token (Shopify)", "shpat_", "h", 32, ""}, {"shop token (Shopify)", "shpca_", "h", 32, ""}, {"shop token (Shopify)", "shppa_", "h", 32, ""}, {"shop secret (Shopify)", "shpss_", "h", 32, ""},
	{"model key (Anthropic)", "sk-ant-", "w", 32, ""}, {"model key (OpenAI)", "sk-proj-", "w", 32, ""}, {"model key (OpenAI)", "sk-svcacct-", "w", 32, ""}, {"model key", "sk-or-", "w", 32, ""}, {"model key", "sk-", "a", 32, ""},
	{"model key (Hugging Face)", "hf_", "a", 30, ""}, {"model key (Replicate)", "r8_", "a", 36, ""}, {"model key (Groq)", "gsk_", "a", 40, ""}, {"model key (xAI)", "xai-", "a", 60, ""}, {"model key (Perplexity)", "pplx-", "a", 40, ""},
	{"package token (npm)", "npm_", "a", 36, ""}, {"package token (PyPI)", "pypi-AgE", "w", 50, ""}, {"package token (RubyGems)", "rubygems_", "h", 48, ""}, {"registry token (Docker)", "dckr_pat_", "w", 24, ""},
	{"mail key (SendGrid)", "SG.", "d", 60, "."}, {"mail key (Mailgun)", "key-", "h", 32, ""}, {"metrics key (New Relic)", "NRAK-", "a", 27, ""}, {"metrics token (Grafana)", "glsa_", "w", 32, ""}, {"metrics token (Grafana)", "glc_", "b", 32, ""},
	{"error token (Sentry)", "sntrys_", "b", 40, ""}, {"error token (Sentry)", "sntryu_", "h", 40, ""}, {"tracker key (Linear)", "lin_api_", "a", 32, ""}, {"notes token (Notion)", "ntn_", "a", 40, ""}, {"design token (Figma)", "figd_", "w", 36, ""}, {"API key (Postman)", "PMAK-", "w", 50, ""},
	{"signed token (JWT)", "eyJ", "d", 36, ".eyJ"}, {"secret key (age)", "AGE-SECRET-KEY-1", "A", 50, ""}, {"private key (PuTTY)", "PuTTY-User-Key-File-", "d", 1, ""},
	{"storage key (Azure)", "AccountKey=", "b", 80, ""}, {"storage signature (Azure)", "SharedAccessSignature=", "u", 40, ""},
	{"vault key (1Password)", "A3-", "k", 34, ""}, {"service token (1Password)", "ops_eyJ", "b", 200, ""}, {"client secret (Adobe)", "p8e-", "a", 32, ""}, {"cloud access key (Alibaba)", "LTAI", "a", 20, ""}, {"cloud access key (AWS)", "A3T", "A", 17, ""},
	{"model key (AWS)", "ABSK", "b", 109, ""}, {"model key (AWS)", "bedrock-api-key-", "b", 20, ""}, {"registry key (Artifactory)", "AKCp", "a", 69, ""}, {"registry token (Artifactory)", "cmVmd", "a", 59, ""}, {"database key (ClickHouse)", "4b1d", "a", 38, ""},
	{"package token (Clojars)", "CLOJARS_", "a", 60, ""}, {"package token (Clojars)", "clojars_", "a", 60, ""}, {"origin key (Cloudflare)", "v1.0-", "w", 150, ""}, {"travel token (Duffel)", "duffel_test_", "b", 43, ""}, {"travel token (Duffel)", "duffel_live_", "b", 43, ""},
	{"metrics token (Dynatrace)", "dt0c01.", "d", 80, ""}, {"postage key (EasyPost)", "EZAK", "a", 54, ""}, {"postage key (EasyPost)", "EZTK", "a", 54, ""}, {"page token (Facebook)", "EAAM", "a", 100, ""}, {"page token (Facebook)", "EAAC", "a", 100, ""},
	{"platform token (Fly)", "fm1a_", "b", 100, ""}, {"platform token (Fly)", "fm1r_", "b", 100, ""}, {"platform token (Fly)", "fm2_", "b", 100, ""}, {"video token (Frame.io)", "fio-u-", "b", 64, ""}, {"payment key (Flutterwave)", "FLWSECK_TEST-", "w", 12, ""}, {"payment key (Flutterwave)", "FLWPUBK_TEST-", "w", 32, ""},
	{"git token (GitLab)", "glffct-", "w", 20, ""}, {"git token (GitLab)", "glft-", "w", 20, ""}, {"git token (GitLab)", "glimt-", "w", 20, ""}, {"git token (GitLab)", "glagent-", "w", 20, ""}, {"git token (GitLab)", "gloas-", "w", 20, ""}, {"git token (GitLab)", "glsoat-", "w", 20, ""}, {"runner token (GitLab)", "GR1348941", "w", 20, ""}, {"session (GitLab)", "gitlab_session=", "a", 32, ""},
	{"pipeline key (Harness)", "pat.", "d", 60, "."}, {"pipeline key (Harness)", "sat.", "d", 60, "."}, {"infrastructure token (HashiCorp)", "atlasv1.", "b", 60, ""}, {"vault token (HashiCorp)", "s.", "a", 24, ""}, {"model key (Hugging Face)", "api_org_", "a", 34, ""}, {"cost key (Infracost)", "ico-", "a", 32, ""},
	{"client secret (42)", "s-s4t2ud-", "h", 64, ""}, {"client secret (42)", "s-s4t2af-", "h", 64, ""}, {"signed token (JWT)", "ZXlK", "b", 20, ""}, {"metrics key (Grafana)", "eyJrIjoi", "b", 70, ""}, {"metrics key (New Relic)", "NRJS-", "h", 19, ""}, {"metrics key (New Relic)", "NRII-", "w", 32, ""}, {"deployment key (Octopus)", "API-", "A", 26, ""},
	{"model key (OpenAI)", "sk-admin-", "w", 40, ""}, {"cluster token (OpenShift)", "sha256~", "w", 43, ""}, {"database token (PlanetScale)", "pscale_tkn_", "q", 32, ""}, {"database token (PlanetScale)", "pscale_oauth_", "q", 32, ""}, {"database password (PlanetScale)", "pscale_pw_", "q", 32, ""}, {"workflow key (Prefect)", "pnu_", "a", 36, ""},
	{"documents key (ReadMe)", "rdme_", "a", 70, ""}, {"platform token (Scalingo)", "tk-us-", "w", 48, ""}, {"mail key (Brevo)", "xkeysib-", "w", 64, ""}, {"mail key (SendGrid)", "SG.", "q", 66, ""}, {"chain token (SettleMint)", "sm_aat_", "a", 16, ""}, {"chain token (SettleMint)", "sm_pat_", "a", 16, ""}, {"chain token (SettleMint)", "sm_sat_", "a", 16, ""},
	{"postage token (Shippo)", "shippo_live_", "h", 40, ""}, {"postage token (Shippo)", "shippo_test_", "h", 40, ""}, {"chat token (Slack)", "xoxe-", "w", 40, ""}, {"chat token (Slack)", "xoxe.", "d", 40, ""}, {"code token (Sourcegraph)", "sgp_", "w", 40, ""}, {"payment token (Square)", "EAAA", "w", 22, ""}, {"messages key (Twilio)", "SK", "h", 32, ""},
	{"posts token (X)", "AAAAAAAAAAAAAAAAAAAAAA", "u", 80, ""}, {"forms token (Typeform)", "tfp_", "b", 59, ""}, {"cloud token (Yandex)", "t1.", "q", 80, ""}, {"cloud key (Yandex)", "AQVN", "w", 35, ""}, {"cloud key (Yandex)", "YC", "w", 38, ""}, {"chat hook (Teams)", "webhook.office.com/webhookb2/", "u", 8, ""}, {"tables token (Airtable)", "pat", "d", 79, "."},
	{"key of this gateway", "nx_", "a", 24, ""},
}

// letterings are the alphabets that tokens name.
var letterings = map[string][256]bool{
	"A": marks("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
	"a": marks(alphanumeric),
	"h": marks("0123456789abcdefABCDEF"),
	"w": marks(alphanumeric + "_-"),
	"d": marks(alphanumeric + "_-."),
	"k": marks("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"),
	"q": marks(alphanumeric + "_-.="),
	"b": marks(alphanumeric + "+/=_-"),
	"u": marks(alphanumeric + "_-./%?&=+"),
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// beginnings are the tokens by their first letter, and a bit for each two first letters.
var beginnings = begun()

type begin struct {
	by    [128][]token
	pairs [128][2]uint64
}

func begun() (b begin) {
	for _, t := range tokens {
		first, second := t.begins[0], t.begins[1]
		b.by[first] = append(b.by[first], t)
		b.pairs[first][second>>6] |= 1 << (second & 63)
	}
	return b
}

// What a byte may mean to the look for secrets.
const (
	inWord = 1 << iota
	assigns
	dashes
)

var meanings = func() (table [256]uint8) {
	for c := range table {
		if folds[c] != 0 {
			table[c] |= inWord
		}
	}
	table[':'] |= assigns
	table['='] |= assigns
	table['-'] |= dashes
	return table
}()

// secrets looks for credentials: the forms of tokens, private keys, passwords in addresses, and what a name calls a secret.
func (l *look) secrets(p piece) {
	b := p.bytes
	before := uint8(0)
	for i, c := range b {
		m := meanings[c]
		switch {
		case m&inWord != 0:
			if before&inWord == 0 && i+8 < len(b) {
				if second := b[i+1]; second < 128 && beginnings.pairs[c][second>>6]>>(second&63)&1 != 0 {
					l.token(p, i)
				}
			}
		case m == 0:
		case m&assigns != 0:
			l.assigned(p, i)
		case m&dashes != 0 && c == '-' && before&dashes == 0:
			if rest := b[i:min(len(b), i+64)]; len(rest) > 20 && bytes.HasPrefix(rest, []byte("-----BEGIN ")) && bytes.Contains(rest, []byte("PRIVATE KEY")) {
				l.find(p, i, Secret, "secret: private key", "it holds the head of a private key in PEM")
			}
		}
		before = m
	}
}

// token looks at a place for the form of a credential.
func (l *look) token(p piece, at int) {
	rest := p.bytes[at:]
	for _, t := range beginnings.by[rest[0]] {
		if len(rest) < len(t.begins)+t.least || string(rest[:len(t.begins)]) != t.begins {
			continue
		}
		of := letterings[t.of]
		n := len(t.begins)
		for n < len(rest) && n < 400 && of[rest[n]] {
			n++
		}
		if n-len(t.begins) >= t.least && bytes.Contains(rest[len(t.begins):n], []byte(t.holds)) {
			l.find(p, at, Secret, "secret: "+t.service, "it has the form of a credential: "+t.service)
			return
		}
	}
}

// assigned looks around a colon or an equals sign for a name that says secret and a value that is drawn by lot, and for an address with a
// password.
func (l *look) assigned(p piece, at int) {
	b := p.bytes
	if at+2 < len(b) && b[at] == ':' && b[at+1] == '/' && b[at+2] == '/' {
		rest := b[at+3 : min(len(b), at+160)]
		if end := bytes.IndexAny(rest, "@/ \n\"'<>,"); end > 0 && rest[end] == '@' {
			if name, password, is := bytes.Cut(rest[:end], []byte(":")); is && len(name) > 0 && len(password) > 0 {
				l.find(p, at, Secret, "secret: password in an address", "an address names a user with a password")
			}
		}
		return
	}
	from := at + 1
	for from < len(b) && from < at+5 && (b[from] == ' ' || b[from] == '"' || b[from] == '\'' || b[from] == '=' || b[from] == '\\' || b[from] == '>') {
		from++
	}
	to, digits, small, capital, other := from, 0, 0, 0, 0
	for ; to < len(b) && to < from+200; to++ {
		switch c := b[to]; {
		case c >= '0' && c <= '9':
			digits++
			continue
		case c >= 'a' && c <= 'z':
			small++
			continue
		case c >= 'A' && c <= 'Z':
			capital++
			continue
		case bytes.IndexByte([]byte("_-+/=.!#$%&*@^~?"), c) >= 0:
			other++
			continue
		}
		break
	}
	if n := to - from; n < 8 || small+capital < 2 || digits < 1 || digits+other == n {
		return
	}
	end := at
	for end > 0 && at-end < 4 && sign[b[end-1]] == 0 && b[end-1] != '\n' {
		end--
	}
	start := end
	for start > 0 && end-start < 48 && (folds[b[start-1]] != 0 || b[start-1] == '_' || b[start-1] == '-' || b[start-1] == '.') {
		start--
	}
	var space [48]byte
	name := space[:0]
	for _, c := range b[start:end] {
		if folds[c] != 0 {
			name = append(name, c|0x20)
		}
	}
	for _, word := range []string{"password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "accesskey", "privatekey", "authkey", "credential", "bearer", "authorization"} {
		if bytes.Contains(name, []byte(word)) && (word[0] == 'p' || drawnByLot(b[from:to])) {
			l.find(p, from, Secret, "secret: named so", "a name that says "+word+" is given a value that looks drawn by lot")
			return
		}
	}
}

// drawnByLot says whether a value has many different letters, and reads as no language.
func drawnByLot(value []byte) bool {
	var set [4]uint64
	distinct, cost, prev := 0, 0, 0
	for _, c := range value {
		if set[c>>6]>>(c&63)&1 == 0 {
			set[c>>6] |= 1 << (c & 63)
			distinct++
		}
		s := int(sign[c])
		switch {
		case s == digit:
			cost, prev = cost+figure+2, 0
		case s >= 1 && s < digit:
			cost, prev = cost+int(costs[prev*32+s]), s
		default:
			prev = 0
		}
	}
	return len(value) >= 12 && distinct >= 8 && cost >= 10*len(value)
}
