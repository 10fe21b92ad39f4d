# `make help` lists what can be done. Everything is set up on demand, in .venv.
VENV ?= .venv
PYTHON ?= python3
export VENV PYTHON
# Or each test process compiles all the tests anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help run call phone pbx test test-long test-pbx fast check lint format rehearse vad echo bench lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.kav-embedded ## set up everything and start the bridge, with local speech
	$(BIN)/kav serve

call: $(VENV)/.kav-embedded ## call the running bridge from this terminal (kav call --help)
	$(BIN)/kav call

phone: $(VENV)/.kav-embedded ## a real Asterisk beside the running bridge, for a softphone
	$(BIN)/kav phone

test: $(VENV)/.kav-dev lint ## set up everything and run every test, real Asterisk and phone included
	$(BIN)/python -m pytest -n 2 -m "not e2e and not models"
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "(e2e or models) and not long and not alone"
	$(BIN)/python -m pytest -m "alone and not long"

fast: $(VENV)/.kav-dev ## the tests that need neither models nor Asterisk
	$(BIN)/python -m pytest -n 2 -m "not e2e and not models"

check: lint fast ## formatting, linting, types, and the fast tests

lint: $(VENV)/.kav-dev ## formatting, linting, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.kav-dev ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pbx: phone ## the same as `make phone`

test-pbx: $(VENV)/.kav-dev ## the long tests with a real Asterisk: the dialplan, kills, 1,000 calls (half an hour)
	$(BIN)/python -m pytest -m pbx tests/pbx
	@missed=0; for bench in pbx_kills pbx_calls playout_position "wire_pacing --calls 1 50"; do \
	  echo "python -m tests.bench.$$bench"; $(BIN)/python -m tests.bench.$$bench || missed=1; \
	done; exit $$missed  # each is run, whatever another has found

test-long: $(VENV)/.kav-dev ## tests that take minutes: bridges that are killed and drained, the cloud's stand-ins
	$(BIN)/python -m pytest -m long

rehearse: $(VENV)/.kav-dev ## simulated phones judge a bridge on all three roads (ARGS="--quick")
	$(BIN)/kav rehearse --own-bridge --line all $(ARGS)

vad: $(VENV)/.kav-dev ## how well voices are told from noise: a labelled set, loudness against Silero
	$(BIN)/python -m tests.vad $(ARGS)

echo: $(VENV)/.kav-dev ## does the agent's own echo stop it, and do callers, over it: 20 minutes a path
	$(BIN)/python -m tests.echo $(ARGS)

bench: $(VENV)/.kav-dev ## cost of a frame, ten calls at once, memory of a call
	$(BIN)/python -m tests.bench

lock: ## pin the requirement files anew (needs uv)
	@for f in build run embedded cloud dev tools; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header \
	    requirements/$$f.in -o requirements/$$f.txt || exit 1; done

clean: ## forget what was set up and recorded here
	rm -rf $(VENV) .tools var build *.egg-info

$(VENV)/.kav-dev: requirements/dev.txt requirements/no-deps.txt pyproject.toml tools/setup
	@tools/setup dev
	@touch $(VENV)/.kav-embedded

$(VENV)/.kav-embedded: requirements/embedded.txt requirements/no-deps.txt pyproject.toml tools/setup
	@tools/setup embedded
