# Sampler Explorer. Needs Python 3.11 or newer and make; everything else is installed into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# The browser tests and the slow tests are part of CI; locally `make test ALL=1` runs the slow ones too.
ALL ?= $(CI)
MARKS = $(if $(ALL),,-m "not slow")
SAY = @printf '\033[1m%s\033[0m\n'

.PHONY: help app test check shots bench clean

help: ## Say what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

$(VENV)/.app: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. Install it, or say: make PYTHON=/path/to/python3"; exit 1; }
	$(SAY) "Setting up $(VENV) with $(PYTHON) (a few minutes, once)"
	@start=$$(date +%s); test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	$(BIN)/python -m pip install -q --disable-pip-version-check 'torch>=2.10,<2.14' && \
	$(BIN)/python -m pip install -q --disable-pip-version-check -e . && \
	echo "  done in $$(( $$(date +%s) - start )) s"
	@touch $@

$(VENV)/.dev: $(VENV)/.app
	$(SAY) "Adding the tools for tests (about a minute, once)"
	@start=$$(date +%s); $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]' && \
	echo "  done in $$(( $$(date +%s) - start )) s"
	@touch $@

app: $(VENV)/.app ## Set up and open the dashboard on http://127.0.0.1:5006
	$(SAY) "Starting the dashboard (a few seconds); Ctrl-C stops it"
	@$(BIN)/sampler-explorer serve $(ARGS)

test: check ## Set up and pass every test (browser tests where a Chromium is found)
	$(SAY) "Tests, two at a time (some minutes)$(if $(ALL), with the slow ones)"
	@start=$$(date +%s); $(BIN)/python -m pytest -n 2 --dist loadfile $(MARKS) --durations 8 && \
	echo "  tests passed in $$(( $$(date +%s) - start )) s"
	$(SAY) "Notebooks, each from a fresh kernel"
	@start=$$(date +%s); $(BIN)/python -m pytest -p no:cacheprovider -o addopts= --nbval-lax notebooks -q && \
	echo "  notebooks passed in $$(( $$(date +%s) - start )) s"

check: $(VENV)/.dev ## Style, types, rooms: what takes seconds
	$(SAY) "Style, types and rooms"
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q . && $(BIN)/mypy && $(BIN)/lint-imports

shots: $(VENV)/.dev ## Take the screenshots of docs/ anew
	@$(BIN)/python -m docs.shots

bench: $(VENV)/.dev ## Run the benchmarks and print their tables
	@$(BIN)/python -m benchmarks

clean: ## Remove what tests and builds leave behind
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
