# Each target sets up what it needs; `make help` tells them.
BIN := .venv/bin
DATA_DIR ?=
DATA_FLAG := $(if $(DATA_DIR),--data-dir $(DATA_DIR),)
# Training tests share one of the two test processes; more processes would only starve each other.
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo up test check format bench proof screenshots clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: ## Tunesmith with .[train,dev] into .venv (done by every target below when needed)
	@scripts/bootstrap

demo: install ## tune two models on real data and show that they got better (under five minutes on two cores)
	@$(BIN)/tunesmith demo $(DATA_FLAG)

up: install ## server, worker and engine on http://127.0.0.1:8000 (DATA_DIR=folder to choose where data is kept)
	@$(BIN)/tunesmith up $(DATA_FLAG)

test: install ## the whole test suite, the page's too (TESTS=path for a part of Python's)
	@scripts/chromium
	@$(if $(TESTS),,scripts/npm run --silent test)
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup $(TESTS)

check: install ## lint, format, types and import arrows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/basedpyright -p scripts/torch-types.json
	@$(BIN)/python -m pytest -q tests/test_import_arrows.py
	@scripts/types --check
	@scripts/npm run --silent check

format: install ## put every file in the project's format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@scripts/npm run --silent format

bench: install ## measure against peers, each in one interleaved run
	@$(BIN)/python -m bench

proof: install ## train real weights on real data for each task and method, and judge each (RUNS=names for some)
	@$(BIN)/python -m proof $(RUNS)

screenshots: install ## every page, light, dark and on a phone, into .screenshots/
	@scripts/chromium
	@SCREENSHOTS=.screenshots $(BIN)/python -m pytest -q tests/browser/test_every_page.py

clean: ## remove .venv, caches and the demo's data (your own data folder stays)
	rm -rf .venv .demo-data .pytest_cache .ruff_cache .hypothesis .screenshots build dist web/node_modules src/tunesmith/server/page
	find src tests bench proof examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +
