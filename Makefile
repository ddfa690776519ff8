# stegvis: everything a person or a machine does here starts with one of these words.
#
#   make run             play one story from school to region and back, and verify its log
#   make test            the tests; ARGS="-k word" picks some
#   make check           linter, formatter, types, layers
#   make cover           the tests again, with branch coverage of routines/ and engine/
#   make deep SCALE=1    the large and slow ones; SCALE=0.02 is a smaller run of the same
#   make outside         bring judges that others wrote (of the audit log, pictures, pages), for make deep; says what it could not have
#   make bench           figures, each beside its floor; ARGS=--write keeps them in docs/performance.md
#   make clean           remove what was made here, .venv too
#
# All of them set up .venv first, once, and again when pyproject.toml or constraints.txt has changed.
# Another Python: make clean, then make test PYTHON=python3.13

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Without compiled files every command that a test runs would compile the library anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell for python in python3 python3.{11..19}; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
SCALE ?= 1
ARGS ?=
BIN := .venv/bin
READY := .venv/ready

.PHONY: run test check cover deep outside bench clean .venv

run: $(READY)
	@$(BIN)/stegvis play

test: $(READY)
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 $(ARGS)

check: $(READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-logo

cover: $(READY)
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --cov --cov-report= $(ARGS)
	@low=0; for folder in routines engine; do \
		$(BIN)/coverage report --include="$$folder/*" --fail-under=95 || low=1; \
		$(BIN)/coverage json --quiet -o - --include="$$folder/*" | $(BIN)/python -c 'import json, sys; \
			t = json.load(sys.stdin)["totals"]; share = 100 * t["covered_branches"] / t["num_branches"]; \
			print(f"'$$folder': {share:.2f} % of branches alone, at least 95 wanted"); sys.exit(share < 95)' || low=1; \
	done; exit $$low

deep: $(READY)
	@STEGVIS_SCALE=$(SCALE) $(BIN)/pytest -m "deep or hypothesis" -rs $(ARGS)

outside: $(READY)
	@tests/outside/install.sh

bench: .venv/bench
	@$(BIN)/python -m benchmarks $(ARGS)

.venv/bench: $(READY)
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --group bench
	@touch $@

clean:
	@rm -rf .venv build dist src/*.egg-info .coverage .coverage.* .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: $(READY)

$(READY): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "stegvis needs Python 3.11 or newer; say which: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) comes without venv. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; fi
	@echo "Setting up .venv with $$($(PYTHON) --version); this takes about a minute."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --upgrade --constraint constraints.txt pip
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --build-constraint constraints.txt \
		--editable '.[cli,migrations,testing]' --group dev
	@touch $@
