# Everything goes through here; `make help` lists it all.
.DEFAULT_GOAL := help
.PHONY: help up stage advance rollback status verify logs down env tools check format lint types unit preview contract e2e test prune

STACK ?= dev
SHELL := /bin/sh

# The Python of the project's own environment, which is made at first use, outside the checkout.
python = "$$(sh toolchain/venv.sh)/bin/python"
vmmesh = @$(python) -m vmmesh
# Tools and tests find pulumi, kind, kubectl and the rest by this.
tooled = eval "$$($(python) -m toolchain env)" &&

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2} /^## / {printf "\n%s\n", substr($$0, 4)}' $(MAKEFILE_LIST)

## Run it (STACK=dev)
up: ## From nothing to the mesh with the VM in it; again: changes nothing
	$(vmmesh) up --stack $(STACK)

stage: ## SERVICE=details STAGE=canary: edit the config, show the preview, apply, verify
	@test -n "$(SERVICE)" -a -n "$(STAGE)" || { echo "usage: make stage SERVICE=details STAGE=canary" >&2; exit 2; }
	$(vmmesh) stage --stack $(STACK) "$(SERVICE)" "$(STAGE)"

advance: ## SERVICE=details (TO=STAGE or ALL=1): one stage further, kept if it holds its gate, else rolled back
	$(vmmesh) advance --stack $(STACK) $(if $(TO),--to "$(TO)") $(if $(ALL),--all) $(if $(SERVICE),"$(SERVICE)")

rollback: ## SERVICE=details: back to the stage before
	$(vmmesh) rollback --stack $(STACK) $(if $(SERVICE),"$(SERVICE)")

logs: ## SERVICE=details: the access logs of VMs and clusters, followed in one window
	$(vmmesh) logs --stack $(STACK) --follow $(if $(SERVICE),"$(SERVICE)")

status: ## Each route's stage, intended and observed shares; each VM's health
	$(vmmesh) status --stack $(STACK)

verify: ## Send requests from the real callers and judge where they were served
	$(vmmesh) verify --stack $(STACK)

down: ## Leave nothing behind
	$(vmmesh) down --stack $(STACK)

env: ## Print what a shell needs for pulumi by hand: eval "$(make -s env)"
	@$(python) -m toolchain env

## Build and test it
tools: ## Get every tool and image: from PATH, official release, or package registries
	@$(python) -m toolchain ensure --stack $(STACK)

check: format lint types unit preview ## The fast part: format, types, unit and preview tests

format: ## Is the code formatted?
	@$(python) -m ruff format --check .

lint: ## ruff, shellcheck, gofmt, go vet
	@$(python) -m ruff check .
	@"$$(sh toolchain/venv.sh)/bin/shellcheck" --external-sources --shell=sh $$(git ls-files --cached --others --exclude-standard '*.sh')
	@cd apps/bookinfo && test -z "$$(gofmt -l .)" && go vet ./...

types: ## The strict type checker
	@$(python) -m basedpyright --pythonpath $(python)

unit: ## Unit tests, of the sample application too
	@$(python) -m pytest tests/unit
	@cd apps/bookinfo && go test ./...

preview: tools ## Previews through the real engine, without any cluster
	@$(tooled) $(python) -m pytest tests/preview

contract: tools ## Hold whichever Pulumi plugins are found to the official behaviour
	@$(tooled) $(python) -m pytest tests/contract

e2e: tools ## The real clusters, the real VM, real traffic
	@$(tooled) $(python) -m pytest tests/e2e

test: check contract e2e ## Every test

prune: ## Remove from the cache what this checkout does not use
	@$(python) -m toolchain prune
