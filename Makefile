# The doors of this house: make demo | test | check | soak | bench. Each does its own set-up.
# Everything stays inside .venv and tests/interop/node_modules; nothing global is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -qq --require-hashes
WORKERS ?= 3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv runtime interop aspnet demo test check format soak bench pins clean

help:
	@echo "make demo    the whole main job against the simulated gateway (ARGS=--fast skips the pauses)"
	@echo "make test    all tests, within 8 minutes"
	@echo "make check   format, lint, types, import contracts, then make test"
	@echo "make soak    the long versions of the tests"
	@echo "make bench   the measurements in bench/"
	@echo "make format  let ruff format and fix what it can"
	@echo "make pins    compile requirements/*.txt again (needs uv)"
	@echo "make clean   remove what the other doors made"

# --- set-up: each stamp is made again only when its pins change -----------------------------

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "topstepx needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name a newer one, for example: make $(or $(MAKECMDGOALS),venv) PYTHON=python3.12" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt | $(VENV)/.made
	@echo "installing the pinned runtime packages"
	@$(INSTALL) -r requirements/runtime.txt -r requirements/build.txt
	@touch $@

$(VENV)/.package: pyproject.toml $(VENV)/.runtime
	@$(PIP) install -qq --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.package
	@echo "installing the pinned development packages"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@echo "installing the pinned packages for comparisons"
	@$(INSTALL) -r requirements/bench.txt
	@touch $@

runtime: $(VENV)/.package
venv: $(VENV)/.dev

# The official JavaScript SignalR client, for the interop test. Without Node that test skips.
interop:
	@cd tests/interop 2>/dev/null && [ -f package-lock.json ] || exit 0; \
	command -v node >/dev/null && command -v npm >/dev/null || { echo "interop: no node and npm here; that test will skip"; exit 0; }; \
	[ node_modules/.made -nt package-lock.json ] && exit 0; \
	echo "installing the pinned interop packages"; \
	npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.made || echo "interop: npm could not install; that test will say so"

# Microsoft's own SignalR server, for our client. Where it cannot be built that test skips and says so.
aspnet: $(VENV)/.made
	@cd tests/interop/aspnet 2>/dev/null || exit 0; \
	[ "$$(uname -sm)" = "Linux x86_64" ] && command -v npm >/dev/null || { echo "interop: no ASP.NET Core for this system; that test will skip"; exit 0; }; \
	[ built/.made -nt Server.cs ] && [ built/.made -nt package-lock.json ] && exit 0; \
	echo "building the ASP.NET Core server (once, half a minute)"; \
	./build.sh "$(CURDIR)/$(BIN)/python" || { rm -rf built; echo "interop: ASP.NET Core could not be built; that test will skip"; }

# --- doors ----------------------------------------------------------------------------------

demo: runtime
	@$(BIN)/topstepx demo $(ARGS)

test: venv interop aspnet
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 2 $(ARGS)

check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@STORM_SEEDS=200 $(MAKE) --no-print-directory test

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Long versions carry the mark `soak`; each has a compressed twin that `make test` runs.
# First in asyncio's debug mode, where an exception that nobody retrieved fails its test.
soak: venv interop aspnet
	PYTHONASYNCIODEBUG=1 $(BIN)/pytest -q -n $(WORKERS) --dist loadfile --max-worker-restart 2 -o faulthandler_timeout=1800 tests/net tests/desk
	HYPOTHESIS_PROFILE=soak $(BIN)/pytest -m soak -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 2 -o faulthandler_timeout=1800 $(ARGS) \
	  || { code=$$?; [ $$code -eq 5 ] && echo "no soak tests yet" || exit $$code; }

bench: $(VENV)/.bench
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script $(ARGS) || exit 1; done

# --- pins: names, versions and hashes, never addresses ---------------------------------------

UV ?= uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate $(UPGRADE)

# `make pins` adds what is missing, `make pins UPGRADE=--upgrade` takes newer versions.
pins:
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) requirements/build.in -c requirements/runtime.txt -o requirements/build.txt
	$(COMPILE) requirements/dev.in -c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt
	$(COMPILE) requirements/bench.in -c requirements/runtime.txt -c requirements/dev.txt -o requirements/bench.txt
	@! grep -n '://' requirements/*.txt

clean:
	rm -rf $(VENV) tests/interop/node_modules tests/interop/aspnet/built dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
