# make demo | test | check | bench | docs. Works with plain pip; uses uv when it is there.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
MLFLOW := .mlflow
UV := $(shell command -v uv 2>/dev/null)
ifeq ($(origin HOLDFAST_DATA), undefined)
ifneq ($(wildcard ../shared/data/README.md),)
export HOLDFAST_DATA := $(abspath ../shared/data)
endif
endif
PYTHON ?= python3
PYTEST_WORKERS ?= 2

.PHONY: demo test check format lint types docs bench soak clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   the main job on generated data, end to end"
	@echo "make test   every test"
	@echo "make check  format, lint, types, tests, docs (what CI runs)"
	@echo "make bench  the benchmarks; writes benchmarks/results.md"
	@echo "make soak   a million random moves of the lifecycle against a dictionary"
	@echo "make docs   regenerates the pages made from code"
	@echo "make .mlflow/bin/mlflow   an MLflow server for the tests of the mirror, else skipped"

$(VENV)/bin/python:
ifdef UV
	uv venv --quiet --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
ifdef UV
	uv pip install --quiet --python $(PY) -e .
else
	$(PY) -m pip install --quiet --disable-pip-version-check -e .
endif
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
ifdef UV
	uv pip install --quiet --python $(PY) -e ".[dev]"
else
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
endif
	@touch $@ $(VENV)/.runtime

# a real MLflow server for the tests of the mirror, apart from all else; without it they are skipped
$(MLFLOW)/bin/mlflow:
ifdef UV
	uv venv --quiet --python $(PYTHON) $(MLFLOW)
	uv pip install --quiet --python $(MLFLOW)/bin/python "mlflow>=3,<4"
else
	$(PYTHON) -m venv $(MLFLOW)
	$(MLFLOW)/bin/python -m pip install --quiet --disable-pip-version-check "mlflow>=3,<4"
endif

demo: $(VENV)/.runtime
	$(VENV)/bin/holdfast demo loan

test: $(VENV)/.dev
	$(PY) -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

format: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

docs: $(VENV)/.dev
	$(PY) docs/generate.py

check-docs: $(VENV)/.dev
	$(PY) docs/generate.py --check

check: format lint types check-docs test

bench: $(VENV)/.dev
	$(PY) -m benchmarks

soak: $(VENV)/.dev
	$(PY) -m benchmarks.lifecycle.soak

clean:
	rm -rf $(VENV) $(MLFLOW) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
