# make run | make test | make bench | make prove; the rest serves these.
.DEFAULT_GOAL := run
.PHONY: run test unit lint bench prove lock venv setup setup-dev clean

VENV := .venv
PY := $(VENV)/bin/python
# A name on PATH is not yet an interpreter (version managers leave shims), so each candidate has to run.
FIND_PYTHON = for name in python3.14 python3.13 python3.12 python3.11 python3; do \
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo "$$name"; break; fi; \
	done
INSTALL = $(PY) -m pip install --disable-pip-version-check --no-input --require-hashes --only-binary :all:
PYTEST = $(PY) -m pytest
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --python-version 3.11 --only-binary :all: \
	--generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links

run: setup
	@exec $(PY) -m deny_web.serve --with-parent

test: setup-dev
	@exec $(PY) -m tests.run

unit: setup-dev
	@exec $(PYTEST) -n auto -m "not e2e"

lint: setup-dev
	@exec $(PY) -m tests.run --lint

bench: setup-dev
	@exec $(PY) -m bench

prove: setup-dev
	@exec $(PY) -m tests.prove

# Both files name every platform's wheels by hash and no index, so that they install from any mirror.
lock:
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt
	$(LOCK) -c requirements.txt tests/interop/requirements.in -o tests/interop/requirements.txt

setup: venv
	@cmp -s requirements.txt $(VENV)/installed.txt || { \
	  echo "Installing the requirements (once, and when they change):" && \
	  $(INSTALL) --progress-bar on -r requirements.txt && cp requirements.txt $(VENV)/installed.txt; }

setup-dev: venv
	@cmp -s requirements-dev.txt $(VENV)/installed-dev.txt || { \
	  echo "Installing the requirements and what the checks need (once, and when they change):" && \
	  $(INSTALL) --progress-bar on -r requirements-dev.txt && \
	  cp requirements.txt $(VENV)/installed.txt && cp requirements-dev.txt $(VENV)/installed-dev.txt; }

# Made anew where it is missing, or its Python has gone with an upgrade.
venv:
	@$(PY) -c '' 2>/dev/null && [ -x $(VENV)/bin/pip ] && exit 0; \
	python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
	  echo "deny_web needs Python 3.11 or newer, and none is on the PATH: sudo apt install python3 python3-venv" >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "$$python comes without venv and ensurepip: sudo apt install python$$version-venv" >&2; exit 1; fi; \
	echo "Making the virtual environment with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
