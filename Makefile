# Each target sets up what it needs: a machine with python3 >= 3.11 is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve test lint format lock clean

# Where an NVIDIA driver answers, PyTorch comes too.
SERVE_EXTRAS := $(shell nvidia-smi -L >/dev/null 2>&1 && echo '[gpu]')

serve: $(VENV)/.serve
	$(BIN)/mien serve

# Shared among the processors, four at most: each process holds PyTorch. One test: .venv/bin/pytest tests/test_weights.py
test: $(VENV)/.dev
	$(BIN)/pytest -n logical --maxprocesses 4 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml app training
	$(BIN)/hadolint Dockerfile
	$(BIN)/python scripts/kubernetes.py
	$(BIN)/python scripts/audit.py

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Anew after each change of the dependencies or their pins: docs/decisions/0009-reproducible-installs.md.
lock: $(VENV)/.dev
	$(BIN)/python scripts/lock.py

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Mien needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.$(SERVE_EXTRAS)'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/.serve
