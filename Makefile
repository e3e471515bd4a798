# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# torch is quickest, and leaves the page responsive, with one core to spare.
export OMP_WAIT_POLICY := PASSIVE
export HF_HUB_OFFLINE := 1
# Two for each core: most of the time a test waits for a screen or a child.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))

.PHONY: run install test check screenshots bench demo clean

run: install            ## open Talecraft on the bundled model
	@$(BIN)/talecraft

install: $(VENV)/.installed

# The environment is rebuilt only when what it is made from changes.
$(VENV)/.installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Talecraft and what it needs into $(VENV) (a few minutes the first time) ..."
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check -e ".[dev]" \
		| { grep --line-buffered -oE "^ *(Downloading|Installing collected|ERROR).{0,60}" || true; }
	@touch $@

test: install           ## the whole suite, within 10 minutes on 2 cores
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: install          ## style, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

screenshots: install    ## renew screenshots/ from the real program
	@$(BIN)/python -m benchmarks.screenshots

bench: install          ## measure, and renew benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

demo: install           ## the whole loop without a terminal, in a throw-away home
	@$(BIN)/talecraft demo

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
