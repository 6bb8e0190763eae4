# Two commands need nothing but Python >= 3.11 and make: `make run` and `make test`.
# Both install from a lock once and work offline from then on: a stamp named after the lock's content says that it is in.

VENV ?= .venv
ARGS ?=

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
CANDIDATES := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

sum = $(shell cat $(1) | cksum | tr -s ' ' -)
MADE := $(VENV)/.made
HUB := $(VENV)/.hub-$(call sum,requirements/hub.lock)
DEV := $(VENV)/.dev-$(call sum,requirements/dev.lock)
# A moved directory or a new version needs the project's own entry written again, other C code compiling again.
OWN := pyproject.toml hatch_build.py src/firstlight/version.py $(wildcard src/firstlight/native/*.[ch])
SELF := $(VENV)/.self-$(shell { pwd; cat $(OWN); } | cksum | tr -s ' ' -)

LOCK := $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run install test lint types format bench docs lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
	  printf 'make %-8s %s\n' "$$name" "$$text"; done

run: $(HUB) $(SELF) ## start the hub; ARGS="--port 5000" goes to `firstlight up`
	@exec $(VENV)/bin/firstlight up $(ARGS)

install: $(DEV) $(SELF) ## make the environment for development, nothing else

test: lint types ## lint, types and the whole suite; ARGS="-k wal" goes to pytest
	$(PY) -m pytest $(ARGS)

lint: install ## ruff and the import arrows
	$(PY) -m ruff check .
	$(PY) -m ruff format --check --quiet . || { echo "error: not formatted; run: make format" >&2; exit 1; }
	$(VENV)/bin/lint-imports --no-logo --no-cache

types: install ## mypy, strict
	$(PY) -m mypy

format: install ## mend what ruff can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: install ## every benchmark against its peers; ARGS="hot_path" runs one
	$(PY) -m bench $(ARGS)

docs: install ## build the documentation into site/
	$(PY) -m mkdocs build --strict --quiet
	@echo "open site/index.html"

lock: install ## write requirements/*.lock anew; UPGRADE=1 takes the newest versions
	$(LOCK) --extra hub --group build --output-file requirements/hub.lock
	$(LOCK) --extra hub --group dev --constraint requirements/hub.lock --output-file requirements/dev.lock

clean: ## remove the environment and everything built
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "error: no Python 3.11 or newer among: $(CANDIDATES); install one or say make PYTHON=/path/to/python3.11" >&2; exit 1; fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "error: $$found has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; fi; \
	echo "making $(VENV) with $$("$$found" -c 'import sys; print(sys.version.split()[0], sys.executable)')"; \
	"$$found" -m venv --clear $(VENV)
	@touch $@

$(HUB): $(MADE)
	@echo "installing requirements/hub.lock (once)"
	@$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/hub.lock
	@rm -f $(VENV)/.hub-* && touch $@

$(DEV): $(HUB)
	@echo "installing requirements/dev.lock (once)"
	@$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/dev.lock
	@rm -f $(VENV)/.dev-* && touch $@

$(SELF): $(HUB)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(PY) -c 'import sys; from firstlight.native import loops; sys.exit(loops.compiled is None)' || \
	  echo "note: without a C compiler and Python's headers recording works and costs more; on Debian: apt install gcc python3-dev"
	@rm -f $(VENV)/.self-* && touch $@
