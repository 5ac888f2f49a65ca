# One word per chore. Each installs what it needs; the second run starts at once.
.DEFAULT_GOAL := help
BIN := .venv/bin
# Tests mostly wait, so four files of them run at once; no two of one file do, for they share what it starts. Which
# files come first says tests/conftest.py.
FOUR := -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## This list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: ## Install what the other words need
	@tools/setup

.PHONY: demo
demo: setup ## The whole world on this machine; ARGS='--run "/mesh status api"' prints a transcript instead of a page
	@$(BIN)/meshbot demo $(ARGS)

.PHONY: test
test: ## All tests: real Redis, real Prometheus, real browser
	@tools/setup --browser
	@$(BIN)/pytest $(or $(ARGS),--durations=10 $(FOUR) -m "not alone")
	@$(if $(ARGS),,$(BIN)/pytest tests/world -m alone)

.PHONY: e2e
e2e: setup ## Tests against a real etcd and kube-apiserver, built once with Go; E2E_KUBECONFIG=file uses a cluster instead
	@MESHBOT_E2E=1 $(BIN)/pytest tests/e2e $(ARGS)

.PHONY: cluster
cluster: setup ## The documents walked on a whole cluster with a node, image and pods (Debian or Ubuntu, root, Go)
	@tools/setup --cluster
	@$(BIN)/python -m tests.cluster $(ARGS)

.PHONY: bench-patch
bench-patch: setup ## How long a change takes on a real API server, beside a bare PATCH and kubectl; docs/performance.md
	@$(BIN)/python -m tools.bench_patch

.PHONY: bench-gates
bench-gates: setup ## How often gates blame a healthy canary, how soon they find a bad one, by simulation; ARGS='--hours 200'
	@$(BIN)/python -m tools.bench_gates $(ARGS)

.PHONY: bench-watch
bench-watch: setup ## How long a look at 1 000 active rollouts takes, and what it asks; docs/performance.md
	@$(BIN)/python -m tools.bench_watch

.PHONY: docs
docs: setup ## The documents as a site in build/site; a dead link or anchor is an error
	@$(BIN)/sphinx-build --builder html --conf-dir docs/site --doctree-dir build/doctrees --fresh-env --write-all \
		--fail-on-warning --keep-going --quiet . build/site

.PHONY: manifests
manifests: setup ## manifests/*.yaml and the chart's table of values, made from helm/meshbot; needs Go
	@$(BIN)/python -m tools.chart

.PHONY: check
check: setup ## Linters, types, import contracts; the site of the documents; the chart and what is made of it, where there is Go
	@$(MAKE) --no-print-directory --jobs 2 --output-sync --keep-going types docs lint made

# The parts of check, two at a time: each of them uses one core.
.PHONY: types
types:
	@$(BIN)/mypy

.PHONY: lint
lint:
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports

.PHONY: made
made:
	@$(BIN)/pytest tests/helm/test_made.py tests/helm/test_values.py tests/manifests
