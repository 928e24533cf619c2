# Enfyra Kernel. `make help` lists what there is.

VENV := .venv
BIN := $(VENV)/bin
PORT ?=
# More for pytest, such as: make test ARGS="-k filters"
ARGS ?=
DATABASE := sqlite:///$(CURDIR)/.enfyra/enfyra.db

# The first Python that is new enough.
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11 python; do \
	$$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)

.DEFAULT_GOAL := help
.PHONY: help run serve test lint format bench docs clean services

help: ## List what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

run: $(VENV)/.installed-lab ## JupyterLab with Enfyra on a SQLite file, in the quickstart notebook [PORT]
	@$(BIN)/python scripts/lab.py $(if $(PORT),--port $(PORT))

# What `make run` has installed is enough.
serve: $(firstword $(wildcard $(VENV)/.installed-lab) $(VENV)/.installed-arrow) ## The same API on the same data without Jupyter [PORT]
	@mkdir -p .enfyra
	@echo "  API docs    http://localhost:$(or $(PORT),1105)/docs"
	@DB_URI="$${DB_URI:-$(DATABASE)}" exec $(BIN)/enfyra serve $(if $(PORT),--port $(PORT))

test: $(VENV)/.installed-test,lint,docs services ## Install what the tests need, and run them [ARGS]
	$(BIN)/python -m pytest -n 4 $(ARGS)

services: $(VENV)/.installed-test,lint,docs
	@$(BIN)/python scripts/services.py

lint: $(VENV)/.installed-all $(VENV)/.installed-speed $(VENV)/.installed-lint ## Ruff, pyright, and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(VENV)/.installed-lint ## Let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: services ## Measure speed as ratios to a bare Tornado, into docs/performance.md; needs wrk
	@command -v wrk >/dev/null || { echo "make bench needs wrk: apt-get install wrk"; exit 1; }
	$(BIN)/python -m tests.bench.run $(or $(ARGS),--write docs/performance.md)

docs: $(VENV)/.installed-docs ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## Remove what was built and cached; the data in .enfyra/ stays
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .import_linter_cache .hypothesis .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and there is none on the PATH."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }

# A stamp for each of the project's extras, or for several that are installed at once.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "installing .[$*] into $(VENV), which takes a minute or two ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

.PRECIOUS: $(BIN)/python $(VENV)/.installed-%
