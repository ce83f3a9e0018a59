# Two commands are all you need: `make serve` and `make test`. The rest is for those who change Postern.
# Only Python 3.11 or newer is needed; everything is installed into .venv, pinned by hash.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
COMPILE := pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --upgrade

.PHONY: serve test test-security bench lint schema docs migrations lock clean

serve: .venv/runtime ## start the server on http://127.0.0.1:4000
	@$(BIN)/postern serve

test: .venv/dev ## run the tests, but for the long runs of test-security
	@$(BIN)/python -m pytest --numprocesses=auto $(ARGS)

test-security: .venv/dev ## the attacks that take minutes: kills, fuzzing, state machine, timing
	@$(BIN)/python -m pytest tests/security $(ARGS)

bench: .venv/dev ## how fast it is (needs wrk; half an hour, and a quiet machine)
	@$(BIN)/python -m bench.load $(ARGS)

lint: .venv/dev ## style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

schema: .venv/runtime ## write schema.graphql from the code
	@$(BIN)/postern export-schema > .schema.graphql && mv .schema.graphql schema.graphql

docs: .venv/runtime ## write what the documents take from the code
	@$(BIN)/python -m config.document
	@$(BIN)/python docs/generate.py

migrations: .venv/runtime ## write the migration that the models call for (NAME=what_changed)
	@$(BIN)/tortoise -c models.database.ORM makemigrations $(if $(NAME),-n $(NAME))

lock: ## pin the dependencies anew (needs uv)
	@uv pip compile $(COMPILE) --extra build -o requirements.txt
	@uv pip compile $(COMPILE) --extra build --extra dev -c requirements.txt -o requirements-dev.txt

clean: ## remove what was installed, never what was stored
	@rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Each stamp stands for one finished set-up; it is made again when the file of pins changes.
.venv/runtime: requirements.txt pyproject.toml | .venv/bin/python
	@echo "Installing what Postern needs (once) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements-dev.txt .venv/runtime
	@echo "Installing what its tests need (once) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Postern needs Python 3.11 or newer; name one with: make serve PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python cannot make a virtual environment here; on Debian: apt install python3-venv"; rm -rf .venv; exit 1; }
