# Miso: `make demo` sets everything up and serves the demo room; `make test` sets everything up and runs all tests.
#
#   make demo  ARGS="--workers 4"       the demo room (ARGS go to the `controller` command)
#   make test  ARGS="-k stun"           all tests (ARGS go to pytest)
#   make lint                           ruff, mypy --strict, and the page's type check
#   make bench ARGS="--quick"           CPU per forwarded packet against a floor measured in the same run
#   make fuzz  SECONDS_EACH=60          every parser against mutated input
#   make fuzz  SANITIZE=1               likewise, with the compiled modules watched by ASan and UBSan (`make test`, too)
#   make build                          the virtual environment and the compiled modules
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
BUILD := $(if $(filter 1,$(SANITIZE)),-m tests.sanitizers,tests/extensions.py)
RUN := $(if $(filter 1,$(SANITIZE)),$(BIN)/python -m tests.sanitizers $(BIN)/python,$(BIN)/python)
export PYTHON
# pip's own notices are not news to someone who types `make demo`
export PIP_DISABLE_PIP_VERSION_CHECK := 1

WEB_SOURCES = $(shell find demo/web -path demo/web/node_modules -prune -o -path demo/web/dist -prune -o -type f -print)

# What pip and npm say of a failure is long; this is what to do about it.
FAILED = || { echo "make: $(1) failed, see above. Is the network there? What was done stays: make again goes on from here." >&2; exit 1; }

.PHONY: help demo test lint bench fuzz build web clean needs-build needs-web needs-test

help:
	@sed -n 's/^#   //p' Makefile

# What the machine lacks is said before minutes of compiling, not after.
needs-build:
	@.ci/prepare build
needs-web:
	@.ci/prepare build web
needs-test:
	@.ci/prepare build web test

# One stamp per set of dependencies: the demo does not wait for the tests' tools.
$(VENV)/.run: pyproject.toml
	@test -x $(BIN)/pip || { echo "making the virtual environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing Miso and what it needs"
	@$(BIN)/python -m pip install -q "setuptools>=77" "cython>=3.1" $(call FAILED,pip)
	@$(BIN)/python tests/extensions.py  # before pip, which would build one module after the other
	@$(BIN)/python -m pip install -q --no-build-isolation --config-settings editable_mode=compat -e . $(call FAILED,pip)
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "installing what the tests and linters need"
	@$(BIN)/python -m pip install -q --no-build-isolation --config-settings editable_mode=compat -e ".[test,lint]" $(call FAILED,pip)
	@touch $@

build: needs-build $(VENV)/.run
	@$(BIN)/python $(BUILD)

web: needs-web demo/web/dist/index.html

demo/web/node_modules/.package-lock.json: demo/web/package.json demo/web/package-lock.json
	@echo "installing what the page is built with"
	@cd demo/web && npm ci --no-audit --no-fund --loglevel=error $(call FAILED,npm)
	@touch $@

demo/web/dist/index.html: demo/web/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo "building the page"
	@cd demo/web && npm run --silent build
	@touch $@

demo: needs-web build web
	@exec $(BIN)/controller $(ARGS)

test: needs-test build web $(VENV)/.test
	@$(RUN) -m pytest $(ARGS)

lint: needs-web build web $(VENV)/.test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@cd demo/web && npm run --silent check

bench: build
	@$(BIN)/python -m bench $(ARGS)

fuzz: build $(VENV)/.test
	@$(RUN) -m tests.fuzz --seconds $(SECONDS_EACH) $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info demo/web/dist demo/web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .build.lock
	find worker controller protoo demo bench tests \( -name '*.so' -o -name '*.so.stamp' -o -name __pycache__ \) -prune -exec rm -rf {} +
	find worker bench -name '*.c' -delete
