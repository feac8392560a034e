# Xinqiao 信桥. `make help` lists the targets; every one sets up what it needs first.
PYTHON ?= python3
VENV := .venv/bin

.PHONY: help setup setup-dev run test check docs-check bench faults differential lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## make .venv and fetch PostgreSQL, Neo4j and Java
	@$(PYTHON) -m service.setup

setup-dev: ## the same, with the tools of tests and checks
	@$(PYTHON) -m service.setup --dev

run: setup ## two city nodes with a demo world; ONCE=1 ends after the demonstration
	@exec $(VENV)/xinqiao run $(if $(ONCE),--once)

test: setup-dev ## run the tests in two processes; ARGS='-n0 -k name' passes arguments to pytest
	@exec $(VENV)/pytest -n2 --dist=loadfile --no-loadscope-reorder $(ARGS)

check: setup-dev ## style, types, import arrows, documents
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports --no-cache
	$(VENV)/python -m schema.print --check
	@$(MAKE) --no-print-directory docs-check

docs-check: setup-dev ## documents say what the code does
	$(VENV)/pytest -q tests/test_docs.py

bench: setup-dev ## run the benchmarks
	@exec $(VENV)/python -m bench

faults: setup-dev ## break nodes in every way and judge the logs; ONLY='name' picks, WRITE=1 keeps the table
	@exec $(VENV)/python -m tests.faults $(if $(ONLY),--only '$(ONLY)') $(if $(WRITE),--write)

differential: setup-dev ## hold the two lanes against each other; CASES=20000
	@XINQIAO_DIFFERENTIAL=$(or $(CASES),20000) exec $(VENV)/pytest -n0 -s --timeout=0 \
	  tests/resolvers/test_differential.py

lock: ## pin the newest allowed versions: requirements/*.txt (needs uv) and jgo.lock.toml
	for name in runtime dev; do \
	  env -u PIP_FIND_LINKS -u UV_FIND_LINKS uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	    $$([ $$name = dev ] && echo --constraint requirements/runtime.txt) \
	    --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done
	$(VENV)/python -m service.jars

clean: ## remove what set-up and checks made here (nodes and their data stay)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
