# `make demo` and `make test` are all that a fresh machine with Python 3.11 or newer needs.
# Both make the environment in .venv on their first run and install nothing on the second.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
ARGS ?=

# Tests start many processes, and each is to find compiled what those before it have compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-full coverage check lint types house bench docs clean env-test env-docs env-dev

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile

demo: env-test ## train a small network on real images, print what happened, write a report
	@$(BIN)/netwright demo $(ARGS)

test: env-dev lint types ## lint, types and the quick tier of the tests (ARGS="tests/graph -x" narrows it)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not gpu" -n auto --maxprocesses 4 --dist loadfile $(ARGS)

test-full: env-dev lint types ## all tests, the slow ones too: kills, fuzz, every step of a run (an hour and more)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not gpu" -n auto --maxprocesses 4 --dist loadfile $(ARGS)

coverage: env-dev ## the quick tier with a report of the lines that no test runs, in htmlcov/
	@$(PIP) install pytest-cov
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow and not gpu" -n auto --maxprocesses 4 --dist loadfile \
		--cov=netwright --cov-report=html --cov-report=term:skip-covered $(ARGS)

check: env-dev lint types house ## lint, types, floors, sizes, error texts, names, docstrings and their examples

lint: env-dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted: run $(BIN)/ruff format"; exit 1; }

types: env-dev
	@$(BIN)/mypy --no-error-summary

house: env-dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/house src

bench: env-test ## measure netwright against its peers, in ratios (minutes)
	@$(BIN)/python benchmarks/run.py $(ARGS)

docs: env-docs ## build the site into docs/_build/html; all code on it is run (minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html $(ARGS)
	@echo "docs/_build/html/index.html"

clean: ## remove the environment, caches and built packages
	@rm -rf .venv build dist htmlcov .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@rm -rf docs/_build docs/_executed docs/api docs/gallery
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# The environment. Its stamps are looked at under a lock, so that two runs of make at once do not install twice.
define LOCKED
import fcntl, os, sys
if sys.version_info < (3, 11):
    sys.exit("netwright needs Python 3.11 or newer, got %s; name one: make PYTHON=/path/to/python3" % sys.version.split()[0])
lock = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
os.set_inheritable(lock, True)
os.execvp(sys.argv[2], sys.argv[2:])
endef
export LOCKED

env-test env-docs env-dev: env-%:
	@mkdir -p $(VENV)
	+@$(PYTHON) -c "$$LOCKED" $(VENV)/.lock $(MAKE) -s --no-print-directory $(VENV)/.installed-$*

$(VENV)/.installed-torch: constraints.txt
	@echo "netwright: creating the environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "netwright: installing torch (the largest download, minutes)"
	@$(PIP) install -c constraints.txt torch
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed-torch pyproject.toml
	@echo "netwright: installing netwright and what its tests need"
	@$(PIP) install -c constraints.txt -e '.[test]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed-torch pyproject.toml
	@echo "netwright: installing netwright and what its site needs"
	@$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-test
	@echo "netwright: installing ruff and mypy"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@
