# Everything that is done to this repository, by `make <target>`. `make help`
# lists the targets.

# The modules of the workspace; tools is apart, see tools/doc.go.
MODULES  := $(shell sed -n 's|^[[:space:]]*\./||p' go.work)
PACKAGES := $(MODULES:%=./%/...)

# make test RACE=          without the race detector (and a C compiler)
# make test TEST='-run X'  further flags of go test
# make bench BENCH=Load COUNT=10
# make fuzz FUZZTIME=1m
# make run ARGS='-dsn postgres://…'
# make bench-scale ARGS='-only reads,list'
RACE     ?= -race -gcflags=modernc.org/...=-race=false
TEST     ?=
BENCH    ?= .
COUNT    ?= 6
FUZZTIME ?= 10s
ARGS     ?=

# Legible in GitHub's light and dark mode, at the width of a page there.
D2FLAGS  := --omit-version --scale 1 --pad 8 --theme 0 --dark-theme 200 --elk-nodeNodeBetweenLayers 24 \
	--elk-edgeNodeBetweenLayers 16 --elk-padding '[top=50,left=20,bottom=20,right=20]'

# For what hangs: on a busy machine, a package takes longer than the 10 minutes of go test.
TIMEOUT  := -timeout 1h
# One package more than there are processors: most wait for servers now and then.
PARALLEL ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
GOTEST   := go test -p $(PARALLEL) $(TIMEOUT) $(RACE) $(TEST)

# What the tests run, as Debian calls it: no server that the environment names already.
PROGRAMS := sqlite3 curl prometheus caddy pgbouncer chromium $(if $(RACE),gcc) $(if $(TENANTSTORE_POSTGRES),,postgresql) \
	$(if $(TENANTSTORE_MYSQL),,mariadb-server) $(if $(TENANTSTORE_VALKEY),,valkey-server) $(if $(TENANTSTORE_REDIS),,redis-server)
TOOL     := cd tools && GOWORK=off go run

.DEFAULT_GOAL := help
.PHONY: help run test test-32bit test-embedded test-soak programs servers check build vet fmt fmt-check lint \
	tidy tidy-check test-isolated modules-check core-deps-check doc-check pictures pictures-check api-check verify-release release-tags bench bench-scale bench-compare fuzz cover clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# exec, and not go run, which ends at a SIGTERM and leaves the service behind.
run: ## start the example service
	go build -buildvcs=false -o bin/quickstart ./examples/quickstart && exec bin/quickstart $(ARGS)

test: check test-32bit bin/withservers ## everything: quick checks, then all tests with real servers
	TENANTSTORE_REQUIRE_SERVERS=1 bin/withservers $(GOTEST) $(PACKAGES)
	cd tools && GOWORK=off $(GOTEST) ./...

test-32bit: ## core as on a processor of 32 bits, where this one can run it; the other modules are compiled
	@set -e; for m in $(MODULES); do echo "for 32 bits: compiling and vetting $$m"; (cd $$m && GOARCH=386 GOWORK=off go vet ./...) || { echo "in module $$m"; exit 1; }; done
	@cd core && if GOARCH=386 GOWORK=off go test -run '^$$' ./tenancy >/dev/null 2>&1; then echo "for 32 bits: testing core"; GOARCH=386 GOWORK=off go test $(TIMEOUT) ./...; \
		else echo "this machine runs no programs of 32 bits: compiled only"; fi

test-embedded: check bin/gotestsum ## the tests that need no server; the others skip, and are listed
	env -u CI -u TENANTSTORE_REQUIRE_SERVERS -u TENANTSTORE_POSTGRES -u TENANTSTORE_MYSQL -u TENANTSTORE_VALKEY -u TENANTSTORE_REDIS \
		bin/gotestsum --format standard-quiet -- $(TIMEOUT) $(TEST) $(PACKAGES)

# The race detector would cost ten of eleven reads; make test has it.
SOAK ?= -soak.reads=10000000
test-soak: bin/withservers ## the long forms: stacks on every database under faults; SOAK='-soak.reads=N' or '-soak.time=D', -soak.seed=S
	TENANTSTORE_REQUIRE_SERVERS=1 bin/withservers go test -timeout 0 -v -run '^TestSoak' $(TEST) ./integration/stacks $(SOAK)
	TENANTSTORE_REQUIRE_SERVERS=1 bin/withservers go test -timeout 0 $(RACE) -run '^Test(Conformance|Linearizable)$$' $(TEST) ./integration/stacks -full
	TENANTSTORE_REQUIRE_SERVERS=1 bin/withservers go test -timeout 0 -v $(RACE) -run '^TestChurn$$' $(TEST) ./integration/isolation -full
	TENANTSTORE_SOAK=1 go test -timeout 0 -v -run '^Test(SlugScan|ReadsDoNotGoBack)$$' $(TEST) ./adapters/ristretto/ristrettotier

programs: ## install what the tests run and is not there: as root, on Debian
	integration/servers/install.sh $(PROGRAMS)

servers: bin/withservers ## start the servers of the tests and say where, until ^C
	bin/withservers

check: fmt-check modules-check core-deps-check doc-check pictures-check tidy-check vet test-isolated ## the checks that need no server

build: ## compile everything
	go build $(PACKAGES)

vet: ## go vet everything
	go vet $(PACKAGES)
	cd tools && GOWORK=off go vet ./...

fmt: ## format everything
	gofmt -w $(MODULES) tools

fmt-check: ## fail if something is not formatted
	@files=$$(gofmt -l $(MODULES) tools) && test -z "$$files" || { echo "run make fmt: $$files"; exit 1; }

lint: bin/golangci-lint ## run the linters of .golangci.yml
	bin/golangci-lint run $(PACKAGES)
	cd tools && GOWORK=off ../bin/golangci-lint run ./...

tidy: ## go mod tidy in every module
	@set -e; for m in $(MODULES) tools; do (cd $$m && GOWORK=off go mod tidy); done

tidy-check: ## fail if go mod tidy would change a module
	@set -e; for m in $(MODULES) tools; do echo "go mod tidy -diff in $$m"; (cd $$m && GOWORK=off go mod tidy -diff) || { echo "run make tidy: $$m"; exit 1; }; done

test-isolated: ## build and vet every module by itself, as its users do
	@set -e; for m in $(MODULES); do echo "by itself: building and vetting $$m"; (cd $$m && GOWORK=off go build -o /dev/null ./... && GOWORK=off go vet ./...) || { echo "in module $$m"; exit 1; }; done

modules-check: ## compare the go.mod files, go.work and versions.txt
	$(TOOL) ./cmd/modcheck ..

core-deps-check: ## fail if core depends on anything
	@! grep -nE '^[[:space:]]*(require|replace|tool)\>' core/go.mod

doc-check: ## fail if the documentation names a test or links to a file that is not there, or its Go code does not compile
	$(TOOL) ./cmd/doccheck ..

# What the pictures are made from, and what is made of it.
PICTURES := tools/d2.mod $(sort $(wildcard docs/images/*.d2)) $(patsubst %.d2,%.svg,$(sort $(wildcard docs/images/*.d2)))

pictures: bin/d2 ## draw docs/images/*.svg from docs/images/*.d2
	bin/d2 fmt docs/images/*.d2
	set -e; for p in docs/images/*.d2; do bin/d2 $(D2FLAGS) $$p $${p%.d2}.svg; done
	git hash-object $(PICTURES) >docs/images/hashes

pictures-check: ## fail if make pictures was not run after a picture's text was edited
	@git hash-object $(PICTURES) | cmp -s - docs/images/hashes || { echo "run make pictures"; exit 1; }

api-check: bin/apidiff ## compare the API of each released module with its last tag
	tools/apicheck.sh bin/apidiff

verify-release: modules-check api-check ## publish what is committed to a proxy of files, and let strangers build and run it
	$(TOOL) ./cmd/verifyrelease ..

release-tags: ## print the tags that versions.txt names and that are not there yet
	@awk '!/^#/ && $$3 == "yes" { print $$1 "/" $$2 }' versions.txt | \
		while read -r tag; do git rev-parse -q --verify "refs/tags/$$tag" >/dev/null || echo "$$tag"; done

bench: bin/withservers ## benchmarks with real servers, in the form of benchstat
	TENANTSTORE_REQUIRE_SERVERS=1 bin/withservers go test $(TIMEOUT) -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(TEST) $(PACKAGES)

bench-compare: bin/withservers ## the same work with what one would otherwise use, in turns; writes docs/comparison.md, in minutes
	TENANTSTORE_REQUIRE_SERVERS=1 bin/withservers go test -timeout 0 -v -run '^TestComparison$$' $(TEST) ./integration/comparison -full

bench-scale: bin/withservers ## how cost grows up to a million tenants, in 10 minutes; writes docs/benchmarks.md; ARGS='-only reads', ARGS=-continue
	bin/withservers go run ./integration/scale $(ARGS)

# go test -fuzz takes one target of one package.
fuzz: ## run every fuzz target for FUZZTIME
	@grep -roE --include='*_test.go' '^func Fuzz[[:alnum:]_]*' $(MODULES) | sort | sed 's|^\(.*\)/[^/]*:func \(.*\)|./\1 \2|' | \
		while read -r package target; do echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package </dev/null || exit 1; done

cover: bin/withservers ## test coverage, across packages
	TENANTSTORE_REQUIRE_SERVERS=1 bin/withservers go test $(TIMEOUT) -coverprofile=cover.out -coverpkg=./core/...,./adapters/... $(TEST) $(PACKAGES)
	go tool cover -func=cover.out | tail -1

clean: ## remove what make built
	rm -rf bin cover.out

# Go knows best what is out of date.
.PHONY: bin/withservers
bin/withservers: programs
	go build -buildvcs=false -o $@ ./integration/cmd/withservers

bin/golangci-lint: tools/golangci-lint.mod
	cd tools && GOWORK=off go build -buildvcs=false -modfile=golangci-lint.mod -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/apidiff: tools/go.mod
	cd tools && GOWORK=off go build -buildvcs=false -o ../$@ golang.org/x/exp/cmd/apidiff

bin/gotestsum: tools/go.mod
	cd tools && GOWORK=off go build -buildvcs=false -o ../$@ gotest.tools/gotestsum

bin/d2: tools/d2.mod
	cd tools && GOWORK=off go build -buildvcs=false -modfile=d2.mod -o ../$@ oss.terrastruct.com/d2
