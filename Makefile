# everymode: `make demo` trains a GAN in two to three minutes, `make test` runs the tests. `make help` lists everything.

PYTHON ?= python3
# Another package index, for CPU or CUDA builds of torch: make setup INDEX=https://download.pytorch.org/whl/cpu
INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
PIP_OPTIONS := --disable-pip-version-check --quiet $(if $(INDEX),--extra-index-url $(INDEX))

.DEFAULT_GOAL := help
.PHONY: help setup demo test slow coverage check format types docs wheel

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(READY) ## create .venv with the pinned versions

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "everymode needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install $(PIP_OPTIONS) -c constraints.txt -e '.[eval,parquet,dev]'
	@touch $(READY)

demo: setup ## train on handwritten digits for two to three minutes, and look at the picture
	@$(BIN)/python -m experiments.demo

test: setup ## run the tests (about four minutes on two cores)
	@$(BIN)/python -m pytest -q -n 2

slow: setup ## run the learning checks that take longer
	@$(BIN)/python -m pytest -q -m slow

check: setup ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright

format: setup ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: setup ## type-check
	@$(BIN)/basedpyright

$(DOCS_READY): $(READY) pyproject.toml constraints.txt
	@$(BIN)/python -m pip install $(PIP_OPTIONS) -c constraints.txt -e '.[docs]'
	@touch $(DOCS_READY)

docs: $(DOCS_READY) ## build the documentation site into site/; a warning fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open site/index.html"
