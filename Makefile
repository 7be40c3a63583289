# A new user needs `make demo` and `make test`; both build the environment first.

PYTHON ?= python3
DATASET ?= mnist
VENV := .venv
BIN := $(VENV)/bin
# This file records when the environment was built. If pyproject.toml is newer, make builds it
# again.
READY := $(VENV)/.ready
SPEC := $(if $(filter mnist,$(DATASET)),quickstart,quickstart-$(DATASET))
SWEEP := runs/$(SPEC)

.PHONY: demo test test-nightly test-slurm-new lint mutation bench bench-page docs reproduce constraints clean

# The report comes before the check, so that its first table appears sooner.
demo: $(READY)
	$(BIN)/aevae fetch --dataset $(DATASET)
	$(BIN)/aevae sweep $(SPEC)
	$(BIN)/aevae-analysis report $(SWEEP)
	$(BIN)/aevae-analysis check $(SWEEP)

# Many tests wait for processes, so there are more workers than cores.
test: lint
	$(BIN)/python -m pytest -n $$(($$(nproc) * 2)) --no-loadscope-reorder

# Tests that take minutes each and find what is rare.
test-nightly: $(READY)
	$(BIN)/python -m pytest -n $$(nproc) -m nightly

# The same tests on the SLURM of Debian 13, which is newer than this machine's: see
# slurm/onehost/README.md. Debian sid has the newest: slurm/onehost/newer test sid.
test-slurm-new: $(READY)
	slurm/onehost/newer test

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck -x -P SCRIPTDIR $(wildcard .ci/*) $(filter-out %.md %.in %.conf,$(wildcard slurm/onehost/* slurm/*.sbatch)) docs/results/reproduce

# Measure how many wrong changes of the code the tests notice: see docs/mutation-testing.md.
mutation: $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[mutation]'
	OMP_NUM_THREADS=1 nice -n 10 $(BIN)/mutmut run --max-children 1
	$(BIN)/python tests/mutation/score.py

# Run all benchmarks that need nothing but MNIST, in about 15 minutes, and print one table with their
# goals.
bench: $(READY)
	$(BIN)/python tests/benchmarks/bench_all.py

# Write the tables of the last benchmarks into the page. The table of a benchmark that has not run
# stays as it is; the table of goals has the goals of those that have.
bench-page: $(READY)
	$(BIN)/python tests/benchmarks/bench_all.py --page docs/performance.md

# Run one benchmark. Some need finished sweeps, the one-machine SLURM or a GPU: see
# docs/performance.md.
bench-%: $(READY)
	$(BIN)/python tests/benchmarks/bench_$*.py --json build/benchmarks/$*.json

# Build the documentation site in build/site.
docs: $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Make everything in docs/results/ again: train all sweeps on the one-machine SLURM, then analyse
# them.
reproduce: export PIP_CONSTRAINT := constraints.txt
reproduce: $(READY)
	docs/results/reproduce

# Write down the version of every package in the environment, after a run of the tests that passed.
# `make reproduce` and .ci/run install these versions.
constraints: $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	$(BIN)/python -m pip freeze --exclude-editable >constraints.txt

clean:
	rm -rf $(VENV) build mutants *.egg-info

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@echo "installing aevae and what it needs (torch is large: this takes a few minutes, once)"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
