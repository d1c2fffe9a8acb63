# What a newcomer needs: make demo, make test. Everything else is called by them.

export CGO_ENABLED = 0
GO      ?= go
RELEASE := $(shell cat VERSION)
VERSION ?= $(RELEASE)+$(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo local)
# Code comes from the modules that go.mod and go.sum name, and a build writes neither.
export GOFLAGS = -mod=readonly -buildvcs=false
CORPUS   = demo/minilab/generated/pretrain.jsonl.gz
FUZZTIME ?= 20s
# What people wait for and not machines is built without functions copied into each other: a fortieth of the program less, which keeps it
# below the size that a release may have.
LEAN = $(foreach part,demo client internal/cli internal/office internal/lab internal/agreement internal/workflow internal/api internal/statement internal/evidence internal/notice internal/report internal/courier,-gcflags=narthex/$(part)=-l)
# Debian packages that the demonstration and the tests use, by the command or the file that each brings. The tests start PostgreSQL
# themselves: PGCONF keeps Debian from making and starting a cluster of its own, where PostgreSQL was not set up before. They start
# the mail server themselves too: MAILCONF keeps Debian from setting one up and starting it.
PACKAGES = curl:curl git:git node:nodejs /usr/lib/postgresql/15/bin/initdb:postgresql-15 /usr/sbin/exim4:exim4-daemon-light bwrap:bubblewrap /usr/bin/python3:python3 /usr/lib/python3/dist-packages/numpy:python3-numpy
PGCONF   = /etc/postgresql-common/createcluster.conf
MAILCONF = exim4-config exim4/dc_eximconfig_configtype select no configuration at this time

.PHONY: demo test build worker release dependencies setup unit vet interop fuzz bench rigs planted once clean

demo: build
	@bin/narthex demo

# once tells the story, checks each step, and ends.
once: build
	@bin/narthex demo --once

build: setup dependencies $(CORPUS)
	$(GO) build -trimpath $(LEAN) -ldflags "-s -w -X main.version=$(VERSION)" -o bin/narthex ./cmd/narthex

# worker tests and builds the program that executes SQL, which is C++ within: a module and a program of its own. No door asks it yet.
worker: setup
	@command -v g++ >/dev/null || { echo "installing g++"; if [ "$$(id -u)" = 0 ]; then root=; else root=sudo; fi; \
		$$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++; }
	cd worker && CGO_ENABLED=1 $(GO) vet . && CGO_ENABLED=1 $(GO) test . && \
		CGO_ENABLED=1 $(GO) build -trimpath -ldflags '-s -w -linkmode external -extldflags "-static"' -o ../bin/narthex-worker .

# release makes the files of a release in dist: one program an architecture, the bill of materials and the checksums. The
# builder's own settings reach none of it, and the packing refuses a program that was built otherwise.
ARCHES = amd64 arm64
release: export GOTOOLCHAIN = $(shell sed -n 's/^toolchain //p' go.mod)
release: export GOWORK = off
release: export GOAMD64 = v1
release: export GOARM64 = v8.0
release: export GOEXPERIMENT =
release: export GOFIPS140 = off
release: setup dependencies $(CORPUS)
	rm -rf dist && mkdir dist
	for arch in $(ARCHES); do \
		GOOS=linux GOARCH=$$arch $(GO) build -trimpath $(LEAN) -ldflags "-s -w -X main.version=$(RELEASE)" -o dist/narthex-$(RELEASE)-linux-$$arch ./cmd/narthex || exit 1; done
	$(GO) run ./internal/release/mkrelease pack -version $(RELEASE) dist

# dependencies compares what go.mod names with docs/dependencies.md.
dependencies: setup
	@$(GO) run ./internal/release/mkrelease dependencies

$(CORPUS):
	@echo "building the pre-training corpus from the Go toolchain's doc comments"
	cd demo/minilab && $(GO) run ./gencorpus generated/pretrain.jsonl.gz

# setup installs what is missing, and says so; where nothing is missing it does nothing.
setup:
	@command -v $(GO) >/dev/null || { echo "narthex needs Go 1.26 or later: https://go.dev/dl"; exit 1; }
	@missing=""; for pair in $(PACKAGES); do command -v $${pair%%:*} >/dev/null || test -e $${pair%%:*} || missing="$$missing $${pair##*:}"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
		if [ "$$(id -u)" = 0 ]; then root=; else root=sudo; fi; \
		case "$$missing" in *postgresql*) test -e $(PGCONF) || { $$root mkdir -p $(dir $(PGCONF)) && echo "create_main_cluster = false" | $$root tee $(PGCONF) >/dev/null; } ;; esac; \
		case "$$missing" in *exim4*) echo "$(MAILCONF)" | $$root debconf-set-selections ;; esac; \
		$$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends $$missing; fi

test: build vet unit interop fuzz once

vet:
	$(GO) vet ./...
	@test -z "$$(gofmt -l . )" || { echo "not formatted:"; gofmt -l .; exit 1; }

unit:
	$(GO) test -timeout 40m ./...

# interop runs stock clients, in a module of their own, against the built program.
interop: build
	cd test/openai && $(GO) test -timeout 10m ./...
	cd test/gitleaks && $(GO) test -timeout 10m ./...

# fuzz gives every decoder FUZZTIME; `make fuzz FUZZTIME=10m` is the long form.
fuzz:
	@sh test/fuzz.sh $(FUZZTIME)

# bench measures the door beside a bare reverse proxy, appends beside one fdatasync, proofs at a million entries, a job's start
# beside bubblewrap alone, and verifying and looking through files on one core.
bench: build
	$(GO) test -run xxx -bench . -benchtime 3s ./internal/server ./internal/journal ./policy ./internal/gateway/... ./internal/sandbox/bubblewrap
	$(GO) test -run xxx -bench . -benchtime 3s -cpu 1 ./ledger ./demo/minilab ./internal/inspect/...
	cd test/gitleaks && $(GO) test -run xxx -bench . -benchtime 3s -cpu 1 .

# rigs runs the long forms of the rigs; docs/rigs.md says what each does. The story with every fault takes longest: NARTHEX_SHARD=1/8 to 8/8 takes an eighth of it each.
rigs: build
	NARTHEX_RIG=long $(GO) test -timeout 6h -run 'Rig' -v ./ledger ./internal/wire ./internal/upstream ./internal/gateway/model ./internal/release ./internal/server ./internal/audit ./internal/journal ./internal/store/... ./policy ./internal/workflow ./internal/inspect ./test/planted ./demo

# planted plants every known mistake in turn, and demands that its rig finds it; docs/rigs.md lists them.
planted: setup
	NARTHEX_RIG=long $(GO) test -timeout 2h -run 'TestRigPlantedBugs' -v ./test/planted

clean:
	rm -rf bin dist $(CORPUS)
