# Every verb makes the virtual environment first if there is none, and adds what it needs itself. Needs Python 3.11+ and
# make; the slow tests and the bench also need a C compiler.
#   make demo     the whole story on real pictures, ends with a report page
#   make test     the tests, without those marked slow or network
#   make test-slow   those marked slow, and properties with more examples
#   make lint     style, types and import layers
#   make bench    the measured rows, as a table and as JSON, and what got worse since the stored run
#   make docs     the documentation pages, into build/docs
#   make clean    removes what the verbs made
# Another interpreter: `make test PYTHON=python3.12 VENV=.venv-3.12`. More in CONTRIBUTING.md.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
# The shapes in signatures are checked where CHECK_SHAPES is set, as in `.ci/run`: it takes a third of the time.
SHAPED := metaadapter,episodes,beartype.beartype
SHAPES := $(if $(CHECK_SHAPES),--jaxtyping-packages=$(SHAPED))
REQUIREMENTS := pyproject.toml requirements/learn2learn.txt

.DELETE_ON_ERROR:
.PHONY: demo test test-slow lint bench docs clean

demo: $(VENV)/.installed
	$(BIN)/metaadapter demo

test: $(VENV)/.installed
	$(PYTEST) $(SHAPES) -m "not slow and not network"

test-slow: $(VENV)/.installed-slow
	$(PYTEST) $(SHAPES) -m "(slow or hypothesis) and not network" --hypothesis-profile thorough --timeout 600

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-slow
	$(BIN)/python -m benchmarks.run --against benchmarks/stored.json

docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# One stamp an installation: it is redone when what it was made from changes. An environment that is already there is
# kept: it may have been made with --system-site-packages (CONTRIBUTING.md, "A small environment").
$(VENV)/.installed: $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "metaadapter needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12")'
	@echo "Installing into $(VENV): minutes the first time." >&2
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@test "$$(uname -s)" != Linux || command -v nvidia-smi >/dev/null || test -n "$$PIP_EXTRA_INDEX_URL" \
		|| $(BIN)/python -c 'import torch' 2>/dev/null \
		|| echo 'torch from PyPI brings CUDA (6 GB), and no NVIDIA card is seen: for the small way see CONTRIBUTING.md, "A small environment".' >&2
	$(PIP) --upgrade "pip>=25.1"
	$(PIP) --editable ".[onnx,report,serve]" --group test
	@touch $@

$(VENV)/.installed-slow: $(VENV)/.installed
	$(PIP) --group test-slow
	$(PIP) --no-deps --requirement requirements/learn2learn.txt
	@touch $@

$(VENV)/.installed-lint: $(VENV)/.installed
	$(PIP) --group lint
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) --group docs
	@touch $@
