# Two commands are all you need: `make serve` and `make test`. The others are for developers of Postern.
# They need only Python 3.11 or newer; everything is installed into .venv, pinned by hash.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
TIMING := tests/security/test_timing.py # it measures, so nothing else may run
PROCESSES := $(shell expr 1 + $$(getconf _NPROCESSORS_ONLN)) # one more than cores: some tests wait
OR_NONE := || [ $$? = 5 ] # with ARGS, perhaps only tests of the other part are wanted
COMPILE := pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --upgrade

.PHONY: serve test test-security bench native lint schema docs migrations lock clean

serve: .venv/runtime ## start the server on http://127.0.0.1:4000
	@$(BIN)/postern serve

test: .venv/dev ## run the tests, except the long ones of test-security
	@$(BIN)/python -m pytest --numprocesses=$(PROCESSES) $(ARGS)

test-security: .venv/dev ## the attacks that take minutes: kills, fuzzing, state machine, timing
	@$(BIN)/python -m pytest tests/security --ignore=$(TIMING) --numprocesses=$(PROCESSES) --dist=worksteal $(ARGS) $(OR_NONE)
	@$(BIN)/python -m pytest $(TIMING) $(ARGS) $(OR_NONE)

bench: .venv/dev ## measure the speed (needs wrk; forty minutes, and an idle machine)
	@$(if $(ARGS),,$(BIN)/python -m bench.side_by_side)
	@$(if $(ARGS),,$(BIN)/python -m bench.profile)
	@$(BIN)/python -m bench.load $(ARGS)

native: .venv/runtime ## build Argon2 for this processor, as `make serve` does, or say why not
	@$(BIN)/python -m deploy.build_argon2

lint: .venv/dev ## check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

schema: .venv/runtime ## write the two schema.graphql from the code
	@$(BIN)/postern export-schema > .schema.graphql && mv .schema.graphql schema.graphql
	@$(BIN)/postern export-schema --admin > .schema.graphql && mv .schema.graphql api/admin/schema.graphql

docs: .venv/runtime ## write the generated parts of the documents
	@$(BIN)/python -m config.document
	@$(BIN)/python docs/generate.py

migrations: .venv/runtime ## write the migration for changed models (NAME=what_changed)
	@$(BIN)/tortoise -c models.database.ORM makemigrations $(if $(NAME),-n $(NAME))

lock: ## pin the newest dependencies (needs uv)
	@uv pip compile $(COMPILE) --extra build -o requirements.txt
	@uv pip compile $(COMPILE) --extra build --extra dev -c requirements.txt -o requirements-dev.txt
	@uv pip compile $(COMPILE:pyproject.toml=--group native) -c requirements.txt -o requirements-native.txt

clean: ## remove what was installed, but no stored data
	@rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Each stamp file marks a finished installation; it is outdated when the file of pins changes.
.venv/runtime: requirements.txt requirements-native.txt pyproject.toml | .venv/bin/python
	@echo "Installing what Postern needs (once) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m deploy.build_argon2 >/dev/null 2>&1 || true
	@touch $@

.venv/dev: requirements-dev.txt .venv/runtime
	@echo "Installing what its tests need (once) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Postern needs Python 3.11 or newer; name one with: make serve PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python cannot make a virtual environment here; on Debian: apt install python3-venv"; rm -rf .venv; exit 1; }
