# The commands of this repository. `make` alone lists them.

BIN := .venv/bin
WORKERS ?= 7 # test processes; a test waits more than it works, so more than cores
ON_WORKERS = -n $(WORKERS) --no-loadscope-reorder
.DEFAULT_GOAL := help
# Tests start many Python processes: without compiled modules, each compiles all our code and pytest all its tests anew.
export PYTHONDONTWRITEBYTECODE =
.PHONY: help setup servers up demo test test-fast lint format bench bars mutants nightly docs release clients conformance lock images clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## build .venv from the lock
	@tools/setup

servers: ## the same, and install the missing servers: PostgreSQL, RabbitMQ, nginx
	@tools/setup servers

up: servers ## run the whole system on this machine and stay; prints the dashboard's address
	@$(BIN)/quicksync up

demo: servers ## play the FAQ as a story on the running system, checking each step
	@$(BIN)/quicksync demo

test: ## every test but the bars, on real PostgreSQL, RabbitMQ, nginx, SMTP and HTTP
	@tools/setup servers browser curl
	@$(BIN)/python -m tests.support.images
	@$(BIN)/pytest -q -m "not bar" $(ON_WORKERS)

test-fast: WORKERS = 2 # these tests work more than they wait
test-fast: setup ## the tests of rules and contracts, which need no back-end
	@$(BIN)/pytest -q $(ON_WORKERS) tests/unit tests/contract

lint: setup ## style, format, types and layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup ## mend what a tool can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: servers ## measure against peers in the same run: a table, and build/bench.jsonl
	@tools/bench

bars: servers ## the bars that take minutes: a thousand held orders at Clover's real limits, catalog away while all call
	@$(BIN)/pytest -q -m bar

mutants: servers ## put each pitfall back and see that a test notices; ten to twenty minutes, or less with PART=1/10
	@$(BIN)/python -m tests.chaos.mutants $(PART)

nightly: ## every test with Hypothesis searching for long, then the mutants; hours
	@tools/setup servers browser curl
	@$(BIN)/python -m tests.support.images
	@HYPOTHESIS_PROFILE=night $(BIN)/pytest -q $(ON_WORKERS) --timeout 3600
	@$(BIN)/python -m tests.chaos.mutants

docs: setup ## write docs/events.md, docs/remedies.md and docs/openapi/ anew from the code
	@$(BIN)/python -m tests.support.documents

release: docs ## write down the event schemas and subscriptions of this release; the next one is compared with them
	@$(BIN)/python -m tests.support.documents release

clients: setup ## generate typed clients from docs/openapi, in Python and TypeScript, and compile them (needs npm)
	@$(BIN)/python -m tests.support.clients

conformance: setup ## try the local Clover with a client that nobody here wrote: 47 calls of clover-mcp
	@tools/conformance

lock: ## resolve the dependencies anew (needs uv)
	@requirements/lock

images: .env ## build the container images (needs a Docker engine)
	@docker compose build

.env: | setup
	@umask 077 && $(BIN)/quicksync secrets --sandbox >.env.new && mv .env.new .env

clean: ## remove what was built and the launcher's data
	@ours=label=quicksync.data-dir=$(CURDIR)/.quicksync; if docker info >/dev/null 2>&1; then \
	  docker ps --all --quiet --filter $$ours | xargs -r docker rm --force >/dev/null; \
	  docker volume ls --quiet --filter $$ours | xargs -r docker volume rm >/dev/null; fi
	@for place in .quicksync/*; do [ ! -L "$$place" ] || rm -rf "$$(readlink "$$place")"; done
	@rm -rf .venv .venv-bench build .quicksync .mypy_cache .ruff_cache .pytest_cache .hypothesis
