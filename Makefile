# relais: everything one types. `make` lists the targets; each line of that list is the comment beside its target.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash

# Variables: SANITIZE=1 builds and tests under AddressSanitizer and UndefinedBehaviorSanitizer, in a build of its own.
SANITIZE ?=
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DESTDIR ?=
NODES ?= 3
FUZZ_SECONDS ?= 60
BUILD ?= $(if $(SANITIZE),build-asan,build)

CONFIGURE = cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	-DRELAIS_SANITIZE=$(if $(SANITIZE),ON,OFF) -DCMAKE_INSTALL_PREFIX=$(PREFIX)
CTEST = ctest --test-dir $(BUILD) --output-on-failure --no-tests=error
export RELAIS_BUILD = $(abspath $(BUILD))

.PHONY: help deps build run test check sanitize lint format fuzz bench bench-failover soak install clean \
	lab-up lab-down lab-status lab-watch

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: SANITIZE=1, JOBS=$(JOBS), NODES=$(NODES), PREFIX=$(PREFIX), DESTDIR=, FUZZ_SECONDS=$(FUZZ_SECONDS)"

deps: ## install the Debian 12 packages that relais needs (root; does nothing when all are there)
	@scripts/deps

build: ## build everything into build/ (build-asan/ with SANITIZE=1)
	@mkdir -p $(BUILD)
	@$(CONFIGURE) >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log; exit 1; }
	@cmake --build $(BUILD) -j $(JOBS) $(if $(TARGETS),--target $(TARGETS))

# What runs, without the tests: half of the work.
PROGRAMS = relaisd relais relais-probe
run lab-up: TARGETS = $(PROGRAMS)

run: deps build ## install, build, start three nodes, show a crash, a return, a drain; leaves them running (root)
	@lab/demo

test: deps build ## install, build, run every test: pure ones, then those that need root, then the lab (root)
	@$(CTEST) -j $(JOBS)

check: build ## build and run the tests that need nothing: the inner loop, under two minutes
	@$(CTEST) -j $(JOBS) -L check

sanitize: ## `make check` under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory check SANITIZE=1

lint: build ## clang-format, clang-tidy, the tree's own rules (tests/tidy), man pages and Python; warnings are errors
	@scripts/lint $(BUILD)

format: ## rewrite our C++ and BPF sources with clang-format
	@scripts/sources | xargs -r clang-format-14 -i

fuzz: ## build the fuzz targets with clang and run each for FUZZ_SECONDS
	@scripts/fuzz build-fuzz $(FUZZ_SECONDS)

bench: deps build ## measure what a packet, the idle daemon and the peers cost: the figures of docs/benchmarks.md (root)
	@scripts/bench $(BUILD)

bench-failover: TARGETS = $(PROGRAMS)
bench-failover: deps build ## a crash and a return: relais beside keepalived and Corosync, one table (root, 15 minutes)
	@lab/bench-failover

soak: TARGETS = $(PROGRAMS) simulation
soak: deps build ## an hour of both: a quiet lab at each timing preset, beside it the simulation on new seeds (root)
	@lab/soak

install: build ## install into DESTDIR PREFIX: relaisd, relais, systemd unit, man pages, completion, example
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

lab-up: build ## start a lab of NODES nodes and leave it running (root)
	@lab/lab up --nodes $(NODES)

lab-down: ## end the lab and remove all that it made (root)
	@lab/lab down

lab-status: ## say what runs in the lab (root)
	@lab/lab status

lab-watch: ## watch the lab's cluster live, as its first node sees it (root)
	@lab/lab exec n1 -- relais watch

clean: ## remove all build directories
	@rm -rf build build-asan build-fuzz
