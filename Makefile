# Needs Python 3.11 or later and make; brings the rest itself.
SHELL := /bin/bash
PYTHON ?= python3
TOOLS := .resail/tools
UV := $(shell command -v uv || echo $(TOOLS)/bin/uv)
RUN := .venv/bin
# Those that need no bed share the cores; those on the bed share one bed.
FAST := $(RUN)/pytest -q -n auto --dist worksteal -m "not bed and not soak"
# Whole upgrades on a twin, and fuzzing, take as long as all the others.
LONGER := tests/acceptance tests/fuzz

.PHONY: help setup demo check lint test soak bench clean
.DEFAULT_GOAL := help

help: ## What there is
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(TOOLS)/bin/uv:
	@echo "uv is not on PATH: installing it into $(TOOLS)"
	@$(PYTHON) -m venv $(TOOLS) && $(TOOLS)/bin/pip install --quiet uv

.venv/.synced: pyproject.toml uv.lock | $(filter $(TOOLS)/bin/uv,$(UV))
	$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

setup: .venv/.synced ## Install what the project needs into .venv

ON ?= twin
demo: .venv/.synced ## A mesh goes from 1.26.0 to 1.27.9 on a twin; ON=control-plane: on a real API server
	$(RUN)/resail demo --on $(ON)

lint: .venv/.synced
	$(RUN)/ruff check src tests bench
	$(RUN)/ruff format --check src tests bench
	$(RUN)/mypy
	$(RUN)/lint-imports

check: lint ## Lint, types, layers and the fast tests
	$(FAST) $(addprefix --ignore=,$(LONGER))

test: lint ## All tests but the long ones; builds the test bed first
	$(FAST)
	$(RUN)/resail testbed build
	$(RUN)/pytest -m "bed and not soak" --durations=25

soak: .venv/.synced ## The long tests: every kill point, every mutant of the twin
	$(RUN)/resail testbed build
	$(RUN)/pytest -m soak --durations=25

bench: .venv/.synced ## Ratios against peers measured in the same run
	$(RUN)/resail testbed build
	$(RUN)/python -m bench

clean: ## Remove what make made here
	rm -rf .venv .resail .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
