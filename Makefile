# Miso: `make demo` sets everything up and serves the demo room; `make test` sets everything up and runs all tests.
#
#   make demo  ARGS="--workers 4"       the demo room (ARGS go to the `controller` command)
#   make test  ARGS="-k stun"           all tests, a few processes side by side (ARGS go to pytest; -n 0: one process)
#   make lint                           ruff, mypy --strict, and the page's type check
#   make bench ARGS="--quick"           CPU per forwarded packet against a floor measured in the same run
#                                       (python -m bench.live: of live streams, per megabyte that players get)
#   make fuzz  SECONDS_EACH=60          every parser against mutated input
#   make fuzz  SANITIZE=1               likewise, with the compiled modules watched by ASan and UBSan (`make test`, too)
#   make build                          the virtual environment and the compiled modules
#   make wheel                          a wheel with the page inside, which installs without a compiler
#   make clean                          takes away all that these made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
SECONDS_EACH ?= 10
SANITIZE ?=
# A sanitized module loads where its runtime is preloaded only, and the next build without SANITIZE replaces it.
BUILD := $(if $(filter 1,$(SANITIZE)),-m tests.sanitizers,-m native)
RUN := $(if $(filter 1,$(SANITIZE)),$(BIN)/python -m tests.sanitizers $(BIN)/python,$(BIN)/python)
export PYTHON
# pip's own notices are not news to someone who types `make demo`
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# the tests start a thousand processes, each of which would compile all of Python's files anew
unexport PYTHONDONTWRITEBYTECODE

WEB_SOURCES = $(shell find demo/web -path demo/web/node_modules -prune -o -path demo/web/dist -prune -o -type f -print)

comma := ,

# What pip and npm say of a failure is long; this is what to do about it.
FAILED = || { echo "make: $(1) failed, see above. Is the network there? What was done stays: make again goes on from here." >&2; exit 1; }

# npm works beside pip and the compiler.
MAKEFLAGS += --jobs=3

.PHONY: help demo test lint bench fuzz build web clean needs-build needs-web needs-test wheel

help:
	@sed -n 's/^#   //p' Makefile

# What the machine lacks is said before a minute of compiling, not after; one after the other, as apt-get wants it.
needs-build:
	@.ci/prepare build
needs-web: | needs-build
	@.ci/prepare build web
needs-test: | needs-web
	@.ci/prepare build web test

# One stamp per set of dependencies: the demo does not wait for the tests' tools. pip fetches while the compiler works,
# and then waits for it; what the tests need is fetched in the same go when it is known that they come. pip builds the
# modules, too: it has to want the same ones, or each of the two replaces all that the other has made.
WANTED := $(if $(filter test lint fuzz,$(MAKECMDGOALS)),[test$(comma)lint])
INSTALL = $(if $(filter 1,$(SANITIZE)),MISO_SANITIZE=1) $(BIN)/python -m pip install -q --no-build-isolation --config-settings editable_mode=compat -e

$(VENV)/.run: pyproject.toml | needs-build
	@test -x $(BIN)/pip || { echo "making the virtual environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing Cython"
	@$(BIN)/python -m pip install -q "setuptools>=77" "cython>=3.2" $(call FAILED,pip)
	@echo "compiling the packet path, and installing meanwhile what $(if $(WANTED),Miso and its tests need,Miso needs)"
	@$(BIN)/python $(BUILD) & \
	$(INSTALL) ".$(WANTED)" $(call FAILED,pip); \
	wait $$!
	@touch $@ $(if $(WANTED),$(VENV)/.test)

$(VENV)/.test: $(VENV)/.run
	@test -e $@ -a ! $@ -ot $< || { echo "installing what the tests and linters need"; $(INSTALL) ".[test,lint]" $(call FAILED,pip); }
	@touch $@

build: $(VENV)/.run
	@$(BIN)/python $(BUILD)

web: demo/web/dist/live/index.html

demo/web/node_modules/.package-lock.json: demo/web/package.json demo/web/package-lock.json | needs-web
	@echo "installing what the page is built with"
	@cd demo/web && npm ci --no-audit --no-fund --loglevel=error $(call FAILED,npm)
	@touch $@

demo/web/dist/live/index.html: demo/web/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo "building the pages"
	@cd demo/web && npm run --silent build
	@touch $@

demo: build web
	@exec $(BIN)/controller $(ARGS)

test: build web $(VENV)/.test | needs-test
	@$(RUN) -m pytest -n auto $(ARGS)

lint: build web $(VENV)/.test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@(cd demo/web && exec npm run --silent check) & \
	$(BIN)/mypy; \
	wait $$!

bench: build
	@$(BIN)/python -m bench $(ARGS)

fuzz: build $(VENV)/.test
	@$(RUN) -m tests.fuzz --seconds $(SECONDS_EACH) $(ARGS)

wheel: build web
	@$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist . $(call FAILED,pip)
	@ls dist/*.whl

clean:
	rm -rf $(VENV) build dist *.egg-info demo/web/dist demo/web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .build.lock
	find miso worker controller protoo serving commands cluster demo live bench native tests \( -name '*.so' -o -name '*.so.stamp' -o -name __pycache__ \) -prune -exec rm -rf {} +
