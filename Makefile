# Everything a contributor needs. Only Python 3.11 or newer and make are expected to be there.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test soak check bench lock clean help
.DEFAULT_GOAL := help

help:  ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv with the pinned packages (once; about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## the product in one minute: webhooks in, Intercom events out (KEEP=1 leaves it running)
	@$(BIN)/connector demo $(if $(KEEP),--keep)

test: $(READY)  ## the whole test suite, on SQLite and on a PostgreSQL of its own
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),-n auto)

soak: $(READY)  ## random kills and faults for SOAK_MINUTES (10), the queue against its model, a large backfill killed
	@SOAK=1 $(BIN)/python -m pytest -n 0 --timeout 0 -s tests/crash/test_soak.py tests/outbox/test_model.py \
		tests/outbox/test_liveness.py
	@CONNECTOR_TEST_BACKFILL_EVENTS=100000 $(BIN)/python -m pytest -n 0 --timeout 0 tests/sync/test_backfill.py -k killed

check: $(READY)  ## style, types, import contracts, mapping files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/connector mappings check

bench: $(READY)  ## how fast it is, as ratios measured side by side in one run
	@$(BIN)/python -m bench

lock: $(READY)  ## pin the newest allowed packages, with hashes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev \
		--no-header --no-annotate --upgrade pyproject.toml -o constraints.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra image \
		--no-header --no-annotate -c constraints.txt pyproject.toml -o deploy/constraints.txt

clean:  ## remove what was made here
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
