# Scratch's make targets. CI calls the same ones and nothing else.
# What a target needs beyond Go, make and (for the page) npm, it brings itself:
# see tools/README.md and tools/testenv.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN     := bin
TESTENV := $(BIN)/testenv
# go test ends a package that hangs, with every goroutine's stack.
TEST_TIMEOUT ?= 30m
# What to test; for one package: make test-go PKG=./models/store. Those that take
# longest come first, and one more package runs than there are processors: tests
# against real servers wait more than they compute.
PKG  ?= ./drill ./worker ./models/store ./connectors/postgres ./...
SIDE_BY_SIDE ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
ARGS ?=

## help: show the targets
.PHONY: help
help:
	@echo "Scratch: make <target>"
	@sed -n 's/^## \([a-z0-9-]*\): /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "  %-15s %s\n", $$1, $$2 }'

## dev: build and run everything on this machine (ARGS="--port 3020")
.PHONY: dev
dev: build
	@exec $(BIN)/scratch dev $(ARGS)

# Without cgo: the SQLite driver is pure Go, the binary static, and no C compiler
# is needed.
## build: build the page and the scratch binary into bin/
.PHONY: build
build: web
	@mkdir -p $(BIN)
	@[ -x $(BIN)/scratch ] || echo "build: compiling; the first time takes some minutes"
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./cmd/...

## web: build the page, when npm is there (else the binary carries a note)
.PHONY: web
web:
	@tools/web.sh build

## test: run every test on real servers it sets up: the page's, the browser's, Go's
.PHONY: test
test: test-web e2e test-go

## test-go: run the Go tests with the race detector (PKG=./models/store for one)
.PHONY: test-go
test-go: web $(TESTENV)
	@$(TESTENV) go test -race -shuffle=on -p $(SIDE_BY_SIDE) -timeout $(TEST_TIMEOUT) $(PKG) $(ARGS) \
		| grep --line-buffered -vF '[no test files]'

## test-web: run the page's own tests
.PHONY: test-web
test-web:
	@tools/web.sh test

# The second run is production's shape (drill/page_test.go), with the same tests;
# SCRATCH_E2E_TESTS="publish live" runs some of them there. The third looks into
# Temporal's Web UI.
## e2e: drive bin/scratch with a browser, alone and as a fleet
.PHONY: e2e
e2e: build $(TESTENV)
	@$(TESTENV) tools/web.sh e2e
	@$(TESTENV) go test -count=1 -timeout $(TEST_TIMEOUT) -tags e2e -run '^TestThePageOnAFleet$$' -v ./drill
	@$(TESTENV) go test -count=1 -tags e2e -run '^TestOperatorsReadPayloadsInTheWebUI$$' -v ./deploy

## lint: check formatting, lint, workflow determinism
.PHONY: lint
lint:
	@tools/lint.sh

## fmt: format the code as lint wants it
.PHONY: fmt
fmt:
	@"$$(go run ./tools/toolpath golangci-lint)" fmt

## vuln: look for known vulnerabilities (needs the Go vulnerability database)
.PHONY: vuln
vuln:
	@go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... \
		|| { echo "vuln: govulncheck found something above, or its database could not be reached"; exit 1; }

## gen: regenerate what is generated and committed
.PHONY: gen
gen:
	go generate ./...

## bench: run the benchmarks on real servers (figures for docs/performance.md)
.PHONY: bench
bench: $(TESTENV)
	@$(TESTENV) go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./bench/... $(ARGS)

## kill: SIGKILL drills with many seeds (SCRATCH_KILL_SEEDS each, 20)
.PHONY: kill
kill: web $(TESTENV)
	@SCRATCH_KILL_SEEDS=$${SCRATCH_KILL_SEEDS:-20} $(TESTENV) go test -count=1 -tags kill -timeout 120m -run '^TestKill' -v $(PKG) $(ARGS)

## mutate: break each line that keeps a promise and expect a red test
.PHONY: mutate
mutate: $(TESTENV)
	@$(TESTENV) go run ./tools/mutate $(ARGS)

## fuzz: fuzz every target for a while (FUZZTIME=30s each)
.PHONY: fuzz
fuzz:
	@tools/fuzz.sh

## image: build the image (IMAGE=scratch:local)
IMAGE ?= scratch:local
.PHONY: image
image:
	docker build -f deploy/Dockerfile -t "$(IMAGE)" .

## upgrade: put an image into service on this machine (IMAGE=…; docs/deploy.md)
.PHONY: upgrade
upgrade:
	@deploy/upgrade.sh deploy "$(IMAGE)"

## remote-migrate: run an image's migrations on DEPLOY_HOST
.PHONY: remote-migrate
remote-migrate:
	@deploy/remote.sh migrate "$(IMAGE)"

## remote-deploy: put an image into service on DEPLOY_HOST
.PHONY: remote-deploy
remote-deploy:
	@deploy/remote.sh deploy "$(IMAGE)"

## remote-rollback: send new runs on DEPLOY_HOST back to the build before
.PHONY: remote-rollback
remote-rollback:
	@deploy/remote.sh rollback

$(TESTENV): FORCE
	@mkdir -p $(BIN)
	@go build -o $@ ./tools/testenv

.PHONY: FORCE
FORCE:
