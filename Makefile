# `make audit` and `make test` each start from a bare Python and do their own set-up in .venv.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

# Keras 3.15 asks for Python 3.11, and TensorFlow 2.21 has no build for a later one than 3.13.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(SUPPORTED)' 2>/dev/null && echo "$$python" && break; done)

# One process a core; each takes tests from the other when it runs out.
PYTEST_ARGS ?= --numprocesses=2 --dist=worksteal
AUDIT_ARGS ?= --out=out/audit

# What stands on its own: no map of every explainer, no attack, no audit, no training, no drawn model.
CHECK := $(addprefix tests/,backprop data metrics models runs surrogates) $(wildcard tests/test_*.py)

# Keep the C++ start-up notes of TensorFlow out of the output; errors still show.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help audit check test test-hub fuzz lint format clean

help:
	@echo 'make audit   audit the embedded model; table, report and records in out/audit'
	@echo 'make check   the linters and the quick tests, for a look between two changes'
	@echo 'make test    run the tests'
	@echo 'make test-hub  the tests that need KerasHub, which it installs'
	@echo 'make fuzz    command lines and Python calls that nobody would write, all of them'
	@echo 'make lint    run the linters, the import contract and the type checker'
	@echo 'make format  rewrite the code as the formatter wants it'
	@echo 'make clean   remove build products and caches, but neither .venv nor out/'

audit: $(VENV)/.installed
	$(BIN)/tf_fragile audit $(AUDIT_ARGS)

check: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not slow" $(CHECK)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-hub: $(VENV)/.installed-hub
	$(BIN)/python -m pytest tests/hub

fuzz: $(VENV)/.installed-test
	$(BIN)/python tests/fuzz/run.py $(FUZZ_ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy tf_fragile $(wildcard bin bench)

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# pip is written last: where it exists, the environment was made to its end.
$(BIN)/pip:
	@"$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null || { echo 'tf_fragile needs Python 3.11, 3.12 or 3.13 and found none; install one, or name it with make PYTHON=/path/to/python3.' >&2; exit 2; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed: setup.cfg constraints.txt | $(BIN)/pip
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: setup.cfg constraints.txt | $(BIN)/pip
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-hub: $(VENV)/.installed-test
	$(INSTALL) --editable '.[test,hub]'
	@touch $@
