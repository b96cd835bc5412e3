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
	@$(BIN)/python -m pip install $(PIP_OPTIONS) -c constraints.txt -e '.[eval,parquet,explore,export,hub,dev]'
	@touch $(READY)

demo: setup ## train on handwritten digits for two to three minutes, and look at the picture
	@$(BIN)/python -m experiments.demo

test: setup ## run the tests (three to four minutes on two cores)
	@$(BIN)/python -m pytest -q -n 2

slow: setup ## run the learning checks that take longer
	@$(BIN)/python -m pytest -q -m slow

coverage: setup ## run the tests and list the lines that none of them reaches
	@$(BIN)/python -m pytest -q -n 2 --cov=everymode --cov-report=term-missing:skip-covered

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

# Builds the wheel, installs it without dependencies into an empty environment, and starts it there. The dependencies are
# those of .venv, seen through a .pth file, since installing torch takes minutes; `pip check` compares their versions with
# what the wheel requires. Not checked: that a package index offers them.
wheel: setup ## build the wheel into dist/ and check that it works in an empty environment
	@$(BIN)/python .ci/wheel.py
