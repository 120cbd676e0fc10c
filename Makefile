# Every target sets up what it needs; a second call skips what is there. The work is in scripts/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
PYTHON_IN_VENV := .venv/bin/python
.PHONY: help run test check lint types docs-fresh wheel bench campaign-ci campaign controls lock sbom screens environment test-environment clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: environment  ## serve the pilot on http://127.0.0.1:8000 (PORT= changes it), sample on first use
	@scripts/run

test: test-environment  ## the test suite (ARGS= goes to pytest)
	@$(PYTHON_IN_VENV) -m pytest -n 2 --dist loadgroup $(ARGS)

check: lint types docs-fresh wheel  ## lint, types, docs freshness, wheel smoke test

lint: environment
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .

types: environment
	@$(PYTHON_IN_VENV) -m mypy

docs-fresh: environment
	@scripts/docs-fresh

wheel: environment
	@scripts/wheel-smoke

bench: test-environment  ## what it costs, as ratios (ARGS= goes to the benchmark)
	@$(PYTHON_IN_VENV) -m bench $(ARGS)

campaign-ci: test-environment  ## the long robustness tests at CI size, at most 60 minutes
	@$(PYTHON_IN_VENV) -m tests.campaign --size ci $(ARGS)

campaign: test-environment  ## the same at release size, hours; TEST=G10 runs one
	@$(PYTHON_IN_VENV) -m tests.campaign --size release $(if $(TEST),--test $(TEST)) $(ARGS)

controls: test-environment  ## take each guard away and see its test go red (ARGS= names guards)
	@$(PYTHON_IN_VENV) -m tests.trust.controls $(ARGS)

lock: test-environment  ## pin what production installs anew, with hashes (ARGS=--upgrade takes newer versions)
	@scripts/lock $(ARGS)

sbom: environment  ## write build/sbom.json, the bill of materials of what production installs (CycloneDX)
	@$(PYTHON_IN_VENV) scripts/sbom.py

environment:
	@scripts/setup-system run
	@scripts/setup-python

test-environment:
	@scripts/setup-system test
	@scripts/setup-python

screens: test-environment  ## take the pictures of docs/screens anew, from a fresh sample in Chromium
	@$(PYTHON_IN_VENV) scripts/screens.py

clean:  ## remove what was built and installed here; never the instance
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
